"""Who is scored by the model of a customer table: the rows of a table, or those under contract on a day."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from patronage.errors import ConfigError
from patronage.ledger.customer_rows import CustomerTable
from patronage.ledger.customer_table import CustomerTableSource
from patronage.ledger.engines.engine import Engine
from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.contract_table import contracts_to_score
from patronage.pipelines.opening import ledger_opener
from patronage.pipelines.remarks import note_contracts
from patronage.pipelines.score_inputs import Asked, Customers, Score, say_checked, settings_digest
from patronage.pipelines.settings import Settings, settings_from
from patronage.pipelines.table_settings import is_of_contracts, table_reader
from patronage.runtime.bundle import TableBundle, table_bundle
from patronage.scoring.table_checks import check_table
from patronage.scoring.table_scores import customer_table_rows


class Observed(Settings):
    """The part of the dates that scoring goes by."""

    observed_until: date


def of_customer_table(settings: Score, config: dict[str, Any]) -> Asked:
    """The rows of a customer table, or with setting=contracts those under contract on a day.

    Raises
    ------
    ConfigError
        If a setting does not fit, or is of ledgers whose purchases are foretold.
    """
    of_contracts = is_of_contracts(config)
    chosen = "setting=contracts" if of_contracts else "ledger=customer_table"
    _refuse_those_of_purchases(settings, chosen)
    as_of, read, advice = settings.as_of, partial(_read, config), None
    if of_contracts:
        as_of = as_of or _observed_until(config)
        read = partial(_under_contract, ledger_opener(config, linked_until=as_of), as_of)
        advice = (
            f"They are made of what the ledger knows on {as_of}: give as as_of a day until which it is complete, and "
            "the tables that it had in training."
        )

    def opened(bundle: TableBundle) -> Customers:
        table = read(bundle)
        say_checked(check_table(table, bundle, advice))
        facts = {
            "kind": "contracts" if of_contracts else "customer table",
            "name": table.name,
            "location": table.location,
            "sha256": table.digest,
            "rows": {"in": table.rows_in, "used": len(table), "set_aside": _reasons(table)},
            "settings_sha256": settings_digest(config),
        }
        return Customers(customer_table_rows(table, bundle), facts, len(table), held=True)

    return Asked(as_of, lambda bundle: table_bundle(bundle, f"Scoring with {chosen}"), opened)


def _read(config: dict[str, Any], bundle: TableBundle) -> CustomerTable:
    types = {column.name: column.type for column in bundle.inputs.columns}

    def unlabelled(source: CustomerTableSource, engine: Engine) -> CustomerTable:
        return source.read_unlabelled(types, engine)

    return table_reader(config, unlabelled)()


def _under_contract(opened: Callable[[], Ledger], as_of: date, bundle: TableBundle) -> CustomerTable:
    ledger = opened()
    with console.step(f"Customers under contract on {as_of}"):
        table = contracts_to_score(ledger, as_of, bundle.inputs)
    for note in table.notes:
        console.note(note)
    note_contracts(ledger, bundle, as_of)
    return table


def _reasons(table: CustomerTable) -> dict[str, int]:
    """Rows that were set aside, by their reasons."""
    return {str(reason): int(count) for reason, count in table.set_aside["reasons"].value_counts().items()}


def _observed_until(config: dict[str, Any]) -> date:
    """The last day of which the ledger is complete, whose contracts are scored unless another day is asked for."""
    dates = {"observed_until": config["dates"]["observed_until"]}
    return settings_from(Observed, dates, "dates").observed_until


def _refuse_those_of_purchases(settings: Score, chosen: str) -> None:
    if settings.interval is not None:
        message = (
            "interval is of purchases and value, which a model that tells churn alone does not foretell: leave it."
        )
        raise ConfigError(message)
    if settings.profit:
        message = f"profit=true is learned from the purchases of customers, which {chosen} does not foretell: leave it."
        raise ConfigError(message)
    if settings.input is not None:
        message = (
            f"input=... cannot be used with {chosen}: a table that is ready to be scored is given by "
            "input=FILE.parquet alone."
        )
        raise ConfigError(message)
