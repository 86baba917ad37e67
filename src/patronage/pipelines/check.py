"""``patronage check``: a ledger in; its quality on the terminal and in a report out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from patronage.files import check_writable, written_whole
from patronage.ledger.opening import Ledger, read_ledger
from patronage.ledger.quality.findings import Finding, findings
from patronage.ledger.quality.measures import Quality, measured
from patronage.ledger.quality.page import (
    MONEY_HEADING,
    ROWS_HEADING,
    amounts_table,
    as_json,
    as_markdown,
    money_table,
    reasons_table,
    rows_table,
)
from patronage.ledger.rules import share_of
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_contract, today_in
from patronage.pipelines.settings import Settings, built, own_settings
from patronage.pipelines.table_settings import refuse_customer_table
from patronage.report.quality_page import write_quality_page
from patronage.schema import LEDGER_TABLES

GROUPS = {"ledger", "contract", "engine"}


class Check(Settings):
    """The command's own settings."""

    out: str


def check(config: dict[str, Any]) -> None:
    """Check a ledger; see ``conf/check.yaml`` for the settings.

    Raises
    ------
    InputError
        If the ledger would be refused; the report is written before.
    """
    refuse_customer_table(config, "A check")
    settings = own_settings(Check, config, "check", GROUPS)
    contract = ledger_contract(config)
    source = built(config, "ledger")
    engine = built(config, "engine")
    out = Path(settings.out)
    check_writable(out)
    rules = contract.rules if contract.duplicates == "drop" else replace(contract.rules, duplicates="flag")
    with console.step(f"Read the ledger {source.name}"):
        ledger = read_ledger(source, engine, rules)
    with console.step("Measure it"):
        quality = measured(ledger, today_in(ledger.time_zone))
    stop, warn = (
        {table: share_of(table, share, "contract") for table in LEDGER_TABLES}
        for share in (contract.max_set_aside_share, contract.warn_set_aside_share)
    )
    found = findings(quality, stop, warn)
    written = _write(ledger, quality, found, out)
    _show(quality, found, written)
    ledger.require_fit(stop, out / "set_aside.parquet")


def _write(ledger: Ledger, quality: Quality, found: list[Finding], out: Path) -> list[Path]:
    aside = ledger.write_set_aside(out / "set_aside.parquet")
    pages = {"report.json": as_json(quality, found), "report.md": as_markdown(quality, found)}
    for name, text in pages.items():
        with written_whole(out / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    write_quality_page(quality, found, out / "report.html")
    return [*(out / name for name in ("report.html", *pages)), *([aside] if aside else [])]


def _show(quality: Quality, found: list[Finding], written: list[Path]) -> None:
    console.results("Rows in = used + set aside", ROWS_HEADING, rows_table(quality))
    reasons = reasons_table(quality)
    if reasons:
        console.results("Set aside", ["table", "reason", "rows", "first"], reasons)
    console.results("Money", MONEY_HEADING, money_table(quality))
    if quality.amounts:
        console.results("Amounts of the transactions used", *amounts_table(quality))
    if found:
        console.results("What was found", ["level", "finding"], [[finding.level, finding.text] for finding in found])
    console.results("Report", ["what", "where"], [[path.name, str(path)] for path in written])
