"""The bundle: a folder that holds a whole model, and nothing that could run.

::

    manifest.json    format, setting, dates, units, input and output columns, training facts, hash of every other file
    purchase.json    parameters of the purchase model
    spend.json       parameters of the spend model
    churn.json       kind, features, horizon and calibration of the churn model
    churn.ubj        its trees, in XGBoost's own format, if it has any
    manifest.sig     the manifest's signature, if it was signed

There are two settings. The model of a ledger has all of these and gives all scores; the model of a customer table
(`TableBundle`) has churn alone. Loading checks the SHA-256 of every member, that no file is beyond all measure and none
is there that does not belong, before anything is read from it; then types and ranges of all values, and the trees node
by node. The manifest has no hash of its own: its SHA-256 is the fingerprint that names the bundle, and where a key is
configured its signature must fit (`bundle_signature`). There is no pickle anywhere.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import xgboost

from ..errors import BundleError
from ..files import check_replaceable, written_whole
from ..schema import MODEL_INPUT, SCORE_VALUES, TABLE_SCORE_VALUES, TableSchema
from . import bundle_values as checked
from .bundle_files import MANIFEST as MANIFEST
from .bundle_files import (
    SIGNATURE,
    TREES,
    checked_member,
    file_facts,
    parsed,
    read_bytes,
    refuse_other_files,
    write_json,
)
from .bundle_purchase import check_covariates, purchase_params
from .bundle_signature import check_signature, sign_bundle
from .bundle_trees import check_trees
from .churn_kinds import AnyChurnModel, churn_facts, churn_model, churn_trees
from .clv import ValueTerms
from .gamma_gamma import GammaGammaParams
from .purchase.model import PurchaseParams
from .time_unit import TimeUnit

FORMAT = 3
READABLE = (1, 2, 3)
"""Formats that this version reads: format 2 added text among the inputs, format 3 models of customer tables."""

CHURN_MEMBERS = ("churn.json", TREES)
MEMBERS = ("purchase.json", "spend.json", *CHURN_MEMBERS)
"""What belongs to the model of a ledger; that of a customer table has the members of churn alone."""

HISTORY = ("frequency", "recency", "T")
"""What every purchase model reads."""

MOST_NAMES = 5
"""How many columns a message names."""

_MISFITS = (
    KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ArithmeticError, MemoryError,
    xgboost.core.XGBoostError,
)  # fmt: skip
"""What values of the wrong kind raise, wherever they are first made use of."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The fitted model of a ledger: everything that scoring needs.

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

    setting: ClassVar[str] = "ledger"
    outputs: ClassVar[TableSchema] = SCORE_VALUES

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


@dataclass(frozen=True, slots=True)
class TableBundle:
    """The fitted model of a customer table: who leaves, told from the table's own columns.

    Attributes
    ----------
    churn : AnyChurnModel
        Its own horizon_days is 0 where the table does not say how far its label looks ahead.
    inputs : TableSchema
        The columns that the model reads, as the table names them.
    as_of : date or None
        The latest snapshot of the table, if its rows are dated.
    horizon_days : int or None
        How far the label looks ahead, if that is known.
    training : mapping
        Facts about the fit, JSON values only.
    fingerprint : str
        As that of `Bundle`.
    """

    setting: ClassVar[str] = "customer_table"
    outputs: ClassVar[TableSchema] = TABLE_SCORE_VALUES

    churn: AnyChurnModel
    inputs: TableSchema
    as_of: date | None = None
    horizon_days: int | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""


AnyBundle = Bundle | TableBundle


