"""Right retention: not who is most likely to leave, but with whom most would be lost; and what satisfaction tells.

Value at risk of a customer is the probability of leaving times the profit that would be lost. Its order is neither that
of risk nor that of profit: a list for the people who talk to customers is cut from it.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.models.base import checked_level
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray
from patronage.schema import SATISFACTION_LOYALTY, VALUE_AT_RISK
from patronage.value.resampling import REPLICATES, resampled_sums

MOST_LEVELS = 11
"""Scales of 1 to 5, 1 to 7 and 0 to 10 are told level by level; finer ones in fifths of the customers."""

CAUTION = (
    "This is association, not effect: customers who answer differ from those who do not, loyal customers forgive more, "
    "and a score given close to leaving may follow from the wish to leave. What raising satisfaction would do, only a "
    "trial with a control group tells."
)


def value_at_risk(
    frame: pd.DataFrame, churn_probability: str = "churn_probability", future_profit: str = "future_profit"
) -> pd.DataFrame:
    """Customers in order of the profit that is at risk.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, indexed by customer_id or with such a column.
    churn_probability, future_profit : str
        Its columns: the probability of leaving, 0 to 1, and the expected profit of the same horizon, in money; it may
        be negative, and so is then the value at risk: such a customer is not worth keeping at any price.

    Returns
    -------
    DataFrame
        As described in `schema.VALUE_AT_RISK`, the most at risk first; equal ones by customer_id.

    Raises
    ------
    InputError
        If a column is not there, a profit is missing, or a probability does not lie between 0 and 1.
    """
    lacking = [name for name in (churn_probability, future_profit) if name not in frame.columns]
    if lacking:
        message = f"Expected the columns {churn_probability} and {future_profit}; {', '.join(lacking)} is not there."
        raise InputError(message)
    ids = frame["customer_id"] if "customer_id" in frame.columns else frame.index
    chance, profit = (frame[name].to_numpy(np.float64) for name in (churn_probability, future_profit))
    _refuse(~((chance >= 0) & (chance <= 1)), "a churn probability outside 0 to 1", ids)
    _refuse(~np.isfinite(profit), "no finite future profit", ids)
    found = pd.DataFrame({"customer_id": np.asarray(ids), "churn_probability": chance, "future_profit": profit})
    found["value_at_risk"] = chance * profit
    found = found.sort_values("customer_id", ignore_index=True)
    found["rank_by_risk"] = found["churn_probability"].rank(method="first", ascending=False).astype(np.int64)
    found = found.sort_values("value_at_risk", ascending=False, kind="stable", ignore_index=True)
    found["rank"] = np.arange(1, len(found) + 1)
    gains = found["value_at_risk"].clip(lower=0)
    whole = gains.sum()
    found["cumulative_share"] = gains.cumsum() / whole if whole > 0 else np.nan
    return found[list(VALUE_AT_RISK.names)]


def lists_compared(at_risk: pd.DataFrame, shares: ArrayLike = (0.01, 0.05, 0.1, 0.2)) -> pd.DataFrame:
    """What lists of equal length hold of the value at risk: cut by it, by risk, or by profit.

    Parameters
    ----------
    at_risk : DataFrame
        As `value_at_risk` gives it.
    shares : array-like
        Lengths, as shares of all customers, 0 to 1.

    Returns
    -------
    DataFrame
        customer_share, customers, and by_value_at_risk, by_risk and by_profit: the share of all value at risk above 0
        that such a list holds, losses in it taken off.
    """
    value = at_risk["value_at_risk"].to_numpy()
    whole = np.clip(value, 0, None).sum()
    orders = {
        "by_value_at_risk": np.argsort(at_risk["rank"].to_numpy()),
        "by_risk": np.argsort(at_risk["rank_by_risk"].to_numpy()),
        "by_profit": np.argsort(-at_risk["future_profit"].to_numpy(), kind="stable"),
    }
    share = np.asarray(shares, dtype=np.float64)
    length = np.floor(share * len(value) + 0.5).astype(int)
    found: dict[str, Any] = {"customer_share": share, "customers": length}
    for name, order in orders.items():
        reached = np.concatenate([[0.0], np.cumsum(value[order])])[length]
        found[name] = reached / whole if whole > 0 else np.full(len(share), np.nan)
    return pd.DataFrame(found)


def satisfaction_loyalty(
    satisfaction: ArrayLike,
    churned: ArrayLike,
    value: ArrayLike,
    change: ArrayLike | None = None,
    level: float = 0.95,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Churn and value of customers by how satisfied they are, and by whether that fell or rose.

    Parameters
    ----------
    satisfaction : array-like, shape (n,)
        Score of each customer before the outcome was known, missing if none was given.
    churned : array-like, shape (n,)
        1 for those who left afterwards, 0 for the others.
    value : array-like, shape (n,)
        Value of each customer, in money.
    change : array-like, shape (n,), optional
        Later less earlier score of each customer, missing without two scores.
    level : float
        Coverage of each interval, between 0 and 1.
    rng : numpy.random.Generator
        The same state gives the same numbers.

    Returns
    -------
    DataFrame
        As described in `schema.SATISFACTION_LOYALTY`, scores ascending and those without a score last; intervals of
        the churn rate are Wilson's, of the mean value by resampling customers. ``attrs["caution"]`` belongs beside it
        wherever it is shown.

    Raises
    ------
    InputError
        If lengths differ, an outcome is neither 0 nor 1, or a value is missing.
    """
    scores, left, worth = (np.asarray(one, dtype=np.float64) for one in (satisfaction, churned, value))
    moved = None if change is None else np.asarray(change, dtype=np.float64)
    if not (scores.shape == left.shape == worth.shape == (scores if moved is None else moved).shape):
        message = "Expected one score, outcome, value and change for each customer; their numbers differ."
        raise InputError(message)
    _refuse(~np.isin(left, (0.0, 1.0)), "an outcome that is neither 0 nor 1", np.arange(len(left)))
    _refuse(~np.isfinite(worth), "no finite value", np.arange(len(left)))
    groupings = [("level", *_levels(scores))]
    if moved is not None:
        names = ["fell", "stayed", "rose", "not known"]
        codes = np.where(np.isfinite(moved), np.sign(np.nan_to_num(moved)) + 1, 3).astype(np.intp)
        groupings.append(("change", codes, names))
    rows = []
    for by, codes, names in groupings:
        rows += _rows(by, codes, names, left, worth, checked_level(level), rng)
    found = pd.DataFrame(rows, columns=list(SATISFACTION_LOYALTY.names))
    found.attrs["caution"] = CAUTION
    return found


