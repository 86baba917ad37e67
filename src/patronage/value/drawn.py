"""Futures that were drawn once and are looked at often: whale curve, groups and break-even from the same draws.

So groups of one scheme add up to those of another, future by future.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from patronage.errors import InputError
from patronage.models.uncertainty import checked_size
from patronage.runtime.histories import FloatArray, IndexArray

MOST_CELLS = 100_000_000
"""Futures times customers that are held at once, 0.4 GB; with more customers there are fewer futures."""

LEAST_FUTURES = 40
"""Below these a 90 % interval would be that of the extremes."""


@dataclass(frozen=True)
class DrawnFutures:
    """Futures of n customers, in the terms of `futures.Futures`.

    Attributes
    ----------
    profit : ndarray of float32, shape (size, n)
        In money of the as-of date.
    """

    profit: NDArray[np.float32]

    @classmethod
    def of(cls, futures: Iterable[FloatArray]) -> "DrawnFutures":
        """Keep futures, each of the same customers."""
        return cls(np.stack([one.astype(np.float32) for one in futures]))

    def __len__(self) -> int:
        return int(self.profit.shape[1])

    def take(self, rows: IndexArray) -> Self:
        """The futures of some customers."""
        return type(self)(self.profit[:, rows])

    def draw_parameters(self, size: int, rng: np.random.Generator) -> list[int]:  # noqa: ARG002  # of the protocol
        """Which futures: the first `size`, all of which are already drawn.

        Raises
        ------
        InputError
            If fewer were drawn.
        """
        if checked_size(size) > len(self.profit):
            message = f"{len(self.profit)} futures were drawn; {size} are asked for."
            raise InputError(message)
        return list(range(size))

    def draw(self, drawn: int, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002  # of the protocol
        """One of the futures, shape (n,)."""
        return np.asarray(self.profit[drawn], dtype=np.float64)

    def quantiles(self, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lower and upper end of each customer's interval and the probability of a loss, each of shape (n,)."""
        tail = (1 - level) / 2
        low, high = np.quantile(self.profit, (tail, 1 - tail), axis=0)
        return np.asarray(low, float), np.asarray(high, float), np.asarray((self.profit < 0).mean(axis=0), float)


def number_of_futures(asked: int, customers: int) -> int:
    """How many futures are drawn: as many as asked for, or fewer where there are many customers."""
    return int(max(min(asked, MOST_CELLS // max(customers, 1)), min(asked, LEAST_FUTURES)))
