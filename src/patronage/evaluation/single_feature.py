"""How well one column alone tells who left."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from patronage.evaluation.counted_metrics import roc_auc
from patronage.runtime.histories import FloatArray, IndexArray

QUANTILE_BINS = 50
"""Bins into which numbers of more distinct values than this are cut, to see patterns that neither rise nor fall."""

FOLDS = 5
"""Parts of the customers; the values of each part are judged by what came of the others."""

PRIOR_CUSTOMERS = 10.0
"""Customers with the overall share that are added to each value, so that rare values are not believed."""

MOST_ROWS = 200_000
"""Rows that are looked at; an AUC of so many is exact to the third digit."""


@dataclass(frozen=True)
class FeatureRanking:
    """Area under the ROC curve of a single column.

    Attributes
    ----------
    auc : float
        At least 0.5 but for noise: falling columns are turned round.
    how : str
        What ranks: "as a number", or "by its values".
    n_left, n_stayed : int
        Customers that it rests on.
    """

    auc: float
    how: str
    n_left: int
    n_stayed: int


def feature_ranking(column: pd.Series, happened: NDArray[np.bool_], rng: np.random.Generator) -> FeatureRanking:
    """Rank customers by one column, as a number and by its values, and take the better.

    By its values: each value (or bin of a number, or missing) stands for the share of other customers with this value
    who left, those of the same fold left out, so that a column of many values does not fit itself.

    Parameters
    ----------
    column : Series, n rows
        Numbers, dates, text or categories; missing is a value like any other.
    happened : ndarray of bool, shape (n,)
        Both outcomes must occur.
    rng : numpy.random.Generator
        For the folds, and for the sample where there are more than 200,000 rows.
    """
    if len(column) > MOST_ROWS:
        rows = rng.choice(len(column), MOST_ROWS, replace=False)
        column, happened = column.iloc[rows], happened[rows]
    y = happened.astype(np.float64)
    ones, n_left = np.ones(len(y)), int(y.sum())
    numbers = as_numbers(column)
    if numbers is None and (times := as_times(column)) is not None:
        numbers = np.where(times.notna(), times.astype("int64").to_numpy(np.float64), np.nan)
    as_number = 0.5
    if numbers is not None:
        for missing in (-np.inf, np.inf):
            ranks = np.asarray(stats.rankdata(np.where(np.isnan(numbers), missing, numbers)), dtype=np.float64)
            area = roc_auc(y, ranks)(ones)
            as_number = max(as_number, area, 1 - area)
    codes = pd.factorize(column, use_na_sentinel=False)[0] if numbers is None else _bins(numbers)
    by_value = roc_auc(y, _share_of_others(codes, y, rng))(ones)
    auc, how = max((as_number, "as a number"), (by_value, "by its values"))
    return FeatureRanking(auc, how, n_left, len(y) - n_left)


def lowest_likely(ranking: FeatureRanking) -> float:
    """Lower end of the 95 % interval of the area (Hanley and McNeil 1982, Radiology 143(1), 29-36)."""
    area, m, n = ranking.auc, ranking.n_left, ranking.n_stayed
    both_left, both_stayed = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (both_left - area**2) + (n - 1) * (both_stayed - area**2)
    return float(area - 1.96 * np.sqrt(max(variance, 0.0) / (m * n)))


def as_numbers(column: pd.Series) -> FloatArray | None:
    """The column as numbers, missing as NaN, or None if it holds anything else; text that spells numbers is numbers."""
    if pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return None
    if not pd.api.types.is_numeric_dtype(column):
        text = column.where(column.astype("str").str.strip() != "")
        numbers = pd.to_numeric(text, errors="coerce")
        if numbers.isna().sum() > text.isna().sum() or text.isna().all():
            return None
        column = numbers
    return np.asarray(column.astype("float64").to_numpy(na_value=np.nan), dtype=np.float64)


def as_times(column: pd.Series) -> pd.Series | None:
    """The column as times without zone, or None if it holds anything but dates; text counts if it is ISO 8601."""
    if pd.api.types.is_datetime64_any_dtype(column):
        times = column
    else:
        filled = column.dropna()
        if filled.empty or pd.api.types.is_numeric_dtype(column):
            return None
        if not filled.astype("str").str.match(r"\d{4}-\d{2}-\d{2}").all():
            return None
        times = pd.to_datetime(column.astype(object), errors="coerce", format="ISO8601")
        if times.isna().sum() > column.isna().sum():
            return None
    return times.dt.tz_localize(None) if times.dt.tz is not None else times


def _bins(numbers: FloatArray) -> IndexArray:
    values = pd.Series(numbers)
    if values.nunique() > QUANTILE_BINS:
        values = pd.Series(np.floor(values.rank(pct=True) * QUANTILE_BINS))
    return pd.factorize(values, use_na_sentinel=False)[0]


def _share_of_others(codes: IndexArray, happened: FloatArray, rng: np.random.Generator) -> FloatArray:
    fold = rng.permutation(len(codes)) % FOLDS
    overall, n_values = happened.mean(), codes.max() + 1
    share = np.empty(len(codes))
    for one in range(FOLDS):
        others, own = fold != one, fold == one
        size = np.bincount(codes[others], minlength=n_values)
        left = np.bincount(codes[others], happened[others], n_values)
        share[own] = ((left + overall * PRIOR_CUSTOMERS) / (size + PRIOR_CUSTOMERS))[codes[own]]
    return share
