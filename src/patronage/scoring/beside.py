"""The files that go with an output: the manifest, the rejects, and the rows of a job that could score none."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import OutputError
from patronage.files import writing
from patronage.scoring.batch import arrow_schema
from patronage.scoring.publishing import Results, Watch
from patronage.scoring.usable import REJECTS

SUFFIX = ".parquet"

MANIFEST, REJECTED, UNSCORED = "manifest.json", "rejects.parquet", "unscored.parquet"
"""Endings of the files beside the scores; the last holds the rows of a job that could score none of them."""


def beside(output: Path, ending: str) -> Path:
    """A file that belongs to an output: ``scores.parquet`` has ``scores.rejects.parquet`` and the like."""
    return output.with_name(f"{output.name.removesuffix(SUFFIX)}.{ending}")


def joined(parts: Sequence[Path], schema: pa.Schema, path: Path, watch: Watch | None = None) -> Path:
    """Write Parquet files as one, a row group each.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    # Scores and ids of customers differ from row to row: looking for equal ones takes time and saves nothing.
    repeated = [one.name for one in schema if one.name != "customer_id" and not pa.types.is_floating(one.type)]
    with writing(path), pq.ParquetWriter(path, schema, use_dictionary=repeated) as writer:
        for table in _read_ahead(parts, schema):
            writer.write_table(table, row_group_size=table.num_rows)
            if watch is not None:
                watch(table)
    return path


def _read_ahead(parts: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """The tables of parts, each read while the one before it is in use."""
    with ThreadPoolExecutor(1) as reader:
        coming: Future[pa.Table] | None = None
        for part in (*parts, None):
            ready = coming
            coming = None if part is None else reader.submit(pq.read_table, part, schema=schema, memory_map=True)
            if ready is not None:
                yield ready.result()


def joined_rejects(results: Results, work: Path) -> Path:
    """All rejects as one file in the work folder."""
    return joined(results.rejects, arrow_schema(REJECTS), work / "rejects.unfinished")


def unscored(results: Results, output: Path, work: Path) -> Path:
    """Put the rows of a job that could score none of them beside an output, by the way of the work folder.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    target = beside(output, UNSCORED)
    with writing(target):
        joined_rejects(results, work).replace(target)
    return target


def require_own_manifest(output: Path, kind: str) -> None:
    """Refuse to take away the manifest of scores of the same name, if those are a folder and these a file.

    Parameters
    ----------
    output : Path
    kind : str
        What the output is, as its manifest says it.

    Raises
    ------
    OutputError
        Naming the other scores.
    """
    manifest = beside(output, MANIFEST)
    stem = output.name.removesuffix(SUFFIX)
    other = output.with_name(stem + SUFFIX if output.name == stem else stem)
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))["output"]["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if told != kind and other.exists():
        message = (
            f"{manifest} belongs to the scores in {other}, and those of {output} would need a manifest of the same "
            f"name. Name another out=..., or remove {other} with its manifest."
        )
        raise OutputError(message)


@contextmanager
def alone_with(manifest: Path) -> Iterator[None]:
    """Wait until nobody else puts scores beside this manifest: a file and a folder of one name share it."""
    path = manifest.with_name(f".{manifest.name}.lock")
    from filelock import FileLock

    lock = FileLock(path)
    with writing(manifest):
        lock.acquire()
    try:
        yield
    finally:
        # Taken away while it is held, as in `lock.only_writer`.
        path.unlink(missing_ok=True)
        lock.release()
