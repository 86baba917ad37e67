"""The quality of a ledger as one HTML file: what was found, what became of every row, and what each table holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from patronage.ledger.quality.calendar import Days
from patronage.ledger.quality.findings import Finding
from patronage.ledger.quality.measures import Quality, TableQuality
from patronage.ledger.quality.page import (
    MONEY_HEADING,
    ROWS_HEADING,
    SHOWN_DAYS,
    amounts_table,
    money_table,
    rows_table,
)
from patronage.ledger.words import how_many
from patronage.report.html import write_page

LONGEST_EXAMPLE = 300
"""Examples of rows that were set aside are cut to so many characters."""

CHART_WIDTH, CHART_HEIGHT = 720.0, 90.0
"""Size of the chart of rows by month, in pixels."""


def write_quality_page(quality: Quality, found: Sequence[Finding], path: Path | str) -> None:
    """Write the report of ``patronage check`` as one HTML file that opens without a network.

    Parameters
    ----------
    quality : Quality
    found : sequence of Finding
    path : path
        The file to write; it appears whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_page(
        path,
        "quality.html.j2",
        quality=quality,
        verdict=verdict(found),
        findings=found,
        rows=(ROWS_HEADING, rows_table(quality)),
        shares=[(name, set_aside_share(table)) for name, table in quality.tables.items()],
        money=(MONEY_HEADING, money_table(quality)),
        amounts=amounts_table(quality) if quality.amounts else None,
        tables=[_part(name, table) for name, table in quality.tables.items()],
        chart_width=CHART_WIDTH,
        chart_height=CHART_HEIGHT,
    )


def verdict(found: Sequence[Finding]) -> tuple[str, str]:
    """The gravest level among the findings, ``good`` if there is no grave one, and a sentence."""
    levels = [finding.level for finding in found]
    warnings = how_many(levels.count("warning"), "warning")
    if "stop" in levels:
        return "stop", f"The ledger is refused: {how_many(levels.count('stop'), 'reason')}, and {warnings}."
    if "warning" in levels:
        return "warning", f"The ledger can be used, with {warnings}."
    return "good", "The ledger can be used; there are no warnings."


def set_aside_share(table: TableQuality) -> float | None:
    """Share of the rows of a table that were set aside, 0 to 1; None if there are no rows."""
    return table.account.rows_set_aside / table.account.rows_in if table.account.rows_in else None


def month_bars(days: Days) -> list[dict[str, Any]]:
    """The rows of each month as bars: month, rows, and x, y, width, height in pixels."""
    step = CHART_WIDTH / len(days.rows_by_month)
    most = max(days.rows_by_month.values())
    bars = []
    for number, (month, rows) in enumerate(days.rows_by_month.items()):
        height = CHART_HEIGHT * rows / most
        width = max(step - 1, step / 2)
        bars.append(
            {"month": month, "rows": rows, "x": number * step, "y": CHART_HEIGHT - height, "width": width,
             "height": height}
        )  # fmt: skip
    return bars


def _part(name: str, table: TableQuality) -> dict[str, Any]:
    """What the page shows of one table."""
    days = table.days
    return {
        "name": name,
        "account": table.account,
        "overlap": _overlap(name, table),
        "days": days,
        "span": None if days is None else _span(days),
        "bars": [] if days is None else month_bars(days),
        "full_days": [] if days is None else list(days.implausible.items())[:SHOWN_DAYS],
        "reasons": [
            (reason, f"{count:,}", [_cut(example) for example in table.examples[reason]])
            for reason, count in table.account.reasons.items()
        ],
        "missing": [(column, f"{share:.2%}", share) for column, share in table.missing.items()],
    }


def _span(days: Days) -> str:
    gap = (
        f"The longest time without any is {how_many(days.longest_gap_days, 'day')}, {days.gap_from} to "
        f"{days.gap_until}."
        if days.longest_gap_days
        else "No day between is without any."
    )
    return f"{how_many(days.days, 'day')} with rows between {days.first} and {days.last}. {gap}"


def _overlap(name: str, table: TableQuality) -> str:
    if name == "transactions":
        return ""
    without = table.ids_without_transactions
    return (
        f"Of its {how_many(table.account.customers, 'customer')}, {without:,} {'has' if without == 1 else 'have'} no "
        f"transactions ({how_many(table.rows_without_transactions, 'row')})."
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE] + " ..."
