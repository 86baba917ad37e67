"""The pictures of a statement of value: one pure function a chart, in the style of `report.charts`.

Each is told what to call the money, "profit", "profit (assumed margin 30 %)" or "revenue", and says it on its axis.
"""

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from patronage.report.charts import (
    ACTUAL_COLOUR,
    BASELINE_COLOURS,
    MODEL_COLOUR,
    NEUTRAL_COLOUR,
    PERCENT,
    UPRIGHT,
    AnyChart,
)
from patronage.report.value_layers import CREATED, DESTROYED, PAID_OUT, layered, level
from patronage.report.value_money import AXIS_LETTERS, in_money, lines_of
from patronage.report.value_readings import MOST_LINES, latest_groups
from patronage.report.value_winning import payback_chart, value_of_channels_chart

KINDS = {"total": ACTUAL_COLOUR, "created": CREATED, "destroyed": DESTROYED, "paid out": PAID_OUT,
         "model": NEUTRAL_COLOUR}  # fmt: skip

STEPS = {
    "opening": "opening", "acquisition": "won", "development": "developed", "retention": "kept or fading",
    "recovery": "won back", "loss": "lost", "realised_profit": "profit taken", "model_change": "new model",
    "closing": "closing",
}  # fmt: skip
"""Steps of the waterfall in words."""

TWO_LINES = (
    "indexof(datum.label, ' less ') < 0 ? datum.label : [slice(datum.label, 0, indexof(datum.label, ' less ')), "
    "slice(datum.label, indexof(datum.label, ' less ') + 1)]"
)
"""How Vega writes a step of "revenue less costs" below its bar."""

TURNED = {"acquisition": "won at a loss", "recovery": "back at a loss", "realised_profit": "loss paid in"}
"""What they are called where their sign is not the usual one."""

SIGN_TURNED = {"acquisition": -1, "recovery": -1, "realised_profit": 1}
"""That sign. Profit taken is deducted from what is to come; a loss is added."""


def value_charts(tables: Mapping[str, pd.DataFrame], money: str) -> dict[str, AnyChart]:
    """Draw every chart whose table is there and has rows.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As described in `schema.VALUE_TABLES`.
    money : str
        What the money is called.

    Returns
    -------
    dict of str to altair chart
        Keyed by file stem, in the order of the page.
    """
    drawn: dict[str, AnyChart] = {}
    curves = tables["whale_curves"]
    if curves["profit_share"].notna().any():
        drawn["whale_curve"] = whale_chart(curves, tables["whale_futures"], money)
    else:
        drawn["whale_curve"] = whale_money_chart(curves, money)
    if "equity_waterfall" in tables:
        drawn["equity_bridge"] = waterfall_chart(tables["equity_waterfall"], money)
    cohorts = tables["cohort_curves"]
    drawn["cohorts"] = cohort_chart(cohorts[cohorts["by"] == "cohort"], money)
    drawn["cohort_retention"] = retention_chart(cohorts[cohorts["by"] == "cohort"])
    won = tables["acquisition"]
    channels = won[won["by"] == "acquisition channel"]
    if len(channels) and (channels["cost_per_customer"] > 0).any():
        drawn["payback"] = payback_chart(channels)
        drawn["ltv_to_cac"] = value_of_channels_chart(channels, money)
    drawn["value_risk"] = grid_chart(tables["customer_value"], money)
    told = tables["value_curves"]
    for scheme, stem in (("rules", "value_curves"), ("behaviour", "value_curves_behaviour")):
        part = told[(told["scheme"] == scheme) & told["difference"].notna()]
        if len(part):
            drawn[stem] = value_curve_chart(part, scheme)
    if "satisfaction_loyalty" in tables:
        drawn["satisfaction"] = satisfaction_chart(tables["satisfaction_loyalty"])
    return drawn


