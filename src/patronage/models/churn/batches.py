"""A panel that comes in batches, for more rows than memory holds as floats."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import FitError, InputError
from patronage.models.churn.arrow_columns import arrow_matrix, text_columns, value_counts
from patronage.models.churn.columns import most_frequent
from patronage.models.churn.panel_rows import checked_labels, refuse_missing

if TYPE_CHECKING:
    import pyarrow

Batches = Callable[[], Iterable["pyarrow.RecordBatch"]]
"""Gives the batches of a panel from the beginning, the same ones in the same order whenever it is called."""

TRAINING, STOPPING, CALIBRATING, UNUSED = range(4)
"""What a row is for: to grow trees, to stop growing, to learn the calibration. Rows of left-out customers before the
latest cut-off are for nothing."""

FEWEST = 20
"""Rows of each class, to stop growing and to calibrate by: fewer say nothing reliable."""

Part = tuple[NDArray[np.float32], NDArray[np.int8]]
"""Features, shape (m, number of features), and labels, shape (m,)."""


@dataclass(frozen=True)
class BatchedPanel:
    """A panel in batches, looked at once: which values text has, and what each row is for.

    Attributes
    ----------
    batches : callable
        See `Batches`; each holds customer_id, churned, the features and, if there is more than one, cutoff.
    features : tuple of str
    categories : dict of str to tuple of str
        For each feature that is text, the values that are told apart.
    parts : tuple of ndarray of uint8
        For each batch, what each row is for.
    training_rate : float
        Share of churners among the rows to grow trees by.
    """

    batches: Batches
    features: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    parts: tuple[NDArray[np.uint8], ...]
    training_rate: float

    @classmethod
    def surveyed(cls, batches: Batches, features: Sequence[str], left_out: float, seed: int) -> "BatchedPanel":
        """Go through all batches once.

        Customers are left out by a hash of their id, half of them to stop growing and half to calibrate by.

        Parameters
        ----------
        batches : callable
        features : sequence of str
        left_out : float
            Share of the customers that no tree learns from.
        seed : int
            Of the hash.

        Raises
        ------
        InputError
            If a column is missing or unusable, or there is no row.
        FitError
            If there are too few of a class to grow trees, to stop growing or to calibrate by.
        """
        facts: list[_RowFacts] = []
        counts: dict[str, Counter[str]] = {}
        for batch in batches():
            facts.append(_RowFacts.of(batch, seed))
            for name in text_columns(batch, features):
                counts.setdefault(name, Counter()).update(value_counts(batch.column(name)))
        if not any(len(one.churned) for one in facts):
            message = "The batches of the churn panel hold no rows."
            raise InputError(message)
        latest = max(one.cutoff.max() for one in facts if len(one.cutoff))
        parts = tuple(one.parts(latest, left_out) for one in facts)
        part, churned = np.concatenate(parts), np.concatenate([one.churned for one in facts])
        _refuse_few(part, churned, left_out)
        categories = {name: most_frequent(count) for name, count in counts.items()}
        return cls(batches, tuple(features), categories, parts, float(churned[part == TRAINING].mean()))

    def rows(self, part: int) -> Iterator[Part]:
        """Features and labels of the rows that are for one purpose, batch by batch.

        Raises
        ------
        InputError
            If a feature holds what cannot be, or the batches are not those that were looked at first.
        """
        import pyarrow

        seen = 0
        for batch in self.batches():
            if seen == len(self.parts) or batch.num_rows != len(self.parts[seen]):
                _refuse_other_batches()
            chosen = self.parts[seen] == part
            seen += 1
            if chosen.any():
                kept = batch if chosen.all() else batch.filter(pyarrow.array(chosen))
                yield arrow_matrix(kept, self.features, self.categories), kept.column("churned").to_numpy(False)
        if seen < len(self.parts):
            _refuse_other_batches()

    def gathered(self, part: int) -> Part:
        """The same, as one matrix: for the few rows that are left out."""
        pieces = list(self.rows(part))
        return np.concatenate([matrix for matrix, _ in pieces]), np.concatenate([label for _, label in pieces])


@dataclass(frozen=True)
class _RowFacts:
    """What is kept of a batch after the first look: 17 bytes a row."""

    churned: NDArray[np.int8]
    cutoff: NDArray[Any]
    draw: NDArray[np.float64]

    @classmethod
    def of(cls, batch: "pyarrow.RecordBatch", seed: int) -> "_RowFacts":
        dated = "cutoff" in batch.schema.names
        frame = _frame(batch, ("customer_id", "churned", *(("cutoff",) if dated else ())))
        customers = frame["customer_id"]
        refuse_missing(customers, frame["cutoff"] if dated else None)
        # Every customer draws a number between 0 and 1 that depends on nothing but the id and the seed.
        hashes = pd.util.hash_array(customers.astype(str).to_numpy(object), hash_key=f"{seed:016d}"[-16:])
        return cls(
            churned=checked_labels(frame["churned"], customers),
            cutoff=pd.to_datetime(frame["cutoff"]).to_numpy() if dated else np.zeros(len(frame)),
            draw=hashes / 2.0**64,
        )

    def parts(self, latest: Any, left_out: float) -> NDArray[np.uint8]:
        part = np.digitize(self.draw, [1 - left_out, 1 - left_out / 2]).astype(np.uint8)
        return np.where((part != TRAINING) & (self.cutoff != latest), UNUSED, part).astype(np.uint8)


def _frame(batch: "pyarrow.RecordBatch", names: Sequence[str]) -> pd.DataFrame:
    missing = [name for name in names if name not in batch.schema.names]
    if missing:
        message = f"The batches lack the columns {', '.join(missing)}; they have {', '.join(batch.schema.names)}."
        raise InputError(message)
    frame: pd.DataFrame = batch.select(list(names)).to_pandas()
    return frame


def _refuse_few(part: NDArray[np.uint8], churned: NDArray[np.int8], left_out: float) -> None:
    purposes = {"grow trees": TRAINING, "stop growing": STOPPING, "calibrate": CALIBRATING}
    problems = []
    for purpose, number in purposes.items():
        left = int(churned[part == number].sum())
        stayed = int((part == number).sum()) - left
        if min(left, stayed) < FEWEST:
            problems.append(f"{left:,} churned and {stayed:,} active to {purpose} by")
    if problems:
        message = (
            f"There have to be {FEWEST} of each class for every purpose, with {left_out:.0%} of the customers left out "
            f"of training; there are {'; '.join(problems)}. Give more rows, or fit the whole panel with fit(panel)."
        )
        raise FitError(message)


def _refuse_other_batches() -> None:
    message = (
        "The batches of the churn panel differed from one pass to the next. They have to be the same, in the same "
        "order, whenever they are asked for: sort them, or write them to a file first."
    )
    raise InputError(message)
