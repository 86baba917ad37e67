"""What counts as a number among the arguments of a call."""

import numbers
from decimal import Decimal
from typing import Any

import numpy as np

from .histories import FloatArray

NUMBERS = "iuf"
"""Kinds of numpy's numbers; truth values and durations are none."""


def plain_numbers(given: Any) -> FloatArray | None:
    """An array of what is a real number or a sequence of such; nothing if it holds anything else.

    Text, truth values, durations, complex numbers and masked places are no numbers; decimal numbers and fractions are.

    Examples
    --------
    >>> from decimal import Decimal
    >>> plain_numbers([Decimal("0.5"), 1])
    array([0.5, 1. ])
    >>> plain_numbers(True) is plain_numbers("1") is None
    True
    """
    try:
        array = np.asarray(given)
        if np.ma.is_masked(given) or (array.dtype == object and not all(map(_is_number, array.flat))):
            return None
        return array.astype(np.float64) if array.dtype.kind in NUMBERS + "O" else None
    except (TypeError, ValueError, OverflowError):
        return None


def one_number(given: Any) -> float | None:
    """A single number as a float; nothing if it is none, or several; see `plain_numbers`."""
    array = plain_numbers(given)
    return None if array is None or array.ndim else float(array)


def _is_number(one: Any) -> bool:
    is_real = isinstance(one, numbers.Real | Decimal) and not isinstance(one, bool | np.bool_)
    return is_real and (not isinstance(one, np.generic) or one.dtype.kind in NUMBERS)
