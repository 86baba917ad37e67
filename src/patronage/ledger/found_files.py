"""Which files a path means, what format they are in, and what their folders say of them."""

from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from patronage.errors import SourceError

FileFormat = Literal["csv", "parquet", "jsonl"]
FORMATS: tuple[FileFormat, ...] = ("csv", "parquet", "jsonl")
SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".tsv.gz": "csv", ".txt": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".jsonl.gz": "jsonl", ".ndjson": "jsonl", ".ndjson.gz": "jsonl",
}  # fmt: skip

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""How a folder of a partitioned table says that the value of its files is missing."""

NO_DATA = {"_SUCCESS", "_metadata", "_common_metadata"}
"""What Spark and others write into a folder beside its data."""


@dataclass(frozen=True)
class FoundFile:
    """A file of a table.

    Attributes
    ----------
    path : Path
    format : {"csv", "parquet", "jsonl"}
    partitions : dict of str to (str or None)
        What its folders below the one that was named say of all its rows: ``year=2024`` is a column ``year``.
    """

    path: Path
    format: FileFormat
    partitions: dict[str, str | None] = field(default_factory=dict)


def found_files(location: str, file_format: FileFormat | None, setting: str) -> list[FoundFile]:
    """Find the files of a table, in the order of their paths.

    Parameters
    ----------
    location : str
        A file, a folder (searched through, with its sub-folders, but for hidden ones, whose names begin with a dot,
        and for `NO_DATA`), or a glob.
    file_format : str, optional
        Told from the ending of each name if not given.
    setting : str
        Where the settings stand, for messages.

    Raises
    ------
    SourceError
        If there is none, one is empty, or a format cannot be told.
    """
    root = Path(location)
    if root.is_dir():
        found = [file for file in root.rglob("*") if file.is_file() and _known(file.relative_to(root), file_format)]
    elif root.is_file():
        found = [root]
    elif has_magic(location):
        found = [file for file in {Path(file) for file in glob(location, recursive=True)} if file.is_file()]  # noqa: PTH207
    else:
        message = f"The ledger file {root.absolute()} does not exist. Set {setting}.path to a file, folder or glob."
        raise SourceError(message)
    if not found:
        message = f"No ledger file at {location}: expected files that end in {', '.join(SUFFIXES)}."
        raise SourceError(message)
    empty = [file for file in found if not file.stat().st_size]
    if empty:
        message = f"{len(empty)} of {len(found)} ledger files are empty (0 bytes): {', '.join(map(str, empty[:5]))}."
        raise SourceError(message)
    below = root if root.is_dir() else None
    return [
        FoundFile(file, file_format or _format_of(file, setting), _partitions(file, below)) for file in sorted(found)
    ]


def _known(file: Path, file_format: FileFormat | None) -> bool:
    if any(part.startswith(".") for part in file.parts) or file.name in NO_DATA:
        return False
    return (file_format is not None and file.suffix == "") or file.name.lower().endswith(tuple(SUFFIXES))


def _format_of(file: Path, setting: str) -> FileFormat:
    for suffix, file_format in SUFFIXES.items():
        if file.name.lower().endswith(suffix):
            return file_format
    message = f"Cannot tell the format of {file} from its name: set {setting}.file_format to {', '.join(FORMATS)}."
    raise SourceError(message)


def _partitions(file: Path, root: Path | None) -> dict[str, str | None]:
    if root is None:
        return {}
    folders = file.relative_to(root).parts[:-1]
    pairs = (folder.partition("=") for folder in folders if "=" in folder)
    return {unquote(key): None if value == NO_VALUE else unquote(value) for key, _, value in pairs if key}
