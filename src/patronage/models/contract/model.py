"""What the contractual models share: predictions through the runtime."""

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.models.base import checked_level, like_frame
from patronage.models.contract.fitting import ContractFit
from patronage.models.contract.projection import Projection, projected
from patronage.models.contract.seen import cohorts_of, n_rows, table_of, tenures_of
from patronage.models.uncertainty import checked_futures, checked_rng, checked_size
from patronage.runtime.contract.model import ContractParams, Payment, checked_horizon, checked_periods
from patronage.runtime.plain_numbers import one_number


class ContractModel(ContractFit):
    """Base of the models of customers under contract: survivors or tenures in, their future out.

    See `ContractFit` for the options and for how time is counted.
    """

    def survival(self, periods: ArrayLike, frame: Any = None) -> Any:
        """Share of new customers who make the t-th renewal, for each t of 0 and above.

        Parameters
        ----------
        periods : int or array-like, shape (m,)
        frame : DataFrame or mapping of columns, optional
            Covariates of n new customers; only where the model has some.

        Returns
        -------
        float or Series by period; with a frame a DataFrame, one column a period
        """
        return self._curve(periods, frame, "survival")

    def retention_rate(self, periods: ArrayLike, frame: Any = None) -> Any:
        """Share of those due for the t-th renewal who make it, for each t of 1 and above; see `survival`."""
        return self._curve(periods, frame, "retention_rate")

    def churn_probability(self, periods: ArrayLike, frame: Any = None) -> Any:
        """Share of those due for the t-th renewal who decline it, for each t of 1 and above; see `survival`."""
        return self._curve(periods, frame, "churn_probability")

    def churn_time_probability(self, periods: ArrayLike, frame: Any = None) -> Any:
        """Share of new customers who leave at the t-th renewal, for each t of 1 and above; see `survival`."""
        return self._curve(periods, frame, "churn_time_probability")

    def probability_alive(self, frame: Any, horizon: int) -> pd.Series:
        """Probability that the customer is there after `horizon` more renewals.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            tenure of n customers; with ``churned`` if some have left, whose future is 0; and the covariates.
        horizon : int
        """
        values = self._at(frame).probability_alive(tenures_of(frame), horizon)
        return like_frame(values, frame, "probability_alive")

    def expected_residual_lifetime(self, frame: Any, horizon: int | None = None) -> pd.Series:
        """Expected number of renewals that the customer will still make, within `horizon` renewals or ever.

        Without a horizon it is infinite where alpha (times c) is not above 1: retention then rises so fast that the
        mean of the remaining lifetime does not exist.
        """
        values = self._at(frame).expected_lifetime(tenures_of(frame), horizon)
        return like_frame(values, frame, "expected_residual_lifetime")

    def discounted_expected_residual_lifetime(
        self, frame: Any, discount_rate: float, horizon: int | None = None, next_payment_in: float = 0.0
    ) -> pd.Series:
        """DERL: renewals still to come, each at what a payment of 1 with it is worth today.

        Times the margin of a period this is what the customer is worth.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            As for `probability_alive`.
        discount_rate : float
            Per period, effective: 1 due in a period is worth 1 / (1 + discount_rate) today. A yearly rate r is
            ``(1 + r) ** (1 / m) - 1`` for m periods a year.
        horizon : int, optional
            Renewals that count; all of the future, which needs a rate above 0, if there is none.
        next_payment_in : float
            Periods until the next renewal: 0 if it is due now, 1 if the last one was just made.
        """
        params = self._at(frame)
        values = params.discounted_lifetime(tenures_of(frame), discount_rate, horizon, next_payment_in)
        return like_frame(values, frame, "discounted_expected_residual_lifetime")

    def lifetime_value(
        self,
        margin: float,
        discount_rate: float,
        horizon: int | None = None,
        payment: Payment = "start",
        frame: Any = None,
    ) -> Any:
        """Lifetime value of a new customer, who pays in every period of the contract, the first one included.

        Parameters
        ----------
        margin : float
            Of one period, in money; the same for all.
        discount_rate : float
            Per period, as in `discounted_expected_residual_lifetime`.
        horizon : int, optional
            Periods that count, the first one included.
        payment : {"start", "end"}
            Whether a period is paid at its start, the first one today, or at its end.
        frame : DataFrame or mapping of columns, optional
            Covariates of n new customers; only where the model has some.

        Returns
        -------
        float; with a frame a Series
        """
        money = one_number(margin)
        if money is None or not np.isfinite(money):
            message = (
                f"margin must be one finite number, the money of a period; got {reprlib.repr(margin)}. Where it "
                "differs by customer, multiply the values of a margin of 1."
            )
            raise InputError(message)
        values = money * self._newcomers(frame).discounted_lifetime_new(discount_rate, horizon, payment)
        if frame is None:
            return float(values[0])
        return like_frame(np.broadcast_to(values, n_rows(table_of(frame))), frame, "lifetime_value")

    def posterior(self, frame: Any) -> pd.DataFrame:
        """What is known of each customer's own propensity θ to leave: mean and standard deviation."""
        propensity = self._at(frame).propensity(tenures_of(frame))
        table = {"churn_propensity": propensity.mean, "churn_propensity_sd": propensity.sd}
        return pd.DataFrame(table, index=getattr(frame, "index", None))

    def draw(
        self, frame: Any, horizon: int, size: int, rng: np.random.Generator, parameter_uncertainty: bool = True
    ) -> pd.DataFrame:
        """Random futures: renewals that every customer still makes within `horizon`.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            As for `probability_alive`.
        horizon : int
        size : int
            Number of futures.
        rng : numpy.random.Generator
            The same state gives the same numbers.
        parameter_uncertainty : bool
            Whether each future has parameters of its own, drawn from Laplace's approximation around the estimates.

        Returns
        -------
        DataFrame
            With the index of the frame; columns 0 ... size - 1, each one future of all customers, 0 ... horizon.
        """
        tenures, most = tenures_of(frame), checked_horizon(horizon)
        encoded = self._encoded_rows(table_of(frame), len(tenures))
        size = checked_futures(size, len(tenures), "customers")
        drawn = self._drawn_parameters(size, checked_rng(rng), parameter_uncertainty)
        futures = np.empty((len(tenures), size), dtype=np.int64)
        for at, values in enumerate(drawn):
            futures[:, at] = self._params_of(values, encoded).draw(tenures, most, 1, rng)[0]
        return pd.DataFrame(futures, index=getattr(frame, "index", None)).rename_axis(columns="future")

    def project_survivors(
        self,
        frame: Any,
        horizon: int,
        rng: np.random.Generator,
        level: float = 0.95,
        size: int = 4000,
        parameter_uncertainty: bool = True,
    ) -> pd.DataFrame:
        """Survivors of cohorts in the periods to come, with the interval that they will be in.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            Cohorts as in `fit`; each is projected from its last row. Survivors must be whole.
        horizon : int
            Periods to project.
        rng : numpy.random.Generator
        level : float
            Coverage of each period's interval, of chance in who leaves and, with `parameter_uncertainty`, of what is
            not known of the parameters (by Laplace's approximation).
        size : int
            Simulated futures behind the interval.

        Returns
        -------
        DataFrame
            cohort (if the frame has it), period, expected, lower, upper; `horizon` rows a cohort.
        """
        cohorts, ahead = cohorts_of(frame), int(checked_horizon(horizon, least=1))
        encoded = self._encoded_rows(cohorts.units, len(cohorts.first))
        level = checked_level(level)
        size = checked_futures(checked_size(size, level), ahead, "periods")
        drawn = self._drawn_parameters(size, checked_rng(rng), parameter_uncertainty)
        parts = []
        for place, last in enumerate(cohorts.last):
            own = encoded[place : place + 1]
            futures = Projection(
                self._params_of(self.estimate_.values, own),
                self._params_of(drawn, own),
                tenure=float(cohorts.period[last]),
                survivors=float(cohorts.survivors[last]),
            )
            part = projected(futures, ahead, level, rng)
            if cohorts.labels is not None:
                part.insert(0, "cohort", cohorts.labels[place])
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def _curve(self, periods: ArrayLike, frame: Any, name: str) -> Any:
        if hasattr(periods, "columns") or isinstance(periods, Mapping):
            message = f"{name} takes the periods first and the customers second: {name}([1, 2, 3], frame)."
            raise InputError(message)
        quantity, asked = getattr(self._newcomers(frame), name), checked_periods(periods)
        if frame is None:
            values = quantity(asked)
            if not asked.ndim:
                return float(values)
            return pd.Series(values, index=pd.Index(asked.astype(np.int64), name="period"), name=name)
        n = n_rows(table_of(frame))
        table = {int(one): np.broadcast_to(quantity(one), n) for one in np.atleast_1d(asked)}
        return pd.DataFrame(table, index=getattr(frame, "index", None)).rename_axis(columns="period")

    def _newcomers(self, frame: Any) -> ContractParams:
        """Parameters of new customers."""
        if frame is None and self._design is not None:
            columns = ", ".join(self._design.columns)
            message = f"This model needs the covariates {columns} of new customers: give them as frame=."
            raise InputError(message)
        return self._at(frame)

    def _at(self, frame: Any) -> ContractParams:
        """Parameters of the rows of a frame."""
        return self.to_params().at_rows(frame if frame is None else table_of(frame))
