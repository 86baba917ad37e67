"""``patronage export``: a model in, an installable scoring module out, and on request its query and its trees."""

from datetime import date
from pathlib import Path
from typing import Any

from patronage.errors import ConfigError
from patronage.files import check_writable, written_whole
from patronage.ledger.engines.dialects import dialect_of
from patronage.ledger.warehouse import warehouse_tables
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_contract, tracking_store
from patronage.pipelines.settings import Features, Settings, built, own_settings, settings_from
from patronage.pipelines.sql import Tables, query_text, summary_and_features
from patronage.runtime.bundle import Bundle, ledger_bundle, read_bundle
from patronage.scoring.onnx_trees import export_onnx
from patronage.scoring.wheel import export_wheel
from patronage.tracking.registry import resolve_model

GROUPS = {"tracking", "ledger", "contract", "features"}

QUERY = "features.sql"
TREES = "churn.onnx"


class Export(Settings):
    """The command's own settings."""

    model: str
    out: str
    name: str
    package_version: str
    sign_key: str | None
    sql: str | None
    sql_as_of: date | None
    tables: Tables
    onnx: bool


def export(config: dict[str, Any]) -> None:
    """Export a model; see ``conf/export.yaml`` for the settings."""
    settings = own_settings(Export, config, "export", GROUPS)
    store = tracking_store(config)
    check_writable(settings.out)
    out = Path(settings.out)
    resolved = resolve_model(store, settings.model)
    bundle = read_bundle(resolved.bundle_folder)
    rows = [["model", resolved.label or str(resolved.bundle_folder)]]
    # What may be refused comes first, so that a refusal leaves no half of an export behind.
    query = None
    if settings.sql is not None:
        query = input_query(ledger_bundle(bundle, "A query of features"), settings, config)
    if settings.onnx:
        with console.step("Write the trees as ONNX and compare them"):
            gap = export_onnx(bundle, out / TREES)
        rows.append(["trees", f"{out / TREES} (within {gap:.1g} of XGBoost's probabilities)"])
    if query is not None:
        with written_whole(out / QUERY) as unfinished:
            unfinished.write_text(query, encoding="utf-8")
        rows.append(["query", f"{out / QUERY} ({settings.sql})"])
    with console.step(f"Pack the model {settings.model}"):
        wheel = export_wheel(
            resolved.bundle_folder, out, settings.name, settings.package_version, sign_key=settings.sign_key
        )
    rows += [
        ["wheel", str(wheel)],
        ["install", f"pip install {wheel}"],
        ["use", f"from {settings.name} import score"],
        ["files", f"python -m {settings.name} in.parquet out.parquet"],
    ]
    console.results("Scoring module", ["what", "where"], rows)


def input_query(bundle: Bundle, settings: Export, config: dict[str, Any]) -> str:
    """The query that makes a model's input of the tables of a ledger.

    Parameters
    ----------
    bundle : Bundle
        Its time unit and its inputs.
    settings : Export
        The dialect, the day and what the tables are called.
    config : dict
        The groups ledger, contract and features.

    Returns
    -------
    str
        SQL with a row for each customer: customer_id, as_of, and the inputs in their order.

    Raises
    ------
    ConfigError
        If there is no such dialect, or the mapping of the ledger does not give all inputs.
    """
    features = settings_from(Features, config["features"], "features")
    dialect = dialect_of(str(settings.sql))
    rules = ledger_contract(config).rules
    warehouse = warehouse_tables(built(config, "ledger"), dialect, settings.tables.model_dump(), rules)
    query = summary_and_features(
        warehouse.tables, settings.sql_as_of or bundle.as_of, features.groups, bundle.time_unit
    )
    lacking = [name for name in bundle.inputs.names if name not in query.columns]
    if lacking:
        message = (
            f"The query lacks {len(lacking)} of {len(bundle.inputs.names)} columns that the model reads: "
            f"{', '.join(lacking[:5])}{', ...' if len(lacking) > 5 else ''}. Give the ledger=, ledger.* and features "
            "settings that the model was trained with."
        )
        raise ConfigError(message)
    return query_text(query.select("customer_id", "as_of", *bundle.inputs.names), warehouse, dialect)
