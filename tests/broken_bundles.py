"""Ways to break a bundle; each takes its folder and leaves something that must not load."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from patronage.runtime.bundle import MANIFEST
from patronage.runtime.bundle_files import file_facts

CANARY = "executed"
"""The file that a bundle leaves behind if it got something executed."""

Break = Callable[[Path], None]


class Bomb:
    """What a pickle would run when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


def rehash(folder: Path) -> None:
    """Have the manifest state the files as they are, as somebody would who alters a bundle on purpose."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"] = {name: file_facts(folder / name) for name in manifest["files"]}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def content(name: str, value: bytes | Callable[[bytes], bytes]) -> Break:
    """Other bytes in a file, with the hash that fits."""

    def change(folder: Path) -> None:
        found = (folder / name).read_bytes()
        (folder / name).write_bytes(value if isinstance(value, bytes) else value(found))
        if name != MANIFEST:
            rehash(folder)

    return change


def fact(name: str, *path: str | int, value: Any) -> Break:
    """Another value in a file of JSON."""

    def change(folder: Path) -> None:
        stored = json.loads((folder / name).read_text())
        inner = stored
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        (folder / name).write_text(json.dumps(stored))
        if name != MANIFEST:
            rehash(folder)

    return change


def pickled(name: str) -> Break:
    def change(folder: Path) -> None:
        content(name, pickle.dumps(Bomb(folder.parent / CANARY)))(folder)

    return change


def trees(find: bytes, put: Callable[[bytes], bytes], after: int = 0) -> Break:
    """Other bytes behind the first place where `find` stands among the trees."""

    def change(found: bytes) -> bytes:
        at = found.index(find) + len(find) + after
        return found[:at] + put(found[at:])

    return content("churn.ubj", change)


def positions(name: bytes, value: int, at: int = 0, kind: str = ">i") -> Break:
    """Another number in an array of the first tree."""
    # The name, then [$, the type, #L and eight bytes of length.
    size = struct.calcsize(kind)
    return trees(name, lambda rest: struct.pack(kind, value) + rest[size:], after=13 + at * size)


def link(name: str) -> Break:
    def change(folder: Path) -> None:
        shutil.move(folder / name, folder.parent / "elsewhere")
        (folder / name).symlink_to(folder.parent / "elsewhere")

    return change


def swap(one: str, other: str) -> Break:
    def change(folder: Path) -> None:
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        (folder / one).write_bytes(second)
        (folder / other).write_bytes(first)
        rehash(folder)

    return change


def extra(name: str) -> Break:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("import os\n")

    return change


def named_too(name: str) -> Break:
    """The manifest names a file that is no member, and the file is there."""

    def change(folder: Path) -> None:
        place = folder / name
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_text("{}")
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["files"][name] = file_facts(place)
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return change


def replaced_by(make: Callable[[Path], None], name: str) -> Break:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def sparse(name: str, size: int) -> Break:
    def change(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.truncate(size)

    return change


def text(value: str) -> Callable[[bytes], bytes]:
    """Text as UBJSON keeps it, in place of what stands there."""

    def put(rest: bytes) -> bytes:
        (length,) = struct.unpack(">q", rest[2:10])
        return b"SL" + struct.pack(">q", len(value)) + value.encode() + rest[10 + length :]

    return put


DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
HUGE = struct.pack(">q", 2**62)

BROKEN: dict[str, Break] = {
    # the folder
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "no trees": lambda folder: (folder / "churn.ubj").unlink(),
    "link in place of a member": link("spend.json"),
    "link in place of the manifest": link(MANIFEST),
    "folder in place of a member": replaced_by(Path.mkdir, "churn.json"),
    "pipe in place of a member": replaced_by(lambda place: os.mkfifo(place), "purchase.json"),
    "code beside the members": extra("__init__.py"),
    "code in a folder below": extra("hooks/startup.py"),
    "pickle beside the members": extra("model.pkl"),
    "hidden file": extra(".hidden"),
    "path out of the folder": named_too("../elsewhere.json"),
    "absolute path": named_too("/tmp/patronage-elsewhere.json"),
    "path through a folder": named_too("below/../purchase.json"),
    "another name": named_too("notes.json"),
    # whole files
    **{f"empty {name}": content(name, b"") for name in (MANIFEST, "purchase.json", "churn.json", "churn.ubj")},
    **{f"pickle as {name}": pickled(name) for name in (MANIFEST, "spend.json", "churn.json", "churn.ubj")},
    **{f"half of {name}": content(name, lambda found: found[: len(found) // 2])
       for name in (MANIFEST, "purchase.json", "churn.json", "churn.ubj")},
    **{f"deep {name}": content(name, DEEP) for name in (MANIFEST, "purchase.json", "churn.json")},
    "deep list": content("churn.json", b"[" * 100_000),
    "brackets in another encoding": content("churn.json", ('{"a":' * 40 + "1" + "}" * 40).encode("utf-16")),
    "oversized manifest": sparse(MANIFEST, 2**20 + 1),
    "oversized parameters": sparse("purchase.json", 2**16 + 1),
    "oversized trees": sparse("churn.ubj", 2**28 + 1),
    "swapped parameters": swap("purchase.json", "spend.json"),
    "swapped trees": swap("churn.json", "churn.ubj"),
    "zip": content("churn.ubj", b"PK\x03\x04" + bytes(200)),
    "zeros": content("churn.ubj", bytes(4096)),
    "trees as JSON": content("churn.ubj", b'{"learner": {}, "version": [3, 2, 0]}'),
    # what the manifest says
    "another hash": fact(MANIFEST, "files", "spend.json", "sha256", value="0" * 64),
    "hash that is none": fact(MANIFEST, "files", "spend.json", "sha256", value=None),
    "another size": fact(MANIFEST, "files", "spend.json", "bytes", value=1),
    "member not named": fact(MANIFEST, "files", value={}),
    "later format": fact(MANIFEST, "format", value=99),
    "format as text": fact(MANIFEST, "format", value="3"),
    "format as list": fact(MANIFEST, "format", value=[3]),
    "format true": fact(MANIFEST, "format", value=True),
    "setting as object": fact(MANIFEST, "setting", value={"ledger": 1}),
    "other setting": fact(MANIFEST, "setting", value="customer_table"),
    "horizon as text": fact(MANIFEST, "horizon_days", value="91"),
    "horizon of ages": fact(MANIFEST, "horizon_days", value=10**12),
    "no horizon": fact(MANIFEST, "horizon_days", value=0),
    "day as number": fact(MANIFEST, "as_of", value=19980630),
    "unknown unit": fact(MANIFEST, "time_unit", value="fortnight"),
    "periods without length": fact(MANIFEST, "value", "period_days", value=1e-12),
    "discount below -1": fact(MANIFEST, "value", "discount_rate_yearly", value=-2),
    "value as text": fact(MANIFEST, "value", "margin_rate", value="0.3"),
    "other terms of value": fact(MANIFEST, "value", value={"margin": 1}),
    "inputs as text": fact(MANIFEST, "input", value="frequency"),
    "no inputs": fact(MANIFEST, "input", value=[]),
    "input of another type": fact(MANIFEST, "input", 0, "type", value="object"),
    "input without a name": fact(MANIFEST, "input", 0, "name", value=7),
    "input twice": fact(MANIFEST, "input", 0, "name", value="recency"),
    "training as list": fact(MANIFEST, "training", value=[]),
    "not a number in the manifest": content(
        MANIFEST, lambda found: found.replace(b'"horizon_days": 91', b'"horizon_days": NaN')),
    "name twice in the manifest": content(MANIFEST, lambda found: b'{"format": 3, ' + found[1:]),
    # parameters
    "not a number": content("purchase.json", b'{"kind": "bg_nbd", "r": NaN, "alpha": 1, "a": 1, "b": 1}'),
    "infinite number": content("purchase.json", b'{"kind": "bg_nbd", "r": 1e999, "alpha": 1, "a": 1, "b": 1}'),
    "number of many digits": content("purchase.json", b'{"kind": "bg_nbd", "r": ' + b"9" * 5000 + b"}"),
    "negative parameter": fact("purchase.json", "r", value=-1.0),
    "parameter as text": fact("purchase.json", "alpha", value="4.4"),
    "parameter missing": content("purchase.json", b'{"kind": "bg_nbd"}'),
    "kind unknown": fact("purchase.json", "kind", value="os.system"),
    "kind as list": fact("purchase.json", "kind", value=["bg_nbd"]),
    "flag as number": fact("spend.json", "include_first", value=1),
    "churn kind unknown": fact("churn.json", "kind", value="pickle"),
    "churn kind as list": fact("churn.json", "kind", value=["xgboost"]),
    "calibration of another kind": fact("churn.json", "calibration", "kind", value="eval"),
    "features as text": fact("churn.json", "features", value="T"),
    "feature that is no input": fact("churn.json", "features", 0, value="passwords"),
    "features in another order": fact(
        "churn.json", "features", value=["plan", "gap_days_mean", "days_since_last_purchase"]),
    "text that is no text": fact("churn.json", "categories", value={}),
    # trees, which end the process if XGBoost is given some of them
    "trees twice": content("churn.ubj", lambda found: found * 2),
    "length beyond the end": trees(b"feature_names[#L", lambda rest: HUGE + rest[8:]),
    "negative length": trees(b"feature_names[#L", lambda rest: struct.pack(">q", -1) + rest[8:]),
    "deep trees": content("churn.ubj", b"{L\0\0\0\0\0\0\0\x01a" * 10_000),
    "deep arrays": content("churn.ubj", b"[#L\0\0\0\0\0\0\0\x01" * 10_000),
    "child beyond the last node": positions(b"left_children", 2**30),
    "circle of nodes": positions(b"left_children", 0),
    "child of two": positions(b"right_children", 1),
    "feature beyond the last": positions(b"split_indices", 2**20),
    "leaf without a number": positions(b"split_conditions", 0x7FC00000, at=2),
    "more trees than there are": trees(b"num_trees", text("900000000")),
    "no number of trees": trees(b"num_trees", text("many")),
    "another booster": trees(b"\x04name", text("dart")),
    "several outputs": trees(b"num_class", text("5")),
    "start that is no number": trees(b"base_score", text("[NAN]")),
}  # fmt: skip
"""By what is wrong."""