def wilson_interval(count: FloatArray, total: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Interval of a share by Wilson's score [1]_; 0 to 1 where there is nothing to count.

    References
    ----------
    .. [1] Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.

    Examples
    --------
    >>> low, high = wilson_interval(np.array([1.0]), np.array([10.0]), 0.95)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0179, 0.4042)
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    centre = (count + z**2 / 2) / (total + z**2)
    share = np.divide(count, total, out=np.zeros_like(count), where=total > 0)
    half = z / (total + z**2) * np.sqrt(total * share * (1 - share) + z**2 / 4)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def _levels(scores: FloatArray) -> tuple[Any, list[str]]:
    """Group of every customer by score, and the groups' names; the last is that of no score."""
    known = np.isfinite(scores)
    found = np.unique(scores[known])
    codes = np.empty(len(scores), np.intp)
    if len(found) <= MOST_LEVELS:
        codes[known], names = np.searchsorted(found, scores[known]), [f"{one:g}" for one in found]
    else:
        edges = np.unique(np.quantile(scores[known], (0.2, 0.4, 0.6, 0.8)))
        codes[known] = np.searchsorted(edges, scores[known], side="left")
        ends = [f"{one:.3g}" for one in (found[0], *edges, found[-1])]
        names = [f"{low} to {high}" for low, high in pairwise(ends)]
    codes[~known] = len(names)
    return codes, [*names, "no score"]


def _rows(
    by: str, codes: Any, names: list[str], left: FloatArray, worth: FloatArray, level: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    n_groups = len(names)
    total = np.bincount(codes, minlength=n_groups).astype(np.float64)
    gone = np.bincount(codes, left, n_groups).astype(np.float64)
    low, high = wilson_interval(gone, total, level)
    sums, counts = resampled_sums(worth[:, None], codes, n_groups, REPLICATES, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[:, :, 0] / counts[:, :, 0]
    mean = np.bincount(codes, worth, n_groups)
    rows = []
    for group in range(n_groups):
        if not total[group]:
            continue
        ends = np.quantile(means[:, group], ((1 - level) / 2, (1 + level) / 2))
        figures = (gone[group] / total[group], low[group], high[group], mean[group] / total[group], *ends)
        heads = (by, names[group], int(total[group]))
        rows.append(dict(zip(SATISFACTION_LOYALTY.names, (*heads, *map(float, figures)), strict=True)))
    return rows


def _refuse(bad: Any, what: str, ids: Any) -> None:
    if not bad.any():
        return
    first = tuple(str(one) for one in np.asarray(ids)[bad][:FIRST_EXAMPLES])
    message = (
        f"{bad.sum():,} of {len(bad):,} customers have {what} (first: {', '.join(first)}). Correct or leave them out."
    )
    raise InputError(message, counts={what: int(bad.sum())}, first_ids=first)
