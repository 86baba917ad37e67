"""Tables behind the charts: deciles, reliability, gain, tracking and frequencies."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.evaluation.calibration_metrics import reliability_table
from patronage.evaluation.paths import parameter_variance, simulated_paths, total_interval
from patronage.models.purchase.model import PurchaseModel
from patronage.runtime.distinct import distinct
from patronage.runtime.histories import FloatArray
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import CHURN_CALIBRATION, CHURN_GAIN, DECILES, FREQUENCY_HISTOGRAM, TRACKING_CURVE

TRACKING_PERIOD_DAYS = 7
OPEN_FREQUENCY = 7
GAIN_POINTS = 101
SIMULATED_CUSTOMERS = 10_000
"""Behind the variance of the tracking curve: enough to know an interval's width to a few per cent."""

MOST_TRACKED = 20_000
"""Customers with covariates that a tracking curve is computed of."""


def deciles(actual: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Predicted against actual by decile of the prediction, the highest first: `schema.DECILES`.

    Customers are cut into ten groups of equal size (to one); ties keep the order of the rows.
    """
    frame = pd.DataFrame({"actual": np.asarray(actual, float), "predicted": np.asarray(predicted, float)})
    rank = frame["predicted"].rank(method="first", ascending=False)
    frame["decile"] = np.ceil(rank * 10 / len(frame)).astype(int)
    table = frame.groupby("decile").agg(
        n_customers=("actual", "size"),
        predicted_mean=("predicted", "mean"),
        actual_mean=("actual", "mean"),
        predicted_total=("predicted", "sum"),
        actual_total=("actual", "sum"),
    )
    return table.reset_index()[list(DECILES.names)]


def churn_calibration(churned: ArrayLike, probabilities: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Reliability of each model's churn probabilities: `schema.CHURN_CALIBRATION`."""
    tables = [
        reliability_table(churned, values).rename(columns={"n_rows": "n_customers"}).assign(model=model)
        for model, values in probabilities.items()
    ]
    return pd.concat(tables, ignore_index=True)[list(CHURN_CALIBRATION.names)]


def churn_gain(churned: ArrayLike, probabilities: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Share of churners found among the riskiest customers, by model: `schema.CHURN_GAIN`.

    Customers with equal probabilities are found in random order on average, so ties draw a straight line.
    """
    y = np.asarray(churned, np.float64)
    contacted = np.linspace(0, 1, GAIN_POINTS)
    tables = []
    for model, values in probabilities.items():
        _, group, size = np.unique(-values, return_inverse=True, return_counts=True)
        found = np.concatenate([[0.0], np.cumsum(np.bincount(group, y))])
        reached = np.concatenate([[0.0], np.cumsum(size)]) / len(y)
        share = np.interp(contacted, reached, found / max(y.sum(), 1.0))
        tables.append(pd.DataFrame({"model": model, "share_contacted": contacted, "share_of_churners": share}))
    return pd.concat(tables, ignore_index=True)[list(CHURN_GAIN.names)]


def frequency_histogram(model: PurchaseModel, summary: pd.DataFrame) -> pd.DataFrame:
    """Customers by number of repeat purchases, actual and expected: `schema.FREQUENCY_HISTOGRAM`.

    The expectation is the sum over customers of the model's distribution after their own time under observation;
    customers acquired on the as-of date itself can have no repeat and count as such.

    Parameters
    ----------
    model : PurchaseModel
        Fitted.
    summary : DataFrame
        frequency of n customers, their time under observation, the third of the model's columns, and covariates.
    """
    params, lengths = model.to_params().at_rows(summary), summary[model.columns[2]].to_numpy(np.float64)
    observed = np.flatnonzero(lengths > 0)
    expected = np.zeros(OPEN_FREQUENCY)
    expected[0] = len(lengths) - len(observed)
    first, inverse = distinct(lengths[observed], *(one[observed] for one in params.arrays().values()))
    if len(first):
        cases = observed[first]
        probability = params.at(cases).purchase_probabilities_new(OPEN_FREQUENCY - 1, lengths[cases])
        expected += np.bincount(inverse) @ probability
    expected = np.append(expected, len(summary) - expected.sum())
    classes = np.minimum(summary["frequency"].to_numpy(int), OPEN_FREQUENCY)
    labels = [*map(str, range(OPEN_FREQUENCY)), f"{OPEN_FREQUENCY}+"]
    actual = np.bincount(classes, minlength=OPEN_FREQUENCY + 1).astype(float)
    table = pd.DataFrame({"frequency": labels, "actual": actual, "expected": expected})
    return table[list(FREQUENCY_HISTOGRAM.names)]


def tracking_curve(
    model: PurchaseModel,
    daily: pd.DataFrame,
    cutoff: date,
    until: date,
    time_unit: TimeUnit,
    level: float = 0.9,
    rng: np.random.Generator | None = None,
    customers: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Repeat purchases week by week, actual and expected: `schema.TRACKING_CURVE`.

    The expectation knows of each customer only the day of the first purchase, and covariates, so it can be drawn over
    calibration and holdout alike. Weeks are counted so that one ends on the cut-off; a last, shorter one is left out.

    Parameters
    ----------
    model : PurchaseModel
        Fitted up to the cut-off.
    daily : DataFrame
        From `summary.daily_counts`, for customers acquired up to the cut-off.
    cutoff, until : date
        End of the calibration and of the holdout.
    time_unit : TimeUnit
        The model's.
    level : float
        Coverage of the intervals, each for its own week.
    rng : Generator, optional
        With it the columns incremental_low, incremental_high, cumulative_low, cumulative_high and level are added:
        where the counts of as many new customers, acquired on the same days, should lie. The variance of their own
        randomness comes from simulated customers of each age, and that of the parameters is added where it is known.
    customers : DataFrame, optional
        T as of the cut-off and the covariates of these customers; needed for a model that has covariates. Of more than
        `MOST_TRACKED`, so many stand for all.

    Raises
    ------
    InputError
        If the model has covariates and customers are not given.
    """
    begin, end, cut = daily["day"].min(), pd.Timestamp(until), pd.Timestamp(cutoff)
    offset = (cut - begin).days % TRACKING_PERIOD_DAYS
    ends = pd.date_range(begin + pd.Timedelta(days=offset), end, freq=f"{TRACKING_PERIOD_DAYS}D")
    acquired = _acquired(model, daily, cut, time_unit, customers)
    weights = acquired["new_customers"].to_numpy(np.float64)
    age = (ends.to_numpy()[:, None] - acquired["day"].to_numpy()[None, :]) / np.timedelta64(1, "D")
    age = age.clip(min=0)

    def cumulative(params: PurchaseParams) -> FloatArray:
        own = params.at_rows(acquired)
        return np.array([own.expected_purchases_new(ages / time_unit.days) @ weights for ages in age])

    def incremental(params: PurchaseParams) -> FloatArray:
        return np.diff(cumulative(params), prepend=0.0)

    expected = cumulative(model.to_params())
    so_far = daily.set_index("day")["repeat_purchases"].cumsum()
    actual = so_far.reindex(so_far.index.union(ends)).ffill().fillna(0.0)[ends].to_numpy(np.float64)
    table = pd.DataFrame(
        {
            "period_end": ends.date,
            "is_holdout": (ends > cut).astype(int),
            "actual_incremental": np.diff(actual, prepend=0.0),
            "expected_incremental": np.diff(expected, prepend=0.0),
            "actual_cumulative": actual,
            "expected_cumulative": expected,
        }
    )
    table = table[list(TRACKING_CURVE.names)]
    if rng is None:
        return table
    params = model.to_params().at_rows(acquired)
    if model.covariates:
        params = params.at(rng.choice(len(acquired), SIMULATED_CUSTOMERS, p=weights / weights.sum()))
    grid, variances = _variance_by_age(params, float(age.max()), time_unit, rng)
    for name, curve in (("incremental", incremental), ("cumulative", cumulative)):
        own = np.interp(age, grid, variances[name]) @ weights
        variance = own + parameter_variance(model, curve)
        low, high = total_interval(table[f"expected_{name}"].to_numpy(), variance, level)
        table[f"{name}_low"], table[f"{name}_high"] = low, high
    return table.assign(level=level)


def _acquired(
    model: PurchaseModel, daily: pd.DataFrame, cutoff: pd.Timestamp, time_unit: TimeUnit, known: pd.DataFrame | None
) -> pd.DataFrame:
    """Days on which customers were won, and how many; with covariates, of every customer or of some for many."""
    if not model.covariates:
        return daily.loc[daily["new_customers"] > 0, ["day", "new_customers"]]
    if known is None:
        message = f"The model has the covariates {', '.join(model.covariates)}: customers= must hold them, and T."
        raise InputError(message)
    some = known
    if len(known) > MOST_TRACKED:
        evenly = np.linspace(0, len(known) - 1, MOST_TRACKED).round().astype(int)
        some = known.sort_values("T", kind="stable").iloc[evenly]
    won = cutoff - pd.to_timedelta((some["T"] * time_unit.days).round(), unit="D")
    return some[list(model.covariates)].assign(day=won, new_customers=len(known) / len(some))


def _variance_by_age(
    params: PurchaseParams, oldest: float, time_unit: TimeUnit, rng: np.random.Generator
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Variance of one customer's purchases in the week up to each age, and up to that age; ages in days."""
    n_periods = max(int(np.ceil(oldest / TRACKING_PERIOD_DAYS)), 1)
    step = TRACKING_PERIOD_DAYS / time_unit.days
    counts = simulated_paths(params, n_periods, step, SIMULATED_CUSTOMERS, rng)
    variances = {
        "incremental": np.append(0.0, counts.var(axis=0)),
        "cumulative": np.append(0.0, counts.cumsum(axis=1).var(axis=0)),
    }
    return np.arange(n_periods + 1.0) * TRACKING_PERIOD_DAYS, variances
