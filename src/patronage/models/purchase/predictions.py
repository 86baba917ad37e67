"""What every fitted purchase model predicts of the customers in a frame; the results keep its index.

Each method takes the frozen parameters, with covariates those of each row, and hands the work to the runtime.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.models.base import like_frame
from patronage.models.covariate_model import CovariateModel
from patronage.models.uncertainty import (
    PARAMETER_DRAWS,
    Outlook,
    checked_rng,
    checked_size,
    count_interval,
    draw_futures,
    draw_totals,
    quantiles_of,
)
from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.purchase.model import PurchaseParams


class PredictingModel(CovariateModel):
    """Base of purchase models once they are fitted."""

    @abstractmethod
    def to_params(self) -> PurchaseParams:
        """The estimates as the frozen parameters that the runtime predicts with."""

    @abstractmethod
    def outlook(self, frame: Any, horizon: float, parameter_uncertainty: bool = True) -> Outlook:
        """Customers and the parameters that they may follow, for `patronage.models.uncertainty`."""

    @abstractmethod
    def _histories(self, frame: Any) -> Histories:
        """Checked histories of the rows of a frame."""

    @abstractmethod
    def _newcomers(self, horizon: ArrayLike, frame: Any) -> tuple[PurchaseParams, FloatArray]:
        """Parameters and horizons of new customers."""

    def probability_alive(self, frame: Any, horizon: float = 0.0) -> pd.Series:
        """Probability that the customer has not left by `horizon` after the end of observation."""
        values = self.to_params().at_rows(frame).probability_alive(self._histories(frame), horizon)
        return like_frame(values, frame, "probability_alive")

    def survival(self, frame: Any, horizons: ArrayLike) -> pd.DataFrame:
        """Probability to be alive at each of several times after the end of observation; one column a time."""
        histories, params = self._histories(frame), self.to_params().at_rows(frame)
        table = {float(h): params.probability_alive(histories, h) for h in params.checked_horizons(horizons)}
        return pd.DataFrame(table, index=getattr(frame, "index", None)).rename_axis(columns="horizon")

    def probability_active(self, frame: Any, horizon: float) -> pd.Series:
        """Probability of at least one purchase within `horizon` (in the frame's time unit)."""
        values = self.to_params().at_rows(frame).probability_active(self._histories(frame), horizon)
        return like_frame(values, frame, "probability_active")

    def expected_purchases(self, frame: Any, horizon: float) -> pd.Series:
        """Expected number of purchases within `horizon` (in the frame's time unit)."""
        values = self.to_params().at_rows(frame).expected_purchases(self._histories(frame), horizon)
        return like_frame(values, frame, "expected_purchases")

    def purchase_probabilities(self, frame: Any, n_max: int, horizon: float) -> pd.DataFrame:
        """Probability of 0, 1, ..., n_max purchases within `horizon`; one column a number of purchases."""
        table = self.to_params().at_rows(frame).purchase_probabilities(self._histories(frame), n_max, horizon)
        return pd.DataFrame(table, index=getattr(frame, "index", None)).rename_axis(columns="purchases")

    def expected_purchases_new(self, horizon: ArrayLike, frame: Any = None) -> FloatArray:
        """Expected repeat purchases of a new customer within `horizon`, shape (m,).

        Parameters
        ----------
        horizon : float or array-like, shape (m,)
        frame : DataFrame or mapping of columns, optional
            Covariates of m new customers, each with a horizon, or all with the same; only where the model has some.
        """
        params, horizons = self._newcomers(horizon, frame)
        return params.expected_purchases_new(horizons)

    def purchase_probabilities_new(self, n_max: int, horizon: ArrayLike, frame: Any = None) -> FloatArray:
        """Distribution of the repeat purchases of a new customer, shape (m, n_max + 1); see above."""
        params, horizons = self._newcomers(horizon, frame)
        return params.purchase_probabilities_new(n_max, horizons)

    def discounted_expected_purchases(self, frame: Any, rate: float, horizon: float | None = None) -> pd.Series:
        """Expected purchases, each weighted by ``exp(-rate * time)``.

        Parameters
        ----------
        rate : float
            Continuous discount rate per time unit of the frame, 0 and above; `continuous_rate` of `TimeUnit` converts
            a yearly one.
        horizon : float, optional
            In the frame's time unit; all the future if there is none, which needs a rate above 0.
        """
        values = self.to_params().at_rows(frame).discounted_purchases(self._histories(frame), rate, horizon)
        return like_frame(values, frame, "discounted_expected_purchases")

    def next_purchase_quantiles(self, frame: Any, q: float | Sequence[float]) -> pd.DataFrame:
        """Time from the end of observation by which the next purchase has happened with probability q.

        One column a q, in the order given; infinite where the customer may never buy again with a probability above
        1 - q.
        """
        histories, params = self._histories(frame), self.to_params().at_rows(frame)
        asked = np.atleast_1d(np.asarray(q, dtype=object)).tolist()
        waits = np.empty((len(histories), len(asked)))
        for column, level in enumerate(asked):
            waits[:, column] = params.next_purchase_quantiles(histories, level)
        levels = pd.Index(asked, dtype=np.float64, name="q")
        return pd.DataFrame(waits, index=getattr(frame, "index", None), columns=levels)

    def expected_lifetime(self, frame: Any, horizon: float) -> pd.Series:
        """Expected time for which the customer will still be alive, counted up to `horizon` at most."""
        values = self.to_params().at_rows(frame).expected_lifetime(self._histories(frame), horizon)
        return like_frame(values, frame, "expected_lifetime")

    def posterior(self, frame: Any) -> pd.DataFrame:
        """What is known of each customer's own purchase rate and dropout: mean and standard deviation of both."""
        moments = self.to_params().at_rows(frame).moments(self._histories(frame))
        table = {
            "purchase_rate": moments.rate,
            "purchase_rate_sd": np.sqrt(np.maximum(moments.rate_square - moments.rate**2, 0)),
            "dropout": moments.dropout,
            "dropout_sd": np.sqrt(np.maximum(moments.dropout_square - moments.dropout**2, 0)),
        }
        return pd.DataFrame(table, index=getattr(frame, "index", None))

    def draw(
        self, frame: Any, horizon: float, size: int, rng: np.random.Generator, parameter_uncertainty: bool = True
    ) -> pd.DataFrame:
        """Random futures: purchases of every customer within `horizon` (in the frame's time unit).

        Parameters
        ----------
        size : int
            Number of futures.
        rng : numpy.random.Generator
            The same state gives the same numbers.
        parameter_uncertainty : bool
            Whether each future has parameters of its own, drawn from Laplace's approximation around the estimates.

        Returns
        -------
        DataFrame
            With the index of the frame; columns 0 ... size - 1, each one future of all customers.

        Raises
        ------
        ModelError
            If the parameters' covariance is unknown or not positive definite, unless `parameter_uncertainty` is off.
        """
        futures = draw_futures(self.outlook(frame, horizon, parameter_uncertainty), horizon, size, checked_rng(rng))
        return pd.DataFrame(futures.astype(np.int64), index=getattr(frame, "index", None)).rename_axis(columns="future")

    def predictive_interval(
        self,
        frame: Any,
        horizon: float,
        level: float = 0.9,
        size: int = PARAMETER_DRAWS,
        *,
        rng: np.random.Generator,
        parameter_uncertainty: bool = True,
    ) -> pd.DataFrame:
        """Interval in which each customer's number of purchases within `horizon` will lie.

        Computed from the exact distribution, averaged over `size` draws of the parameters; see
        `patronage.models.uncertainty`.

        Parameters
        ----------
        level : float
            Coverage, between 0 and 1; that of counts is mostly above it, because counts are whole.
        size : int
            Draws of the parameters.
        rng, parameter_uncertainty
            As in `draw`.

        Returns
        -------
        DataFrame
            expected, low, high, with the index of the frame. P(purchases < low) and P(purchases > high) are at most
            (1 - level) / 2 each.
        """
        outlook = self.outlook(frame, horizon, parameter_uncertainty)
        low, high = count_interval(outlook, horizon, level, size, checked_rng(rng))
        expected = outlook.estimate.expected_purchases(outlook.cases, horizon)[outlook.inverse]
        table = {"expected": expected, "low": low.astype(np.int64), "high": high.astype(np.int64)}
        return pd.DataFrame(table, index=getattr(frame, "index", None))

    def total_interval(
        self,
        frame: Any,
        horizon: float,
        level: float = 0.9,
        size: int = 1_000,
        *,
        rng: np.random.Generator,
        parameter_uncertainty: bool = True,
    ) -> pd.Series:
        """Interval in which the purchases of all customers together will lie.

        Every future is drawn customer by customer: a million customers take about a third of a second a future.

        Parameters
        ----------
        size : int
            Number of futures that are drawn; at least 2 / (1 - level).
        level, rng, parameter_uncertainty
            As in `predictive_interval`.

        Returns
        -------
        Series
            expected, low, median, high.
        """
        size = checked_size(size, level)
        outlook = self.outlook(frame, horizon, parameter_uncertainty)
        low, median, high = quantiles_of(draw_totals(outlook, horizon, size, checked_rng(rng)), level)
        expected = outlook.estimate.expected_purchases(outlook.cases, horizon)[outlook.inverse].sum()
        return pd.Series({"expected": expected, "low": low, "median": median, "high": high}, name="total_purchases")
