"""What came beside what was predicted, checked once for every measure that compares the two."""

import numpy as np
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray

LONGEST_SHOWN = 60
"""Characters of a wrong argument that an error shows."""


def outcomes(happened: ArrayLike, score: ArrayLike, *, both_classes: bool = False) -> tuple[FloatArray, FloatArray]:
    """Check outcomes and scores and return them as numbers.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 or true if it happened, 0 or false if not.
    score : array-like, shape (n,)
        Probabilities, or any numbers that are higher where it is more likely.
    both_classes : bool
        Refuse outcomes that are all the same, where the measure means nothing for them.

    Returns
    -------
    (ndarray, ndarray) of float64, shape (n,)

    Raises
    ------
    InputError
        If the two are not columns of one length, are empty, an outcome is neither 0 nor 1, a score is not finite, or
        only one class came and both are needed.
    """
    y, p = np.asarray(happened, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape or not len(y):
        message = f"Expected one score for each outcome, at least one; got shapes {y.shape} and {p.shape}."
        raise InputError(message)
    _refuse(~((y == 0) | (y == 1)), "outcomes are neither 0 nor 1", "Encode those who left as 1, the others as 0.")
    _refuse(~np.isfinite(p), "scores are missing or infinite", "Score every customer, or leave these rows out of both.")
    if both_classes and not 0 < y.sum() < len(y):
        message = (
            f"Of {len(y):,} customers {int(y.sum()):,} left, so there is nobody to tell them from. "
            "Take a longer horizon, another cut-off, or more customers."
        )
        raise InputError(message)
    return y, p


def probabilities(happened: ArrayLike, probability: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check outcomes and probabilities as `outcomes` does; probabilities must lie between 0 and 1.

    Raises
    ------
    InputError
    """
    y, p = outcomes(happened, probability)
    _refuse((p < 0) | (p > 1), "probabilities lie outside 0 to 1", "Give calibrated probabilities, not margins.")
    return y, p


def quantities(actual: ArrayLike, predicted: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check amounts that came and amounts predicted, and return them as numbers.

    Raises
    ------
    InputError
        If the two are not columns of one length, are empty, or hold what is not finite.
    """
    y, f = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if y.ndim != 1 or y.shape != f.shape or not len(y):
        message = f"Expected one prediction for each amount, at least one; got shapes {y.shape} and {f.shape}."
        raise InputError(message)
    _refuse(~np.isfinite(y), "amounts are missing or infinite", "Leave these rows out.")
    _refuse(~np.isfinite(f), "predictions are missing or infinite", "Score every customer, or leave these rows out.")
    return y, f


def column_of(given: ArrayLike, n: int, name: str) -> FloatArray:
    """One finite number for each of n customers, from one for all or one for each.

    Raises
    ------
    InputError
    """
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{name} must be a number for each of {n:,} customers, or one for all; got {_shortly(given)}."
        raise InputError(message) from error
    if values.ndim and values.shape != (n,):
        message = f"Expected {name} for each of {n:,} customers, or one for all; got shape {values.shape}."
        raise InputError(message)
    bad = int((~np.isfinite(values)).sum())
    if bad:
        message = f"{name} is missing or infinite for {bad:,} of {n:,} customers. Give a number for each."
        raise InputError(message, counts={name: bad})
    return np.broadcast_to(values, (n,))


def _shortly(given: ArrayLike) -> str:
    shown = repr(given)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def _refuse(bad: np.ndarray, what: str, remedy: str) -> None:
    if not bad.any():
        return
    rows = np.flatnonzero(bad)
    first = tuple(str(row) for row in rows[:FIRST_EXAMPLES])
    message = f"{len(rows):,} of {len(bad):,} {what} (rows {', '.join(first)}). {remedy}"
    raise InputError(message, counts={what: len(rows)}, first_ids=first)
