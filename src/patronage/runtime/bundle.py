"""The bundle: a folder that holds a whole model, and nothing that could run.

::

    manifest.json    format, dates, units, input and output columns, training facts, hash of every other file
    purchase.json    parameters of the purchase model
    spend.json       parameters of the spend model
    churn.json       kind, features, horizon and calibration of the churn model
    churn.ubj        its trees, in XGBoost's own format, if it has any

Loading checks the SHA-256 of every member, and that no file is beyond all measure, before anything is read from it. The
manifest has no hash of its own: its SHA-256 is the fingerprint that names the bundle. There is no pickle anywhere.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

import xgboost

from ..errors import BundleError
from ..files import written_whole
from ..schema import MODEL_INPUT, SCORE_VALUES, Column, TableSchema
from .churn_kinds import AnyChurnModel, churn_facts, churn_model, churn_trees
from .clv import ValueTerms
from .gamma_gamma import GammaGammaParams
from .purchase.kinds import KINDS
from .purchase.model import PurchaseParams
from .time_unit import TimeUnit

FORMAT = 2
READABLE = (1, 2)
"""Formats that this version reads: format 2 added text among the inputs."""

MANIFEST = "manifest.json"
TREES = "churn.ubj"
MEMBERS = ("purchase.json", "spend.json", "churn.json", TREES)
LARGEST_BYTES = {
    MANIFEST: 2**20,
    "purchase.json": 2**16,
    "spend.json": 2**16,
    "churn.json": 2**24,
    TREES: 2**30,
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A fitted model: everything that scoring needs.

    Attributes
    ----------
    purchase : PurchaseParams
    spend : GammaGammaParams
    churn : AnyChurnModel
    value : ValueTerms
    as_of : date
        Last day of the ledger that the models were fitted to.
    time_unit : TimeUnit
        Unit of recency and T, and of alpha.
    horizon_days : int
        How far scores look ahead.
    training : mapping
        Facts about the fit, JSON values only: ledger, cut-offs, engine, versions, metrics.
    inputs : TableSchema
        The columns that the models read.
    fingerprint : str
        First 12 digits of the SHA-256 of the manifest; empty for a bundle not yet written.
    """

    purchase: PurchaseParams
    spend: GammaGammaParams
    churn: AnyChurnModel
    value: ValueTerms
    as_of: date
    time_unit: TimeUnit
    horizon_days: int
    training: Mapping[str, Any] = field(default_factory=dict)
    inputs: TableSchema = MODEL_INPUT
    fingerprint: str = ""


