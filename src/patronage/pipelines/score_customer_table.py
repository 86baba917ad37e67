"""``patronage score ledger=customer_table``: a table of customers and a model in; who is likely to leave out."""

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, StrictBool

from patronage.errors import ConfigError
from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.settings import Settings, settings_from
from patronage.pipelines.table_settings import table_reader
from patronage.runtime.bundle import read_bundle, table_bundle
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction
from patronage.runtime.scorer import TableScorer
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.table_scores import score_table
from patronage.tracking.registry import resolve_model


class TableScore(Settings):
    """Those of the command's own settings that matter for a table."""

    as_of: date | None
    model: str
    out: str
    batch_rows: int = Field(ge=1)
    explain: StrictBool
    explain_method: ExplainMethod
    explain_direction: Direction


def score_customer_table(config: dict[str, Any]) -> None:
    """Score a customer table; see ``conf/score.yaml`` for the settings."""
    settings = settings_from(TableScore, {name: config[name] for name in TableScore.model_fields}, "score")
    if config.get("interval") is not None:
        message = "interval is of purchases and value, which the model of a customer table does not foretell: leave it."
        raise ConfigError(message)
    store = tracking_store(config)
    check_writable(Path(settings.out).parent)
    with console.step(f"Load the model {settings.model}"):
        resolved = resolve_model(store, settings.model)
        bundle = table_bundle(read_bundle(resolved.bundle_folder), "Scoring with ledger=customer_table")
    reasons = ScoreReasons(bundle, settings.explain_method, settings.explain_direction) if settings.explain else None
    types = {column.name: column.type for column in bundle.inputs.columns}
    table = table_reader(config, lambda source, engine: source.read_unlabelled(types, engine))()
    version = resolved.label or f"bundle/{bundle.fingerprint}"
    with console.step(f"Score {len(table):,} rows"):
        scored = score_table(
            table, TableScorer(bundle), version, settings.out, settings.batch_rows, settings.as_of, reasons
        )
    rows = [[str(row.customer_id), f"{row.churn_probability:.3f}"] for row in scored.most_at_risk.itertuples()]
    console.results("The most likely to leave", ["customer", "churn_probability"], rows)
    ahead = f"within {bundle.horizon_days} days" if bundle.horizon_days else "as the label of the training table has it"
    results = [
        ["rows scored", f"{scored.customers:,}"],
        ["expected to leave", f"{scored.expected_to_leave:,.0f} customers, {ahead}"],
        ["model", version],
        ["scores", str(scored.path)],
    ]
    console.results("Scores", ["what", "result"], results)
