"""A compact profile of a population: counts of every column in bins of its own quantiles, small enough to keep.

Two populations are compared by such counts alone, so that neither rows nor ledger of the reference need be kept.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patronage.errors import BundleError, InputError

N_BINS = 50
"""Quantile bins of a number: enough for the Kolmogorov-Smirnov distance, and half a kilobyte a column."""

MOST_CATEGORIES = 200
"""Texts that are counted by name; rarer ones are counted together."""

REST = ""
"""Name of the texts beyond `MOST_CATEGORIES`; a text of a ledger is never empty."""


@dataclass(frozen=True)
class ColumnProfile:
    """Counts of one column.

    Attributes
    ----------
    edges : tuple of float
        Of a number: rising upper ends of all bins but the last, each part of its bin. Empty for text.
    categories : tuple of str
        Of text: the values counted; `REST` stands for the rarer ones. Empty for a number.
    counts : tuple of int
        Rows a bin, or a category.
    missing : int
        Rows without a value.
    mean : float or None
        Of a number, over the rows that have a value.
    seen_once : int
        Texts that a single row has: they tell how often a text is new by chance.
    """

    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int
    mean: float | None = None
    seen_once: int = 0

    @property
    def n(self) -> int:
        """Rows with a value."""
        return sum(self.counts)

    @property
    def is_text(self) -> bool:
        """Whether the column is text."""
        return self.mean is None and not self.edges


@dataclass(frozen=True)
class Profile:
    """Counts of all columns of a population.

    Attributes
    ----------
    n : int
        Rows, those that cannot be scored among them.
    inputs, scores : dict of str to ColumnProfile
        Inputs of all rows, scores of those that can be scored.
    unscored : int
        Rows that cannot be scored.
    """

    n: int
    inputs: dict[str, ColumnProfile]
    scores: dict[str, ColumnProfile]
    unscored: int = 0

    def facts(self) -> dict[str, Any]:
        """The profile as JSON values, for the training facts of a bundle."""
        parts = {"inputs": self.inputs, "scores": self.scores}
        return {"n": self.n, "unscored": self.unscored} | {
            part: {name: _facts(one) for name, one in columns.items()} for part, columns in parts.items()
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Profile":
        """Read what `facts` gave; earlier versions left rows that cannot be scored out of all counts.

        Raises
        ------
        BundleError
            If a value does not fit.
        """
        try:
            inputs, scores = (
                {name: _column(one) for name, one in facts[part].items()} for part in ("inputs", "scores")
            )
            return cls(int(facts["n"]), inputs, scores, int(facts.get("unscored", 0)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"The reference profile of the model does not fit: {error!r}. Train the model again."
            raise BundleError(message) from error


def profile_of(inputs: Mapping[str, NDArray[Any]], scores: Mapping[str, NDArray[Any]]) -> Profile:
    """Count a population.

    Parameters
    ----------
    inputs : mapping of str to ndarray, shape (n,)
        Numbers as float64, missing as NaN; text as object, missing as None.
    scores : mapping of str to ndarray, shape (m,)
        Of the rows that can be scored; the other n - m cannot.

    Raises
    ------
    InputError
        If there are no rows.
    """
    n = max(map(len, inputs.values()), default=0)
    if not n:
        message = "A population without rows has no profile: the batch or the reference is empty."
        raise InputError(message)
    m = min(map(len, scores.values()), default=n)
    of_inputs, of_scores = ({name: column_profile(one) for name, one in part.items()} for part in (inputs, scores))
    return Profile(n, of_inputs, of_scores, n - m)


def column_profile(values: NDArray[Any]) -> ColumnProfile:
    """Count one column in bins of its own quantiles, or by its texts."""
    if values.dtype == object:
        there = [value for value in values.tolist() if value is not None]
        counted = Counter(there)
        named = sorted(counted, key=lambda text: (-counted[text], text))
        kept, rest = named[:MOST_CATEGORIES], named[MOST_CATEGORIES:]
        counts = [counted[text] for text in kept] + ([sum(counted[text] for text in rest)] if rest else [])
        names = (*kept, *([REST] if rest else []))
        seen_once = sum(count == 1 for count in counted.values())
        return ColumnProfile((), names, tuple(counts), len(values) - len(there), None, seen_once)
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return ColumnProfile((), (), (0,), len(values), 0.0)
    levels = np.arange(1, N_BINS) / N_BINS
    edges = np.unique(np.quantile(known, levels, method="inverted_cdf"))
    edges = edges[edges < known.max()]
    return ColumnProfile(
        tuple(map(float, edges)),
        (),
        tuple(map(int, counted_in(known, edges))),
        len(values) - len(known),
        float(known.mean()),
    )


def counted_in(known: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows a bin, where each edge is the last value of its bin."""
    return np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1).astype(np.int64)


def _facts(one: ColumnProfile) -> dict[str, Any]:
    told = asdict(one)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in told.items()}


def _column(facts: Mapping[str, Any]) -> ColumnProfile:
    mean = facts["mean"]
    return ColumnProfile(
        tuple(map(float, facts["edges"])), tuple(map(str, facts["categories"])), tuple(map(int, facts["counts"])),
        int(facts["missing"]), None if mean is None else float(mean), int(facts["seen_once"]),
    )  # fmt: skip
