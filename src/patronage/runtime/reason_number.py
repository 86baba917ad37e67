"""How many reasons may be asked for."""

from typing import Any

import numpy as np

from ..errors import ConfigError
from ..schema import N_REASONS


def checked_number(n_reasons: Any, n_features: int) -> int:
    """How many reasons are asked for: each is about another feature, so there are no more than the model has.

    Parameters
    ----------
    n_reasons : int or numpy integer
        From 1 to the number of features; `schema.N_REASONS` may be asked of every model, however few it has.
    n_features : int
        Of the churn model.

    Raises
    ------
    ConfigError
        If it is no such number.
    """
    if isinstance(n_reasons, bool) or not isinstance(n_reasons, int | np.integer) or n_reasons < 1:
        message = f"The number of reasons must be a whole number from 1, got {n_reasons!r}."
        raise ConfigError(message)
    if n_reasons > (most := max(n_features, N_REASONS)):
        message = (
            f"{n_reasons:,} reasons are more than there can be: the model looks at {n_features:,} "
            f"feature{'s' if n_features != 1 else ''}, and each reason is about another one. Ask for {most:,} at most."
        )
        raise ConfigError(message)
    return int(n_reasons)