def whale_chart(curves: pd.DataFrame, futures: pd.DataFrame, money: str) -> alt.LayerChart:
    """Draw cumulative shares of the total, the most profitable customers first, with the futures that may come."""
    shown = curves.dropna(subset=["profit_share"])
    parts = [shown[["view", "customer_share", "profit_share"]]]
    drawn = futures.dropna(subset=["profit_share"])
    if len(drawn):
        parts.append(drawn[["customer_share", "profit_share"]].assign(view="future, as drawn"))
    data = pd.concat(parts, ignore_index=True)
    views = data["view"].unique().tolist()
    x = alt.X("customer_share:Q", title="Share of customers, the best first", axis=PERCENT)
    title = lines_of(f"Cumulative share of the total {money}", AXIS_LETTERS)
    lines = alt.Chart(data).mark_line(strokeWidth=2).encode(
        x=x,
        y=alt.Y("profit_share:Q", title=title, axis=PERCENT),
        color=_colours("view", views),
        strokeDash=alt.StrokeDash("view:N", title=None, scale=alt.Scale(domain=views, range=_dashes(len(views)))),
    )  # fmt: skip
    layers = [level(1.0), lines]
    if len(drawn):
        band = alt.Chart(drawn).mark_area(opacity=0.15, color=NEUTRAL_COLOUR)
        layers.insert(0, band.encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q"))
    return layered(layers, f"Whale curve: who earns the {money}")


def whale_money_chart(curves: pd.DataFrame, money: str) -> alt.LayerChart:
    """Draw cumulative money where the total is not above 0 and shares of it mean nothing."""
    views = curves["view"].unique().tolist()
    lines = alt.Chart(curves).mark_line(strokeWidth=2).encode(
        x=alt.X("customer_share:Q", title="Share of customers, the best first", axis=PERCENT),
        y=alt.Y("profit:Q", title=lines_of(f"Cumulative {money}", AXIS_LETTERS), axis=alt.Axis(format="~s")),
        color=_colours("view", views),
    )  # fmt: skip
    return layered([level(0.0), lines], f"Whale curve: who earns and who destroys {money} (the total is not above 0)")


def waterfall_chart(steps: pd.DataFrame, money: str) -> alt.LayerChart:
    """Draw the bridge of equity from its opening to its closing."""
    ends = steps[["begin", "end"]]
    words = STEPS | {step: turned for step, turned in TURNED.items() if _sign(steps, step) == SIGN_TURNED[step]}
    words = {step: in_money(name, money) for step, name in words.items()}
    data = steps.assign(words=steps["step"].map(words), top=ends.max(axis=1), bottom=ends.min(axis=1))
    data["label"] = [_short(value) for value in data["value"]]
    order = list(words.values())
    axis = alt.Axis(labelAngle=0, labelLimit=90, labelExpr=TWO_LINES)
    x = alt.X("words:N", sort=order, title=None, axis=axis)
    title = lines_of(f"Customer equity: future {money}", AXIS_LETTERS)
    bars = alt.Chart(data).mark_bar(size=44).encode(
        x=x,
        y=alt.Y("begin:Q", title=title, axis=alt.Axis(format="~s")),
        y2="end:Q",
        color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(KINDS), range=list(KINDS.values()))),
    )  # fmt: skip
    # A bar that lies below 0 has its label beneath it, where no other bar is.
    under = data["top"] <= 0
    above = alt.Chart(data[~under]).mark_text(dy=-8, fontSize=11).encode(x=x, y="top:Q", text="label:N")
    below = alt.Chart(data[under]).mark_text(dy=9, fontSize=11).encode(x=x, y="bottom:Q", text="label:N")
    layers = [bars, *(labels for labels in (above, below) if len(labels.data)), level(0.0)]
    return layered(layers, "Equity bridge: value created and destroyed")


