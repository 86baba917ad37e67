"""Time to churn period by period: boosted trees for the chance of leaving in each."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, InputError, ModelError
from patronage.models.base import required_columns
from patronage.models.churn.survival.spells import person_periods, row_keys
from patronage.models.churn.xgboost_classifier import ChurnClassifier
from patronage.runtime.churn import ChurnModel

PERIOD = "period"


class DiscreteHazard:
    """XGBoost for the hazard: the chance that a customer who came into a period leaves in it.

    The hazard in period t of a customer with features x is the probability of a yes/no classifier that sees t beside x;
    the chance of staying through t periods is the product of ``1 - hazard`` over them. Trees find by themselves how the
    hazard bends over time and for whom, and features may change from period to period.

    Parameters
    ----------
    features : sequence of str
        Columns to look at beside the period.
    period_days : int
        Length of a period, for the record.
    calibration : str
        See `fit_calibration`; hazards learnt by log loss seldom need one.
    **settings
        Further ones of `ChurnClassifier`. Every tree sees all features if not told otherwise, so that the hazard of
        anyone can bend with the period.

    Attributes
    ----------
    classifier : ChurnClassifier
    longest_period_ : int
        The last period that anyone was seen in. In later ones the hazard is taken to stay as it was then.
    """

    def __init__(self, features: Sequence[str], period_days: int, calibration: Any = "none", **settings: Any) -> None:
        if PERIOD in features:
            message = f"{PERIOD} is added by the model itself; leave it out of the features."
            raise ConfigError(message)
        self.features = tuple(features)
        self.period_days = period_days
        names = (PERIOD, *self.features)
        seen = {"colsample_bytree": 1.0, **settings}
        self.classifier = ChurnClassifier(period_days, features=names, calibration=calibration, **seen)

    @classmethod
    def from_model(cls, model: ChurnModel, longest_period: int) -> Self:
        """The hazard of trees that were written down: `to_model` and `longest_period_` of a fitted one.

        Raises
        ------
        ConfigError
            If the trees do not look at the period.
        """
        if PERIOD not in model.features:
            message = f"These trees tell no hazard: {PERIOD} is none of their columns ({', '.join(model.features)})."
            raise ConfigError(message)
        hazard = cls([name for name in model.features if name != PERIOD], model.horizon_days)
        hazard.classifier.features = model.features
        hazard.classifier.categories_ = dict(model.categories)
        hazard.classifier.calibration_ = model.calibration
        hazard.classifier._learnt = model
        hazard.longest_period_ = longest_period
        return hazard

    def fit(self, spells: pd.DataFrame) -> Self:
        """Learn from how long customers stayed; their features do not change.

        Parameters
        ----------
        spells : DataFrame
            See `person_periods`.

        Raises
        ------
        InputError
            If a column is missing or unusable.
        FitError
            If nobody left, or too few customers did.
        """
        return self.fit_periods(person_periods(spells, self.features))

    def fit_periods(self, periods: pd.DataFrame) -> Self:
        """Learn from one row for every customer and period, with features that may change.

        Parameters
        ----------
        periods : DataFrame
            customer_id, period (1, 2, ...; customers who were not seen from their first period on may start later),
            churned (1 if the customer left in the period) and the features, as they were known when it began; and
            cutoff, where the periods of a customer are counted from several days.

        Raises
        ------
        InputError
            If a column is missing or unusable, a customer has two rows for a period or rows after leaving.
        FitError
            If nobody left, or too few customers did.
        """
        required_columns(periods, ("customer_id", PERIOD, "churned", *self.features))
        _refuse_impossible(periods)
        self.classifier.fit(periods.assign(cutoff=pd.Timestamp(0)))
        self.longest_period_ = int(periods[PERIOD].max())
        return self

    def hazard(self, periods: pd.DataFrame) -> pd.Series:
        """Chance of leaving in the period of each row, of a customer who came into it; shape (n,)."""
        latest = getattr(self, "longest_period_", None)
        if latest is None:
            message = "This DiscreteHazard is not fitted yet: call fit(spells) first."
            raise ModelError(message)
        required_columns(periods, (PERIOD, *self.features))
        known = periods.assign(**{PERIOD: periods[PERIOD].clip(upper=latest)})
        return self.classifier.churn_probability(known).rename("hazard")

    def survival(self, frame: pd.DataFrame, n_periods: int) -> pd.DataFrame:
        """Chance of staying through each of the next periods.

        Parameters
        ----------
        frame : DataFrame
            One row a customer: the features, which are taken to stay as they are, and, for customers who have been
            there for some time, elapsed: how many whole periods they stayed through already; 0 without that column.
        n_periods : int
            How many periods to look ahead.

        Returns
        -------
        DataFrame
            Index of `frame`; column k holds the chance of staying through the next k periods, for k = 1, ...,
            `n_periods`. It never rises from one column to the next.
        """
        elapsed = frame["elapsed"] if "elapsed" in frame else pd.Series(0, index=frame.index)
        required_columns(frame, self.features)
        known, ahead = frame[list(self.features)].copy(), range(1, n_periods + 1)
        stays = [1 - self.hazard(known.assign(**{PERIOD: elapsed + k})).to_numpy() for k in ahead]
        return pd.DataFrame(np.cumprod(stays, axis=0).T, index=frame.index, columns=list(ahead))

    def to_model(self) -> ChurnModel:
        """The trees, as the runtime predicts with them; one of its features is the period."""
        return self.classifier.to_model()


def _refuse_impossible(periods: pd.DataFrame) -> None:
    customers, period = periods["customer_id"], pd.to_numeric(periods[PERIOD], errors="coerce")
    keys = row_keys(periods)
    left_in = period.where(periods["churned"] == 1).groupby([periods[name] for name in keys]).transform("min")
    failures = {
        "periods that are not whole numbers from 1": ~((period >= 1) & (period == np.floor(period))),
        "second rows for a period": periods.duplicated([*keys, PERIOD]),
        "rows after the customer left": period > left_in,
    }
    counts = {reason: int(rows.sum()) for reason, rows in failures.items() if rows.any()}
    if counts:
        wrong = np.logical_or.reduce([rows.to_numpy() for rows in failures.values()])
        first = [str(one) for one in customers[wrong].unique()[:5]]
        listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        message = f"There are {listed}. The first customers are {', '.join(first)}."
        raise InputError(message, counts=counts, first_ids=first)
