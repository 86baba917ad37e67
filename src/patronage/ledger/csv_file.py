"""One CSV file: its header line, and whether a compressed one is whole."""

import csv
import gzip
import zlib
from pathlib import Path
from typing import IO

from patronage.errors import SourceError

_CHUNK_BYTES = 1 << 20


def is_gzip(path: Path) -> bool:
    """Whether the name says that the file is compressed."""
    return path.suffix.lower() == ".gz"


def csv_header(path: Path, delimiter: str, shown: Path | None = None, setting: str = "ledger") -> list[str]:
    """Read the column names.

    Parameters
    ----------
    path : Path
    delimiter : str
    shown : Path, optional
        What messages call the file, if `path` is a copy of it.
    setting : str
        Where the settings stand, for messages.

    Raises
    ------
    SourceError
        If there is no header line, it is not UTF-8, or a compressed file is damaged or cut off. DuckDB reads a gzip
        file that was cut off up to the cut, without a word, so it is checked to its end here.
    """
    shown = path if shown is None else shown
    try:
        if is_gzip(path):
            _read_to_end(path)
        # Bytes of another encoding are let through here: the reader sets the lines aside that hold them.
        with _text(path) as file:
            header = next(csv.reader(file, delimiter=delimiter), [])
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"{shown} is not a complete gzip file: {error}. Fetch or compress it again."
        raise SourceError(message) from error
    except (csv.Error, OSError) as error:
        message = f"{shown} cannot be read as CSV: {error}. Check {setting}.delimiter and {setting}.file_format."
        raise SourceError(message) from error
    if any("\udc80" <= letter <= "\udcff" for name in header for letter in name):
        message = (
            f"{shown} is not a CSV file in UTF-8: its header line holds bytes of another encoding. "
            f"Set {setting}.encoding or {setting}.file_format."
        )
        raise SourceError(message)
    if not any(name.strip() for name in header):
        message = f"{shown} has no header line with column names."
        raise SourceError(message)
    return header


def _text(path: Path) -> IO[str]:
    if is_gzip(path):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open("rt", encoding="utf-8-sig", errors="surrogateescape", newline="")


def _read_to_end(path: Path) -> None:
    with gzip.open(path, "rb") as file:
        while file.read(_CHUNK_BYTES):
            pass
