"""Whether something is a column: values of one dimension, in an order of their own."""

from typing import Any

from numpy.typing import NDArray

from ..errors import InputError


def require_one_column(name: str, given: Any, values: NDArray[Any]) -> None:
    """Refuse what is no column of values.

    Parameters
    ----------
    name : str
        What it is to be, for the message, such as "column T".
    given : Any
        What came.
    values : ndarray
        What numpy makes of it: an array without dimensions of a dict, a set, a generator or a single value.

    Raises
    ------
    InputError
        If `values` has not one dimension, or holds records of named fields.

    Examples
    --------
    >>> import numpy as np
    >>> require_one_column("column T", {0: 5.0, 7: 3.0}, np.asarray({0: 5.0, 7: 3.0}))
    Traceback (most recent call last):
        ...
    patronage.errors.InputError: The column T must have one dimension: a list, an array, or a column of a table. Got a \
dict; of a pandas table, to_dict('list') gives lists.
    """
    fields = values.dtype.names
    if values.ndim == 1 and values.dtype.kind != "V":
        return
    if values.ndim != 1:
        hint = "; of a pandas table, to_dict('list') gives lists" if isinstance(given, dict) else ""
        came = f"shape {values.shape}" if values.ndim else f"a {type(given).__name__}{hint}"
    else:
        came = f"records of the fields {', '.join(fields)}" if fields else f"raw memory ({values.dtype})"
    message = f"The {name} must have one dimension: a list, an array, or a column of a table. Got {came}."
    raise InputError(message)
