r"""Merged histories: a large table made small, so that a fit knows nearly where it ends before it looks at all of it.

Histories that are much alike, with purchases, recency and T in the same cells, count as one at their mean times. The
likelihood is smooth by all three, so what merging changes falls with the square of the cells' width, and a few thousand
cells lead nearer to the maximum than a random sample of many times their number. Cells of time grow with time: the
likelihood knows it by :math:`\ln(\alpha + t)`.
"""

import numpy as np

from patronage.runtime.distinct import coded_histories
from patronage.runtime.histories import FloatArray, Histories, IndexArray

CELLS_OF_TIME = (10, 40)
"""Cells of recency and of T, in tables from the smallest on."""

FEWEST = 500
"""Merged histories below which a table tells too little for starts to agree on it; the finest one is always kept."""

NARROWEST = 24
"""Time is cut evenly by the logarithm of 1 + time over this part of the longest."""

SINGLE_PURCHASES = 32
"""Numbers of purchases below this one are never merged."""

CELLS_A_FOLD = 16
"""Cells of purchases in which larger ones grow by a factor of e."""


def merged_histories(histories: Histories, counts: FloatArray) -> list[tuple[Histories, FloatArray]]:
    """Smaller tables that stand for distinct histories, the smallest first.

    Parameters
    ----------
    histories : Histories
        n distinct ones.
    counts : ndarray, shape (n,)
        Customers behind each.

    Returns
    -------
    list of (Histories, ndarray)
        Merged histories and the customers behind each, who are as many in all.

    Examples
    --------
    >>> from patronage.runtime.histories import checked_histories
    >>> cases = checked_histories([1, 1, 1], [9.9, 10.0, 30.0], [52.0, 52.0, 52.0])
    >>> merged, customers = merged_histories(cases, np.array([1.0, 3.0, 1.0]))[-1]
    >>> merged.recency, customers
    (array([ 9.975, 30.   ]), array([4., 1.]))
    """
    tables = [_merged(histories, counts, max(CELLS_OF_TIME))]
    for cells in sorted(CELLS_OF_TIME, reverse=True)[1:]:
        smaller = _merged(*tables[-1], cells)
        if len(smaller[1]) >= FEWEST:
            tables.append(smaller)
    return tables[::-1]


def _merged(histories: Histories, counts: FloatArray, cells: int) -> tuple[Histories, FloatArray]:
    """Merge histories in so many cells of each time; also the customers behind each."""
    place = _cells(histories, cells)
    of_cell = np.bincount(place, counts)
    taken = np.flatnonzero(of_cell != 0)
    customers: FloatArray = of_cell[taken].astype(np.float64)
    t_x, observed = (
        np.bincount(place, counts * column)[taken] / customers for column in (histories.recency, histories.T)
    )
    # Rounding may put a mean beyond another that it equals.
    return Histories(_purchases_of(taken // cells**2), np.minimum(t_x, observed), observed), customers


def _cells(histories: Histories, cells: int) -> IndexArray:
    """Cell of each history; of whole days it is looked up."""
    longest = float(histories.T.max())
    known = coded_histories(histories) if histories.days else [(column, None) for column in histories.columns]
    (x, at_x), (t_x, at_t_x), (observed, at_T) = known
    place = _looked_up(_purchase_cells(x) * cells**2, at_x)
    place += _looked_up(_time_cells(observed, longest, cells) * cells, at_T)
    place += _looked_up(_time_cells(t_x, longest, cells), at_t_x)
    return place


def _looked_up(table: IndexArray, place: IndexArray | None) -> IndexArray:
    return table if place is None else table.take(place)


def _purchase_cells(frequency: FloatArray) -> IndexArray:
    """Cell of each number of purchases."""
    cells = frequency.astype(np.intp)
    many = np.flatnonzero(frequency >= SINGLE_PURCHASES)
    grown = np.log(frequency[many] / SINGLE_PURCHASES) * CELLS_A_FOLD
    cells[many] = SINGLE_PURCHASES + grown.astype(np.intp)
    return cells


def _purchases_of(cells: IndexArray) -> FloatArray:
    """The whole number of purchases in the middle of each cell."""
    middle = SINGLE_PURCHASES * np.exp((cells - SINGLE_PURCHASES + 0.5) / CELLS_A_FOLD)
    return np.where(cells < SINGLE_PURCHASES, cells, np.rint(middle))


def _time_cells(time: FloatArray, longest: float, cells: int) -> IndexArray:
    """Cell of each time from 0 to the longest."""
    grown = np.log1p(time * (NARROWEST / longest))
    grown *= cells / np.log1p(NARROWEST)
    return np.minimum(grown, cells - 1).astype(np.intp)
