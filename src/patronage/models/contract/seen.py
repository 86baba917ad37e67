"""What a frame tells of contracts: survivors of cohorts, or tenures of single customers."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from patronage.errors import InputError
from patronage.models.base import checked_weights, required_columns
from patronage.runtime.contract.tenures import Tenures, checked_tenures
from patronage.runtime.histories import FloatArray, IndexArray, as_numbers, refuse_rows

COHORT_COLUMNS = ("period", "survivors")
TENURE_COLUMNS = ("tenure", "churned")


class Seen(NamedTuple):
    """Contracts to fit a model to.

    Attributes
    ----------
    tenures : Tenures
        m cases.
    counts : ndarray, shape (m,)
        Customers behind each.
    units : DataFrame or mapping of columns
        What covariates are taken of: one row a cohort, or one a row of tenures.
    unit : ndarray of int, shape (m,)
        The row of `units` that each case belongs to.
    unit_weights : ndarray
        Customers behind each row of `units`.
    """

    tenures: Tenures
    counts: FloatArray
    units: Any
    unit: IndexArray
    unit_weights: FloatArray


class Cohorts(NamedTuple):
    """A checked table of survivors, rows sorted by cohort.

    Attributes
    ----------
    period, survivors : ndarray of float64, shape (n,)
    first, last : ndarray of int, shape (u,)
        Positions of the first and last row of each cohort in the arrays.
    units : DataFrame or mapping of columns
        The first row of each cohort.
    labels : ndarray or None, shape (u,)
        Names of the cohorts, if the table has any.
    """

    period: FloatArray
    survivors: FloatArray
    first: IndexArray
    last: IndexArray
    units: Any
    labels: NDArray[Any] | None


def table_of(frame: Any) -> Any:
    """A table as a DataFrame or a mapping of columns, whatever it came as.

    Raises
    ------
    InputError
        If it is no table.
    """
    required_columns(frame, ())
    if isinstance(frame, pd.DataFrame | Mapping):
        return frame
    names = getattr(frame, "column_names", None) or getattr(frame, "columns", None)
    if names is None:
        message = f"Expected a DataFrame or a mapping of columns, got {type(frame).__name__}."
        raise InputError(message)
    return {name: frame[name] for name in names}


def n_rows(table: Any) -> int:
    """Number of rows of what `table_of` gives.

    Raises
    ------
    InputError
        If its columns are none, or of several lengths.
    """
    if isinstance(table, pd.DataFrame):
        return len(table)
    lengths = {name: len(column) if hasattr(column, "__len__") else None for name, column in table.items()}
    length = next(iter(lengths.values()), None)
    if length is None or set(lengths.values()) != {length}:
        message = f"The frame must hold columns of one length; got {reprlib.repr(lengths)} by column."
        raise InputError(message)
    return length


def seen(frame: Any, weights: ArrayLike | None = None, covariates: Sequence[str] = ()) -> Seen:
    """Read either kind of frame; see `ContractFit.fit`."""
    frame = table_of(frame)
    by_cohort = [name for name in COHORT_COLUMNS if name in frame]
    by_tenure = [name for name in TENURE_COLUMNS if name in frame]
    if len(by_cohort) == 2 and len(by_tenure) == 2:
        message = (
            "The frame has both period and survivors (a table of cohorts) and tenure and churned (single customers): "
            "leave out the columns that are not meant."
        )
        raise InputError(message)
    if len(by_cohort) == 2:
        return _of_cohorts(cohorts_of(frame, covariates), weights)
    if len(by_tenure) == 2:
        return _of_tenures(frame, weights)
    message = (
        "The frame needs the columns period and survivors (a table of cohorts), or tenure and churned (single "
        f"customers); it has {', '.join(map(str, frame)) or 'none'}."
    )
    raise InputError(message)


def tenures_of(frame: Any) -> Tenures:
    """Take tenure, and churned if it is there, out of a frame of customers."""
    table = table_of(frame)
    (tenure,) = required_columns(table, ("tenure",))
    return checked_tenures(tenure, table.get("churned"), getattr(table, "index", None))


def cohorts_of(frame: Any, covariates: Sequence[str] = ()) -> Cohorts:
    """Take a table of cohorts out of a frame, checked.

    Raises
    ------
    InputError
        With everything that is wrong: periods of a cohort that are not 0, 1, 2, ... in order, survivors that are
        missing, negative or grow, or a covariate that is not the same in all rows of a cohort.
    """
    frame = table_of(frame)
    given = zip(COHORT_COLUMNS, required_columns(frame, COHORT_COLUMNS), strict=True)
    period, survivors = (as_numbers(name, column) for name, column in given)
    if period.ndim != 1 or period.shape != survivors.shape or not len(period):
        message = (
            f"period and survivors must be columns of one length, 1 and above; got {period.shape}, {survivors.shape}."
        )
        raise InputError(message)
    names, code = None, np.zeros(len(period), dtype=np.intp)
    if "cohort" in frame:
        names, code = _numbered(frame["cohort"], len(period))
    order = np.argsort(code, kind="stable")
    begins = np.diff(code[order], prepend=-2) != 0
    failures = _failures(code, period, survivors, order, begins)
    for name in covariates:
        if name in frame:
            values = np.asarray(frame[name], dtype=object)[order]
            same = values == values[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
            failures[f"{name} not the same in all rows of the cohort"] = _back(~same.astype(bool), order)
    refuse_rows(failures, what="rows of cohorts", ids=getattr(frame, "index", None))
    first = np.flatnonzero(begins)
    rows = order[first]
    units = frame.iloc[rows] if isinstance(frame, pd.DataFrame) else {k: np.asarray(frame[k])[rows] for k in frame}
    labels = None if names is None else names[rows]
    return Cohorts(period[order], survivors[order], first, np.append(first[1:], len(order)) - 1, units, labels)


def _numbered(given: Any, length: int) -> tuple[NDArray[Any], IndexArray]:
    """Names of cohorts as an array, and the number of each, -1 where it is missing."""
    try:
        names = np.asarray(given)
        if names.shape == (length,):
            return names, pd.factorize(names)[0]
    except (TypeError, ValueError) as error:
        message = f"cohort must be a column of names, such as text, numbers or dates: {error}."
        raise InputError(message) from error
    message = f"cohort must be one name for each of {length:,} rows; got shape {names.shape}."
    raise InputError(message)


def _failures(
    code: IndexArray, period: FloatArray, survivors: FloatArray, order: IndexArray, begins: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    expected = np.where(begins, 0.0, np.roll(period[order], 1) + 1)
    before = np.where(begins, np.inf, np.roll(survivors[order], 1))
    known = np.isfinite(period)
    counted = np.isfinite(survivors) & (survivors >= 0)
    with np.errstate(invalid="ignore"):
        return {
            "cohort missing": code < 0,
            "period missing or not finite": ~known,
            "period not 0 at the start of a cohort, or not 1 more than in the row before": known
            & _back(period[order] != expected, order),
            "survivors missing, negative or not finite": ~counted,
            "survivors above those of the period before": counted & _back(survivors[order] > before, order),
        }


def _back(mask: NDArray[np.bool_], order: IndexArray) -> NDArray[np.bool_]:
    """A mask of sorted rows, in the order of the frame."""
    original = np.empty_like(mask)
    original[order] = mask
    return original


def _of_cohorts(cohorts: Cohorts, weights: ArrayLike | None) -> Seen:
    if weights is not None:
        message = "survivors count the customers already: a table of cohorts takes no weights."
        raise InputError(message)
    period, survivors = cohorts.period, cohorts.survivors
    unit = np.repeat(np.arange(len(cohorts.first)), cohorts.last - cohorts.first + 1)
    left = np.where(period > 0, np.roll(survivors, 1) - survivors, 0.0)
    churned = np.flatnonzero(left > 0)
    stayed = cohorts.last[survivors[cohorts.last] > 0]
    rows = np.concatenate([churned, stayed])
    tenures = Tenures(period[rows], np.arange(len(rows)) < len(churned))
    counts = np.concatenate([left[churned], survivors[stayed]])
    return Seen(tenures, counts, cohorts.units, unit[rows], survivors[cohorts.first])


def _of_tenures(frame: Any, weights: ArrayLike | None) -> Seen:
    tenures = tenures_of(frame)
    counts = checked_weights(weights, frame, len(tenures))
    return Seen(tenures, counts, frame, np.arange(len(tenures)), counts)
