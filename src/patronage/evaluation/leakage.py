"""Columns that give the answer away: what was written down after the fact, or because of it.

A model that sees such a column is excellent in every test and useless on the day it is needed. Five signs are looked
for, each in words that say what was seen:

===================  ====================================================================================
kind                 sign
===================  ====================================================================================
filled_for_one_side  Filled, missing, or other than its usual value, for customers of one outcome only.
decides              Few values, and each of them belongs to one outcome.
answers              Ranks customers nearly perfectly all by itself, as a number or by its values.
after_cut_off        Holds dates after the cut-off.
identifier           Names customers: (nearly) every value differs. No leak, but no feature either.
===================  ====================================================================================

None of them is a proof. An honest column may look like this, and a subtle leak may not: ask when it was recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from patronage.errors import InputError
from patronage.evaluation.outcomes import outcomes
from patronage.evaluation.single_feature import FeatureRanking, as_numbers, as_times, feature_ranking, lowest_likely

NEARLY_PERFECT = 0.9
"""AUC of a single column above which, by more than chance, it is taken to know the answer. The best honest column of
IBM's Telco tables reaches 0.76 and of the Iranian churn table 0.80, what was recorded after the fact 0.94 and more."""

ONE_SIDED = 1 / 50
"""Where the other outcome is so many times rarer among the filled than among all, they are taken to be of one side."""

UNLIKELY = 1e-6
"""Chance below which one-sidedness is no accident, small enough for tables of many columns."""

WORTH_TELLING = 1 / 100
"""Share of an outcome that a one-sided group must hold: a smaller one, such as customers who were never charged
anything, makes no model much better than it is."""

FEWEST_OF_EACH = 10
"""Customers who left, and who stayed, without which nothing can be told."""

MOST_VALUES = 20
"""Distinct values up to which a column is looked at value by value for whether it decides the outcome."""

USUAL = 0.25
"""Share of customers from which the most common value of a column may stand for "nothing recorded"."""

NAMES_CUSTOMERS = 0.95
"""Share of distinct values among the filled from which text is an identifier."""

_COLUMNS = ("column", "kind", "figure", "n_rows", "words")


@dataclass(frozen=True)
class _Table:
    """The outcome, as each check needs it."""

    happened: NDArray[np.bool_]

    @property
    def n(self) -> int:
        return len(self.happened)

    @property
    def share_left(self) -> float:
        return float(self.happened.mean())

    def one_side(self, rows: NDArray[np.bool_]) -> tuple[bool, float] | None:
        """Whether the rows left (True) or stayed, and the share of that outcome, if nearly all of them are alike."""
        n, left = int(rows.sum()), int(self.happened[rows].sum())
        for whether, alike, share in ((True, left, self.share_left), (False, n - left, 1 - self.share_left)):
            enough = alike >= WORTH_TELLING * share * self.n
            if (
                n
                and enough
                and (n - alike) / n <= ONE_SIDED * (1 - share)
                and stats.binom.sf(alike - 1, n, share) < UNLIKELY
            ):
                return whether, alike / n
        return None


def find_leaks(
    frame: pd.DataFrame,
    happened: ArrayLike,
    *,
    rng: np.random.Generator,
    cut_off: date | pd.Timestamp | Sequence[Any] | pd.Series | None = None,
    ignore: Sequence[str] = (),
) -> pd.DataFrame:
    """Name the columns that give the answer away, with the reason in words.

    Parameters
    ----------
    frame : DataFrame, n rows
        The features, one row a customer (and cut-off).
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    rng : numpy.random.Generator
        For the folds in which values are judged by customers other than their own, and for the sample of large tables.
    cut_off : date, or one a row, optional
        The last day that features may know; dates are not looked at without it.
    ignore : sequence of str
        Columns that are no features: the label, the customer's id.

    Returns
    -------
    DataFrame
        column, kind (see the module), figure (an AUC or a share), n_rows that it rests on, words. Empty if nothing is
        suspicious. A column may be named for several reasons.

    Raises
    ------
    InputError
        If lengths differ, an ignored column does not exist, or fewer than 10 customers left or stayed.

    Examples
    --------
    >>> happened = np.tile([0, 0, 1], 40)
    >>> frame = pd.DataFrame({"reason": np.where(happened, "price", None), "age": np.arange(120) % 7})
    >>> find_leaks(frame, happened, rng=np.random.default_rng(0))[["column", "kind"]].values.tolist()
    [['reason', 'filled_for_one_side']]
    """
    y, _ = outcomes(happened, np.zeros(np.shape(happened)))
    unknown = [name for name in ignore if name not in frame]
    if len(frame) != len(y) or unknown or frame.columns.has_duplicates:
        message = (
            f"Expected a table of {len(y):,} rows, one for each outcome, without columns of the same name; got "
            f"{len(frame):,} rows and {frame.shape[1]} columns" + (f", without {', '.join(unknown)}." * bool(unknown))
        )
        raise InputError(message)
    table = _Table(y == 1)
    left = int(y.sum())
    if min(left, len(y) - left) < FEWEST_OF_EACH:
        message = (
            f"{left:,} of {len(y):,} customers left; a leak cannot be told from chance with fewer than "
            f"{FEWEST_OF_EACH} of either outcome. Take more customers or a longer horizon."
        )
        raise InputError(message)
    days = None if cut_off is None else _days(cut_off, len(y))
    found: list[tuple[Any, ...]] = []
    for name in frame.columns.drop(list(ignore)):
        column = frame[name]
        giveaway = (
            _filled_for_one_side(column, table)
            or _decides(column, table)
            or _unusual_for_one_side(column, table)
            or _answers(column, table, rng)
        )
        checks = (giveaway, None if days is None else _after_cut_off(column, days), _identifier(column))
        found.extend((name, *check) for check in checks if check)
    return pd.DataFrame(found, columns=list(_COLUMNS))


