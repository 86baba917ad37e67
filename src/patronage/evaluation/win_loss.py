r"""What separates those who left from those who stayed, column by column, with sizes and intervals.

Of numbers, Cliff's delta [1]_: the chance that one who left has more than one who stayed, less that of the reverse,
which is twice the area under the ROC curve less 1. Of text, the difference of the shares that have a value, which is
the same for a column of 0 and 1. Both are means over customers, whose influences :math:`\psi_i` (DeLong's structural
components, and the values less their mean) give the variance; the influences of a customer with several rows are
summed before they are squared [2]_. Intervals are score intervals (`score_intervals`), which keep their width where
those who left are told apart without an error. A number of two values, such as 0 and 1, has the interval of the shares.

Every column is looked at by itself, and differences are associations: those who left differ in many ways at once.

References
----------
.. [1] Cliff (1993), Dominance statistics: ordinal analyses to answer ordinal questions. Psychological Bulletin 114(3).
.. [2] Obuchowski (1997), Nonparametric analysis of clustered ROC curve data. Biometrics 53(2), 567-578.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from patronage.errors import InputError
from patronage.evaluation.outcomes import outcomes
from patronage.evaluation.score_intervals import Share, delta_interval, difference_interval
from patronage.models.base import checked_level, required_columns
from patronage.models.churn.columns import feature_columns
from patronage.runtime.histories import FloatArray
from patronage.schema import WIN_LOSS

MOST_VALUES = 10
"""Values of a text column that are told, the most frequent ones."""

FEWEST_OF_EACH = 2
"""Customers who left, and who stayed, that a column must be known of."""

CLIFFS_DELTA, SHARE_DIFFERENCE = "cliffs_delta", "share_difference"

BoolArray = NDArray[np.bool_]


def win_loss(
    frame: pd.DataFrame,
    label: str = "churned",
    features: Sequence[str] | None = None,
    *,
    customers: ArrayLike | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Hold those who left against those who stayed.

    Parameters
    ----------
    frame : DataFrame
        One row a customer (or several): the label and the columns to look at, numbers or text.
    label : str
        Column that is 1 for those who left and 0 for the others.
    features : sequence of str, optional
        Columns; all but the label if not given.
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    level : float

    Returns
    -------
    DataFrame
        `schema.WIN_LOSS`, the largest effect first. A column that is known of fewer than two who left or stayed is not
        there.

    Raises
    ------
    InputError
        If a column is missing or holds neither numbers nor text, the label is not 0 or 1, or only one class came.
    """
    width = float(stats.norm.ppf((1 + checked_level(level)) / 2))
    (labels,) = required_columns(frame, [label])
    happened, _ = outcomes(labels, np.zeros(len(frame)), both_classes=True)
    left = happened == 1
    ids = _ids(customers, len(frame))
    names = list(features) if features is not None else [name for name in frame.columns if name != label]
    columns = feature_columns(frame, names)
    rows = [row for name in names for row in _of_column(name, columns[name], left, ids, width)]
    table = pd.DataFrame(rows, columns=list(WIN_LOSS.names))
    return table.sort_values("effect", key=abs, ascending=False, kind="stable", ignore_index=True)


def _ids(customers: ArrayLike | None, n: int) -> NDArray[np.intp]:
    if customers is None:
        return np.arange(n)
    codes, _ = pd.factorize(np.asarray(customers), use_na_sentinel=False)
    if len(codes) != n:
        message = f"Expected the customer of each of {n:,} rows, got {len(codes):,}."
        raise InputError(message)
    return np.asarray(codes)


