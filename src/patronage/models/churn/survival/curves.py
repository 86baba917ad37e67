"""What survival curves say in one number a customer: when it will have left, and how long it is expected to stay."""

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, InputError
from patronage.runtime.histories import FloatArray


def leaving_time(curves: pd.DataFrame, chance: float = 0.5) -> pd.Series:
    """The first time by which a customer will have left with a chance.

    Parameters
    ----------
    curves : DataFrame
        Chance of staying longer than each time, as `DiscreteHazard.survival` and `AcceleratedFailureTime.survival` give
        it: one row a customer, one column for each time, in ascending order.
    chance : float
        Between 0 and 1; one half gives the median.

    Returns
    -------
    Series of float
        One of the times; missing where the customer stays beyond the last of them with a higher chance.

    Raises
    ------
    ConfigError
        If the chance is out of range.
    InputError
        If the table is no set of curves.
    """
    if not 0 < chance < 1:
        message = f"chance must lie between 0 and 1; got {chance}."
        raise ConfigError(message)
    times, staying = _checked(curves)
    gone = staying <= 1 - chance + np.finfo(np.float64).eps
    first = np.where(gone.any(axis=1), times[gone.argmax(axis=1)], np.nan)
    return pd.Series(first, index=curves.index, name="leaving_time")


def expected_stay(curves: pd.DataFrame) -> pd.Series:
    """Expected time that a customer stays until the last time of its curve: the area below it.

    The curve begins at 1 at time 0 and falls at the end of each period, so it is exact for whole periods; between times
    of a continuous curve it is the upper sum.

    Parameters
    ----------
    curves : DataFrame
        See `leaving_time`.

    Returns
    -------
    Series of float
        Between 0 and the last time.

    Raises
    ------
    InputError
        If the table is no set of curves.
    """
    times, staying = _checked(curves)
    before = np.column_stack([np.ones(len(staying)), staying[:, :-1]])
    return pd.Series(before @ np.diff(times, prepend=0.0), index=curves.index, name="expected_stay")


def _checked(curves: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    times, staying = np.asarray(curves.columns, np.float64), curves.to_numpy(np.float64)
    if not len(times) or (np.diff(times, prepend=0.0) <= 0).any():
        message = f"The columns of curves are times above 0, in ascending order; got {list(curves.columns)}."
        raise InputError(message)
    if not ((staying >= 0) & (staying <= 1)).all() or (np.diff(staying, axis=1) > 1e-12).any():
        message = "Curves are chances of staying: between 0 and 1, and never rising from one time to the next."
        raise InputError(message)
    return times, staying
