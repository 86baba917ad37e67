"""The pictures of winning customers: when each channel has paid back, and what customers bring beside their cost."""

import textwrap

import altair as alt
import pandas as pd

from patronage.report.charts import ACTUAL_COLOUR, MODEL_COLOUR, NEUTRAL_COLOUR, UPRIGHT
from patronage.report.value_layers import DESTROYED, layered, level
from patronage.report.value_money import AXIS_LETTERS, lines_of

DAYS_DRAWN = 30.0
"""An axis of days until payback is at least a month long: where everybody pays at once it would have no length."""

OPEN_MARGIN = 1.15
"""An axis with open intervals goes on beyond all that is known by this factor, so that they are seen to be open."""


def payback_chart(channels: pd.DataFrame) -> alt.LayerChart:
    """Draw when customers of each channel have brought what it cost to win them.

    An interval whose upper end lies beyond the ages looked at is open: it is drawn to the end of the axis.
    """
    known = channels[channels["cost_per_customer"].notna()]
    told, never = known.dropna(subset=["payback_days"]), known[known["payback_days"].isna()]
    is_open = told["payback_days_high"].isna()
    reach = float(max([*told["payback_days"], *told["payback_days_high"].dropna(), DAYS_DRAWN]))
    reach *= OPEN_MARGIN if is_open.any() else 1.0
    base = alt.Chart(told).encode(y=alt.Y("group:N", title=None, sort="x"))
    x = alt.X(
        "payback_days:Q",
        title="Days from the first purchase until the mean customer has paid back",
        scale=alt.Scale(domain=[0, reach], nice=False),
    )
    layers = [
        base.mark_rule(strokeWidth=2, color=NEUTRAL_COLOUR).encode(x=alt.X("payback_days_low:Q"), x2="reach:Q"),
        base.mark_point(filled=True, size=90, opacity=1, color=MODEL_COLOUR).encode(x=x),
    ]
    layers[0].data = told.assign(reach=told["payback_days_high"].fillna(reach))
    rest = [
        *_named("Not within the ages looked at", never),
        *_named("Open intervals, whose upper end lies beyond the ages looked at", told[is_open]),
        *_named("Cost of winning not known", channels[channels["cost_per_customer"].isna()]),
    ]
    title = "Payback by acquisition channel, with intervals"
    return layered(layers, title, height=60 + 40 * len(channels), subtitle=rest)


def value_of_channels_chart(channels: pd.DataFrame, money: str) -> alt.LayerChart:
    """Draw what customers of each channel bring beside what it cost to win them, of those whose cost is known."""
    words = {
        "realised_where_cost_known": "so far", "future_where_cost_known": "to come", "cost_per_customer": "cost to win",
    }  # fmt: skip
    known = channels[channels["cost_per_customer"].notna()]
    data = known[["group", *words]].rename(columns=words).melt("group", var_name="what", value_name="value")
    bars = alt.Chart(data).mark_bar().encode(
        x=alt.X("group:N", title=None, axis=UPRIGHT),
        xOffset=alt.XOffset("what:N", sort=list(words.values())),
        y=alt.Y("value:Q", title=lines_of(f"{money.capitalize()} per customer", AXIS_LETTERS)),
        color=alt.Color(
            "what:N",
            title=None,
            scale=alt.Scale(domain=list(words.values()), range=[ACTUAL_COLOUR, MODEL_COLOUR, DESTROYED]),
        ),
    )  # fmt: skip
    unknown = int(channels["cost_unknown"].sum())
    rest = [f"Without {unknown:,} of {channels['n_customers'].sum():,} customers whose cost is not known"] * (
        unknown > 0
    )
    rest += _named("Cost of winning not known", channels[channels["cost_per_customer"].isna()])
    title = "What customers bring and what it cost to win them, by channel"
    return layered([bars, level(0.0)], title, height=300, subtitle=rest)


def _named(what: str, channels: pd.DataFrame) -> list[str]:
    """Names of channels after what holds for them, in lines that fit; nothing without any."""
    return textwrap.wrap(f"{what}: {', '.join(channels['group'])}", 90) if len(channels) else []
