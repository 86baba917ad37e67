"""Trees of other libraries: they take part in comparisons, and are not stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patronage.runtime.churn import Categories, feature_matrix
from patronage.runtime.histories import FloatArray


@dataclass(frozen=True)
class ForeignTrees:
    """Fitted trees behind the same face as those of the runtime.

    Attributes
    ----------
    features : tuple of str
    categories : mapping of str to tuple of str
    log_odds : callable
        From the matrix of the features, categories as codes, to log odds.
    """

    features: tuple[str, ...]
    categories: Categories
    log_odds: Callable[[NDArray[np.float32]], FloatArray]

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Log odds of churn, shape (n,)."""
        return self.log_odds(feature_matrix(columns, self.features, self.categories)).astype(np.float64)
