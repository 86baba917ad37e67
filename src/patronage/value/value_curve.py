"""Value curves: what each segment of customers looks for, beside the average of all.

A curve sets the segment's mean on every dimension against that of all customers, in standard deviations, with an
interval. Dimensions belong to one of four parts of a proposition: product, price, after-sales service, experience.
They tell what customers did, from which what they value is read; they do not tell what they would do otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError, InputError
from patronage.models.base import checked_level
from patronage.schema import VALUE_CURVES
from patronage.value.resampling import REPLICATES, resampled_sums

Proposition = Literal["product", "price", "after-sales service", "experience"]
PROPOSITIONS: tuple[Proposition, ...] = ("product", "price", "after-sales service", "experience")

SLIGHTLY, CLEARLY = 0.2, 0.8
"""Differences in standard deviations below which they are slight and above which they are large (Cohen 1988)."""


@dataclass(frozen=True)
class Dimension:
    """One point of a value curve.

    Attributes
    ----------
    name : str
        For a manager.
    column : str
        Of the frame; the names of `DIMENSIONS` are features of `patronage.features`.
    proposition : str
        The part of the proposition that it belongs to.
    unit : str
    low, high : str
        What customers below and above the average do.
    """

    name: str
    column: str
    proposition: Proposition
    unit: str
    low: str
    high: str


DIMENSIONS = (
    Dimension("breadth", "categories_total", "product", "categories", "buys few categories", "buys many categories"),
    Dimension(
        "product preference", "product_share_top", "product", "share", "varies products", "keeps to a favourite product"
    ),
    Dimension("size of a purchase", "spend_per_purchase_day", "product", "money", "buys small", "buys big"),
    Dimension(
        "price sensitivity", "discount_share", "price", "share", "pays the full price", "buys what is discounted"
    ),
    Dimension("margin", "margin_rate", "price", "share", "buys at low margins", "buys at high margins"),
    Dimension("returns", "refund_share", "after-sales service", "share", "seldom returns goods", "often returns goods"),
    Dimension(
        "service need", "contacts_365d", "after-sales service", "contacts a year", "needs little service",
        "needs much service",
    ),
    Dimension(
        "complaints", "complaints_365d", "after-sales service", "complaints a year", "seldom complains",
        "often complains",
    ),
    Dimension(
        "channel preference", "sales_channel_share_online", "experience", "share", "buys in person", "buys online"
    ),
    Dimension("satisfaction", "satisfaction_mean", "experience", "score", "is dissatisfied", "is satisfied"),
    Dimension(
        "time to return", "gap_days_mean", "experience", "days", "came back soon", "took long to come back"
    ),
)  # fmt: skip
"""What is compared if nothing else is said."""


def value_curves(
    frame: pd.DataFrame,
    segment: ArrayLike,
    dimensions: Sequence[Dimension] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The value curve of every segment.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with the columns of the dimensions; values that are not known are missing.
    segment : array-like, shape (n,)
        Of each customer; customers without one count in the average only.
    dimensions : sequence of Dimension, optional
        Those of `DIMENSIONS` whose columns are there if not given.
    level : float
        Coverage of each interval by itself, between 0 and 1.
    replicates : int
        Resamples. Customers are drawn within their segments, so that segment and average move together.
    rng : numpy.random.Generator
        The same state gives the same numbers.

    Returns
    -------
    DataFrame
        As described in `schema.VALUE_CURVES`, segments in order of their names, dimensions as given.

    Raises
    ------
    ConfigError
        If a dimension has no column in the frame, or there is none to compare.
    InputError
        If there is not one segment for each row.
    """
    chosen = _chosen(frame, dimensions)
    names = pd.Series(np.asarray(segment, dtype=object))
    if len(names) != len(frame) or not len(frame):
        message = f"Expected one segment for each of {len(frame):,} customers, at least one; got {len(names):,}."
        raise InputError(message)
    codes, found = pd.factorize(names, sort=True)
    n_segments = len(found)
    codes = np.where(codes < 0, n_segments, codes)
    values = frame[[one.column for one in chosen]].to_numpy(np.float64, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    spread = pd.DataFrame(values).std(ddof=0).to_numpy()
    average = pd.DataFrame(values).mean().to_numpy()
    scale = np.where(spread > 0, spread, np.nan)
    tail = (1 - checked_level(level)) / 2
    sums, counts = resampled_sums(values, codes, n_segments + 1, replicates, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = (sums / counts - (sums.sum(axis=1) / counts.sum(axis=1))[:, None]) / scale
    rows = []
    for number, name in enumerate(found):
        own = values[codes == number]
        for at, dimension in enumerate(chosen):
            known = own[:, at][np.isfinite(own[:, at])]
            mean = float(known.mean()) if len(known) else np.nan
            low, high = _interval(apart[:, number, at], tail)
            difference = (mean - average[at]) / scale[at]
            heads = (str(name), dimension.name, dimension.proposition, dimension.unit, len(known))
            figures = (mean, float(average[at]), float(difference), low, high)
            reading = _reading(dimension, float(difference), low, high)
            rows.append(dict(zip(VALUE_CURVES.names, (*heads, *figures, reading), strict=True)))
    return pd.DataFrame(rows, columns=list(VALUE_CURVES.names))


def propositions(curves: pd.DataFrame) -> pd.DataFrame:
    """What the curves say for each segment and part of the proposition, in words.

    Parameters
    ----------
    curves : DataFrame
        As `value_curves` gives them.

    Returns
    -------
    DataFrame
        One row a segment; a column for each of product, price, after-sales service and experience: readings joined,
        the largest difference first; "like the average" where nothing is told apart.
    """
    rows = []
    for name, part in curves.groupby("segment", sort=True):
        told = part[part["reading"].notna()]
        told = told.iloc[np.argsort(-told["difference"].abs().to_numpy(), kind="stable")]
        rows.append(
            {"segment": name}
            | {
                one: "; ".join(told.loc[told["proposition"] == one, "reading"]) or "like the average"
                for one in PROPOSITIONS
            }
        )
    return pd.DataFrame(rows, columns=["segment", *PROPOSITIONS])


def _chosen(frame: pd.DataFrame, dimensions: Sequence[Dimension] | None) -> list[Dimension]:
    if dimensions is None:
        chosen = [one for one in DIMENSIONS if one.column in frame.columns]
        if not chosen:
            columns = ", ".join(one.column for one in DIMENSIONS)
            message = f"There is nothing to compare: the frame has none of the columns {columns}."
            raise ConfigError(message)
        return chosen
    lacking = [one.column for one in dimensions if one.column not in frame.columns]
    if lacking or not dimensions:
        message = f"Dimensions need columns that the frame lacks: {', '.join(lacking) or 'no dimension was given'}."
        raise ConfigError(message)
    return list(dimensions)


def _interval(values: np.ndarray, tail: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if len(defined) < len(values) / 2 or not len(defined):
        return np.nan, np.nan
    low, high = np.quantile(defined, (tail, 1 - tail))
    return float(low), float(high)


def _reading(dimension: Dimension, difference: float, low: float, high: float) -> str | None:
    """The difference in words, if its interval leaves out 0."""
    if not (low > 0 or high < 0):
        return None
    words = dimension.high if difference > 0 else dimension.low
    size = abs(difference)
    return f"slightly: {words}" if size < SLIGHTLY else f"clearly: {words}" if size >= CLEARLY else words
