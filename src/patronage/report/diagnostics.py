"""The pictures of a purchase or spend model: one pure function for each table of `evaluation.diagnostics`.

They look like those of `report.charts` and use its colours: dark is what came, blue is the model.
"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from patronage.report.charts import (
    ACTUAL_COLOUR,
    BASELINE_COLOURS,
    DASHES,
    MODEL_COLOUR,
    PERCENT,
    SERIES,
    UPRIGHT,
    WIDTH,
    theme,
    with_intervals,
)

SEQUENTIAL: Any = "blues"  # of one hue, so that lighter is less for all readers
_COLOURS = alt.Scale(domain=SERIES, range=[ACTUAL_COLOUR, MODEL_COLOUR])
LABELLED = (0.25, 0.5, 0.75, 1.0)  # of the recency axis, where cells carry their values

LEGEND_LENGTH = 200


def conditional_expectation_chart(table: pd.DataFrame) -> alt.VConcatChart:
    """Draw the mean purchases in the holdout by repeats before it: above as they are, below as actual over expected.

    Parameters
    ----------
    table : DataFrame
        A `CONDITIONAL_EXPECTATION`; with intervals, they are drawn around the model.
    """
    order = table["frequency"].astype(str).tolist()
    wide = table.assign(frequency=order).rename(columns={"actual_mean": SERIES[0], "expected_mean": SERIES[1]})
    data = wide.melt(["frequency", "n_customers"], SERIES, var_name="series", value_name="value")
    offset = alt.XOffset("series:N", sort=SERIES, scale=alt.Scale(paddingOuter=1))
    above = alt.Chart(data).mark_point(filled=True, size=70, opacity=1)
    y_title, ratio_title = "Mean purchase days in the holdout", "Actual over expected"
    x, x_below = (
        alt.X("frequency:N", sort=order, axis=UPRIGHT, scale=alt.Scale(type="band", paddingInner=0.5), title=title)
        for title in (None, "Repeat purchase days up to the cut-off")
    )
    upper = [
        above.encode(
            x=x,
            y=alt.Y("value:Q", title=y_title),
            xOffset=offset,
            color=alt.Color("series:N", title=None, scale=_COLOURS),
            shape=alt.Shape("series:N", title=None, scale=alt.Scale(domain=SERIES, range=["circle", "diamond"])),
            tooltip=["frequency:N", "series:N", alt.Tooltip("value:Q", format=".3f"), "n_customers:Q"],
        )
    ]
    ratios = wide.assign(value=wide[SERIES[0]] / wide[SERIES[1]])
    even = alt.Chart(pd.DataFrame({"value": [1.0]})).mark_rule(color=MODEL_COLOUR, strokeWidth=2)
    ratio = {"x": x_below, "y": alt.Y("value:Q", title=ratio_title, scale=alt.Scale(zero=False, padding=14))}
    dots = alt.Chart(ratios).mark_point(filled=True, size=70, opacity=1, color=ACTUAL_COLOUR)
    lower = [even.encode(y=alt.Y("value:Q", title=ratio_title)), dots.encode(**ratio)]
    for part, dy in ((ratios[ratios["value"] >= 1], -8), (ratios[ratios["value"] < 1], 10)):
        text: Any = alt.Chart(part).mark_text(align="left", dx=8, dy=dy, fontSize=11, color=ACTUAL_COLOUR)
        lower.append(text.encode(**ratio, text=alt.Text("value:Q", format=".2f")))
    if "level" in table:
        spans = wide.assign(
            series=SERIES[1],
            ratio_low=wide["expected_low"] / wide[SERIES[1]],
            ratio_high=wide["expected_high"] / wide[SERIES[1]],
        )
        span = alt.Chart(spans).mark_rule(color=MODEL_COLOUR, strokeWidth=6, opacity=0.25)
        upper.insert(
            0, span.encode(x=x, xOffset=offset, y=alt.Y("expected_low:Q", title=y_title), y2="expected_high:Q")
        )
        lower.insert(0, span.encode(x=x_below, y=alt.Y("ratio_low:Q", title=ratio_title), y2="ratio_high:Q"))
    title = f"Purchases in the holdout by repeats before it{with_intervals(table)}"
    return _stacked([_layers(upper, 260), _layers(lower, 170)], title)


def frequency_recency_chart(table: pd.DataFrame) -> alt.VConcatChart:
    """Draw the expected purchases and P(alive) by frequency and recency as two heat maps.

    Parameters
    ----------
    table : DataFrame
        A `FREQUENCY_RECENCY`.
    """
    unit = str(table["time_unit"].iloc[0])
    horizon = f"{table['horizon'].iloc[0]:g} {unit}s"
    expected = _heat_map(table, "expected_purchases", f"Expected purchase days in the next {horizon}", ".1f", unit)
    alive = _heat_map(table, "probability_alive", "Probability to be a customer still", ".0%", unit)
    return _stacked([expected, alive], "What the model expects by frequency and recency", shared=False)


def mixing_chart(table: pd.DataFrame) -> alt.VConcatChart:
    """Draw how customers differ: the density of each mixing distribution on a logarithmic scale.

    Parameters
    ----------
    table : DataFrame
        `MIXING_DISTRIBUTIONS`, one panel a quantity.
    """
    panels = [_mixing_panel(part, str(quantity)) for quantity, part in table.groupby("quantity", sort=False)]
    return _stacked(panels, "How customers differ, according to the model")


def alive_history_chart(table: pd.DataFrame) -> alt.LayerChart:
    """Draw P(alive) of one customer day by day, with the days of purchases.

    Parameters
    ----------
    table : DataFrame
        An `ALIVE_HISTORY`; a column ``model`` tells several models apart, whose names are written at their ends.
    """
    data = table.assign(day=pd.to_datetime(table["day"]))
    if "model" not in data:
        data["model"] = SERIES[1]
    models = [str(name) for name in data["model"].unique()]
    colours = [MODEL_COLOUR, *(BASELINE_COLOURS[i % len(BASELINE_COLOURS)] for i in range(len(models) - 1))]
    legend = alt.Legend() if len(models) > 1 else None
    x = alt.X("day:T", title="Day", axis=alt.Axis(format="%Y-%m-%d", tickCount=8, labelOverlap=True))
    y_title = "Probability to be a customer still"
    lines = (
        alt.Chart(data)
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("probability_alive:Q", title=y_title, scale=alt.Scale(domain=[0, 1]), axis=PERCENT),
            color=alt.Color("model:N", title=None, legend=legend, scale=alt.Scale(domain=models, range=colours)),
            strokeDash=alt.StrokeDash(
                "model:N", title=None, legend=legend, scale=alt.Scale(domain=models, range=DASHES)
            ),
            tooltip=["day:T", "model:N", alt.Tooltip("probability_alive:Q", format=".1%")],
        )
    )
    bought = data[(data["is_purchase"] == 1) & (data["model"] == models[0])]
    ticks = alt.Chart(bought).mark_rule(color=ACTUAL_COLOUR, strokeWidth=1.5, strokeDash=[2, 3]).encode(x=x)
    days = f"{len(bought)} purchase day{'s' if len(bought) != 1 else ''}"
    title = f"Is this customer still one? Day by day, with {days} (dotted)"
    return alt.LayerChart(layer=[ticks, lines], width=WIDTH, height=300, title=title, config=theme())


def spend_fit_chart(table: pd.DataFrame, unit: str = "money") -> alt.LayerChart:
    """Draw the customers by mean spend of their repeat purchases, actual and expected.

    Parameters
    ----------
    table : DataFrame
        A `SPEND_FIT`.
    unit : str
        The unit of money.
    """
    data = table.assign(
        middle=np.sqrt(table["spend_low"] * table["spend_high"]), actual_series=SERIES[0], model_series=SERIES[1]
    )
    ends = [float(table["spend_low"].iloc[0]), float(table["spend_high"].iloc[-1])]
    title = f"Mean spend of a purchase ({unit}), logarithmic scale"
    scale = alt.Scale(type="log", domain=ends, nice=False)
    axis = alt.Axis(values=_round_ticks(*ends), format="~g", grid=False)
    bars = (
        alt.Chart(data)
        .mark_bar(opacity=0.45, stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("spend_low:Q", title=title, scale=scale, axis=axis),
            x2="spend_high:Q",
            y=alt.Y("actual:Q", title="Customers"),
            y2=alt.Y2Datum(0),
            color=alt.Color("actual_series:N", title=None, scale=_COLOURS),
            tooltip=[
                alt.Tooltip(f"{name}:Q", format=",.1f") for name in ("spend_low", "spend_high", "actual", "expected")
            ],
        )
    )
    line = (
        alt.Chart(data)
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("middle:Q", title=title, scale=scale, axis=axis),
            y=alt.Y("expected:Q", title="Customers"),
            color=alt.Color("model_series:N", title=None, scale=_COLOURS),
        )
    )
    heading = "Customers by their mean spend: actual and model"
    return alt.LayerChart(layer=[bars, line], width=WIDTH, height=300, title=heading, config=theme())


def _heat_map(table: pd.DataFrame, name: str, title: str, number: str, unit: str) -> alt.LayerChart:
    highest = float(table[name].max())
    classes = sorted(table["frequency"].unique(), reverse=True)
    x_title = f"Recency: {unit}s from the first purchase to the last one, of {table['T'].iloc[0]:.1f} observed"
    ends = alt.Scale(domain=[0, float(table["recency_high"].max())], nice=False)
    x = alt.X(
        "recency_low:Q",
        title=x_title,
        scale=ends,
        axis=alt.Axis(tickCount=10, tickMinStep=1 if ends.domain[1] > 5 else alt.Undefined),
    )
    y = alt.Y("frequency:O", title="Frequency: repeat purchase days", sort=classes, axis=alt.Axis(grid=False))
    legend = alt.Legend(
        orient="right",
        direction="vertical",
        format=number,
        gradientLength=LEGEND_LENGTH,
        tickCount=5,
        title=None,
        offset=12,
    )
    colour = alt.Color(
        f"{name}:Q", legend=legend, scale=alt.Scale(scheme=SEQUENTIAL, domain=[0, highest if highest > 0 else 1])
    )
    cells = (
        alt.Chart(table)
        .mark_rect()
        .encode(
            x=x,
            x2="recency_high:Q",
            y=y,
            color=colour,
            tooltip=[
                "frequency:Q",
                alt.Tooltip("recency_high:Q", format=".1f"),
                alt.Tooltip(f"{name}:Q", format=number),
            ],
        )
    )
    labels = _heat_labels(table).assign(dark=lambda part: part[name] > 0.55 * highest)
    texts = []
    for (side, dark), part in labels.groupby(["side", "dark"]):
        colour_of_text = "white" if dark and side != "left" else ACTUAL_COLOUR
        style: dict[str, Any] = {"align": side, "dx": {"left": 3, "center": 0, "right": -3}[str(side)]}
        text: Any = alt.Chart(part).mark_text(fontSize=10, color=colour_of_text, **style)
        texts.append(text.encode(x=alt.X("place:Q", title=x_title), y=y, text=alt.Text(f"{name}:Q", format=number)))
    height = max(20 * len(classes), LEGEND_LENGTH)
    return alt.LayerChart(
        layer=[cells, *texts], width=WIDTH - 60, height=height, title=alt.TitleParams(title, fontSize=13)
    )


def _heat_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Cells that carry their value, with the place of the text and the side of it on which the place is."""
    end = table["recency_high"]
    nearest = [end.iloc[(end - share * end.max()).abs().argmin()] for share in LABELLED]
    cells = table[end.isin(nearest) | (table["frequency"] == 0)]
    middle = (cells["recency_low"] + cells["recency_high"]) / 2
    last = cells["recency_high"] == end.max()
    place = middle.where(~last & (cells["frequency"] > 0), cells["recency_high"])
    side = np.select([cells["frequency"] == 0, last], ["left", "right"], "center")
    return cells.assign(place=place, side=side)


