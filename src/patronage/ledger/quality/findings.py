"""What of a ledger's quality is worth a word, and how grave it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from patronage.ledger.quality.measures import Quality, TableQuality

Level = Literal["stop", "warning", "note"]

LARGE_REFUNDS_SHARE = 0.5
"""More refunds than this share of the sales, in money, are more likely a wrong sign than a bad year."""

LONG_GAP_DAYS = 14
"""A longer silence of a whole business is more likely a lost export than a holiday."""


@dataclass(frozen=True)
class Finding:
    """A sentence about a ledger; ``stop`` refuses it, ``warning`` is borne, ``note`` is for information."""

    level: Level
    text: str


def findings(quality: Quality, stop_shares: Mapping[str, float], warn_shares: Mapping[str, float]) -> list[Finding]:
    """Judge a ledger, the gravest first.

    Parameters
    ----------
    quality : Quality
    stop_shares, warn_shares : mapping of str to float
        By table, the share of rows set aside, 0 to 1, above which the ledger is refused, or worth a warning.
    """
    found: list[Finding] = []
    for name, table in quality.tables.items():
        found += _set_aside(name, table, stop_shares[name], warn_shares[name])
        found += _days(name, table)
        found += _overlap(name, table)
    found += _transactions(quality)
    order = ("stop", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.level))


def _set_aside(name: str, table: TableQuality, stop: float, warn: float) -> list[Finding]:
    account = table.account
    found = []
    share = account.share_set_aside
    if account.rows_in and not account.rows_used:
        found.append(Finding("stop", f"No row of {name} can be used."))
    elif not account.rows_in:
        found.append(Finding("stop" if name == "transactions" else "warning", f"There are no {name} at all."))
    elif share > stop:
        found.append(Finding("stop", f"{share:.1%} of the rows of {name} were set aside; at most {stop:.1%} may."))
    elif share > warn:
        found.append(Finding("warning", f"{share:.1%} of the rows of {name} were set aside, more than {warn:.1%}."))
    if account.tolerated:
        text = (
            f"{account.tolerated:,} rows of {name} were set aside for reasons that the source declares to be expected."
        )
        found.append(Finding("note", text))
    if account.copies:
        share = account.copies / account.rows_in
        text = f"{account.copies:,} rows of {name} ({share:.2%}) are copies of earlier ones."
        found.append(Finding("note", text))
    return found


def _days(name: str, table: TableQuality) -> list[Finding]:
    days = table.days
    if days is None or name == "campaigns":  # which come in waves
        return []
    level: Level = "warning" if name == "transactions" else "note"
    texts = []
    if days.longest_gap_days > LONG_GAP_DAYS:
        texts.append(f"{name} are silent for {days.longest_gap_days:,} days, {days.gap_from} to {days.gap_until}.")
    if days.missing_months:
        texts.append(f"{name} lack whole months: {', '.join(days.missing_months)}.")
    if days.implausible:
        day, rows = next(iter(days.implausible.items()))
        texts.append(
            f"{len(days.implausible):,} days of {name} hold far more rows than those around them, most of all {day} "
            f"with {rows:,} (the median day has {days.median_rows:,.0f})."
        )
    return [Finding(level, text) for text in texts]


def _overlap(name: str, table: TableQuality) -> list[Finding]:
    if not table.ids_without_transactions:
        return []
    text = (
        f"{table.ids_without_transactions:,} customers of {name} have no transactions "
        f"({table.rows_without_transactions:,} rows)."
    )
    all_of_them = table.ids_without_transactions == table.account.customers
    return [Finding("warning" if all_of_them else "note", text)]


def _transactions(quality: Quality) -> list[Finding]:
    account = quality.tables["transactions"].account
    money = account.money_used
    sales = money.amount - money.refunds_amount
    found = []
    if money.refunds and -money.refunds_amount > LARGE_REFUNDS_SHARE * sales:
        text = (
            f"Refunds are {-money.refunds_amount:,.2f} against sales of {sales:,.2f}: is the sign of the amounts right?"
        )
        found.append(Finding("warning", text))
    if account.lone_refunds:
        text = (
            f"{account.lone_refunds:,} refunds ({account.lone_refunds_amount:,.2f}) fall on days without a purchase of "
            "their customer; no purchase is netted with them."
        )
        found.append(Finding("note", text))
    if quality.unknown_customers:
        text = f"{quality.unknown_customers:,} customers with transactions are not in the table of customers."
        found.append(Finding("note", text))
    return found
