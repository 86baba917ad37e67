"""Writing a world: block by block, on several cores, into a folder that appears whole or not at all.

::

    transactions/ customers/ contacts/ campaigns/   what the ledger knows, one Parquet file a block
    truth/                                          the truth about each customer
    catalogue/                                      products.parquet: the products, where there are any
    future/                                         the same tables as far as they change after the observed time
    manifest.json                                   settings, seed, versions, rows and hashes; written last

A block is drawn from random numbers of its own, so the files are the same to the byte whatever the number of
processes, and memory is that of one block for each of them.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

import patronage
from patronage.errors import ConfigError, OutputError
from patronage.files import written_whole
from patronage.ledger.worlds.block import Scene, draw_block, scene_of
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.tables import BlockTables
from patronage.ledger.worlds.truth import truth_of
from patronage.ledger.worlds.whale import contact_cost_factor
from patronage.schema import LEDGER_TABLES

FORMAT = "patronage simulated world"
"""What the manifest of a simulated world calls itself."""

FORMAT_VERSION = 1

MANIFEST = "manifest.json"

Written = dict[str, dict[str, dict[str, Any]]]
"""Rows, bytes and SHA-256 of files, by folder and file."""


@dataclass(frozen=True)
class WrittenWorld:
    """A world on the disk.

    Attributes
    ----------
    path : Path
        Its folder.
    rows, bytes : dict of str to int
        Rows and size of every table, by folder: ``transactions``, ..., ``truth``, ``future/transactions``, ...
    manifest : dict
        As in ``manifest.json``.
    """

    path: Path
    rows: dict[str, int]
    bytes: dict[str, int]
    manifest: dict[str, Any]


def simulate_world(
    world: World,
    n_customers: int,
    out: Path | str,
    seed: int = 0,
    tables: Sequence[str] = tuple(LEDGER_TABLES),
    truth: bool = True,
    future: bool = True,
    processes: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> WrittenWorld:
    """Draw a world and write it.

    Parameters
    ----------
    world : World
        For example ``named_world("retailer")``.
    n_customers : int
        Customers to be won; the first ones of a larger world of the same seed are the same.
    out : path
        Folder to write. A simulated world that is there is replaced; anything else is left alone.
    seed : int
        0 or above. The same seed gives the same bytes.
    tables : sequence of str
        Tables of the ledger to write; those that the world does not have are left out.
    truth, future : bool
        Whether to write the truth, and what comes after the observed time.
    processes : int
        How many processes draw and write at once. With several, a script of one's own needs the usual guard
        ``if __name__ == "__main__"``, because they are new interpreters.
    on_progress : callable, optional
        Told the number of customers after each block.

    Raises
    ------
    ConfigError
        If the number of customers, the seed, a table or the number of processes is not possible.
    OutputError
        If `out` is something else than a simulated world, or cannot be written.
    """
    _check(n_customers, seed, tables, processes)
    out = Path(out)
    _check_place(out)
    scene = scene_of(world, seed, contact_cost_factor(world, seed))
    blocks = range(-(-n_customers // world.block_customers))
    names = [name for name in LEDGER_TABLES if name in tables and _has(world, name)]
    with written_whole(out) as unfinished:
        unfinished.mkdir()
        job = partial(_write_block, scene, n_customers, str(unfinished), names, truth, future)
        written: Written = {}
        for files, customers in _each(job, blocks, processes):
            for folder, described in files.items():
                written.setdefault(folder, {}).update(described)
            if on_progress is not None:
                on_progress(customers)
        if truth and scene.products is not None:
            written["catalogue"] = {"products.parquet": _write_products(scene, unfinished)}
        manifest = _manifest(scene, n_customers, written)
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    totals = manifest["tables"]
    rows = {folder: described["rows"] for folder, described in totals.items()}
    return WrittenWorld(out, rows, {folder: described["bytes"] for folder, described in totals.items()}, manifest)


def world_tables(world: World, n_customers: int, seed: int = 0) -> dict[str, pa.Table]:
    """Draw a small world in memory.

    Parameters
    ----------
    world, n_customers, seed
        As for `simulate_world`, which writes the same rows.

    Returns
    -------
    dict of str to pyarrow.Table
        The tables by the name of their folder: ``transactions``, ..., ``truth``, ``future/transactions``, ...
    """
    _check(n_customers, seed, (), 1)
    scene = scene_of(world, seed, contact_cost_factor(world, seed))
    names = [name for name in LEDGER_TABLES if _has(world, name)]
    parts: dict[str, list[pa.Table]] = {}
    for block in range(-(-n_customers // world.block_customers)):
        for folder, table in _tables_of(scene, n_customers, block, names, truth=True, future=True):
            parts.setdefault(folder, []).append(table)
    return {folder: pa.concat_tables(tables).unify_dictionaries() for folder, tables in parts.items()}


def _check(n_customers: int, seed: int, tables: Sequence[str], processes: int) -> None:
    problems = []
    if n_customers < 1:
        problems.append(f"customers must be 1 or more; got {n_customers}")
    if seed < 0:
        problems.append(f"seed must be 0 or above; got {seed}")
    unknown = [name for name in tables if name not in LEDGER_TABLES]
    if unknown:
        problems.append(f"tables has unknown {', '.join(unknown)}; there are {', '.join(LEDGER_TABLES)}")
    if processes < 1:
        problems.append(f"processes must be 1 or more; got {processes}")
    if problems:
        raise ConfigError("; ".join(problems) + ".")


def _check_place(out: Path) -> None:
    """Refuse to replace anything that is not a simulated world, or an empty folder."""
    if not out.exists():
        return
    if out.is_dir():
        if not any(out.iterdir()):
            return
        try:
            found = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if isinstance(found, dict) and found.get("format") == FORMAT:
            return
    message = f"{out} is there and is not a simulated world, so it is left alone: choose another folder, or remove it."
    raise OutputError(message)


def _has(world: World, table: str) -> bool:
    return {"contacts": world.contacts is not None, "campaigns": bool(world.campaigns)}.get(table, True)


Result = tuple[dict[str, dict[str, dict[str, Any]]], int]


def _each(job: Callable[[int], Result], blocks: range, processes: int) -> Iterator[Result]:
    """Results of a job for every block, as they come."""
    if processes == 1 or len(blocks) == 1:
        yield from map(job, blocks)
        return
    with _workers(min(processes, len(blocks))) as pool:
        for done in as_completed([pool.submit(job, block) for block in blocks]):
            try:
                yield done.result()
            except BrokenProcessPool as error:
                message = (
                    "A process that draws customers was killed, probably for lack of memory. Lower the number of "
                    "processes or world.block_customers."
                )
                raise OutputError(message) from error


@contextmanager
def _workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that give up what they have not begun when one of them fails."""
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _tables_of(
    scene: Scene, n_customers: int, number: int, names: Sequence[str], truth: bool, future: bool
) -> Iterator[tuple[str, pa.Table]]:
    """The tables of a block, each made when it is asked for."""
    world = scene.world
    first = number * world.block_customers
    block = draw_block(scene, number, first, min(world.block_customers, n_customers - first))
    tables = BlockTables(scene, block, number)
    end, last = float(world.observed_days), float(world.all_days)
    for name in names:
        if name == "transactions":
            yield name, tables.transactions(0.0, end)
            if future:
                yield f"future/{name}", tables.transactions(end, last)
        elif name == "customers":
            yield name, tables.customers(end)
            if future and world.contract is not None:
                yield f"future/{name}", tables.customers(last)
        elif name == "contacts":
            yield name, tables.contacts(0.0, end, end)
            if future:
                yield f"future/{name}", tables.contacts(end, last, last)
        else:
            yield name, tables.campaigns(0.0, end)
    if truth:
        yield "truth", tables.truth(truth_of(scene, block))


