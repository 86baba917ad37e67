"""The work folder of a scoring job: finished parts, by which a job that was stopped goes on where it was."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patronage.files import synced, writing
from patronage.scoring.batch import ScoredRows

PLAN = "plan.json"

REMOVALS, PAUSE = 20, 0.1
"""How often the folder is removed before it is left, and the seconds between."""

IN_WORDS = {
    "input": "the input has changed",
    "model": "the model is another",
    "settings": "the settings are others",
    "versions": "the versions of the programs are others",
}
"""What may differ between the plans of two jobs."""


@dataclass(frozen=True)
class Part:
    """A finished part.

    Attributes
    ----------
    number : int
        From 0, in the order of the input.
    rows, scored, rejected : int
        Rows in = scored + rejected.
    reasons : dict of str to int
        Rejected rows by their reasons.
    sha256 : dict of str to str
        Of its files, by name.
    """

    number: int
    rows: int
    scored: int
    rejected: int
    reasons: dict[str, int]
    sha256: dict[str, str]


class Work:
    """The work folder of one output.

    Parameters
    ----------
    folder : Path
        Hidden, beside the output and so on the same disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, plan: Mapping[str, Any], fresh: bool) -> str | None:
        """Take over the parts of an earlier job that was to do the same, or start afresh.

        Parameters
        ----------
        plan : mapping
            Everything that the result depends on, as JSON values.
        fresh : bool
            Start afresh in any case.

        Returns
        -------
        str or None
            Why the parts of an earlier job are dropped, in words.
        """
        earlier = self._read(self.folder / PLAN)
        dropped = None
        if earlier is not None and (fresh or earlier != plan):
            changed = [words for name, words in IN_WORDS.items() if earlier.get(name) != plan.get(name)]
            dropped = " and ".join(changed) or "restart=fresh was asked for"
        if earlier is None or dropped:
            self._clear()
        with writing(self.folder):
            self._write(self.folder / PLAN, plan)
        return dropped

    def finished(self) -> dict[int, Part]:
        """The parts whose files are all there and unaltered, by number; what else lies there is removed."""
        found = {}
        for record in sorted(self.folder.glob("part-*.json")):
            facts = self._read(record)
            if facts is None:
                continue
            part = Part(**facts)
            if all(_is(self.folder / name, digest) for name, digest in part.sha256.items()):
                found[part.number] = part
        kept = {name for part in found.values() for name in (*part.sha256, f"{_stem(part.number)}.json")}
        for path in self.folder.glob("part-*"):
            if path.name not in kept:
                path.unlink()
        return found

    def write(self, number: int, rows: int, scored: ScoredRows, encoding: Mapping[str, Any] | None = None) -> Part:
        """Keep a part: its files first, and the record that makes it a finished one last.

        Parameters
        ----------
        number : int
        rows : int
            That went in.
        scored : ScoredRows
        encoding : mapping, optional
            How its files are written; see `outputs.Output.encoding`.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        digests = {}
        with writing(self.folder):
            for name, table in ((_stem(number), scored.scores), (f"{_stem(number)}.rejects", scored.rejects)):
                if table.num_rows:
                    path = self.folder / f"{name}.parquet"
                    unfinished = path.with_suffix(".unfinished")
                    pq.write_table(table, unfinished, row_group_size=table.num_rows, **(encoding or {}))
                    synced(unfinished)
                    digests[path.name] = sha256_of(unfinished)
                    unfinished.replace(path)
            reasons = {one["values"].as_py(): one["counts"].as_py() for one in scored.rejects["reasons"].value_counts()}
            part = Part(number, rows, scored.scores.num_rows, scored.rejects.num_rows, reasons, digests)
            self._write(self.folder / f"{_stem(number)}.json", asdict(part))
        return part

    def scores(self, part: Part) -> Path | None:
        """The file of a part's scores, if it has any."""
        path = self.folder / f"{_stem(part.number)}.parquet"
        return path if path.name in part.sha256 else None

    def rejects(self, part: Part) -> Path | None:
        """The file of a part's rejected rows, if it has any."""
        path = self.folder / f"{_stem(part.number)}.rejects.parquet"
        return path if path.name in part.sha256 else None

    def remove(self) -> None:
        """Remove the folder with all that is in it.

        A worker of Spark that was called off may still write into it, once: then it is not empty when it should go.
        """
        for _ in range(REMOVALS):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(PAUSE)

    def _clear(self) -> None:
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.iterdir():
                if path.name != HOLDER:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    @staticmethod
    def _write(path: Path, facts: Mapping[str, Any]) -> None:
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        synced(unfinished)
        unfinished.replace(path)


HOLDER = "holder.json"
"""Says who is at work; see `lock.only_writer`."""


def held_input(folder: Path) -> Path:
    """Where rows that had to be computed are held while they are scored."""
    return folder / "input.parquet"


def written_input(batches: pa.RecordBatchReader, path: Path) -> Path:
    """Hold rows that an engine computes as one Parquet file, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    unfinished = path.with_suffix(".unfinished")
    with writing(path):
        with pq.ParquetWriter(unfinished, batches.schema, compression="lz4", use_dictionary=False) as writer:
            for batch in batches:
                if batch.num_rows:
                    writer.write_batch(batch)
        synced(unfinished)
        unfinished.replace(path)
    return path


def _stem(number: int) -> str:
    return f"part-{number:05d}"


def sha256_of(path: Path) -> str:
    """Of what a file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is(path: Path, digest: str) -> bool:
    """Whether a file is there and unaltered."""
    try:
        return sha256_of(path) == digest
    except OSError:
        return False
