"""What moving contacts from each dearer channel to the cheapest would save, in a statement."""

import pandas as pd

from patronage.value.channels import saving_of_shift
from patronage.value.statement.terms import StatementTerms

LEAST_SHARE = 0.02
"""Share of all contacts from which on a channel is one that contacts could move from or to."""


def shift_table(contacts: pd.DataFrame, terms: StatementTerms) -> pd.DataFrame | None:
    """Savings by dearer channel, period and segment.

    Parameters
    ----------
    contacts : DataFrame
        As `contact_channels` gives it.
    terms : StatementTerms
        With the shares that move, come back, and are saved.

    Returns
    -------
    DataFrame or None
        As described in `schema.CHANNEL_SHIFT`; None where there are no two channels of different cost.
    """
    sums = contacts.dropna(subset=["channel"]).groupby("channel")[["cost", "contacts"]].sum()
    used = sums[sums["contacts"] >= LEAST_SHARE * sums["contacts"].sum()]
    each = (used["cost"] / used["contacts"]).sort_values(kind="stable")
    if len(each) < 2 or each.iloc[-1] <= each.iloc[0]:
        return None
    cheap, shift, parts = str(each.index[0]), terms.shift, []
    for dear in map(str, each.index[:0:-1]):
        saved = saving_of_shift(contacts, dear, cheap, shift.share, shift.repeat_share, shift.saved_share)
        parts.append(saved.assign(dear=dear, cheap=cheap))
    found = pd.concat(parts, ignore_index=True)
    # A period without any contact by the cheap channel tells no cost to move to.
    return found.dropna(subset=["saving"]).reset_index(drop=True)
