"""The data-quality report, for people (Markdown) and for programs (JSON)."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from patronage.ledger.account import Money
from patronage.ledger.quality.findings import Finding
from patronage.ledger.quality.measures import Quality, TableQuality
from patronage.ledger.words import how_many

Rows = list[list[str]]

SHOWN_DAYS = 10
"""Days with implausibly many rows that the page lists at most."""


def as_json(quality: Quality, found: Sequence[Finding]) -> str:
    """Everything that was measured, and what was found."""
    content = {"findings": [asdict(finding) for finding in found], **_plain(asdict(quality))}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_markdown(quality: Quality, found: Sequence[Finding]) -> str:
    """The same as a page to read."""
    parts = [
        f"# Data quality of {quality.name}",
        f"Read from `{quality.location}`; days are cut in {quality.time_zone}; SHA-256 {quality.digest[:16]}.",
        "## What was found",
        "\n".join(f"- **{finding.level}**: {finding.text}" for finding in found) or "- Nothing to remark.",
        "## Rows",
        _table(ROWS_HEADING, rows_table(quality)),
        "## Money",
        _table(MONEY_HEADING, money_table(quality)),
    ]
    if quality.amounts:
        parts += ["## Amounts of the transactions used", _table(*amounts_table(quality))]
    for name, table in quality.tables.items():
        parts += _table_parts(name, table)
    return "\n\n".join(parts) + "\n"


ROWS_HEADING = ["table", "rows in", "used", "set aside", "customers", "first day", "last day"]
WITHOUT_AMOUNT = "set aside, no readable amount"
MONEY_HEADING = ["transactions", "rows", "amount", "refunds", "refunds amount", "share of rows", "share of sales"]


def rows_table(quality: Quality) -> Rows:
    """A row for each table: rows in = used + set aside, customers and span."""
    return [
        [
            name,
            f"{table.account.rows_in:,}",
            f"{table.account.rows_used:,}",
            f"{table.account.rows_set_aside:,}",
            f"{table.account.customers:,}",
            str(table.account.first_day or ""),
            str(table.account.last_day or ""),
        ]
        for name, table in quality.tables.items()
    ]


def reasons_table(quality: Quality) -> Rows:
    """A row for each table and reason, with the number of rows and the first of them."""
    return [
        [name, reason, f"{count:,}", next(iter(table.examples[reason]), "")]
        for name, table in quality.tables.items()
        for reason, count in table.account.reasons.items()
    ]


def money_table(quality: Quality) -> Rows:
    """What the transactions amount to: used, set aside, set aside without an amount that can be read, and all rows."""
    account = quality.tables["transactions"].account
    used, aside = account.money_used, account.money_set_aside
    unread = account.rows_in - used.rows - aside.rows
    every = Money(
        account.rows_in,
        used.amount + aside.amount,
        used.refunds + aside.refunds,
        used.refunds_amount + aside.refunds_amount,
    )
    nothing = [[WITHOUT_AMOUNT, f"{unread:,}", *[""] * (len(MONEY_HEADING) - 2)]] if unread else []
    return [_money_row("used", used), _money_row("set aside", aside), *nothing, _money_row("all", every)]


def amounts_table(quality: Quality) -> tuple[list[str], Rows]:
    """The distribution of the amounts: heading and one row."""
    heading = [f"{float(name):.0%}" if name[0].isdigit() else name for name in quality.amounts]
    return [*heading, "zero"], [[*(f"{value:,.2f}" for value in quality.amounts.values()), f"{quality.zero_amounts:,}"]]


def _money_row(name: str, money: Money) -> list[str]:
    sales = money.amount - money.refunds_amount
    return [
        name,
        f"{money.rows:,}",
        f"{money.amount:,.2f}",
        f"{money.refunds:,}",
        f"{money.refunds_amount:,.2f}",
        f"{money.refunds / money.rows:.2%}" if money.rows else "",
        f"{abs(money.refunds_amount) / sales:.2%}" if sales else "",
    ]


def _table_parts(name: str, table: TableQuality) -> list[str]:
    parts = [f"## {name}"]
    days = table.days
    if days is not None:
        gap = (
            f"The longest time without any is {how_many(days.longest_gap_days, 'day')}, {days.gap_from} to "
            f"{days.gap_until}."
            if days.longest_gap_days
            else "No day between is without any."
        )
        parts.append(f"{how_many(days.days, 'day')} with rows between {days.first} and {days.last}. {gap}")
        if days.implausible:
            rows = [[str(day), f"{count:,}"] for day, count in list(days.implausible.items())[:SHOWN_DAYS]]
            parts += ["Days with far more rows than those around them, the fullest:", _table(["day", "rows"], rows)]
    if table.account.reasons:
        reasons = [
            [reason, f"{count:,}", "<br>".join(_cell(text) for text in table.examples[reason])]
            for reason, count in table.account.reasons.items()
        ]
        parts += ["Rows set aside, by reason (a row may have several):", _table(["reason", "rows", "first"], reasons)]
    if table.missing:
        rows = [[column, f"{share:.2%}"] for column, share in table.missing.items()]
        parts += ["Share of missing values:", _table(["column", "missing"], rows)]
    else:
        parts.append("No row is used, so there is no share of missing values.")
    return parts


def _table(heading: Sequence[str], rows: Rows) -> str:
    lines = [list(heading), ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text of a source as the cell of a table: no marks of Markdown or HTML, no line ends, no more than fits."""
    short = text if len(text) <= 200 else text[:200] + " ..."
    escaped = short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_[]|":
        escaped = escaped.replace(mark, f"\\{mark}")
    return " ".join(escaped.split())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | datetime) else value