def write_bundle(bundle: Bundle, folder: Path | str) -> Path:
    """Write `bundle` as a folder, whole or not at all; an older bundle at that place is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    folder = Path(folder)
    with written_whole(folder) as place:
        place.mkdir()
        _write_json(place / "purchase.json", {"kind": bundle.purchase.kind, **asdict(bundle.purchase)})
        _write_json(place / "spend.json", {"kind": "gamma_gamma", **asdict(bundle.spend)})
        _write_json(place / "churn.json", churn_facts(bundle.churn))
        if (trees := churn_trees(bundle.churn)) is not None:
            trees.save_model(place / TREES)
        manifest = {
            "format": FORMAT,
            "as_of": bundle.as_of.isoformat(),
            "time_unit": bundle.time_unit.value,
            "horizon_days": bundle.horizon_days,
            "value": asdict(bundle.value),
            "input": _columns(bundle.inputs),
            "output": _columns(SCORE_VALUES),
            "training": dict(bundle.training),
            "files": {name: _fingerprint(place / name) for name in MEMBERS if (place / name).exists()},
        }
        _write_json(place / MANIFEST, manifest)
    return folder


def read_bundle(folder: Path | str) -> Bundle:
    """Read a bundle after checking that it is whole and unaltered.

    Raises
    ------
    BundleError
        If the folder or a file is missing, a hash or size differs from the manifest, the format is not known, or a
        value does not fit.
    """
    folder = Path(folder)
    if not folder.is_dir():
        message = f"No bundle at {folder}: expected a folder with {MANIFEST} and {', '.join(MEMBERS)}."
        raise BundleError(message)
    raw = _read_bytes(folder, MANIFEST)
    manifest = _parse(raw, folder / MANIFEST)
    found = manifest.get("format")
    if found not in READABLE:
        message = (
            f"The bundle {folder} has format {found!r}; this version of patronage reads formats "
            f"{' and '.join(map(str, READABLE))}. Use the version that wrote it, or train again."
        )
        raise BundleError(message)
    # Only trees may be missing: without a model that has them, the manifest does not name them.
    named = [name for name in MEMBERS if name != TREES or TREES in (manifest.get("files") or ())]
    members = {name: _checked_member(folder, name, manifest) for name in named}
    purchase, spend, churn = (_parse(members[name], folder / name) for name in MEMBERS[:3])
    try:
        return Bundle(
            purchase=_from_fields(KINDS[purchase["kind"]], purchase),
            spend=_from_fields(GammaGammaParams, spend),
            churn=churn_model(churn, members.get(TREES)),
            value=ValueTerms(**manifest["value"]),
            as_of=date.fromisoformat(manifest["as_of"]),
            time_unit=TimeUnit(manifest["time_unit"]),
            horizon_days=int(manifest["horizon_days"]),
            training=manifest["training"],
            inputs=TableSchema(MODEL_INPUT.name, tuple(Column(**column) for column in manifest["input"])),
            fingerprint=hashlib.sha256(raw).hexdigest()[:12],
        )
    except (KeyError, TypeError, ValueError, AttributeError, xgboost.core.XGBoostError) as error:
        message = f"The bundle {folder} holds a value that does not fit: {error!r}. Train or export it again."
        raise BundleError(message) from error


def _from_fields(kind: type, values: dict[str, Any]) -> Any:
    """Numbers and flags by name; a field that an older bundle does not know yet keeps its default."""
    known = [item for item in fields(kind) if item.name in values or item.default is MISSING]
    return kind(**{item.name: _as_field(item.type, values[item.name]) for item in known})


def _as_field(kind: Any, value: Any) -> float | int | bool:
    if kind not in (bool, int):
        return float(value)
    if type(value) is not kind:
        expected = "true or false" if kind is bool else "a whole number"
        message = f"expected {expected}, got {value!r}"
        raise TypeError(message)
    return value  # type: ignore[no-any-return]


def _columns(table: TableSchema) -> list[dict[str, Any]]:
    return [asdict(column) for column in table.columns]


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def _fingerprint(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _read_bytes(folder: Path, name: str) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        message = f"The bundle {folder} is incomplete: {name} is missing or not a plain file."
        raise BundleError(message)
    if path.stat().st_size > LARGEST_BYTES[name]:
        message = f"{path} is larger than the {LARGEST_BYTES[name]:,} bytes that a bundle may hold there."
        raise BundleError(message)
    return path.read_bytes()


def _checked_member(folder: Path, name: str, manifest: dict[str, Any]) -> bytes:
    content = _read_bytes(folder, name)
    files = manifest.get("files")
    stated = files.get(name) if isinstance(files, dict) else None
    expected = stated.get("sha256") if isinstance(stated, dict) else None
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        message = (
            f"The bundle {folder} was altered or damaged: the SHA-256 of {name} is {found[:12]}..., "
            f"its manifest says {str(expected)[:12]}.... Do not use it; export or train it again."
        )
        raise BundleError(message)
    return content


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{path} is not valid JSON: {error}. Export or train the bundle again."
        raise BundleError(message) from error
    if not isinstance(value, dict):
        message = f"{path} holds {type(value).__name__}, expected an object. Export or train the bundle again."
        raise BundleError(message)
    return value