_Found = tuple[str, float, int, str]


def _filled_for_one_side(column: pd.Series, table: _Table) -> _Found | None:
    filled = column.notna().to_numpy()
    return _one_sided("is filled", filled, table) or _one_sided("is missing", ~filled, table)


def _unusual_for_one_side(column: pd.Series, table: _Table) -> _Found | None:
    """Where "None" or 0 stands for missing; measurements, whose commonest value means nothing, are left out."""
    counts = column.value_counts()
    if not len(counts) or counts.iloc[0] < USUAL * table.n:
        return None
    unusual = column.notna() & (column != counts.index[0])
    return _one_sided(f"is other than {_in_words(counts.index[0])}", unusual.to_numpy(dtype=bool), table)


def _one_sided(way: str, rows: NDArray[np.bool_], table: _Table) -> _Found | None:
    side = None if rows.all() else table.one_side(rows)
    if side is None:
        return None
    left, share = side
    overall = table.share_left if left else 1 - table.share_left
    verb, when = ("left", "leaves") if left else ("stayed", "stays")
    words = (
        f"It {way} for {rows.sum():,} customers, of whom {_percent(share)} {verb} ({_percent(overall)} of all do): it "
        f"looks recorded because a customer {when}."
    )
    return "filled_for_one_side", share, int(rows.sum()), words


def _decides(column: pd.Series, table: _Table) -> _Found | None:
    codes, values = pd.factorize(column, use_na_sentinel=False)
    if not 1 < len(values) <= MOST_VALUES:
        return None
    size = np.bincount(codes)
    left = np.bincount(codes, table.happened)
    if ((left > 0) & (left < size)).any():
        return None
    words = f"Each of its {len(values)} values belongs to one outcome: it is the label under another name."
    return "decides", 1.0, table.n, words


def _answers(column: pd.Series, table: _Table, rng: np.random.Generator) -> _Found | None:
    ranking: FeatureRanking = feature_ranking(column, table.happened, rng)
    if lowest_likely(ranking) < NEARLY_PERFECT:
        return None
    words = (
        f"By itself it tells who left with an AUC of {ranking.auc:.3f} {ranking.how}: no single column knows so much "
        "beforehand."
    )
    return "answers", ranking.auc, ranking.n_left + ranking.n_stayed, words


def _after_cut_off(column: pd.Series, days: pd.Series) -> _Found | None:
    times = as_times(column)
    if times is None:
        return None
    filled = times.notna().to_numpy()
    late = filled & (times.dt.normalize().to_numpy() > days.to_numpy())
    if not late.any():
        return None
    share = late.sum() / filled.sum()
    words = (
        f"{late.sum():,} of its {filled.sum():,} dates lie after the cut-off, the last on "
        f"{times[late].max():%Y-%m-%d}: on the cut-off they were not known."
    )
    return "after_cut_off", float(share), int(late.sum()), words


def _identifier(column: pd.Series) -> _Found | None:
    values = column.dropna()
    if len(values) < 2 * FEWEST_OF_EACH or pd.api.types.is_datetime64_any_dtype(values) or as_times(column) is not None:
        return None
    numbers = as_numbers(values)
    distinct = values.nunique()
    if numbers is None:
        names = bool(distinct >= NAMES_CUSTOMERS * len(values))
    else:
        # Whole numbers without repetition and almost without gaps are running numbers; amounts repeat or scatter.
        whole = (numbers == np.floor(numbers)).all() and distinct == len(values)
        names = bool(whole and np.ptp(numbers) < 2 * len(values))
    if not names:
        return None
    words = f"{distinct:,} of its {len(values):,} values differ: it names customers, and says nothing of others."
    return "identifier", distinct / len(values), len(values), words


def _days(cut_off: Any, n: int) -> pd.Series:
    if isinstance(cut_off, (date, pd.Timestamp, np.datetime64, str)):
        return pd.Series(pd.Timestamp(cut_off).normalize(), index=range(n))
    given = pd.Series(pd.to_datetime(np.asarray(cut_off)))
    if len(given) != n or given.isna().any():
        message = f"Expected one cut-off for each of {n:,} rows; got {given.notna().sum():,} of {len(given):,}."
        raise InputError(message)
    return given.dt.normalize()


def _in_words(value: Any) -> str:
    """A value as people write it: whole numbers without decimals, in whatever type they are kept."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{share:.1%}".replace("%", " %")
