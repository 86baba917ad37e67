"""What counts as a number among the arguments of a call."""

from decimal import Decimal
from typing import Any

import numpy as np

from .histories import FloatArray
from .purchase.model import real_numbers


def plain_numbers(given: Any) -> FloatArray | None:
    """`real_numbers` of what is counted or measured: decimal numbers are numbers, truth values are none.

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
        if array.dtype == object:
            exact = [float(one) if isinstance(one, Decimal) else one for one in array.flat]
            array = np.array(exact, dtype=object).reshape(array.shape)
    except (TypeError, ValueError):
        return None
    kinds = set(map(type, array.flat)) if array.dtype == object else {array.dtype.type}
    return None if kinds & {bool, np.bool_} else real_numbers(array)


def one_number(given: Any) -> float | None:
    """A single number as a float; nothing if it is none, or several; see `plain_numbers`."""
    array = plain_numbers(given)
    return None if array is None or array.ndim else float(array)
