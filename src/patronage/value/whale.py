r"""The whale curve: customers ranked by profit, the best first, and the share of the total that they earn together.

It rises above 1 as long as customers earn, and falls back to 1 over those who cost more than they bring. In the usual
pattern the best 20 % of customers earn 150 to 300 % of the profit, the middle 70 % about break even, and the last 10 %
lose 50 to 200 % of it [1]_.

A curve of expected values understates how unequal profit will be; see `whale_draws`.

The Gini coefficient is half the mean absolute difference between customers over their mean. With losses it may exceed
1, and it means nothing where the total is not above 0. The normalised one [2]_ divides by the largest value that the
same gains and losses can give, all gains with one customer and all losses with another:

.. math:: G = \frac{\sum_i (2i - n - 1) x_{(i)}}{(n - 1) \sum_i |x_i|}

with x ascending. It lies between 0 and 1 whatever the signs, and is n / (n - 1) times the usual one without losses.

References
----------
.. [1] Kaplan, Narayanan (2001), Measuring and managing customer profitability. Journal of Cost Management 15(5), 5-15.
.. [2] Raffinetti, Siletti, Vernizzi (2015), On the Gini coefficient normalization when attributes with negative values
   are considered. Statistical Methods & Applications 24(3), 507-521.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError, InputError
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray
from patronage.schema import WHALE_SHARES

TOP, LAST = 0.2, 0.1
"""Shares of customers that make up the top and the last tier; the middle lies between them."""

USUAL_TOP = (1.5, 3.0)
"""What the top tier usually earns, as shares of the total."""


def checked_tiers(top: float, last: float) -> tuple[float, float]:
    """Shares of customers in the first and the last tier.

    Raises
    ------
    ConfigError
        If the tiers overlap.
    """
    if top < 0 or last < 0 or not top + last <= 1:
        message = f"Expected top and last of 0 and above, together at most 1; got {top} and {last}."
        raise ConfigError(message)
    return top, last


def tier_sizes(customers: int, top: float = TOP, last: float = LAST) -> tuple[int, int]:
    """Number of customers in the top and in the last tier: whole ones, halves rounded up.

    Examples
    --------
    >>> tier_sizes(793)
    (159, 79)
    """
    return int(np.floor(top * customers + 0.5)), int(np.floor(last * customers + 0.5))


def whale_curve(profit: ArrayLike, points: int = 100) -> pd.DataFrame:
    """Cumulative profit of customers, the most profitable first.

    Parameters
    ----------
    profit : array-like, shape (n,)
        Of each customer, in money: past, future or both together.
    points : int
        Steps of the curve; more than n give one for each customer.

    Returns
    -------
    DataFrame
        As described in `schema.WHALE_CURVE`, from 0 customers to all.

    Raises
    ------
    InputError
        If there are no customers, or a profit is not a finite number.

    Examples
    --------
    >>> whale_curve([60, 30, 20, 0, -10])["profit_share"].tolist()
    [0.0, 0.6, 0.9, 1.1, 1.1, 1.0]
    """
    values = _checked(profit)
    at = steps(len(values), points)
    earned = cumulative(values)[at]
    total = earned[-1]
    share = earned / total if total > 0 else np.full(len(at), np.nan)
    return pd.DataFrame({"customer_share": at / len(values), "customers": at, "profit": earned, "profit_share": share})


def whale_shares(profit: ArrayLike, top: float = TOP, last: float = LAST) -> dict[str, float]:
    """Who earns what, in one row.

    Parameters
    ----------
    profit : array-like, shape (n,)
        Of each customer, in money.
    top, last : float
        Shares of customers, 0 to 1, that make up the first and the last tier; together at most 1.

    Returns
    -------
    dict
        The columns of `schema.WHALE_SHARES`.

    Raises
    ------
    InputError
        If there are no customers, or a profit is not a finite number.
    ConfigError
        If the tiers overlap.
    """
    values = _checked(profit)
    n = len(values)
    n_top, n_last = tier_sizes(n, *checked_tiers(top, last))
    earned = cumulative(values)
    total = float(earned[-1])
    scale = total if total > 0 else np.nan
    ascending = np.sort(values)
    differences = float(((2 * np.arange(1, n + 1) - n - 1) * ascending).sum())
    most = (n - 1) * float(np.abs(values).sum())
    found: dict[str, float] = {
        "customers": n,
        "unprofitable": int((values < 0).sum()),
        "total": total,
        "top_share": float(earned[n_top]) / scale,
        "middle_share": float(earned[n - n_last] - earned[n_top]) / scale,
        "last_share": float(earned[n] - earned[n - n_last]) / scale,
        "peak_share": float(earned.max()) / scale,
        "gini": differences / (n * scale),
        "gini_normalised": differences / most if most > 0 else np.nan,
    }
    return found


def whale_shares_by(frame: pd.DataFrame, by: str, value: str = "contribution") -> pd.DataFrame:
    """Who earns what within each group: channel, product, category, segment, cohort or period.

    Parameters
    ----------
    frame : DataFrame
        One row a customer and group.
    by, value : str
        Columns with the group, where a missing one is a group of its own, and with the profit.

    Returns
    -------
    DataFrame
        The group, the columns of `schema.WHALE_SHARES`, and share_of_total: the group's profit over that of all;
        missing where that is not above 0. The most profitable group first.
    """
    rows = [
        {by: group, **whale_shares(part[value].to_numpy(np.float64))}
        for group, part in frame.groupby(by, dropna=False, observed=True)
    ]
    found = pd.DataFrame(rows, columns=[by, *WHALE_SHARES.names])
    total = found["total"].sum()
    found["share_of_total"] = found["total"] / total if total > 0 else np.nan
    return found.sort_values(["total", by], ascending=[False, True], ignore_index=True)


def pattern_in_words(shares: dict[str, float]) -> str:
    """How the shares compare with the usual pattern.

    Parameters
    ----------
    shares : dict
        As `whale_shares` gives them, for the usual tiers.

    Examples
    --------
    >>> pattern_in_words(whale_shares([60, 30, 20, 0, 0, 0, 0, 0, 0, -60])).partition(": ")[2]
    'the usual pattern.'
    """
    if not shares["total"] > 0:
        return (
            f"{shares['customers']:,} customers together make no profit ({shares['total']:,.2f}), "
            "so that shares of it mean nothing."
        )
    top, middle, last = (_percent(shares[name]) for name in ("top_share", "middle_share", "last_share"))
    steepness = np.searchsorted(USUAL_TOP, shares["top_share"])
    verdict = ("flatter than the usual pattern", "the usual pattern", "steeper than the usual pattern")[steepness]
    return (
        f"The best 20 % of customers earn {top} of the profit (usually 150 to 300 %), the middle 70 % earn {middle} "
        f"(usually about 0 %), the last 10 % {last} (usually −200 to −50 %): {verdict}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %".replace("-", "−")


def cumulative(values: FloatArray) -> FloatArray:
    """Profit of the best 0, 1, ..., n customers."""
    earned: FloatArray = np.concatenate([[0.0], np.cumsum(np.sort(values)[::-1])])
    return earned


def steps(n: int, points: int) -> Any:
    """Numbers of customers, from 0 to n, at which a curve is told."""
    if points < 1:
        message = f"A curve needs at least one step; got points={points}."
        raise ConfigError(message)
    return np.unique(np.round(np.linspace(0, n, min(points, n) + 1)).astype(int))


def _checked(profit: ArrayLike) -> FloatArray:
    values = np.asarray(profit, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        message = f"Expected the profit of at least one customer, shape (n,); got shape {values.shape}."
        raise InputError(message)
    refuse_not_finite(values)
    return values


def refuse_not_finite(values: FloatArray) -> None:
    """Refuse profits of customers, in the last dimension, that are missing or infinite.

    Raises
    ------
    InputError
    """
    bad = np.flatnonzero(~np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=0))
    if not len(bad):
        return
    first = tuple(str(row) for row in bad[:FIRST_EXAMPLES])
    message = (
        f"The profit of {len(bad):,} of {values.shape[-1]:,} customers is missing or infinite "
        f"(rows {', '.join(first)}). Fill it or leave these customers out."
    )
    raise InputError(message, counts={"profit missing or infinite": len(bad)}, first_ids=first)
