"""The scorer: model input in, scores out. Every way of scoring ends here, so all of them give the same numbers."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from ..schema import SCORE_VALUES
from . import clv, gamma_gamma
from .bundle import AnyBundle, Bundle, TableBundle, read_bundle
from .histories import FloatArray, Histories, checked_histories
from .known_values import filled
from .purchase.model import PurchaseParams
from .reasons import Direction, Reasons, ReasonTeller
from .table_input import model_input as model_input
from .table_input import scorable_input

SomeBundle = TypeVar("SomeBundle", bound=AnyBundle)


class _Explained(ABC, Generic[SomeBundle]):
    """What scorers share: the bundle, and the reasons of its churn model.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    """

    def __init__(self, bundle: SomeBundle) -> None:
        self.bundle = bundle
        self._teller: ReasonTeller | None = None

    @abstractmethod
    def _churn_input(self, table: Any) -> dict[str, NDArray[Any]]:
        """The columns that the churn model looks at, checked."""

    def reasons(self, table: Any, n_reasons: int = 3, direction: Direction = "both") -> Reasons:
        """Why each row of a table has its churn probability, in words.

        Parameters
        ----------
        table : mapping of str to array-like, pandas, Polars or Arrow table
            As for `score`.
        n_reasons : int
            The most that are told: from 1 to the number of features of the churn model, or 3 if it has fewer.
        direction : {"both", "raises", "keeps"}
            Reasons that raise the probability, that keep the customer, or the strongest of both.

        Returns
        -------
        Reasons
            Rows as given.

        Raises
        ------
        ConfigError
            If `n_reasons` or `direction` does not fit.
        InputError
            As `score`.
        """
        columns = self._churn_input(table)
        if self._teller is None:
            self._teller = ReasonTeller.of_bundle(self.bundle)
        return self._teller.tell(columns, n_reasons, direction)


class Scorer(_Explained[Bundle]):
    """Scores customers with the bundle of a ledger.

    Parameters
    ----------
    bundle : Bundle
    """

    def score(self, table: Any) -> dict[str, FloatArray]:
        """Score every row of a table.

        Parameters
        ----------
        table : mapping of str to array-like, pandas, Polars or Arrow table
            Holds the columns ``bundle.inputs``, in any order; others are ignored. recency and T are in the bundle's
            time unit, as of the day for which scores are wanted.

        Returns
        -------
        dict of str to ndarray of float64, shape (n,)
            The columns of `schema.SCORE_VALUES`, in their order, rows as given.

        Raises
        ------
        InputError
            If a column is missing or of another type, or rows hold values that cannot be; all reasons at once.
        """
        columns = scorable_input(table, self.bundle)
        histories = checked_histories(columns["frequency"], columns["recency"], columns["T"])
        bundle = self.bundle
        horizon = bundle.time_unit.from_days(bundle.horizon_days)
        purchase = bundle.purchase.at_rows(columns)
        count, mean = bundle.spend.columns
        spend = gamma_gamma.expected_spend(bundle.spend, columns[count], columns[mean])
        discounted = clv.discounted_purchases(purchase, histories, bundle.horizon_days, bundle.value, bundle.time_unit)
        told = told_by_purchases(purchase, histories, horizon)
        scores = {
            **told,
            "expected_spend": spend,
            "churn_probability": bundle.churn.churn_probability(columns | told),
            "clv": clv.customer_lifetime_value(discounted, spend, bundle.value),
        }
        return {name: scores[name] for name in SCORE_VALUES.names}

    def _churn_input(self, table: Any) -> dict[str, NDArray[Any]]:
        columns = scorable_input(table, self.bundle)
        bundle = self.bundle
        histories = checked_histories(columns["frequency"], columns["recency"], columns["T"])
        purchase, horizon = bundle.purchase.at_rows(columns), bundle.time_unit.from_days(bundle.horizon_days)
        return columns | told_by_purchases(purchase, histories, horizon)


class TableScorer(_Explained[TableBundle]):
    """Scores customers with the bundle of a customer table.

    Parameters
    ----------
    bundle : TableBundle
    """

    def score(self, table: Any) -> dict[str, FloatArray]:
        """Score every row of a table.

        Parameters
        ----------
        table : mapping of str to array-like, pandas, Polars or Arrow table
            Holds the columns ``bundle.inputs``, in any order; others are ignored. Numbers may be missing (NaN), and so
            may texts (None); where none was in training, the usual value is taken, see `known_values`. A text that
            the model has not seen in training counts as missing to it.

        Returns
        -------
        dict of str to ndarray of float64, shape (n,)
            The columns of `schema.TABLE_SCORE_VALUES`, rows as given.

        Raises
        ------
        InputError
            If a column is missing or of another type, or numbers are infinite or too large; all reasons at once.
        """
        return {"churn_probability": self.bundle.churn.churn_probability(self._churn_input(table))}

    def _churn_input(self, table: Any) -> dict[str, NDArray[Any]]:
        return input_of(table, self.bundle)


AnyScorer = Scorer | TableScorer


def told_by_purchases(purchase: PurchaseParams, histories: Histories, horizon: float) -> dict[str, FloatArray]:
    """What a purchase model tells of customers: scores, and columns that a churn model may look at.

    Parameters
    ----------
    purchase : PurchaseParams
    histories : Histories
        Of n customers.
    horizon : float
        In the unit of their times.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        The columns `schema.PURCHASE_OUTPUTS`.
    """
    return {
        "probability_alive": purchase.probability_alive(histories),
        "probability_active": purchase.probability_active(histories, horizon),
        "expected_purchases": purchase.expected_purchases(histories, horizon),
    }


def scorer_of(bundle: AnyBundle) -> AnyScorer:
    """The scorer of a bundle."""
    return Scorer(bundle) if isinstance(bundle, Bundle) else TableScorer(bundle)


def load_scorer(folder: Path | str) -> AnyScorer:
    """Read a bundle and return its scorer.

    Raises
    ------
    BundleError
        If the bundle is incomplete, altered or of another format.
    """
    return scorer_of(read_bundle(folder))


def input_of(table: Any, bundle: AnyBundle) -> dict[str, NDArray[Any]]:
    """What a bundle scores, and tells the reasons of: `scorable_input`, of a customer table with `known_values.filled`.

    Raises
    ------
    InputError
        As `scorable_input`.
    """
    columns = scorable_input(table, bundle)
    return filled(columns, bundle.training) if isinstance(bundle, TableBundle) else columns