def _mixing_panel(part: pd.DataFrame, quantity: str) -> alt.LayerChart:
    mean, below = float(part["mean"].iloc[0]), part["cumulative"].to_numpy()
    median = float(np.interp(0.5, below, part["value"]))
    scale = alt.Scale(type="log", domain=[float(part["value"].min()), float(part["value"].max())], nice=False)
    axis = alt.Axis(format="~g", values=_round_ticks(*scale.domain, decades_only=True), grid=False)
    x = alt.X("value:Q", title=f"{quantity} (logarithmic scale)", scale=scale, axis=axis)
    y_title = "Share of customers"
    area = alt.Chart(part).mark_area(color=MODEL_COLOUR, opacity=0.3, line={"color": MODEL_COLOUR, "strokeWidth": 2})
    area = area.encode(
        x=x,
        y=alt.Y(
            "density:Q",
            title=y_title,
            scale=alt.Scale(domain=[0, 1.18 * float(part["density"].max())]),
            axis=alt.Axis(labels=False, ticks=False, grid=False),
        ),
        tooltip=[alt.Tooltip("value:Q", format=".3g"), alt.Tooltip("cumulative:Q", format=".1%")],
    )
    left, right = {"align": "right", "dx": -6}, {"align": "left", "dx": 6}
    sides = (left, right) if median <= mean else (right, left)
    marks: list[tuple[float, str, dict[str, Any]]] = [(mean, f"mean {mean:.3g}", sides[1])]
    if below[0] < 0.5:
        marks.append((median, f"median {median:.3g}", sides[0]))
    layers: list[alt.Chart] = [area]
    for value, label, side in marks:
        base = alt.Chart(pd.DataFrame({"value": [value], "label": [label]})).encode(x=x)
        layers.append(base.mark_rule(color=ACTUAL_COLOUR, strokeDash=[4, 3], strokeWidth=1.5))
        text: Any = base.mark_text(baseline="top", fontSize=11, color=ACTUAL_COLOUR, **side)
        layers.append(text.encode(y=alt.value(2), text="label:N"))
    return alt.LayerChart(layer=layers, width=WIDTH, height=170)


def _round_ticks(low: float, high: float, *, decades_only: bool = False) -> list[float]:
    """1, 2, 5, 10, 20, ... within the ends of a logarithmic axis; even steps where hardly any lies there."""
    steps = (1,) if decades_only and high / low > 200 else (1, 2, 5)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks if len(ticks) > 1 else [float(f"{tick:.3g}") for tick in np.linspace(low, high, 6)[1:-1]]


def _layers(layers: list[alt.Chart], height: int) -> alt.LayerChart:
    return alt.LayerChart(layer=layers, width=WIDTH, height=height)


def _stacked(panels: list[alt.LayerChart], title: str, *, shared: bool = True) -> alt.VConcatChart:
    chart = alt.VConcatChart(vconcat=panels, spacing=22, title=title, config=theme())
    return chart if shared else chart.resolve_scale(color="independent")
