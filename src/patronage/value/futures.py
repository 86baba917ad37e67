"""Intervals from futures, whatever they are drawn of: for each customer, for groups, and for all together.

Who can draw what is unknown of all customers in common (parameters) and, given that, one future of every customer, is
an `Outlook` of futures. Sums over groups are made within one future, so that what customers have in common is in their
intervals, and groups add up to the total future by future.
"""

from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from patronage.errors import InputError
from patronage.models.uncertainty import PARAMETER_DRAWS, checked_rng, checked_size, quantiles_of
from patronage.runtime.blocks import on_all_processors
from patronage.runtime.histories import FloatArray, IndexArray

_CELLS = 500_000

TOTAL = "all customers"
"""Name of the group that everyone belongs to."""


class Futures(Protocol):
    """Customers whose futures can be drawn."""

    def __len__(self) -> int:
        """Number of customers."""

    def take(self, rows: IndexArray) -> Self:
        """Some customers, each as often as it is named."""

    def draw_parameters(self, size: int, rng: np.random.Generator) -> list[Any]:
        """Random values of what customers have in common."""

    def draw(self, drawn: Any, rng: np.random.Generator) -> FloatArray:
        """One future of every customer, shape (n,)."""


def group_draws(futures: Futures, code: IndexArray, n_groups: int, size: int, rng: np.random.Generator) -> FloatArray:
    """Sums over groups in each of `size` futures, shape (size, n_groups); one future is held at a time.

    Parameters
    ----------
    futures : Futures
        Of n customers.
    code : ndarray of int, shape (n,)
        Position of each customer's group.
    """
    drawn = futures.draw_parameters(checked_size(size), checked_rng(rng))
    seeds, sums = rng.integers(2**63, size=size), np.empty((size, n_groups))

    def one(at: int) -> None:
        sums[at] = np.bincount(code, futures.draw(drawn[at], np.random.default_rng(seeds[at])), minlength=n_groups)

    on_all_processors(one, range(size))
    return sums


def group_intervals(
    futures: Futures, expected: FloatArray, groups: Any, level: float, size: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Intervals of sums over groups.

    Parameters
    ----------
    futures : Futures
        Of n customers.
    expected : ndarray, shape (n,)
        Their expectations.
    groups : array-like, shape (n,), or None
        Name of each customer's group; "unknown" where it is missing.

    Returns
    -------
    DataFrame
        Indexed by group, the last one `TOTAL`: n_customers, expected, low, median, high.
    """
    size = checked_size(size, level)
    names, code = group_codes(groups, len(futures))
    sums = group_draws(futures, code, max(len(names), 1), size, rng)
    low, median, high = quantiles_of(np.column_stack([sums[:, : len(names)], sums.sum(axis=1)]), level)
    counts, means = np.bincount(code)[: len(names)], np.bincount(code, expected)[: len(names)]
    table = {
        "n_customers": np.append(counts, len(futures)),
        "expected": np.append(means, expected.sum()),
        "low": low,
        "median": median,
        "high": high,
    }
    return pd.DataFrame(table, index=pd.Index([*names, TOTAL], name="group"))


def customer_intervals(
    futures: Futures, level: float, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lower and upper end of each customer's interval, and the probability of a loss, each of shape (n,).

    The futures of a customer share `PARAMETER_DRAWS` draws of the parameters, and customers are simulated in blocks, so
    that memory stays bounded.
    """
    size = checked_size(size, level)
    n, shared = len(futures), min(size, PARAMETER_DRAWS)
    drawn, each = futures.draw_parameters(shared, checked_rng(rng)), -(-size // shared)
    step = max(_CELLS // (each * shared), 1)
    blocks = [np.arange(at, min(at + step, n)) for at in range(0, n, step)]
    seeds = rng.integers(2**63, size=len(blocks))
    low, high, loss = np.zeros((3, n))

    def settle(at: int) -> None:
        own, some = np.random.default_rng(seeds[at]), futures.take(np.tile(blocks[at], each))
        draws = np.concatenate([some.draw(values, own).reshape(each, -1) for values in drawn])
        low[blocks[at]], _, high[blocks[at]] = quantiles_of(draws, level)
        loss[blocks[at]] = (draws < 0).mean(axis=0)

    on_all_processors(settle, range(len(blocks)))
    return low, high, loss


def group_codes(groups: Any, n: int) -> tuple[list[str], IndexArray]:
    """Names of groups, sorted, and the position of each customer's; no names where there are no groups.

    Raises
    ------
    InputError
        If there are not as many as customers.
    """
    if groups is None:
        return [], np.zeros(n, dtype=np.intp)
    labels = pd.Series(np.asarray(groups, dtype=object))
    if len(labels) != n:
        message = f"groups must name the group of each of {n:,} customers; got {len(labels):,}."
        raise InputError(message)
    code, names = pd.factorize(labels.where(labels.notna(), "unknown").astype(str), sort=True)
    return [str(name) for name in names], np.asarray(code, dtype=np.intp)
