r"""Tables that show how a fitted purchase or spend model fits, and what it says of customers.

Each function takes a fitted model of any kind and data, and returns a table described in `schema`; the charts of
`report.diagnostics` are drawn from these tables. The parameters come with `parameter_table`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from patronage.errors import InputError
from patronage.evaluation.paths import parameter_variance, total_interval
from patronage.models.base import LikelihoodModel, required_columns
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.histories import FloatArray
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import (
    ALIVE_HISTORY,
    CONDITIONAL_EXPECTATION,
    FREQUENCY_RECENCY,
    MIXING_DISTRIBUTIONS,
    PARAMETERS,
    SPEND_FIT,
)

OPEN_FREQUENCY = 7
DRAWS = 200_000
"""Random customers behind the variance of the conditional expectations, at least."""

LOWEST_MOST_FREQUENT, HIGHEST_MOST_FREQUENT = 5, 25
RECENCY_CELLS = 40
MIXING_CLASSES = 120
LEAST_SPREAD = 1e-6
"""Customers whose values lie closer together than this share do not differ."""

SMALLEST_SHARE_OF_TOP = 1e-5
SPEND_CLASSES = 40


def conditional_expectation(
    model: PurchaseModel,
    holdout: pd.DataFrame,
    horizon: float,
    level: float = 0.9,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Mean purchases in the holdout by repeats before it, actual and expected: `schema.CONDITIONAL_EXPECTATION`.

    A model can get a total right by errors that cancel; this table shows them where they arise.

    Parameters
    ----------
    model : PurchaseModel
        Fitted up to the cut-off.
    holdout : DataFrame
        The model's columns as of the cut-off, and frequency_holdout.
    horizon : float
        Length of the holdout, in the model's time unit.
    level : float
        Coverage of the intervals.
    rng : Generator, optional
        With it the columns expected_low, expected_high and level are added: where the actual mean of so many customers
        should lie. Their own randomness is simulated, and the uncertainty of the parameters added where it is known.
    """
    (actual,) = (np.asarray(column, float) for column in required_columns(holdout, ["frequency_holdout"]))
    expected = model.expected_purchases(holdout, horizon).to_numpy()
    group = np.minimum(holdout["frequency"].to_numpy(int), OPEN_FREQUENCY)
    classes, position, size = np.unique(group, return_inverse=True, return_counts=True)

    def means(values: FloatArray) -> FloatArray:
        return np.bincount(position, values) / size

    labels = [f"{c}+" if c == OPEN_FREQUENCY else str(c) for c in classes]
    table = pd.DataFrame(
        {"frequency": labels, "n_customers": size, "actual_mean": means(actual), "expected_mean": means(expected)}
    )
    table = table[list(CONDITIONAL_EXPECTATION.names)]
    if rng is None:
        return table
    size_of_draw = max(10, -(-DRAWS // len(holdout)))
    futures = model.draw(holdout, horizon, size_of_draw, rng, parameter_uncertainty=False).to_numpy()
    own = means(((futures - expected[:, None]) ** 2).mean(axis=1)) / size

    def of_params(params: PurchaseParams) -> FloatArray:
        return means(type(model).from_params(params).expected_purchases(holdout, horizon).to_numpy())

    estimated = parameter_variance(model, of_params)
    low, high = total_interval(means(expected), own + estimated, level)
    return table.assign(expected_low=low, expected_high=high, level=level)


def frequency_recency_map(
    model: PurchaseModel, summary: pd.DataFrame, horizon: float, time_unit: TimeUnit
) -> pd.DataFrame:
    """Expected purchases and P(alive) by frequency and recency: `schema.FREQUENCY_RECENCY`.

    Parameters
    ----------
    model : PurchaseModel
        Fitted. With covariates the map is that of customers with average numbers, switches off, reference levels.
    summary : DataFrame
        The model's columns. The longest time under observation is that of all cells; frequencies go as far as those of
        99 % of the customers (but to 5 at least and 25 at most).
    horizon : float
        In the model's time unit.
    time_unit : TimeUnit
        The model's. Cells that would need two purchase days on one day are left out.
    """
    times = np.asarray(summary[model.columns[2]], float)
    observed = float(times.max())
    most = np.clip(np.quantile(summary["frequency"], 0.99), LOWEST_MOST_FREQUENT, HIGHEST_MOST_FREQUENT)
    discrete = model.params_class.discrete
    edges = np.arange(observed + 1) + 0.5 if discrete else np.linspace(0, observed, RECENCY_CELLS + 1)
    low, high = edges[:-1], edges[1:]
    frequency, cell = (axis.ravel() for axis in np.meshgrid(np.arange(1, most + 1), np.arange(len(low)), indexing="ij"))
    purchases_a_period = 1 if discrete else time_unit.days
    possible = frequency <= high[cell] * purchases_a_period
    frequency, cell = np.append(0, frequency[possible]), np.append(0, cell[possible])
    table = pd.DataFrame(
        {
            "frequency": frequency.astype(int),
            "recency_low": low[cell],
            "recency_high": high[cell],
            "T": observed,
            "horizon": horizon,
            "time_unit": time_unit.value,
        }
    )
    middle = (table["recency_low"] + table["recency_high"]) / 2
    columns = (table["frequency"], middle.where(table["frequency"] > 0, 0.0), table["T"])
    frame = pd.DataFrame(dict(zip(model.columns, columns, strict=True)))
    params = model.to_params()
    alike = type(model).from_params(params.base) if isinstance(params, CovariateParams) else model
    table["expected_purchases"] = alike.expected_purchases(frame, horizon)
    table["probability_alive"] = alike.probability_alive(frame)
    return table[list(FREQUENCY_RECENCY.names)]


def mixing_distributions(model: PurchaseModel, time_unit: TimeUnit) -> pd.DataFrame:
    """How purchase rates and dropout differ across customers: `schema.MIXING_DISTRIBUTIONS`.

    The table gives shares of customers in classes of equal width on a logarithmic scale, from the value that one in a
    thousand exceeds down to a hundred-thousandth of it, or to the lowest thousandth of customers. Where customers do
    not differ, as in their dropout when the ledger shows none, there is no such width, and the quantity is left out.

    Parameters
    ----------
    model : PurchaseModel
        Fitted; of a kind whose mixing distributions are known here. With covariates, it is how customers differ who are
        equal in them: average numbers, switches off, reference levels.
    time_unit : TimeUnit
        The model's.

    Raises
    ------
    InputError
        If the kind of the model is not known here.
    """
    params = model.to_params()
    params = params.base if isinstance(params, CovariateParams) else params
    if params.kind not in _MIXING:
        message = f"The mixing distributions of {params.title} are not known; known are {', '.join(_MIXING)}."
        raise InputError(message)
    tables = [pd.DataFrame(columns=list(MIXING_DISTRIBUTIONS.names))]
    for quantity, distribution in _MIXING[params.kind](params, time_unit.value).items():
        top = distribution.ppf(0.999)
        lowest = max(distribution.ppf(0.001), SMALLEST_SHARE_OF_TOP * top)
        if not 0 < lowest < top * (1 - LEAST_SPREAD) < np.inf:
            continue
        edges = np.geomspace(lowest, top, MIXING_CLASSES + 1)
        below = distribution.cdf(edges)
        if not np.isfinite(below).all() or below[-1] <= below[0]:
            continue
        tables.append(
            pd.DataFrame(
                {
                    "quantity": quantity,
                    "value": np.sqrt(edges[:-1] * edges[1:]),
                    "density": np.diff(below) / np.diff(np.log(edges)),
                    "cumulative": below[1:],
                    "mean": distribution.mean(),
                }
            )
        )
    return pd.concat(tables[1:] or tables, ignore_index=True)[list(MIXING_DISTRIBUTIONS.names)]


def alive_history(
    model: PurchaseModel,
    purchase_days: Sequence[date],
    until: date,
    time_unit: TimeUnit,
    covariates: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """P(alive) of one customer, day by day, as it was known at the end of each day: `schema.ALIVE_HISTORY`.

    Parameters
    ----------
    model : PurchaseModel
        Fitted; continuous in time.
    purchase_days : sequence of date
        Days on which the customer bought, in any order; several purchases of a day count once.
    until : date
        Last day of the table, which begins with the first purchase. Later purchases are not looked at.
    time_unit : TimeUnit
        The model's.
    covariates : mapping of str to value, optional
        The customer's, for a model that has some.

    Raises
    ------
    InputError
        If there is no purchase up to `until`, or a covariate is not given.
    """
    bought = pd.DatetimeIndex(pd.to_datetime(list(purchase_days))).normalize().unique().sort_values()
    bought = bought[bought <= pd.Timestamp(until)]
    if not len(bought):
        message = f"The customer has no purchase up to {until}, so there is no history to show."
        raise InputError(message)
    days = pd.date_range(bought[0], pd.Timestamp(until), freq="D")
    count = np.searchsorted(bought, days, side="right")
    last = bought[count - 1]
    unit = pd.Timedelta(days=1) * time_unit.days
    columns = (count - 1, (last - bought[0]) / unit, (days - bought[0]) / unit)
    frame = pd.DataFrame(dict(zip(model.columns, columns, strict=True))).assign(**(covariates or {}))
    table = pd.DataFrame(
        {
            "day": days.date,
            "frequency": count - 1,
            "is_purchase": days.isin(bought).astype(int),
            "probability_alive": model.probability_alive(frame).to_numpy(),
        }
    )
    return table[list(ALIVE_HISTORY.names)]


def spend_fit(model: GammaGamma, frame: pd.DataFrame) -> pd.DataFrame:
    r"""Customers by mean spend, actual and expected: `schema.SPEND_FIT`.

    Of customers with x purchases the model says that x times their mean spend over x times their mean spend and v is
    Beta(px, q) distributed, so that the share with a mean up to m is the regularised incomplete beta function

    .. math:: I_{xm/(xm+v)}(px,\; q)

    (from equation (1a) of Fader and Hardie 2013, note 025). The expectation is its sum over the customers, each with
    their own x. Classes are of equal width on a logarithmic scale and reach from the smallest to the largest mean; what
    the model expects outside is not shown.

    Parameters
    ----------
    model : GammaGamma
        Fitted.
    frame : DataFrame
        The columns that the model was fitted to. Customers whom it cannot use are left out.

    Raises
    ------
    InputError
        If no customer can be used.
    """
    params = model.to_params()
    x, mean = (np.asarray(column, float) for column in required_columns(frame, params.columns))
    used = (x > 0) & (mean > 0)
    if not used.any():
        message = f"None of {len(frame):,} customers has purchases that the model counts and a positive mean."
        raise InputError(message)
    x, mean = x[used], mean[used]
    edges = np.geomspace(mean.min() * 0.999, mean.max() * 1.001, SPEND_CLASSES + 1)
    purchases, customers = np.unique(x, return_counts=True)
    spent = purchases[:, None] * edges
    below = special.betainc(params.p * purchases[:, None], params.q, spent / (spent + params.v))
    table = pd.DataFrame(
        {
            "spend_low": edges[:-1],
            "spend_high": edges[1:],
            "actual": np.histogram(mean, edges)[0].astype(float),
            "expected": np.diff(customers @ below),
        }
    )
    return table[list(SPEND_FIT.names)]


def parameter_table(*models: LikelihoodModel) -> pd.DataFrame:
    """Estimates of one or more models with their standard errors and 95 % intervals: `schema.PARAMETERS`."""
    tables = [model.summary().reset_index().assign(model=_title(model)) for model in models]
    return pd.concat(tables, ignore_index=True)[list(PARAMETERS.names)]


def _title(model: LikelihoodModel) -> str:
    return model.params_class.title if isinstance(model, PurchaseModel) else "Gamma-Gamma"


def _rate(shape: float, rate: float) -> Any:
    return stats.gamma(shape, scale=1 / rate)


def _beta_geometric(params: Any, unit: str) -> dict[str, Any]:
    stages = getattr(params, "k", 1)
    return {
        f"Purchases a {unit} while a customer": _rate(params.r, params.alpha * stages),
        "Probability to leave after a purchase": stats.beta(params.a, params.b),
    }


def _pareto(params: Any, unit: str) -> dict[str, Any]:
    return {
        f"Purchases a {unit} while a customer": _rate(params.r, params.alpha),
        f"Rate of leaving a {unit}": _rate(params.s, params.beta),
    }


def _gamma_gompertz(params: Any, unit: str) -> dict[str, Any]:
    return {
        f"Purchases a {unit} while a customer": _rate(params.r, params.alpha),
        f"Rate of leaving a {unit}, of a new customer": _rate(params.s, params.beta / params.b),
    }


def _beta_binomial(params: Any, _: str) -> dict[str, Any]:
    return {
        "Probability to buy in a period": stats.beta(params.alpha, params.beta),
        "Probability to leave in a period": stats.beta(params.gamma, params.delta),
    }


_MIXING: dict[str, Callable[[PurchaseParams, str], dict[str, Any]]] = {
    "bg_nbd": _beta_geometric,
    "mbg_nbd": _beta_geometric,
    "bg_cnbd_k": _beta_geometric,
    "mbg_cnbd_k": _beta_geometric,
    "pareto_nbd": _pareto,
    "ggom_nbd": _gamma_gompertz,
    "bg_bb": _beta_binomial,
}
