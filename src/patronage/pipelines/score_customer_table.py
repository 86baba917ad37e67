"""``patronage score`` of a customer table or of contracts: customers and a model in; who is likely to leave out."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, StrictBool

from patronage.errors import ConfigError
from patronage.files import check_writable
from patronage.ledger.customer_table import CustomerTable, CustomerTableSource
from patronage.ledger.engines.engine import Engine
from patronage.pipelines import console
from patronage.pipelines.contract_table import contracts_to_score
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.settings import Settings, settings_from
from patronage.pipelines.table_settings import is_of_contracts, table_reader
from patronage.runtime.bundle import TableBundle, read_bundle, table_bundle
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction
from patronage.runtime.scorer import TableScorer
from patronage.scoring.outputs import SUFFIX
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.table_scores import score_table
from patronage.tracking.registry import resolve_model


class Observed(Settings):
    """The part of the dates that scoring goes by."""

    observed_until: date


class TableScore(Settings):
    """Those of the command's own settings that matter for a table."""

    as_of: date | None
    model: str
    out: str
    batch_rows: int = Field(ge=1)
    explain: StrictBool
    explain_method: ExplainMethod
    explain_direction: Direction


OF_LEDGERS = {"input": None, "limit": None, "dry_run": False, "profit": False}
"""Settings that a customer table does not know, with the value that leaves them alone."""


def score_customer_table(config: dict[str, Any]) -> None:
    """Score a customer table, or those under contract; see ``conf/score.yaml`` for the settings."""
    of_contracts = is_of_contracts(config)
    settings = settings_from(TableScore, {name: config[name] for name in TableScore.model_fields}, "score")
    if config.get("interval") is not None:
        message = (
            "interval is of purchases and value, which a model that tells churn alone does not foretell: leave it."
        )
        raise ConfigError(message)
    _refuse_those_of_ledgers(config)
    if Path(settings.out).suffix != SUFFIX:
        message = f"Scores are written as Parquet, but out is {settings.out}: give it a name that ends in {SUFFIX}."
        raise ConfigError(message)
    store = tracking_store(config)
    read = _reader(config, settings, of_contracts)
    check_writable(Path(settings.out).parent)
    with console.step(f"Load the model {settings.model}"):
        resolved = resolve_model(store, settings.model)
        bundle = table_bundle(
            read_bundle(resolved.bundle_folder),
            f"Scoring with {'setting=contracts' if of_contracts else 'ledger=customer_table'}",
        )
    reasons = ScoreReasons(bundle, settings.explain_method, settings.explain_direction) if settings.explain else None
    table = read(bundle)
    version = resolved.label or f"bundle/{bundle.fingerprint}"
    with console.step(f"Score {len(table):,} rows"):
        scored = score_table(
            table, TableScorer(bundle), version, settings.out, settings.batch_rows, settings.as_of, reasons
        )
    for found in scored.checked.notes:
        console.note(found)
    for found in scored.checked.warnings:
        console.warn(found)
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


def _reader(config: dict[str, Any], settings: TableScore, of_contracts: bool) -> Callable[[TableBundle], CustomerTable]:
    """Check what tells of the rows now, and return what reads the columns of a model later."""
    if not of_contracts:
        return lambda bundle: table_reader(config, partial(_unlabelled, bundle))()
    as_of = settings.as_of or _observed_until(config)
    opened = ledger_opener(config, linked_until=as_of)

    def read(bundle: TableBundle) -> CustomerTable:
        ledger = opened()
        with console.step(f"Customers under contract on {as_of}"):
            table = contracts_to_score(ledger, as_of, bundle.inputs)
        for note in table.notes:
            console.note(note)
        return table

    return read


def _observed_until(config: dict[str, Any]) -> date:
    """The last day of which the ledger is complete, whose contracts are scored unless another day is asked for."""
    dates = {"observed_until": config["dates"]["observed_until"]}
    return settings_from(Observed, dates, "dates").observed_until


def _unlabelled(bundle: TableBundle, source: CustomerTableSource, engine: Engine) -> CustomerTable:
    return source.read_unlabelled({column.name: column.type for column in bundle.inputs.columns}, engine)


def _refuse_those_of_ledgers(config: dict[str, Any]) -> None:
    given = [name for name, unset in OF_LEDGERS.items() if config.get(name, unset) != unset]
    if given:
        message = (
            f"{', '.join(given)} cannot be used with ledger=customer_table. A table that is ready to be scored can be "
            "given as input=FILE.parquet, without ledger=customer_table."
        )
        raise ConfigError(message)
