"""The catalogue of features, made from their definitions: ``python -m patronage.features.catalogue FILE``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from patronage.features.group import Feature, FeatureGroup
from patronage.features.groups import GROUPS
from patronage.features.labels import LABELS
from patronage.files import written_whole

INTRODUCTION = """\
# The features

What is known of a customer on a date. Every column is a function of the ledger up to the as-of date: no fact of a
later business day reaches it, and of what a fact became later (a complaint that was closed, an answer to a campaign,
a contract that ended) only what had happened by then. The as-of date itself counts: a window of 30 days is that day
and the 29 before it.

`customer_features(tables, as_of, groups)` of `patronage.features.build` computes them on whatever engine holds the
ledger, for one date or for a whole panel in one pass; `conf/features` switches the groups. A group or a column whose
table or optional column the ledger lacks is left out, and `available(tables, groups)` of `patronage.features.groups`
says so.

There is one row for every customer with a purchase day up to the as-of date. All columns are numbers (double) but
those marked as text. A column that is never missing is 0 where there are no facts to count or to sum; a mean, a share
or a time without facts is missing, as its row says. Amounts are summed as decimals, so that the result does not
depend on the order of the rows.

A refund is a line with a negative amount. A purchase day is a day with at least one line that is none; its spend is
net of the day's refunds and, where the ledger was opened with `contract.refunds: order`, of the later refunds of its
orders that are known on the as-of date.

Moments that a fact got later (`closed_at`, `responded_at`, `acquired_at`) are known from their business day on
(`closed_day`, `responded_day`, `acquired_day`, made when a ledger is opened). In tables without these days, as the
zone is not known there, they are taken as known once their day has come in every time zone: some hours late, never
early.

This page is made by `python -m patronage.features.catalogue docs/features.md`.
"""

LABELS_INTRODUCTION = """\
## Labels

What came after the as-of date, within a horizon of so many days: `labels(tables, as_of, horizon_days)` of
`patronage.features.labels`, for the same customers and dates.

| column | meaning | unit |
|---|---|---|
"""


def catalogue() -> str:
    """All groups and their columns, as Markdown."""
    sections = [INTRODUCTION, *(_section(group) for group in GROUPS.values())]
    labels = "".join(f"| `{one.name}` | {one.meaning} | {one.unit} |\n" for one in LABELS.columns)
    return "\n".join([*sections, LABELS_INTRODUCTION + labels])


def _section(group: FeatureGroup) -> str:
    lines = [f"## {group.name}", "", group.about]
    if group.needs:
        lines += ["", f"Needs {' and '.join(map(_need, group.needs))}."]
    if group.features:
        lines += ["", "| column | meaning | unit | missing | needs |", "|---|---|---|---|---|"]
        lines += [_row(feature) for feature in group.features]
    return "\n".join([*lines, ""])


def _row(feature: Feature) -> str:
    unit = "text" if feature.type == "string" else feature.unit
    needs = " and ".join(map(_need, feature.needs))
    return f"| `{feature.name}` | {feature.meaning} | {unit} | {feature.missing or 'never'} | {needs} |"


def _need(need: str) -> str:
    return " or ".join(f"`{one}`" for one in need.split("|"))


def main(arguments: Sequence[str]) -> None:
    """Write the catalogue to the path that is given."""
    with written_whole(Path(arguments[0])) as unfinished:
        unfinished.write_text(catalogue(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
