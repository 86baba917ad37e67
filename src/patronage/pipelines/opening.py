"""The ledger and the tracking store that a command was told of."""

from collections.abc import Callable
from typing import Any

from patronage.ledger.opening import Ledger, open_ledger
from patronage.pipelines import console
from patronage.pipelines.settings import Contract, Tracking, built, settings_from
from patronage.tracking.store import TrackingStore


def ledger_opener(config: dict[str, Any]) -> Callable[[], Ledger]:
    """Check the settings of the ledger now, and return what opens it later.

    The opener holds the ledger to its contract and says what became of the rows.
    """
    contract = settings_from(Contract, config["contract"], "contract")
    source = built(config, "ledger")

    def opened() -> Ledger:
        with console.step(f"Read the ledger {source.name}"):
            ledger = open_ledger(
                source, max_set_aside_share=contract.max_set_aside_share, set_aside_path=contract.set_aside
            )
        console.note(str(ledger.account))
        if ledger.account.rows_set_aside:
            console.note(f"rows set aside are written to {contract.set_aside}")
        return ledger

    return opened


def tracking_store(config: dict[str, Any]) -> TrackingStore:
    """Check the settings of the tracking store; nothing is opened yet."""
    return TrackingStore(**settings_from(Tracking, config["tracking"], "tracking").model_dump())
