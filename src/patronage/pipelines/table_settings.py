"""What ``train`` and ``score`` are told about a customer table, checked before the long work."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, StrictBool

from patronage.ledger.customer_table import CustomerTable, CustomerTableSource
from patronage.ledger.rules import share_of
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_contract
from patronage.pipelines.settings import Settings, built

TARGET = f"{CustomerTableSource.__module__}.{CustomerTableSource.__name__}"


def is_customer_table(config: dict[str, Any]) -> bool:
    """Whether the ledger that was chosen is a customer table."""
    return bool(config["ledger"].get("_target_") == TARGET)


class TableDates(Settings):
    """A customer table brings its own days: only how far its label looks ahead may be told."""

    cutoff: None
    horizon_days: int | None = Field(ge=1)
    observed_until: None


class Validation(Settings):
    """How the model of a customer table is judged, beside what is told of every evaluation."""

    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)
    keep_duplicates_together: StrictBool
    leaks: Literal["warn", "leave_out", "refuse"]
    lifetime_value: float = Field(gt=0, lt=float("inf"))
    value_months: float = Field(gt=0, lt=float("inf"))


def table_reader(
    config: dict[str, Any], read: Callable[[CustomerTableSource, Any], CustomerTable]
) -> Callable[[], CustomerTable]:
    """Check the settings of the table now, and return what reads it later, holds it to the contract and says so.

    Parameters
    ----------
    config : dict
    read : callable
        Reads from the source behind an engine.
    """
    contract = ledger_contract(config)
    source: CustomerTableSource = built(config, "ledger")
    engine = built(config, "engine")
    most, warned = (
        share_of("customers", getattr(contract, setting), f"contract.{setting}")
        for setting in ("max_set_aside_share", "warn_set_aside_share")
    )

    def opened() -> CustomerTable:
        with console.step(f"Read the customer table {source.location}"):
            table = read(source, engine)
        console.note(table.account)
        for note in table.notes:
            console.note(note)
        if len(table.set_aside):
            table.write_set_aside(contract.set_aside)
            console.note(f"rows set aside are written to {contract.set_aside}")
        table.require_fit(most)
        share = len(table.set_aside) / table.rows_in
        if share > warned:
            console.warn(f"{share:.1%} of the rows were set aside, more than {warned:.1%}")
        return table

    return opened
