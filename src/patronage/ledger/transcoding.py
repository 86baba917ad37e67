"""Text files as the reader wants them: in UTF-8, and with one kind of line end."""

import codecs
import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from patronage.errors import ConfigError, SourceError
from patronage.ledger.csv_file import is_gzip

UTF8 = "utf-8"
_CHUNK_CHARACTERS = 1 << 20


def check_encoding(encoding: str, setting: str) -> str:
    """The name of a text encoding, as Python writes it.

    Raises
    ------
    ConfigError
        If there is no such encoding.
    """
    try:
        found = codecs.lookup(encoding)
    except (LookupError, TypeError, ValueError):
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True):
        message = (
            f"{setting}.encoding must be the name of an encoding such as utf-8, latin-1 or cp1252, got {encoding!r}."
        )
        raise ConfigError(message)
    return found.name


@contextmanager
def in_utf8(path: Path, encoding: str, one_line_end: bool = False) -> Iterator[Path]:
    """A copy of a text file in UTF-8 for as long as the block lasts; the file itself where none is needed.

    Where only the line ends of a file in UTF-8 are changed, bytes that are no text are copied as they are, and the
    reader sets their lines aside.

    Parameters
    ----------
    path : Path
        May be compressed with gzip; the copy is not.
    encoding : str
    one_line_end : bool
        Whether to write every line end as LF.

    Raises
    ------
    SourceError
        If the file is not in that encoding.
    """
    if encoding == UTF8 and not one_line_end:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="patronage-") as folder:
        copy = Path(folder) / "copy"
        opened = gzip.open if is_gzip(path) else open
        errors = "surrogateescape" if encoding == UTF8 else "strict"
        newline = None if one_line_end else ""
        try:
            with (
                opened(path, "rt", encoding=encoding, errors=errors, newline=newline) as source,
                copy.open("wt", encoding=UTF8, errors=errors, newline="") as target,
            ):
                while piece := source.read(_CHUNK_CHARACTERS):
                    target.write(piece)
        except UnicodeError as error:
            message = f"{path} is not in {encoding}: {error}. Set the encoding that it was written in."
            raise SourceError(message) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            message = f"{path} is not a complete gzip file: {error}. Fetch or compress it again."
            raise SourceError(message) from error
        yield copy