def write_bundle(bundle: AnyBundle, folder: Path | str) -> Path:
    """Write `bundle` as a folder, whole or not at all; an older bundle at that place is replaced.

    It is signed, if a private key is configured in the environment; see `bundle_signature`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be written, or something else than a bundle is there.
    ConfigError
        If the key cannot be used.
    """
    folder = Path(folder)
    check_replaceable(folder, (MANIFEST, SIGNATURE, *MEMBERS))
    with written_whole(folder) as place:
        place.mkdir()
        if isinstance(bundle, Bundle):
            write_json(place / "purchase.json", bundle.purchase.as_json())
            write_json(place / "spend.json", {"kind": "gamma_gamma", **asdict(bundle.spend)})
        write_json(place / "churn.json", churn_facts(bundle.churn))
        if (trees := churn_trees(bundle.churn)) is not None:
            trees.save_model(place / TREES)
        manifest = {
            "format": FORMAT,
            "setting": bundle.setting,
            "as_of": bundle.as_of.isoformat() if bundle.as_of else None,
            "time_unit": bundle.time_unit.value if isinstance(bundle, Bundle) else None,
            "horizon_days": bundle.horizon_days,
            "value": asdict(bundle.value) if isinstance(bundle, Bundle) else None,
            "input": _columns(bundle.inputs),
            "output": _columns(bundle.outputs),
            "training": dict(bundle.training),
            "files": {name: file_facts(place / name) for name in MEMBERS if (place / name).exists()},
        }
        write_json(place / MANIFEST, manifest)
        sign_bundle(place)
    return folder