def cohort_chart(curves: pd.DataFrame, money: str) -> alt.LayerChart:
    """Draw cumulative money per customer by age: what came as a line, what is expected dashed, with its interval."""
    shown, names = latest_groups(curves)
    forecast = alt.Chart(shown).encode(
        x=alt.X("age_days:Q", title="Age: days since the first purchase"),
        color=_colours("group", names),
    )
    title = lines_of(f"Cumulative {money} per customer", AXIS_LETTERS)
    layers = [
        level(0.0),
        forecast.mark_area(opacity=0.08).encode(y=alt.Y("cumulative_low:Q", title=title), y2="cumulative_high:Q"),
        forecast.mark_line(strokeDash=[4, 3], strokeWidth=1.5).encode(y=alt.Y("cumulative_profit:Q", title=title)),
        alt.Chart(shown[shown["observed_share"] >= 0.5].dropna(subset=["cumulative_actual"]))
        .mark_line(strokeWidth=2.5)
        .encode(x="age_days:Q", y=alt.Y("cumulative_profit:Q", title=title), color=_colours("group", names)),
    ]
    what = "cohort" if len(names) == curves["group"].nunique() else f"cohort, the {len(names)} latest"
    return layered(layers, f"Cumulative {money} by {what} (solid: mostly observed, dashed: forecast)")


def retention_chart(curves: pd.DataFrame) -> alt.LayerChart:
    """Draw the share of a cohort that bought or had a contract in each month of age; dashed where it is expected."""
    shown, names = latest_groups(curves[curves["age"] > 0])
    x = alt.X("age_days:Q", title="Age: days since the first purchase")
    y = alt.Y("retention:Q", title="Active in the month of age", axis=PERCENT)
    base = alt.Chart(shown).encode(x=x, y=y, color=_colours("group", names))
    seen = alt.Chart(shown[shown["observed_share"] >= 0.5]).encode(x=x, y=y, color=_colours("group", names))
    layers = [base.mark_line(strokeDash=[4, 3], strokeWidth=1.5), seen.mark_line(strokeWidth=2.5)]
    return layered(layers, "Retention by cohort (solid: mostly observed, dashed: forecast)", height=300)


def grid_chart(customers: pd.DataFrame, money: str) -> alt.LayerChart:
    """Draw the grid of value and risk: how many customers lie where, and what they are worth."""
    worth, risk = customers["future_profit"].to_numpy(), customers["churn_probability"].to_numpy()
    edges = np.linspace(0.0, 1.0, 6)
    ranks = pd.Series(worth).rank(pct=True).to_numpy()
    value_names = ["loss", *(f"{int(100 * low)}-{int(100 * low + 20)} %" for low in edges[:-1])]
    place = np.where(worth <= 0, 0, np.clip(np.ceil(ranks * 5), 1, 5)).astype(int)
    risk_names = [f"{int(100 * low)}-{int(100 * low + 20)} %" for low in edges[:-1]]
    column = np.clip((risk * 5).astype(int), 0, 4)
    frame = pd.DataFrame({"place": place, "column": column, "worth": worth, "at_risk": worth * risk})
    cells = frame.groupby(["place", "column"], as_index=False).agg(
        customers=("worth", "size"), worth=("worth", "sum"), at_risk=("at_risk", "sum")
    )
    cells["value"] = [value_names[one] for one in cells["place"]]
    cells["risk"] = [risk_names[one] for one in cells["column"]]
    cells["label"] = [f"{count:,}" for count in cells["customers"]]
    cells["second"] = [_short(one) for one in cells["at_risk"]]
    reach = float(np.abs(cells["at_risk"]).max()) or 1.0
    base = alt.Chart(cells).encode(
        x=alt.X("risk:O", sort=risk_names, title="Churn probability", axis=UPRIGHT),
        y=alt.Y(
            "value:O", sort=value_names[::-1], title=lines_of(f"Rank by future {money}, the best on top", AXIS_LETTERS)
        ),
    )
    colour = alt.Color(
        "at_risk:Q",
        title="At risk",
        legend=None,
        scale=alt.Scale(domain=[-reach, 0, reach], range=["#eeab84", "#ffffff", "#85bfe3"], interpolate="rgb"),
    )
    layers = [
        base.mark_rect(stroke="#e4e7eb").encode(color=colour),
        base.mark_text(dy=-7, fontSize=12).encode(text="label:N"),
        base.mark_text(dy=9, fontSize=10, color="#3e4c59").encode(text="second:N"),
    ]
    return layered(layers, "Value and risk: customers, and value at risk below (blue: worth keeping)", height=340)


