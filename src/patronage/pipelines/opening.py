"""The ledger and the tracking store that a command was told of."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from patronage.ledger.identity.linker import NoLinker
from patronage.ledger.identity.linking import linked
from patronage.ledger.opening import Ledger, open_ledger
from patronage.ledger.rules import ContractRules, Duplicates, Refunds, Share, share_of
from patronage.pipelines import console
from patronage.pipelines.settings import Contract, Tracking, built, settings_from
from patronage.tracking.store import TrackingStore


class LedgerContract(Contract):
    """How many bad rows are borne, where they go, and what of the contract is a matter of choice."""

    max_set_aside_share: float | dict[str, float]  # type: ignore[assignment]
    warn_set_aside_share: float | dict[str, float]
    duplicates: Duplicates
    refunds: Refunds
    largest_amount: float | None = Field(gt=0, lt=float("inf"))
    latest: date | None
    currency: str | None = Field(min_length=1)

    @property
    def rules(self) -> ContractRules:
        """The part that the ledger itself asks for."""
        return ContractRules(self.duplicates, self.refunds, self.largest_amount, self.latest, self.currency)


def ledger_opener(config: dict[str, Any], linked_until: date | None = None, link: bool = True) -> Callable[[], Ledger]:
    """Check the settings of the ledger now, and return what opens it later.

    The opener holds the ledger to its contract, says what became of the rows, and, unless told not to `link`, gives
    every person one id by what was known of customers acquired until a day.
    """
    contract = ledger_contract(config)
    source = built(config, "ledger")
    engine, linker = built(config, "engine"), built(config, "identity") if link else NoLinker()

    def opened() -> Ledger:
        with console.step(f"Read the ledger {source.name}"):
            ledger = open_ledger(
                source,
                engine,
                max_set_aside_share=contract.max_set_aside_share,
                set_aside_path=contract.set_aside,
                rules=contract.rules,
            )
        for name, account in ledger.accounts.items():
            console.note(str(account) if name == "transactions" else f"{name}: {account}")
        for warning in warnings(ledger, contract.warn_set_aside_share):
            console.note(f"warning: {warning}")
        if any(account.rows_set_aside for account in ledger.accounts.values()):
            console.note(f"rows set aside are written to {contract.set_aside}")
        if linker.name == "none":
            return ledger
        with console.step("Link the ids that are one person"):
            tables, report = linked(ledger.tables, linker, linked_until, engine)
        console.note(str(report))
        return replace(ledger, tables=tables)

    return opened


def ledger_contract(config: dict[str, Any]) -> LedgerContract:
    """The settings of the contract, checked.

    Raises
    ------
    ConfigError
        Naming every key that does not fit.
    """
    contract = settings_from(LedgerContract, config["contract"], "contract")
    for setting in ("max_set_aside_share", "warn_set_aside_share"):
        share_of("transactions", getattr(contract, setting), f"contract.{setting}")
    return contract


def warnings(ledger: Ledger, share: Share) -> list[str]:
    """What is worth a word though it is borne: many bad rows, codes that no row has, days that have not come yet."""
    found = [remark for remarks in ledger.remarks.values() for remark in remarks]
    today = today_in(ledger.time_zone)
    for name, account in ledger.accounts.items():
        if account.last_day is not None and account.last_day > today:
            found.append(f"{name} reach into the future, until {account.last_day}; patronage check says more")
        limit = share_of(name, share, "contract.warn_set_aside_share")
        if account.share_set_aside > limit:
            found.append(f"{account.share_set_aside:.1%} of the rows of {name} were set aside, more than {limit:.1%}")
    return found


def today_in(time_zone: str) -> date:
    """The day on the calendar of a zone, now."""
    return datetime.now(ZoneInfo(time_zone)).date()


def tracking_store(config: dict[str, Any]) -> TrackingStore:
    """Check the settings of the tracking store; nothing is opened yet."""
    return TrackingStore(**settings_from(Tracking, config["tracking"], "tracking").model_dump())
