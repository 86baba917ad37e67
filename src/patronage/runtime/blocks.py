"""Long columns in blocks that fit the processor's cache, two at a time.

A formula on columns of millions of rows spends its time on fetching intermediate results from memory. In blocks they
stay in the cache, and numpy lets another thread work meanwhile. Every row is computed by itself, so the result does
not depend on the blocks.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ROWS = 32_768
"""Rows of a block: few enough for the cache, many enough that threads seldom wait for one another."""

THREADS = min(2, os.cpu_count() or 1)
"""numpy lets go of the interpreter while it works, but more threads wait for memory."""

Block = TypeVar("Block")
Result = TypeVar("Result")


class Scratch:
    """Columns for intermediate results, which one block leaves to the next.

    Fresh memory costs more to be handed out, page by page, than most formulas take to fill it.

    Parameters
    ----------
    columns, rows : int
        How many columns a block needs, and of how many rows at most.

    Examples
    --------
    >>> scratch = Scratch(columns=2, rows=100)
    >>> with scratch.taken(3) as (total, spare):
    ...     _ = np.add(np.arange(3.0), 1.0, out=total)
    ...     print(total)
    [1. 2. 3.]
    """

    def __init__(self, columns: int, rows: int) -> None:
        self._shape, self._free = (columns, rows), list[NDArray[np.float64]]()

    @contextmanager
    def taken(self, rows: int) -> Iterator[NDArray[np.float64]]:
        """Columns that nobody else has meanwhile, shape (columns, rows), with whatever the last block left in them."""
        try:
            columns = self._free.pop()
        except IndexError:
            columns = np.empty(self._shape)
        try:
            yield columns[:, :rows]
        finally:
            self._free.append(columns)


def by_blocks(
    function: Callable[..., NDArray[Any]], *columns: NDArray[Any] | float, dtype: type[np.generic] = np.float64
) -> NDArray[Any]:
    """Apply a function of columns block by block.

    Parameters
    ----------
    function : callable
        Columns of shape (m,) to values of shape (m,), row by row. It may run in another thread, so it sets its own
        `numpy.errstate`.
    *columns : ndarray, shape (n,), or float
        The first one is an array; a number goes to every block as it is.
    dtype : type
        Of the values.

    Returns
    -------
    ndarray of dtype, shape (n,)

    Examples
    --------
    >>> by_blocks(lambda x, y: x + y, np.array([1.0, 2.0]), 10.0)
    array([11., 12.])
    """
    n = np.shape(columns[0])[0]
    result = np.empty(n, dtype)

    def fill(start: int) -> None:
        block = slice(start, start + ROWS)
        result[block] = function(*(one[block] if isinstance(one, np.ndarray) else one for one in columns))

    on_all_processors(fill, range(0, n, ROWS), least=2 * THREADS)
    return result


def on_all_processors(work: Callable[[Block], Result], blocks: Sequence[Block], least: int = 2) -> list[Result]:
    """Results of `work` for each block, in order; fewer than `least` blocks need no thread.

    Each thread, this one among them, takes the next block that nobody has taken.
    """
    if THREADS == 1 or len(blocks) < least:
        return [work(block) for block in blocks]
    results: dict[int, Result] = {}
    left = iter(range(len(blocks)))

    def take_turns() -> None:
        for place in left:
            results[place] = work(blocks[place])

    with ThreadPoolExecutor(THREADS - 1) as pool:
        # In a copy of the context, which holds numpy's errstate.
        others = [pool.submit(copy_context().run, take_turns) for _ in range(THREADS - 1)]
        take_turns()
        for other in others:
            other.result()
    return [results[place] for place in range(len(blocks))]
