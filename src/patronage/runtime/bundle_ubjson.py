"""Reading UBJSON as XGBoost writes it, with limits, before XGBoost itself is given the bytes.

XGBoost trusts a file of trees: one that is cut off or altered can end the process. So nothing reaches it that was not
read here first. Only what XGBoost writes is taken: objects with their end marked, arrays with their length in front,
no name twice in one object.
"""

import struct
from typing import Any

import numpy as np

DEEPEST = 16
"""Levels of nesting; XGBoost needs eight."""

_SCALARS = {
    mark: struct.Struct(form)
    for mark, form in {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}.items()
}
"""Marks of numbers, and how they are packed."""

_PACKED = {mark: np.dtype(packed.format) for mark, packed in _SCALARS.items()}

_CONSTANTS = {b"T": True, b"F": False, b"Z": None}

_LENGTH = struct.Struct(">cq")


def read_ubjson(content: bytes) -> Any:
    """Read one value, to the last byte.

    Returns
    -------
    dict, list, ndarray, str, int, float, bool or None
        An array whose numbers are of one type is an ndarray.

    Raises
    ------
    ValueError
        If it is cut off, too deep, or not of the form that XGBoost writes.
    """
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(content):
        message = f"{len(content) - reader.at} bytes follow the end of the trees"
        raise ValueError(message)
    return value


class _Reader:
    """A place in the bytes, which only moves on."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if size < 0 or end > len(self.content):
            message = f"{size} bytes are announced at byte {self.at} of {len(self.content)}"
            raise ValueError(message)
        taken = self.content[self.at : end]
        self.at = end
        return taken

    def length(self) -> int:
        mark, length = _LENGTH.unpack(self.take(_LENGTH.size))
        if mark != b"L":
            message = f"a length is expected at byte {self.at - _LENGTH.size}, got {mark!r}"
            raise ValueError(message)
        return int(length)

    def text(self) -> str:
        return self.take(self.length()).decode("utf-8")

    def value(self, mark: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            message = f"it is nested deeper than {DEEPEST} levels"
            raise ValueError(message)
        if mark == b"S":
            return self.text()
        if mark == b"[":
            return self.array(depth + 1)
        if mark == b"{":
            return self.object(depth + 1)
        if mark in _SCALARS:
            packed = _SCALARS[mark]
            return packed.unpack(self.take(packed.size))[0]
        if mark in _CONSTANTS:
            return _CONSTANTS[mark]
        message = f"{mark!r} at byte {self.at - 1} is no mark of a value"
        raise ValueError(message)

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.content[self.at : self.at + 1] != b"}":
            name = self.text()
            if name in found:
                message = f"{name!r} stands twice in one object"
                raise ValueError(message)
            found[name] = self.value(self.take(1), depth)
        self.take(1)
        return found

    def array(self, depth: int) -> Any:
        mark = self.take(1)
        if mark == b"$":
            kind, mark = self.take(1), self.take(1)
            if kind not in _SCALARS or mark != b"#":
                message = f"an array of {kind!r} at byte {self.at - 2}"
                raise ValueError(message)
            packed = _PACKED[kind]
            return np.frombuffer(self.take(self.length() * packed.itemsize), dtype=packed)
        if mark != b"#":
            message = f"an array without its length at byte {self.at - 1}"
            raise ValueError(message)
        # Each value takes a byte at least, so a length beyond the end is seen after as many values as there are bytes.
        return [self.value(self.take(1), depth) for _ in range(self.length())]
