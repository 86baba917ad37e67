"""A reviewer's word: the file of doubtful pairs that is written, and the decisions that are read back."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patronage.errors import ConfigError, ContractError, SourceError
from patronage.files import written_whole

DECISIONS = ("accept", "reject")
"""What a reviewer may say of a pair; an empty field says nothing."""

IDS = ("customer_id_a", "customer_id_b")

FIRST_EXAMPLES = 5

CERTAIN = 1e-12
"""Probabilities are kept this far from 0 and 1 where their logarithm is taken."""


@dataclass(frozen=True)
class Decisions:
    """Pairs that a reviewer judged, each with the lower id first.

    Attributes
    ----------
    accepted, rejected : frozenset of tuple of str
        Pairs that are one person, and pairs that are not.
    """

    accepted: frozenset[tuple[str, str]] = frozenset()
    rejected: frozenset[tuple[str, str]] = frozenset()

    @property
    def ids(self) -> set[str]:
        """All ids that a decision names."""
        return {customer for pair in self.accepted | self.rejected for customer in pair}

    def among(self, ids: Iterable[str]) -> "Decisions":
        """The decisions on pairs both of whose ids are among these."""
        known = set(ids)
        return Decisions(
            *(frozenset(p for p in pairs if known.issuperset(p)) for pairs in (self.accepted, self.rejected))
        )

    @property
    def by_pair(self) -> dict[tuple[str, str], str]:
        """Each pair with the word on it."""
        return dict.fromkeys(self.accepted, "accept") | dict.fromkeys(self.rejected, "reject")


def read_decisions(path: Path | str | None) -> Decisions:
    """Read pairs with decisions, from a file like the ``review.csv`` that `write_review` writes.

    Parameters
    ----------
    path : path or None
        CSV (comma or semicolon, UTF-8) or Parquet with the columns customer_id_a, customer_id_b and decision: accept,
        reject, or empty. Other columns are not read. None for no decisions.

    Raises
    ------
    SourceError
        If the file is missing or cannot be read.
    ContractError
        If a column is missing, a decision is another word, an id is missing, or a pair is judged both ways.
    """
    if path is None:
        return Decisions()
    path = Path(path)
    found: dict[tuple[str, str], str] = {}
    wrong: list[str] = []
    for number, row in enumerate(_rows(path), start=1):
        one, other = str(row["customer_id_a"] or ""), str(row["customer_id_b"] or "")
        decision = str(row["decision"] or "").strip().lower()
        if not decision:
            continue
        pair = (one, other) if one.encode() < other.encode() else (other, one)
        if decision not in DECISIONS:
            wrong.append(f"row {number}: {decision!r} is neither accept nor reject")
        elif not one or not other or one == other:
            wrong.append(f"row {number}: two different ids are needed, got {one!r} and {other!r}")
        elif found.setdefault(pair, decision) != decision:
            wrong.append(f"row {number}: {one} and {other} are both accepted and rejected")
    if wrong:
        message = (
            f"{len(wrong)} decisions of {path} cannot be used: {'; '.join(wrong[:FIRST_EXAMPLES])}. Correct "
            "these rows; leave the decision empty where there is none."
        )
        raise ContractError(message, counts={"decisions": len(wrong)}, first_ids=wrong[:FIRST_EXAMPLES])
    return Decisions(*(frozenset(pair for pair, said in found.items() if said == word) for word in DECISIONS))


def check_known(decisions: Decisions, known: Iterable[str], path: Any) -> None:
    """Refuse decisions on ids that are no customers.

    Raises
    ------
    ContractError
        With the first unknown ids.
    """
    unknown = sorted(decisions.ids - set(known))
    if unknown:
        message = (
            f"{len(unknown)} ids in the decisions of {path} are not among the customers. First: "
            f"{', '.join(unknown[:FIRST_EXAMPLES])}. Spreadsheets change ids such as 00123 or 1E5: import that column "
            "as text, or remove the rows."
        )
        raise ContractError(message, counts={"unknown ids": len(unknown)}, first_ids=unknown[:FIRST_EXAMPLES])


def least_certain(pairs: pa.Table, threshold: float, n_rows: int) -> pa.Table:
    """Pairs worth a look: first those that would link but for the guards, then those closest to the threshold,
    of equal ones those that agree in less.

    Pairs that have a decision all stay, at the end, so that the file can be given back as it is.

    Parameters
    ----------
    pairs : pyarrow.Table
        As described in `schema.PAIRS`.
    threshold : float
        Match probability from which pairs link.
    n_rows : int
        Largest number of pairs without a decision.
    """
    probability = pairs["match_probability"].to_numpy()
    decided = np.asarray(pairs["decision"].is_valid())
    odd = (probability >= threshold) & (pairs["linked"].to_numpy() == 0) & ~decided
    distance = np.abs(_log_odds(probability) - _log_odds(np.array(threshold)))
    agreements = pc.count_substring(pairs["evidence"], "same ")
    sort_by = pa.table(
        {"decided": decided, "usual": ~odd, "distance": np.round(distance, 9), "agreements": agreements}
        | {name: pairs[name] for name in IDS}
    )
    order = pc.sort_indices(sort_by, sort_keys=[(name, "ascending") for name in sort_by.column_names]).to_numpy()
    undecided = int((~decided).sum())
    return pairs.take(np.concatenate([order[: min(n_rows, undecided)], order[undecided:]]))


def _log_odds(probability: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    inside = np.clip(probability, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def attributes_of(customers: Any, pairs: pa.Table) -> pa.Table:
    """All that is known of the customers of some pairs, as `write_review` takes it."""
    ids = pa.chunked_array([*pairs[IDS[0]].chunks, *pairs[IDS[1]].chunks], pa.string()).unique()
    found: pa.Table = customers.semi_join(ibis.memtable(pa.table({"customer_id": ids})), "customer_id").to_pyarrow()
    return found


def write_review(path: Path | str, pairs: pa.Table, attributes: pa.Table) -> Path:
    """Write pairs for a reviewer, with the attributes of both sides next to each other.

    Parameters
    ----------
    path : path
        A CSV file, UTF-8 with a mark that spreadsheets know it by.
    pairs : pyarrow.Table
        As described in `schema.PAIRS`.
    attributes : pyarrow.Table
        customer_id and all that is known of the customers of these pairs.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    names = [name for name in attributes.column_names if name != "customer_id"]
    known = {row["customer_id"]: row for row in attributes.to_pylist()}
    sides = [f"{name}_{side}" for name in names for side in "ab"]
    with written_whole(path) as unfinished, unfinished.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["decision", *(name for name in pairs.column_names if name != "decision"), *sides])
        for pair in pairs.to_pylist():
            decision = pair.pop("decision")
            one, other = (known.get(pair[name], {}) for name in IDS)
            writer.writerow([decision, *pair.values(), *(side.get(name) for name in names for side in (one, other))])
    return Path(path)


