"""The pictures of a monitoring run: how far inputs and scores have moved, and what came within its limits or not."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from patronage.report.charts import (
    ACTUAL_COLOUR,
    BASELINE_COLOURS,
    MODEL_COLOUR,
    NEUTRAL_COLOUR,
    WIDTH,
    AnyChart,
    theme,
)

ROW = 22
"""Height of a column or a group, in pixels."""

MOST_COLUMNS = 25
"""Columns that a picture shows, those that moved furthest; the table has all."""

COLOURS = {"no": MODEL_COLOUR, "yes": BASELINE_COLOURS[0], "ageing": NEUTRAL_COLOUR, "small": NEUTRAL_COLOUR}
"""By alarm."""

TITLES = {"purchases": "Purchases", "value": "Value", "churn": "Customers who left"}


def monitor_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, AnyChart]:
    """Draw a monitoring run.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As described in `schema.monitoring.MONITORING_TABLES`, decided.

    Returns
    -------
    dict of str to altair chart
        Keyed by file stem, in the order of the page.
    """
    drawn: dict[str, AnyChart] = {}
    indices = tables["drift"][tables["drift"]["test"] == "psi"]
    if len(indices):
        drawn["psi"] = stability_chart(indices)
    if "realised" in tables:
        totals = tables["realised"][tables["realised"]["test"] == "total"]
        for quantity in TITLES:
            drawn[f"realised_{quantity}"] = limits_chart(totals[totals["quantity"] == quantity], quantity)
    return drawn


def stability_chart(rows: pd.DataFrame) -> AnyChart:
    """The stability index of each column, and the size that matters."""
    shown = rows.nlargest(MOST_COLUMNS, "size")[["name", "size", "limit", "alarm"]]
    bars = alt.Chart(shown).mark_bar(height=12).encode(
        y=alt.Y("name:N", sort=shown["name"].tolist(), title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X(
            "size:Q",
            title="population stability index",
            scale=alt.Scale(type="symlog", constant=0.1),
            axis=alt.Axis(tickCount=6, labelOverlap=True),
        ),
        color=_by_alarm(shown),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("size:Q", format=".3f"), alt.Tooltip("alarm:N")],
    )  # fmt: skip
    limit = alt.Chart(shown.head(1)[["limit"]]).mark_rule(color=ACTUAL_COLOUR, strokeDash=[4, 3]).encode(x="limit:Q")
    return alt.LayerChart(
        layer=[bars, limit], title="How far inputs and scores have moved", width=WIDTH, height=ROW * len(shown),
        config=theme(),
    )  # fmt: skip


def limits_chart(rows: pd.DataFrame, quantity: str) -> AnyChart:
    """What came of each group as a share of what was foretold, within its control limits."""
    there = rows[rows["predicted"] > 0]
    shown = pd.DataFrame({
        "group": [one["group"] if one["grouping"] == "all" else f"{one['grouping']}: {one['group']}"
                  for one in there.to_dict("records")],
        "came": there["realised"].to_numpy() / there["predicted"].to_numpy(),
        "low": there["low"].to_numpy() / there["predicted"].to_numpy(),
        "high": there["high"].to_numpy() / there["predicted"].to_numpy(),
        "alarm": there["alarm"].to_numpy(),
    })  # fmt: skip
    order = shown["group"].tolist()
    base = alt.Chart(shown).encode(y=alt.Y("group:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)))
    as_foretold = alt.Chart(pd.DataFrame({"at": [1.0]})).mark_rule(color=ACTUAL_COLOUR, strokeDash=[4, 3]).encode(
        x="at:Q"
    )  # fmt: skip
    limits = base.mark_rule(strokeWidth=6, color=NEUTRAL_COLOUR, opacity=0.35).encode(
        x=alt.X("low:Q", title="what came, as a multiple of what was foretold", scale=alt.Scale(zero=False)),
        x2="high:Q",
    )
    dots = base.mark_circle(size=90, opacity=1).encode(
        x="came:Q", color=_by_alarm(shown), tooltip=[alt.Tooltip("group:N"), *_figures("came", "low", "high")]
    )
    return alt.LayerChart(
        layer=[as_foretold, limits, dots], title=f"{TITLES[quantity]}: what came against what was foretold",
        width=WIDTH, height=ROW * max(1, len(shown)), config=theme(),
    )  # fmt: skip


def _by_alarm(shown: pd.DataFrame) -> alt.Color:
    there = [name for name in COLOURS if name in set(shown["alarm"])]
    colours = [COLOURS[name] for name in there]
    return alt.Color("alarm:N", scale=alt.Scale(domain=there, range=colours))


def _figures(*names: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format=".3f") for name in names]