def _write_block(
    scene: Scene, n_customers: int, folder: str, names: Sequence[str], truth: bool, future: bool, number: int
) -> Result:
    written: dict[str, dict[str, dict[str, Any]]] = {}
    for name, table in _tables_of(scene, n_customers, number, names, truth, future):
        file = f"part-{number:05d}.parquet"
        written[name] = {file: _write(table, Path(folder) / name / file)}
    first = number * scene.world.block_customers
    return written, min(scene.world.block_customers, n_customers - first)


def _write(table: pa.Table, path: Path) -> dict[str, Any]:
    """Write one file and describe it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(table, path, compression="zstd", use_dictionary=words, store_schema=False)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"rows": table.num_rows, "bytes": path.stat().st_size, "sha256": digest}


def _write_products(scene: Scene, folder: Path) -> dict[str, Any]:
    assert scene.products is not None
    products = scene.products
    table = pa.table(
        {
            "product": list(products.names),
            "category": [products.category_names[position] for position in products.category],
            "price": products.price,
            "margin_rate": products.margin_rate,
            "popularity": products.popularity,
        }
    )
    return _write(table, folder / "catalogue" / "products.parquet")


def _manifest(scene: Scene, n_customers: int, written: Written) -> dict[str, Any]:
    world = scene.world
    tables = {
        folder: {
            "rows": sum(file["rows"] for file in files.values()),
            "bytes": sum(file["bytes"] for file in files.values()),
            "files": dict(sorted(files.items())),
        }
        for folder, files in sorted(written.items())
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "patronage": patronage.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "customers": n_customers,
        "seed": scene.seed,
        "observed_until": world.observed_until.isoformat(),
        "future_days": world.future_days,
        "contact_cost_factor": scene.contact_cost_factor,
        "world": TypeAdapter(World).dump_python(world, mode="json"),
        "tables": tables,
    }
