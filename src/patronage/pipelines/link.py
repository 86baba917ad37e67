"""``patronage link``: a ledger with customers in; the ids that are one person, their scores and pairs to review out."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from patronage.errors import ConfigError
from patronage.files import check_writable, written_whole
from patronage.ledger.identity.linking import Linkage, link_ledger
from patronage.ledger.identity.review import (
    attributes_of,
    check_nothing_lost,
    least_certain,
    read_decisions,
    write_review,
)
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_opener
from patronage.pipelines.settings import Settings, built, own_settings
from patronage.pipelines.table_settings import refuse_customer_table

GROUPS = {"ledger", "engine", "contract", "identity"}

SHOWN_PAIRS = 5
"""Least certain pairs that the terminal shows."""


class Link(Settings):
    """The command's own settings."""

    as_of: date | None
    out: str
    review_rows: int = Field(ge=0)


def link(config: dict[str, Any]) -> None:
    """Find the links of a ledger; see ``conf/link.yaml`` for the settings."""
    refuse_customer_table(config, "Linking")
    settings = own_settings(Link, config, "link", GROUPS)
    linker = built(config, "identity")
    if linker.name in ("none", "links"):
        message = f"identity={linker.name} looks for nobody: choose identity=exact or identity=splink."
        raise ConfigError(message)
    out = Path(settings.out)
    check_writable(out)
    review = out / "review.csv"
    check_nothing_lost(review, read_decisions(linker.reviewed))
    ledger = ledger_opener(config, link=False)()
    with console.step(f"Link the customers by {linker.name}"):
        linkage = link_ledger(ledger.tables, linker, settings.as_of, ledger.engine)
    for note in linkage.report.notes:
        console.note(note)
    doubtful = least_certain(linkage.pairs, linker.threshold, settings.review_rows)
    _write(linkage.links, out / "links.parquet")
    _write(linkage.pairs, out / "pairs.parquet")
    write_review(review, doubtful, attributes_of(ledger.tables.customers, doubtful))
    _show(linkage, doubtful, out)


def _write(table: pa.Table, path: Path) -> None:
    with written_whole(path) as unfinished:
        pq.write_table(table, unfinished)


def _show(linkage: Linkage, doubtful: pa.Table, out: Path) -> None:
    report = linkage.report
    if doubtful.num_rows:
        rows = [
            [f"{pair['customer_id_a']}, {pair['customer_id_b']}", f"{pair['match_probability']:.3f}", pair["evidence"]]
            for pair in doubtful.slice(0, SHOWN_PAIRS).to_pylist()
        ]
        console.results("The least certain pairs", ["ids", "probability", "evidence"], rows)
    rows = [
        ["customers", f"{report.customers:,}"],
        ["ids that share a person", f"{report.linked_ids:,}, of {report.people:,} people, {report.largest:,} at most"],
        ["pairs that link", f"{report.pairs:,}, and {report.below_threshold:,} below the threshold"],
        ["left out by the guards", f"{report.left_out:,} pairs; {len(report.oversized):,} groups were too large"],
        ["decided by a reviewer", f"{report.accepted:,} accepted, {report.rejected:,} rejected"],
        ["links", str(out / "links.parquet")],
        ["pairs", str(out / "pairs.parquet")],
        ["to review", f"{out / 'review.csv'}: {doubtful.num_rows:,} pairs"],
    ]
    console.results("Identity", ["what", "result"], rows)
