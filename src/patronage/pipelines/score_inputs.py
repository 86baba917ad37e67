"""Who is scored by ``patronage score``: the customers of a ledger, or of a table of features that is ready."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, StrictBool

from patronage.errors import ConfigError
from patronage.ledger.engines.spark import SparkEngine
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_opener
from patronage.pipelines.remarks import note_ledger
from patronage.pipelines.settings import MISSING, Settings
from patronage.runtime.bundle import AnyBundle, Bundle, TableBundle, ledger_bundle
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction
from patronage.runtime.scorer import Scorer
from patronage.scoring.duckdb_rows import DuckDbRows, is_duckdb
from patronage.scoring.feature_rows import FeatureRows, found_files
from patronage.scoring.held_rows import Rows, held_rows
from patronage.scoring.job import ledger_rows
from patronage.scoring.profit import ScoreProfit
from patronage.scoring.repeated import repeated_customers, repeated_in_words
from patronage.scoring.spark_rows import spark_ledger_rows
from patronage.scoring.table_checks import Checked, check_rows
from patronage.value.activity_costs import ActivityCosts, activity_costs


class Score(Settings):
    """The command's own settings."""

    as_of: date | None
    model: str
    input: str | None = Field(min_length=1)
    input_table: str | None = Field(min_length=1)
    out: str = Field(min_length=1)
    out_table: str | None = Field(min_length=1)
    work_folder: str = Field(min_length=1)
    batch_rows: int = Field(ge=1)
    threads: int | None = Field(ge=1)
    limit: int | None = Field(ge=1)
    restart: Literal["auto", "fresh"]
    dry_run: StrictBool
    max_rejected_share: float = Field(ge=0, le=1)
    interval: float | None = Field(gt=0, lt=1)
    profit: StrictBool
    explain: StrictBool
    explain_method: ExplainMethod
    explain_direction: Direction


@dataclass(frozen=True)
class Customers:
    """Who is scored.

    Attributes
    ----------
    rows : callable
        As `scoring.job.ScoreJob.rows`.
    facts : dict
        What tells this input from another.
    known : int
        How many there are; of a ledger the most that there can be.
    held : bool
        Whether the features have to be computed and held on disk first.
    profit : ScoreProfit, optional
        What each of them earns.
    """

    rows: Rows
    facts: dict[str, Any]
    known: int
    held: bool
    profit: ScoreProfit | None = None


@dataclass(frozen=True)
class Asked:
    """What was asked for, checked as far as it can be before the model is loaded.

    Attributes
    ----------
    as_of : date or None
        The day of the scores, where it is known.
    fitting : callable
        Refuses the bundle of a model that cannot score these customers, and returns any other.
    customers : callable
        Reads or opens the customers for a bundle.
    """

    as_of: date | None
    fitting: Callable[[AnyBundle], AnyBundle]
    customers: Callable[[Any], Customers]


def of_features(settings: Score) -> Asked:
    """The customers of a table of features.

    Raises
    ------
    ConfigError
        If profit is asked for, which takes a ledger.
    """
    if settings.profit:
        message = "profit=true is learned from the purchases and costs of a ledger; input=... holds features alone."
        raise ConfigError(message)
    location, size = str(settings.input), settings.batch_rows

    def of_files(bundle: AnyBundle) -> Customers:
        with console.step(f"Look at the table {location}"):
            rows = FeatureRows(found_files(location), bundle.inputs)
            facts: dict[str, Any] = {"kind": "feature table", "location": location, "files": rows.facts()}
            checked = _checked(rows.parts(0, size), location, bundle)
            facts["repeated_customers"] = repeated_customers(rows.ids)
        say_checked(checked)
        _say_repeated(facts, location)
        return Customers(lambda _: rows, facts, len(rows), held=False)

    def of_duckdb(bundle: AnyBundle) -> Customers:
        with console.step(f"Look at the table {settings.input_table or ''} of {location}"):
            rows = DuckDbRows(location, settings.input_table, bundle.inputs)
            checked = _checked(rows.parts(), rows.location, bundle)
            facts = {"kind": "table of a DuckDB file", **rows.facts()}
            facts["repeated_customers"] = repeated_customers(rows.ids)
        say_checked(checked)
        _say_repeated(facts, rows.location)
        return Customers(held_rows(rows.batches, bundle.inputs), facts, len(rows), held=True)

    in_duckdb = settings.input_table is not None or is_duckdb(location)
    return Asked(settings.as_of, lambda bundle: bundle, of_duckdb if in_duckdb else of_files)


def _checked(parts: Iterable[pa.Table], location: str, bundle: AnyBundle) -> Checked | None:
    """What is wrong with columns that somebody else has made; those of a ledger's features are made by us."""
    return check_rows(parts, location, bundle) if isinstance(bundle, TableBundle) else None


def of_ledger(settings: Score, config: dict[str, Any]) -> Asked:
    """The customers of a ledger on a day.

    Raises
    ------
    ConfigError
        If the day is not known, or a setting of the ledger or its costs does not fit.
    """
    as_of = settings.as_of or _observed_until(config)
    costs = activity_costs(config["costs"]) if settings.profit else None
    opener = ledger_opener(config, linked_until=as_of)

    def opened(bundle: Bundle) -> Customers:
        ledger = opener()
        ledger.require_facts_until(as_of)
        note_ledger(ledger, bundle, as_of)
        facts = {
            "kind": "ledger",
            "name": ledger.name,
            "location": ledger.location,
            "sha256": ledger.digest,
            "rows": {name: account.rows_used for name, account in ledger.accounts.items()},
            "settings_sha256": settings_digest(config),
        }
        if isinstance(ledger.engine, SparkEngine):
            rows = spark_ledger_rows(ledger.tables, Scorer(bundle), as_of, ledger.engine)
        else:
            rows = ledger_rows(ledger.tables, Scorer(bundle), as_of, ledger.engine.batches)
        profit = _profit(ledger, costs, bundle, as_of)
        return Customers(rows, facts, ledger.account.customers, held=True, profit=profit)

    return Asked(as_of, lambda bundle: ledger_bundle(bundle, "Scoring a ledger"), opened)


def settings_digest(config: dict[str, Any]) -> str:
    """SHA-256 of the settings by which a ledger is read."""
    read = json.dumps({group: config[group] for group in ("ledger", "contract", "identity")}, default=str)
    return hashlib.sha256(read.encode()).hexdigest()


def say_checked(checked: Checked | None) -> None:
    """Say what was found in the columns."""
    for found in checked.notes if checked else ():
        console.note(found)
    for found in checked.warnings if checked else ():
        console.warn(found)


def _say_repeated(facts: dict[str, Any], location: str) -> None:
    """Warn of customers that are in a table more than once."""
    found = repeated_in_words(facts["repeated_customers"], location)
    if found:
        console.warn(found)


def _profit(ledger: Any, costs: ActivityCosts | None, bundle: Bundle, as_of: date) -> ScoreProfit | None:
    if costs is None:
        return None
    with console.step("Learn what customers earn"):
        return ScoreProfit(ledger.tables, costs, bundle, as_of)


def _observed_until(config: dict[str, Any]) -> date:
    """The last day that was observed."""
    observed = config["dates"]["observed_until"]
    if observed in (None, MISSING):
        message = "as_of is not set: give the last day whose facts count as as_of=YYYY-MM-DD."
        raise ConfigError(message)
    return date.fromisoformat(str(observed))
