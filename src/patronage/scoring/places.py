"""What a job writes must not lie on what it reads: compared as places on the disk, however they are spelt."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import glob, has_magic
from pathlib import Path

from patronage.errors import ConfigError

A_PART = "part-00000.parquet"
"""A file that is in every folder of scores."""


@dataclass(frozen=True)
class Given:
    """A place that a job is told of, and that has to stay as it is.

    Attributes
    ----------
    setting : str
        By which it was named.
    location : str
        A file, a folder or a glob.
    """

    setting: str
    location: str

    def __str__(self) -> str:
        return f"{self.setting}={self.location}"


@dataclass(frozen=True)
class Written:
    """A place that a job writes.

    Attributes
    ----------
    words : str
        What it is, as the beginning of a sentence.
    path : Path
    is_folder : bool
        Whether it is replaced as a whole folder of Parquet files.
    stays : bool
        Whether it is still there when the job has ended.
    """

    words: str
    path: Path
    is_folder: bool = False
    stays: bool = True


def refuse_overwriting(written: Iterable[Written], given: Sequence[Given]) -> None:
    """Refuse to write over what is read, around it, or into the middle of it.

    Links are followed, and other spellings of a path make no difference. What is written must also not be found among
    the files that a folder or a glob means: the next job would read scores as if they were its input.

    Parameters
    ----------
    written : iterable of Written
    given : sequence of Given

    Raises
    ------
    ConfigError
        Naming what would be written and what was given.
    """
    places = [_Place(one) for one in given]
    for target in written:
        for place in places:
            found = place.clash(target)
            if found:
                where = "" if target.words.endswith(f"={target.path}") else f" ({target.path})"
                message = (
                    f"{target.words}{where} {found} {place.given}. Nothing was read or written: name another "
                    "out=... that lies elsewhere."
                )
                raise ConfigError(message)


class _Place:
    """A file, a folder or a glob that was given, and where it really is."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.path = Path(given.location.removeprefix("file://"))
        self.is_glob = not self.path.exists() and has_magic(str(self.path))
        files = glob(str(self.path), recursive=True, include_hidden=True) if self.is_glob else []  # noqa: PTH207
        if self.path.is_dir():
            # Only links of a folder lead out of it; all others are found by the folder itself.
            files = [str(one) for one in self.path.rglob("*") if one.is_symlink()]
        self.sources = [_real(Path(file)) for file in files]
        if not self.is_glob:
            self.sources.append(_real(self.path))

    def clash(self, target: Written) -> str | None:
        """How a place that is written and this one get into each other's way, if they do."""
        real = _real(target.path)
        if any(_same(source, real) for source in self.sources):
            return "would replace what is given as"
        if any(_within(source, real) for source in self.sources):
            return "would replace a folder that holds what is given as"
        if target.stays and self._would_read(target, real):
            return "would be among the files that the next job reads by"
        return None

    def _would_read(self, target: Written, real: Path) -> bool:
        if self.is_glob:
            paths = {real, Path(os.path.abspath(target.path))}  # noqa: PTH100
            return any(_matches(path / A_PART if target.is_folder else path, self.path) for path in paths)
        return self.path.is_dir() and _within(real, _real(self.path))


def _real(path: Path) -> Path:
    """Where a path leads when all links are followed; it need not be there."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one place, also where a disk does not tell capitals or is mounted twice."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False


def _within(inner: Path, outer: Path) -> bool:
    """Whether a path lies somewhere below another."""
    return any(_same(parent, outer) for parent in inner.parents)


def _matches(path: Path, pattern: Path) -> bool:
    """Whether a glob finds a path, or would if it were there."""
    parts = pattern.parts
    plain = next(number for number, part in enumerate(parts) if has_magic(part))
    base = _real(Path(*parts[:plain]))
    above = next((len(parent.parts) for parent in path.parents if _same(parent, base)), None)
    return above is not None and _parts_match(path.parts[above:], parts[plain:])


def _parts_match(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(_parts_match(names[skipped:], patterns[1:] or ("*",)) for skipped in range(len(names)))
    return bool(names) and fnmatch(names[0], patterns[0]) and _parts_match(names[1:], patterns[1:])


def places_in(text: str) -> list[str]:
    """The files that a query names in quotes, as ``FROM 'sales.parquet'`` does; other texts have no ending."""
    quoted = [found for found in re.findall(r"'([^']+)'", text) if Path(found).suffix]
    return [found for found in quoted if has_magic(found) or Path(found).exists()]
