"""``patronage report``: the evaluation of a model and the scores of a ledger in, one HTML page out."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from patronage.errors import ContractError, ModelError, SourceError
from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.card import CHURN_TITLES
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.settings import Settings, own_settings
from patronage.report import page
from patronage.report.tables import SCHEMAS
from patronage.runtime.bundle import AnyBundle, Bundle, TableBundle, read_bundle
from patronage.runtime.reasons import OF_CONTRACTS
from patronage.schema import SCORES, TABLE_SCORES
from patronage.tracking.record import log_report, read_tables
from patronage.tracking.registry import ResolvedModel, resolve_model

GROUPS = {"tracking"}

KNOWN = {*SCHEMAS, "folds"} - {"scores"}
"""Tables of a run that a report shows."""


class Report(Settings):
    """The command's own settings."""

    model: str
    scores: str
    out: str


def report(config: dict[str, Any]) -> None:
    """Write the report; see ``conf/report.yaml`` for the settings."""
    settings = own_settings(Report, config, "report", GROUPS)
    store = tracking_store(config)
    out = Path(settings.out)
    check_writable(out)
    with console.step(f"Read the model {settings.model} and its evaluation"):
        resolved = resolve_model(store, settings.model)
        if resolved.run_id is None:
            message = f"A report needs the run that trained the model; {settings.model} is a bare folder."
            raise ModelError(message)
        tables = {name: table for name, table in read_tables(store, resolved.run_id).items() if name in KNOWN}
        bundle = read_bundle(resolved.bundle_folder)
        scores = read_scores(settings.scores)
        _refuse_foreign_scores(scores, settings.scores, str(resolved.label), bundle)
        facts = _facts(resolved, bundle, scores) if isinstance(bundle, Bundle) else _table_facts(resolved, bundle)
    with console.step("Draw the charts and write the page"):
        content = page.ReportTables(
            **tables,
            scores=scores,
            facts=facts,
            certificate=bundle.training.get("certificate", {}),
            tells_value=isinstance(bundle, Bundle),
            level=_level(bundle),
        )
        pngs = page.write_pngs(page.charts(content), out)
        page.write_report(content, out / "report.html")
    with console.step("Add the report to the run"), tempfile.TemporaryDirectory() as folder:
        for path in (out / "report.html", *pngs):
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        log_report(store, resolved.run_id, Path(folder))
    rows = [
        ["page", str(out / "report.html")],
        ["charts", f"{len(pngs)} PNG files in {out}"],
        ["run", resolved.run_id],
    ]
    console.results("Report", ["what", "where"], rows)


def read_scores(path: str) -> pd.DataFrame:
    """Read a file of scores.

    Raises
    ------
    SourceError
        If it is missing or not Parquet.
    """
    if not Path(path).is_file():
        message = f"There are no scores at {path}: run `patronage score` first, or set scores=PATH."
        raise SourceError(message)
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        message = f"{path} is not a Parquet file of scores: {error}."
        raise SourceError(message) from error


def _refuse_foreign_scores(scores: pd.DataFrame, path: str, label: str, bundle: AnyBundle) -> None:
    schema = SCORES if isinstance(bundle, Bundle) else TABLE_SCORES
    lacking = [name for name in schema.names if name not in scores]
    if lacking:
        message = f"{path} is no file of scores: it lacks {', '.join(lacking)}. Write one with `patronage score`."
        raise ContractError(message)
    versions = sorted(map(str, scores["model_version"].unique()))
    horizons = [None if pd.isna(one) else int(one) for one in scores["horizon_days"].unique()]
    if versions != [label] or horizons != [bundle.horizon_days]:
        ahead, asked = (
            ", ".join("an unknown number of" if one is None else str(one) for one in days)
            for days in (horizons, [bundle.horizon_days])
        )
        message = (
            f"The scores in {path} are by {', '.join(versions) or 'no model'}, {ahead} days "
            f"ahead; the report is on {label}, {asked} days ahead. Score with that model, or set "
            f"model=models:/{versions[0] if versions else 'NAME/VERSION'}."
        )
        raise ContractError(message)
    # A customer may have several rows of different days in a customer table.
    doubled = scores.duplicated(["customer_id", "as_of"] if isinstance(bundle, TableBundle) else ["customer_id"])
    if doubled.any():
        first = scores.loc[doubled, "customer_id"].astype(str).tolist()
        message = f"{path} names {doubled.sum():,} customers more than once, first: {', '.join(first[:5])}."
        raise ContractError(message, counts={"customer_id more than once": int(doubled.sum())}, first_ids=first[:5])


def _level(bundle: AnyBundle) -> float:
    """Coverage of the evaluation's intervals; 95 % where an older run does not say."""
    return float(bundle.training["holdout"].get("level", 0.95))


def _table_facts(resolved: ResolvedModel, bundle: TableBundle) -> dict[str, str]:
    training = bundle.training
    splits = training["holdout"].get("splits", [])
    ahead = f"{bundle.horizon_days:,} days" if bundle.horizon_days else "as far as the label does"
    return {
        "model": f"{resolved.label}, {CHURN_TITLES.get(bundle.churn.kind, bundle.churn.kind).lower()}",
        "learnt from": f"{training['ledger']['name']}, {training['ledger']['customers']:,} rows"
        + (" of contracts" if training.get(OF_CONTRACTS) else ""),
        "label": str(training.get("label", "not recorded")),
        "fitted to facts up to": bundle.as_of.isoformat() if bundle.as_of else "not known: the rows have no days",
        "looks ahead": ahead,
        "reads": f"{len(bundle.inputs.names):,} columns",
        "calibration": bundle.churn.calibration.kind,
        "evaluated on": f"{len(splits)} splits, {splits[0]} to {splits[-1]}" if splits else "not recorded",
    }


def _facts(resolved: ResolvedModel, bundle: Bundle, scores: pd.DataFrame) -> dict[str, str]:
    training = bundle.training
    stored = {**bundle.purchase.figures, **asdict(bundle.spend)}
    parameters = {name: value for name, value in stored.items() if isinstance(value, float)}
    as_of = sorted(map(str, scores["as_of"].unique())) if "as_of" in scores else []
    return {
        "model": str(resolved.label),
        "ledger": f"{training['ledger']['name']}, {training['ledger']['customers']:,} customers",
        "fitted to facts up to": bundle.as_of.isoformat(),
        "evaluated on": f"{training['holdout']['cutoff']} to {training['holdout']['until']}",
        "scores as of": ", ".join(as_of),
        "horizon": f"{bundle.horizon_days} days",
        "purchase model": f"{bundle.purchase.title}, engine {training['engine']}, time in {bundle.time_unit.value}s",
        "parameters": ", ".join(f"{name} {value:.4g}" for name, value in parameters.items()),
        "money": f"margin {bundle.value.margin_rate:.0%} of spend, "
        f"discounted {bundle.value.discount_rate_yearly:.0%} a year",
    }