def _of_column(
    name: str, values: NDArray[Any], left: BoolArray, ids: NDArray[np.intp], width: float
) -> Iterator[dict[str, Any]]:
    is_text = values.dtype == object
    known = np.array([value is not None for value in values.tolist()]) if is_text else ~np.isnan(values)
    away, here = known & left, known & ~left
    if min(away.sum(), here.sum()) < FEWEST_OF_EACH:
        return
    shared = {
        "feature": name,
        "n_left": int(away.sum()),
        "n_stayed": int(here.sum()),
        "missing_left": float((~known)[left].mean()),
        "missing_stayed": float((~known)[~left].mean()),
    }
    if not is_text:
        numbers, of_left = values[known].astype(np.float64), left[known]
        effect, low, high = _delta(numbers, of_left, ids[known], width)
        spread = _pooled_deviation(numbers, of_left)
        apart = float(numbers[of_left].mean() - numbers[~of_left].mean())
        yield {
            **shared,
            "value": None,
            "mean_left": float(numbers[of_left].mean()),
            "mean_stayed": float(numbers[~of_left].mean()),
            "median_left": float(np.median(numbers[of_left])),
            "median_stayed": float(np.median(numbers[~of_left])),
            "measure": CLIFFS_DELTA,
            "standardised_difference": apart / spread if spread > 0 else float("nan"),
            "effect": effect,
            "effect_low": low,
            "effect_high": high,
        }
        return
    of_left, texts = left[known], values[known]
    for value in _most_frequent(texts):
        has = texts == value
        effect, low, high = _shares_apart(has, of_left, ids[known], width)
        yield {
            **shared,
            "value": value,
            "mean_left": float(has[of_left].mean()),
            "mean_stayed": float(has[~of_left].mean()),
            "median_left": float("nan"),
            "median_stayed": float("nan"),
            "measure": SHARE_DIFFERENCE,
            "standardised_difference": float("nan"),
            "effect": effect,
            "effect_low": low,
            "effect_high": high,
        }


def _area(numbers: FloatArray, left: BoolArray) -> tuple[FloatArray, float]:
    """Influence of each row on the area under the ROC curve, and the area."""
    m, n = int(left.sum()), int((~left).sum())
    among_all = stats.rankdata(numbers)
    component = np.empty(len(numbers))
    component[left] = (among_all[left] - stats.rankdata(numbers[left])) / n
    component[~left] = 1 - (among_all[~left] - stats.rankdata(numbers[~left])) / m
    area = float(component[left].mean())
    return np.where(left, (component - area) / m, (component - area) / n), area


def _most_frequent(texts: NDArray[Any]) -> list[str]:
    """The most frequent values; of those that are equally frequent the first in the alphabet."""
    times = pd.Series(texts).value_counts()
    return sorted(times.index, key=lambda value: (-times[value], value))[:MOST_VALUES]


def _delta(numbers: FloatArray, left: BoolArray, ids: NDArray[np.intp], width: float) -> tuple[float, float, float]:
    """Cliff's delta and its interval."""
    if len(levels := np.unique(numbers)) <= 2:
        return _shares_apart(numbers == levels[-1], left, ids, width)
    influence, area = _area(numbers, left)
    variance = float((np.bincount(ids, weights=influence) ** 2).sum())
    fewer = min(_customers(ids[left]), _customers(ids[~left]))
    return (2 * area - 1, *delta_interval(Share(area, variance, len(numbers), fewer), width))


def _shares_apart(has: BoolArray, left: BoolArray, ids: NDArray[np.intp], width: float) -> tuple[float, float, float]:
    """The difference of the shares that have something, and its interval."""
    shares, influences = [], []
    for group in (left, ~left):
        share, rows = float(has[group].mean()), int(group.sum())
        influences.append(np.bincount(ids, weights=np.where(group, (has - share) / rows, 0.0)))
        variance = float((influences[-1] ** 2).sum())
        shares.append(Share(share, variance, rows, _customers(ids[group])))
    one, other = shares
    return (one.share - other.share, *difference_interval(one, other, float(influences[0] @ influences[1]), width))


def _customers(ids: NDArray[np.intp]) -> int:
    return len(np.unique(ids))


def _pooled_deviation(numbers: FloatArray, left: BoolArray) -> float:
    m, n = int(left.sum()), int((~left).sum())
    squares = (m - 1) * numbers[left].var(ddof=1) + (n - 1) * numbers[~left].var(ddof=1)
    return float(np.sqrt(squares / (m + n - 2)))
