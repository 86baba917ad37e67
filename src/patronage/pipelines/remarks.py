"""Words on a model and a ledger that may not belong together, for every command that joins the two."""

from datetime import date

from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.contract_silence import last_heard
from patronage.runtime.bundle import AnyBundle, Bundle, TableBundle

SILENCE_DAYS = 31
"""A longer silence before the as-of date is worth a word."""


def note_ledger(ledger: Ledger, bundle: Bundle, as_of: date) -> None:
    """Say what may be wrong with using a model on a ledger as of a day: nothing is refused, because it may be meant.

    Parameters
    ----------
    ledger : Ledger
    bundle : Bundle
        Its ``training["ledger"]`` says what it learnt from.
    as_of : date
    """
    _note_origin(ledger, bundle)
    silence = (as_of - ledger.span[1]).days
    if silence > SILENCE_DAYS:
        console.warn(
            f"the last transaction is {silence:,} days older than the as-of date {as_of}: if the ledger is not "
            "complete until then, every customer looks more gone than they are"
        )


def note_contracts(ledger: Ledger, bundle: TableBundle, as_of: date) -> None:
    """Say what may be wrong with telling who leaves of those under contract on a day: nothing is refused.

    Parameters
    ----------
    ledger : Ledger
        Its customers have contracts.
    bundle : TableBundle
        Its ``training["ledger"]`` says what it learnt from.
    as_of : date
    """
    _note_origin(ledger, bundle)
    last = last_heard(ledger, as_of)
    silence = (as_of - last).days
    if silence > SILENCE_DAYS:
        console.warn(
            f"nothing began, ended or was bought after {last}, {silence:,} days before the as-of date {as_of}: if the "
            "ledger is not complete until then, contracts that have ended since are taken for running, and scored"
        )


def _note_origin(ledger: Ledger, bundle: AnyBundle) -> None:
    """Say that a model learnt from another ledger than the one it is used on."""
    learnt_from = bundle.training.get("ledger", {}).get("name")
    if learnt_from not in (None, ledger.name):
        console.warn(
            f"the model learnt from the ledger {learnt_from}, and this one is {ledger.name}: if they are not of one "
            "business, the figures mean nothing. Train a model on this ledger, or name one by model=..."
        )
