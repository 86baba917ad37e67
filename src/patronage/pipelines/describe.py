"""``patronage describe``: what a model needs, gives and knows, for people or, as JSON, for programs."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from patronage.files import written_whole
from patronage.pipelines import console
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.settings import Settings, own_settings
from patronage.runtime.bundle import AnyBundle, Bundle, read_bundle
from patronage.schema import TableSchema
from patronage.tracking.registry import RegisteredFacts, ResolvedModel, registered_facts, resolve_model

GROUPS = {"tracking"}

TOLD_FIGURES = (
    "churn.model.log_loss", "churn.model.roc_auc", "churn.model.calibration_error", "purchases.model.total_error",
    "purchases.model.rmse", "value.model.total_error", "value.model.rmse", "log_loss", "roc_auc", "brier",
)  # fmt: skip
"""Figures of the evaluation that the terminal shows; the JSON has all that the bundle keeps."""


class Describe(Settings):
    """The command's own settings."""

    model: str
    format: Literal["text", "json"]
    out: str | None = Field(min_length=1)


def describe(config: dict[str, Any]) -> None:
    """Describe a model; see ``conf/describe.yaml`` for the settings."""
    settings = own_settings(Describe, config, "describe", GROUPS)
    store = tracking_store(config)
    found = resolve_model(store, settings.model)
    bundle = read_bundle(found.bundle_folder)
    told = description(bundle, found, registered_facts(store, found.label))
    text = json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n"
    if settings.out is not None:
        with written_whole(Path(settings.out)) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    if settings.format == "json":
        sys.stdout.write(text)
        return
    _show(told)
    if settings.out is not None:
        console.note(f"the same as JSON: {settings.out}")


def description(bundle: AnyBundle, found: ResolvedModel, registered: RegisteredFacts | None) -> dict[str, Any]:
    """All facts of a model, JSON values only.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    found : ResolvedModel
    registered : RegisteredFacts or None
        Of a model that the registry knows.

    Returns
    -------
    dict
        model, version, aliases, run_id, fingerprint, setting, as_of, horizon_days, time_unit; inputs and outputs, each
        a list of columns with name, type, unit, nullable, meaning; parts: kind and parameters of each model; training:
        facts of the fit and figures of the evaluation; promotion: the last decision.
    """
    name = None if registered is None else (found.label or "").rpartition("/")[0]
    promotion = {} if registered is None else registered.tags
    return {
        "model": name,
        "version": None if registered is None else registered.version,
        "aliases": [] if registered is None else list(registered.aliases),
        "run_id": found.run_id,
        "fingerprint": bundle.fingerprint,
        "setting": bundle.setting,
        "as_of": None if bundle.as_of is None else bundle.as_of.isoformat(),
        "horizon_days": bundle.horizon_days,
        "time_unit": bundle.time_unit.value if isinstance(bundle, Bundle) else None,
        "inputs": _columns(bundle.inputs),
        "outputs": _columns(bundle.outputs),
        "parts": _parts(bundle),
        "training": dict(bundle.training),
        "promotion": {
            key.removeprefix("patronage.promotion."): value
            for key, value in promotion.items()
            if key.startswith("patronage.promotion.")
        },
    }


def _columns(table: TableSchema) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "type": one.type, "unit": one.unit, "nullable": one.nullable, "meaning": one.meaning}
        for one in table.columns
    ]


def _parts(bundle: AnyBundle) -> dict[str, Any]:
    churn = {
        "kind": type(bundle.churn).__name__,
        "horizon_days": bundle.churn.horizon_days,
        "features": list(bundle.churn.features),
    }
    if not isinstance(bundle, Bundle):
        return {"churn": churn}
    return {
        "purchase": {"kind": bundle.purchase.kind, "parameters": bundle.purchase.figures},
        "spend": {"kind": "gamma_gamma", "parameters": asdict(bundle.spend)},
        "churn": churn,
        "value": asdict(bundle.value),
    }


def _show(told: dict[str, Any]) -> None:
    version = f"{told['model']}/{told['version']}" if told["model"] else "not registered"
    aliases = ", ".join(f"@{alias}" for alias in told["aliases"])
    ahead = "not known" if told["horizon_days"] is None else f"{told['horizon_days']} days ahead"
    rows = [
        ["model", f"{version} ({aliases})" if aliases else version],
        ["fingerprint", told["fingerprint"]],
        ["run", told["run_id"] or "not known"],
        ["of", told["setting"].replace("_", " ")],
        ["knows facts up to", told["as_of"] or "not known"],
        ["looks", ahead],
        *([["time unit", told["time_unit"]]] if told["time_unit"] else []),
        *_part_rows(told["parts"]),
        *_training_rows(told["training"]),
    ]
    if promotion := told["promotion"]:
        rows.append(["last decision", f"{promotion['decision']} on {promotion['at']} by {promotion['by']}"])
        rows.append(["why", promotion["reason"]])
    console.results("Model", ["what", "result"], rows)
    for title, key in (("It needs", "inputs"), ("It gives", "outputs")):
        console.words(title, ["column", "type", "unit", "may be missing", "meaning"], [_row(one) for one in told[key]])


def _row(column: dict[str, Any]) -> list[str]:
    return [column["name"], column["type"], column["unit"], "yes" if column["nullable"] else "no", column["meaning"]]


def _part_rows(parts: dict[str, Any]) -> list[list[str]]:
    rows = [
        [name, f"{parts[name]['kind']}: {_listed(parts[name]['parameters'])}"]
        for name in ("purchase", "spend")
        if name in parts
    ]
    churn = parts["churn"]
    rows.append(["churn", f"{churn['kind']} of {len(churn['features'])} features"])
    if "value" in parts:
        rows.append(["value", _listed(parts["value"])])
    return rows


def _training_rows(training: dict[str, Any]) -> list[list[str]]:
    rows = []
    if ledger := training.get("ledger"):
        rows.append(["trained on", ", ".join(f"{key} {value}" for key, value in ledger.items())])
    if judged := training.get("holdout"):
        figures = {key.removeprefix("holdout."): value for key, value in judged.get("figures", {}).items()}
        shown = {key: figures[key] for key in TOLD_FIGURES if key in figures}
        rows.append([f"judged on {judged.get('cutoff')} to {judged.get('until')}", _listed(shown)])
    return rows


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
        if isinstance(value, float | int | str)
    )
