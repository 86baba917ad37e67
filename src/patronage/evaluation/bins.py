"""Bins of equal size over predictions, and the interval of the share that is observed in one."""

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.runtime.histories import FloatArray, IndexArray

CALIBRATION_BINS = 10
"""Bins that probabilities are judged in, if nobody says otherwise."""


def bin_numbers(probability: FloatArray, n_bins: int = CALIBRATION_BINS) -> IndexArray:
    """Number of the bin of equal size for each probability, from 0; equal probabilities share a bin.

    Parameters
    ----------
    probability : ndarray of float64, shape (n,)
    n_bins : int
        1 and above. Some stay empty where probabilities are tied.

    Raises
    ------
    ConfigError
        If n_bins is below 1.
    """
    if n_bins < 1:
        message = f"Expected one bin or more; got {n_bins}."
        raise ConfigError(message)
    rank = pd.Series(probability).rank(method="average", pct=True).to_numpy()
    return (np.ceil(rank * n_bins).clip(1, n_bins) - 1).astype(np.intp)


def wilson_interval(share: FloatArray, n: FloatArray, z: float = 1.959964) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval of a share (Wilson 1927); 95 % for the default `z`."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - half, centre + half
