"""What of a ledger's quality is worth a word, and how grave it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from patronage.ledger.contract import UNREADABLE_DATE
from patronage.ledger.quality.calendar import Days, month_ranges
from patronage.ledger.quality.measures import Quality, TableQuality
from patronage.ledger.words import how_many

Level = Literal["stop", "warning", "note"]

LARGE_REFUNDS_SHARE = 0.5
"""More refunds than this share of the sales, in money, are more likely a wrong sign than a bad year."""

LONG_GAP_DAYS = 14
"""A longer silence of a whole business is more likely a lost export than a holiday."""

SHOWN_RANGES = 6
"""Ranges of missing months that a sentence names at most."""


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
        found += [Finding("warning", remark) for remark in table.remarks]
        found += _future(name, table)
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
    unread = sum(rows for reason, rows in account.reasons.items() if reason.endswith(UNREADABLE_DATE))
    if unread:
        text = f"{how_many(unread, 'date')} of {name} could not be read; dates in text are read {table.dates_read}."
        found.append(Finding("note", text))
    if account.tolerated:
        text = (
            f"{how_many(account.tolerated, 'row')} of {name} {_were(account.tolerated)} set aside for reasons that the "
            "source declares to be expected."
        )
        found.append(Finding("note", text))
    if account.copies:
        share, some = account.copies / account.rows_in, account.copies == 1
        text = (
            f"{how_many(account.copies, 'row')} of {name} ({share:.2%}) "
            f"{'is a copy of an earlier one' if some else 'are copies of earlier ones'}."
        )
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
        texts.append(f"{name} lack {how_many(len(days.missing_months), 'whole month')}: {_ranges(days)}.")
    if days.implausible:
        day, rows = next(iter(days.implausible.items()))
        others = len(days.implausible) > 1
        texts.append(
            f"{how_many(len(days.implausible), 'day')} of {name} {'hold' if others else 'holds'} far more rows than "
            f"those around {'them, most of all' if others else 'it:'} {day} with {rows:,} (the median day has "
            f"{days.median_rows:,.0f})."
        )
    return [Finding(level, text) for text in texts]


def _future(name: str, table: TableQuality) -> list[Finding]:
    days = table.days
    if days is None or not days.future_rows:
        return []
    first, last = days.future_days
    when = f"{first}" if first == last else f"{first} to {last}"
    text = (
        f"{how_many(days.future_rows, 'row')} of {name} {_were(days.future_rows, 'lies', 'lie')} in the future "
        f"({when}): are day and month, and the years, read as they are meant? contract.latest sets such rows aside."
    )
    return [Finding("warning", text)]


def _ranges(days: Days) -> str:
    ranges = month_ranges(days.missing_months)
    rest = len(ranges) - SHOWN_RANGES
    return ", ".join(ranges[:SHOWN_RANGES]) + (f" and {how_many(rest, 'further range')}" if rest > 0 else "")


def _were(count: int, one: str = "was", several: str = "were") -> str:
    return one if count == 1 else several


def _overlap(name: str, table: TableQuality) -> list[Finding]:
    if not table.ids_without_transactions:
        return []
    text = (
        f"{how_many(table.ids_without_transactions, 'customer')} of {name} "
        f"{_were(table.ids_without_transactions, 'has', 'have')} no transactions "
        f"({how_many(table.rows_without_transactions, 'row')})."
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
            f"{how_many(account.lone_refunds, 'refund')} ({account.lone_refunds_amount:,.2f}) "
            f"{_were(account.lone_refunds, 'falls on a day', 'fall on days')} without a purchase of "
            f"{_were(account.lone_refunds, 'its', 'their')} customer; no purchase is netted with "
            f"{_were(account.lone_refunds, 'it', 'them')}."
        )
        found.append(Finding("note", text))
    if quality.unknown_customers:
        text = (
            f"{how_many(quality.unknown_customers, 'customer')} with transactions "
            f"{_were(quality.unknown_customers, 'is', 'are')} not in the table of customers."
        )
        found.append(Finding("note", text))
    return found
