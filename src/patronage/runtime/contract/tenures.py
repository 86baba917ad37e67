"""Tenures: how many renewals a customer faced, and whether the last of them was declined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..histories import COMPLEX, FloatArray, IndexArray, as_numbers, refuse_rows
from ..summation import MOST_PERIODS


@dataclass(frozen=True, slots=True)
class Tenures:
    """What was seen of `n` contracts until the end of observation.

    Attributes
    ----------
    tenure : ndarray of float64, shape (n,)
        Renewals that fell due, whole, 0 and above. The contract begins with tenure 0; its first renewal makes it 1.
    churned : ndarray of bool, shape (n,)
        Whether the last of these renewals was declined: the customer renewed ``tenure - 1`` times and then left.
        Otherwise all were made and the customer is still there.
    """

    tenure: FloatArray
    churned: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tenure)

    @property
    def renewed(self) -> FloatArray:
        """Renewals that were made, shape (n,)."""
        return self.tenure - self.churned

    def take(self, index: IndexArray) -> "Tenures":
        """Return the rows at the positions `index`."""
        return Tenures(self.tenure[index], self.churned[index])


def checked_tenures(tenure: ArrayLike, churned: ArrayLike | None = None, ids: Sequence[Any] | None = None) -> Tenures:
    """Turn columns into `Tenures`, or refuse them with everything that is wrong.

    Parameters
    ----------
    tenure : array-like, shape (n,)
    churned : array-like of bool or 0 and 1, shape (n,), optional
        Nobody, if it is missing.
    ids : sequence of length n, optional
        Names of the rows for the error message; positions are used if there are none.

    Raises
    ------
    InputError
        If a column holds no numbers, a tenure is missing, negative, not whole or above `MOST_PERIODS`, `churned` is
        not true or false, or a customer churned with tenure 0, who never had a renewal to decline.
    """
    periods = as_numbers("tenure", tenure)
    left = np.zeros_like(periods) if churned is None else _truth_values(churned)
    if periods.ndim != 1 or left.shape != periods.shape:
        message = f"tenure and churned must be columns of one length; got shapes {periods.shape}, {left.shape}."
        raise InputError(message)
    finite = np.isfinite(periods)
    failures = {
        "tenure missing or not finite": ~finite,
        "tenure negative or not whole": finite & ((periods < 0) | (periods != np.floor(periods))),
        f"tenure above {MOST_PERIODS:,.0f}": finite & (periods > MOST_PERIODS),
        "churned neither true nor false": ~np.isin(left, (0.0, 1.0)),
        "churned with tenure 0": (periods == 0) & (left == 1),
    }
    refuse_rows(failures, what="contracts", ids=ids)
    return Tenures(periods, left == 1)


def _truth_values(churned: ArrayLike) -> FloatArray:
    """Truth values as 0.0 and 1.0; NaN for what is none."""
    try:
        values = np.asarray(churned)
    except ValueError as error:
        message = f"churned must hold truth values: {error}."
        raise InputError(message) from error
    if values.dtype.kind in "OUS":
        return np.array([_truth_value(value) for value in values.flat], dtype=np.float64).reshape(values.shape)
    return as_numbers("churned", values)


def _truth_value(value: Any) -> float:
    """1.0 or 0.0 of True or False and numbers that are equal to them, such as decimal ones; NaN of all else."""
    try:
        return np.nan if isinstance(value, COMPLEX) else {True: 1.0, False: 0.0}.get(value, np.nan)
    except TypeError:  # It has no hash, so it is none of them.
        return np.nan