def read_bundle(folder: Path | str, public_key: Path | str | None = None) -> AnyBundle:
    """Read a bundle after checking that it is whole and unaltered.

    Parameters
    ----------
    folder : path
    public_key : path, optional
        PEM file of the key that the bundle must be signed for; that of the environment if not given. See
        `bundle_signature`.

    Raises
    ------
    BundleError
        If the folder or a file is missing, one is there that does not belong, a hash or size differs from the
        manifest, the format or setting is not known, a value does not fit, or the signature is missing or another.
    ConfigError
        If a key is configured and cannot be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        message = f"No bundle at {folder}: expected a folder with {MANIFEST} and {', '.join(MEMBERS)}."
        raise BundleError(message)
    raw = read_bytes(folder, MANIFEST)
    check_signature(folder, raw, public_key)
    manifest = parsed(raw, folder / MANIFEST)
    members, read = _reader(folder, manifest)
    # Only trees may be missing: without a model that has them, the manifest does not name them.
    named = [name for name in members if name != TREES or TREES in (manifest.get("files") or ())]
    contents = {name: checked_member(folder, name, manifest) for name in named}
    refuse_other_files(folder, named, manifest)
    facts = {name: parsed(content, folder / name) for name, content in contents.items() if name != TREES}
    trees = contents.get(TREES)
    try:
        looked_at = check_trees(trees) if trees is not None else None
        bundle = read(manifest, facts, churn_model(facts["churn.json"], trees), hashlib.sha256(raw).hexdigest()[:12])
        checked.check_churn(bundle.churn, bundle.inputs, isinstance(bundle, Bundle), looked_at)
    except _MISFITS as error:
        what = str(error) if type(error) is ValueError else repr(error)
        message = f"The bundle {folder} holds a value that does not fit: {what}. Train or export it again."
        raise BundleError(message) from error
    return bundle


def _reader(folder: Path, manifest: dict[str, Any]) -> "tuple[tuple[str, ...], _Reader]":
    """What reads a bundle of this format and setting, and the members that it has."""
    found = manifest.get("format")
    if type(found) is not int or found not in READABLE:
        message = (
            f"The bundle {folder} has format {found!r}; this version of patronage reads formats "
            f"{', '.join(map(str, READABLE))}. Use the version that wrote it, or train again."
        )
        raise BundleError(message)
    # Bundles of formats 1 and 2 are all of ledgers and do not say so.
    setting = manifest.get("setting", Bundle.setting)
    if not isinstance(setting, str) or setting not in _READERS:
        message = f"The bundle {folder} is of the setting {setting!r}; known are {', '.join(_READERS)}."
        raise BundleError(message)
    return _READERS[setting]


def ledger_bundle(bundle: AnyBundle, wanted: str) -> Bundle:
    """Refuse the model of a customer table where that of a ledger is needed.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    wanted : str
        What needs it, as the beginning of a sentence.

    Raises
    ------
    BundleError
        Saying what kind of model it is and what it serves for.
    """
    if isinstance(bundle, Bundle):
        return bundle
    of_contracts = bool(bundle.training.get("of_contracts"))
    learnt_from = "the contracts of a ledger" if of_contracts else "a customer table"
    instead = "setting=contracts" if of_contracts else "ledger=customer_table and the same table settings"
    message = (
        f"{wanted} needs the model of a ledger's purchases. This one was trained on {learnt_from} and reads columns of "
        f"it ({_some(bundle.inputs)}): score it with {instead}, or choose another model=..."
    )
    raise BundleError(message)


def table_bundle(bundle: AnyBundle, wanted: str) -> TableBundle:
    """Refuse the model of a ledger where that of a customer table is needed; see `ledger_bundle`.

    Raises
    ------
    BundleError
    """
    if isinstance(bundle, TableBundle):
        return bundle
    message = (
        f"{wanted} needs the model of a customer table. This one was trained on a ledger of transactions and reads "
        f"what is made of them ({_some(bundle.inputs)}): score it with that ledger, or choose another model=..."
    )
    raise BundleError(message)


def _of_ledger(
    manifest: dict[str, Any], facts: dict[str, dict[str, Any]], churn: AnyChurnModel, fingerprint: str
) -> Bundle:
    purchase, spend = facts["purchase.json"], facts["spend.json"]
    horizon = checked.horizon(manifest["horizon_days"])
    bundle = Bundle(
        purchase=purchase_params(purchase),
        spend=checked.from_fields(GammaGammaParams, spend),
        churn=churn,
        value=checked.value_terms(manifest["value"], horizon),
        as_of=date.fromisoformat(manifest["as_of"]),
        time_unit=TimeUnit(manifest["time_unit"]),
        horizon_days=horizon,
        training=checked.mapping(manifest["training"], "training"),
        inputs=_as_doubles(checked.columns(manifest["input"])),
        fingerprint=fingerprint,
    )
    lacking = sorted({*HISTORY, *bundle.purchase.covariates, *bundle.spend.columns} - set(bundle.inputs.names))
    if lacking:
        message = f"its inputs lack {', '.join(lacking)}"
        raise ValueError(message)
    check_covariates(bundle.purchase, bundle.inputs)
    return bundle


def _of_table(
    manifest: dict[str, Any], _: dict[str, dict[str, Any]], churn: AnyChurnModel, fingerprint: str
) -> TableBundle:
    as_of, horizon = manifest["as_of"], manifest["horizon_days"]
    return TableBundle(
        churn=churn,
        inputs=checked.columns(manifest["input"]),
        as_of=None if as_of is None else date.fromisoformat(as_of),
        horizon_days=None if horizon is None else checked.horizon(horizon),
        training=checked.mapping(manifest["training"], "training"),
        fingerprint=fingerprint,
    )


_Reader = Callable[[dict[str, Any], dict[str, dict[str, Any]], AnyChurnModel, str], AnyBundle]

_READERS: dict[str, tuple[tuple[str, ...], _Reader]] = {
    Bundle.setting: (MEMBERS, _of_ledger),
    TableBundle.setting: (CHURN_MEMBERS, _of_table),
}
"""By setting, the members of a bundle and what puts them together."""


def _some(table: TableSchema) -> str:
    return ", ".join(table.names[:MOST_NAMES]) + (", ..." if len(table.names) > MOST_NAMES else "")


def _as_doubles(table: TableSchema) -> TableSchema:
    """The inputs of a ledger's model, whose numbers are doubles: bundles used to say long of frequency."""
    return TableSchema(
        table.name, tuple(one if one.type == "string" else replace(one, type="double") for one in table.columns)
    )


def _columns(table: TableSchema) -> list[dict[str, Any]]:
    return [asdict(column) for column in table.columns]
