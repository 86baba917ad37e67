"""How long nothing was heard of the contracts of a ledger: where it is long, the ledger may not be complete until then.

The end of a contract is known from its day on, so every contract that a ledger has not heard the end of runs on.
"""

from datetime import date

import pandas as pd
from ibis import _

from patronage.errors import DateError
from patronage.features.contracts import customers_with_contracts
from patronage.ledger.opening import Ledger
from patronage.pipelines.settings import Dates


def last_heard(ledger: Ledger, until: date) -> date:
    """The last day, `until` or before, on which a contract began or ended, or something was bought."""
    known = (
        customers_with_contracts(ledger.tables)
        .aggregate(
            begun=_.contract_start.max(where=_.contract_start <= until),
            ended=_.contract_end.max(where=_.contract_end <= until),
        )
        .execute()
    )
    days = [pd.Timestamp(one).date() for one in known.iloc[0] if not pd.isna(one)]
    return max([*days, min(ledger.span[1], until)])


def refuse_silence(ledger: Ledger, dates: Dates) -> None:
    """Refuse an end of observation so late that contracts which had ended by then would be taken for running.

    Raises
    ------
    DateError
        If nothing was heard in the whole horizon before ``dates.observed_until``.
    """
    last = last_heard(ledger, dates.observed_until)
    silence = (dates.observed_until - last).days
    if silence >= dates.horizon_days:
        message = (
            f"dates.observed_until is {dates.observed_until}, but nothing began, ended or was bought after {last}: "
            f"with nothing in {silence:,} days, a whole horizon, contracts that ended would be taken for running. Set "
            "it to the last day of which the ledger is complete."
        )
        raise DateError(message)
