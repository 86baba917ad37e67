"""What ``train`` and ``score`` are told about customer tables and contracts, checked before the long work."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, StrictBool

from patronage.errors import ConfigError
from patronage.ledger.customer_rows import CustomerTable
from patronage.ledger.customer_table import CustomerTableSource
from patronage.ledger.rules import share_of
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_contract
from patronage.pipelines.settings import Settings, built, settings_from

TARGET = f"{CustomerTableSource.__module__}.{CustomerTableSource.__name__}"


def is_customer_table(config: dict[str, Any]) -> bool:
    """Whether the ledger that was chosen is a customer table."""
    return bool(config["ledger"].get("_target_") == TARGET)


class ChurnSetting(Settings):
    """What churn is: in a ledger no purchase, or the end of a contract."""

    churn_is: Literal["no_purchase", "end_of_contract"]


def is_of_contracts(config: dict[str, Any]) -> bool:
    """Whether churn is the end of a contract of the ledger's customers.

    Raises
    ------
    ConfigError
        If the setting is unknown, or the ledger is a customer table, whose own label says what churn is.
    """
    chosen = settings_from(ChurnSetting, config["setting"], "setting")
    if chosen.churn_is == "no_purchase":
        return False
    if is_customer_table(config):
        message = (
            "setting=contracts takes contracts from the customers of a ledger; a customer table has a label of its own "
            "instead. Leave out setting=contracts, or choose another ledger=..."
        )
        raise ConfigError(message)
    return True


def tells_rows(config: dict[str, Any]) -> bool:
    """Whether churn alone is told, of the rows of a customer table or of customers under contract."""
    return is_of_contracts(config) or is_customer_table(config)


def refuse_customer_table(config: dict[str, Any], what: str) -> None:
    """Refuse a customer table where transactions are needed.

    Parameters
    ----------
    config : dict
    what : str
        What needs them, as the beginning of a sentence.

    Raises
    ------
    ConfigError
    """
    if is_customer_table(config):
        message = (
            f"{what} needs transactions, and ledger=customer_table is not a ledger of transactions but one row a "
            "customer: patronage train, tune, score and export work with it. Choose another ledger=..."
        )
        raise ConfigError(message)


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