def value_curve_chart(curves: pd.DataFrame, scheme: str) -> alt.LayerChart:
    """Draw what each segment does more or less than the average, in standard deviations, with intervals."""
    sizes = curves.groupby("segment")["customers"].max().sort_values(ascending=False)
    names = sizes.index[:MOST_LINES].tolist()
    shown = curves[curves["segment"].isin(names)]
    order = curves["dimension"].drop_duplicates().tolist()
    base = alt.Chart(shown).encode(y=alt.Y("dimension:N", sort=order, title=None), color=_colours("segment", names))
    x = alt.X("difference:Q", title="Standard deviations from the average of all customers")
    lines = base.mark_line(strokeWidth=1.2, opacity=0.55).encode(x=x, order=alt.Order("position:Q"))
    lines.data = shown.assign(position=shown["dimension"].map({name: at for at, name in enumerate(order)}))
    layers = [
        alt.Chart(pd.DataFrame({"difference": [0.0]})).mark_rule(color=NEUTRAL_COLOUR).encode(x=x),
        lines,
        base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q"),
        base.mark_point(filled=True, size=45, opacity=1).encode(x=x),
    ]
    return layered(layers, f"Value curves: what segments by {scheme} look for", height=60 + 34 * len(order))


def satisfaction_chart(table: pd.DataFrame) -> alt.LayerChart:
    """Draw who left by the score given before, with intervals."""
    shown = table[table["by"] == "level"].assign(label=lambda rows: [f"{one:,}" for one in rows["customers"]])
    order = shown["group"].tolist()
    base = alt.Chart(shown).encode(x=alt.X("group:N", sort=order, title="Last score before", axis=UPRIGHT))
    y = alt.Y("churn_rate:Q", title="Did not buy afterwards", axis=PERCENT)
    layers = [
        base.mark_rule(strokeWidth=2, color=NEUTRAL_COLOUR).encode(y=alt.Y("churn_low:Q"), y2="churn_high:Q"),
        base.mark_point(filled=True, size=70, opacity=1, color=MODEL_COLOUR).encode(y=y),
        base.mark_text(dy=12, fontSize=10, color=NEUTRAL_COLOUR).encode(y="churn_low:Q", text="label:N"),
    ]
    return layered(layers, "Satisfaction and loyalty: an association, not an effect", height=300)


def _colours(field: str, names: list[str]) -> alt.Color:
    palette = [MODEL_COLOUR, *BASELINE_COLOURS, ACTUAL_COLOUR]
    colours = [palette[at % len(palette)] for at in range(len(names))]
    return alt.Color(f"{field}:N", title=None, scale=alt.Scale(domain=names, range=colours))


def _dashes(number: int) -> list[list[int]]:
    return [[[1, 0], [8, 3], [4, 2], [10, 3, 2, 3], [2, 2]][at % 5] for at in range(number)]


def _sign(steps: pd.DataFrame, step: str) -> int:
    return int(np.sign(steps.loc[steps["step"] == step, "value"]).sum())


def _short(value: float) -> str:
    """A sum in three digits: 1.23 M, 45.6 k, 789.

    Examples
    --------
    >>> _short(1_234_567), _short(-45_600), _short(7.0)
    ('1.23 M', '−45.6 k', '7')
    """
    for scale, unit in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g}{unit}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")