def check_nothing_lost(path: Path | str, decisions: Decisions) -> None:
    """Refuse to write over decisions that nobody read.

    Raises
    ------
    ConfigError
        If the file at `path` holds decisions that are not among `decisions`.
    """
    if not Path(path).is_file():
        return
    there = read_decisions(path)
    lost = (there.accepted - decisions.accepted) | (there.rejected - decisions.rejected)
    if lost:
        message = (
            f"{path} holds {len(lost)} decisions that this run was not told of and would write over. Give them as "
            f"identity.reviewed={path}, or move the file."
        )
        raise ConfigError(message)


def _rows(path: Path) -> list[Mapping[str, Any]]:
    wanted = [*IDS, "decision"]
    try:
        if path.suffix.lower() == ".parquet":
            table = pq.read_table(path)
            names, rows = table.column_names, table.to_pylist() if set(wanted) <= set(table.column_names) else []
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header = file.readline()
                file.seek(0)
                reader = csv.DictReader(file, delimiter=";" if header.count(";") > header.count(",") else ",")
                rows, names = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        message = f"The decisions in {path} cannot be read: {error}. Give a CSV file in UTF-8, or a Parquet file."
        raise SourceError(message) from error
    lacking = [name for name in wanted if name not in names]
    if lacking:
        message = f"{path} lacks the columns {', '.join(lacking)}; it has: {', '.join(map(str, names)) or 'none'}."
        raise ContractError(message)
    return rows
