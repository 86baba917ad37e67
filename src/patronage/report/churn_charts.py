"""The pictures of how a churn model was judged: lift, profit and figures over time, with their intervals.

They look like those of `report.charts` and use its colours: the first model that a table names is blue.
"""

from typing import Any

import altair as alt
import pandas as pd

from patronage.evaluation.verdict import metric_title, model_title
from patronage.report.charts import (
    ACTUAL_COLOUR,
    BASELINE_COLOURS,
    MODEL_COLOUR,
    NEUTRAL_COLOUR,
    PERCENT,
    SERIES,
    UPRIGHT,
    WIDTH,
    theme,
)

PANEL_HEIGHT = 180
"""Of one measure over time."""


def lift_chart(lift: pd.DataFrame) -> alt.LayerChart:
    """Draw how many times more of the riskiest left than of all, by the share of customers looked at.

    Parameters
    ----------
    lift : DataFrame
        A `CHURN_LIFT` of one or more models; intervals are drawn where they are.
    """
    data = lift.assign(model=lift["model"].map(model_title), name=[f"{100 * share:g} %" for share in lift["share"]])
    order = list(dict.fromkeys(data["name"]))
    base = alt.Chart(data, width=WIDTH, height=300).encode(
        x=alt.X("name:N", sort=order, title="Riskiest share of customers", axis=UPRIGHT),
        xOffset=alt.XOffset("model:N", sort=_names(data)),
        color=_colour(data),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("lift:Q", title="Lift (1 is chance)"),
        tooltip=["model:N", "name:N", alt.Tooltip("lift:Q", format=".2f"), alt.Tooltip("n_contacted:Q", format=",")],
    )
    layers = [bars, _rule(1.0)]
    if data["lift_low"].notna().any():
        whiskers = alt.Chart(data).mark_rule(color=NEUTRAL_COLOUR, strokeWidth=1.5)
        layers.insert(
            1,
            whiskers.encode(
                x=alt.X("name:N", sort=order),
                xOffset=alt.XOffset("model:N", sort=_names(data)),
                y=alt.Y("lift_low:Q", title="Lift (1 is chance)"),
                y2="lift_high:Q",
            ),
        )
    return alt.LayerChart(layer=layers, title="Lift among the riskiest customers", config=theme())


def profit_chart(curve: pd.DataFrame, unit: str) -> alt.LayerChart:
    """Draw the profit of a campaign over the share of customers contacted, the first ranking with its interval.

    Parameters
    ----------
    curve : DataFrame
        A `PROFIT_CURVE` of one or more rankings.
    unit : str
        Of money.
    """
    data = curve.assign(model=curve["ranking"].map(lambda name: f"by {model_title(name)}"))
    y_title = f"Profit of the campaign ({unit})"
    x = alt.X("share:Q", title="Share of customers contacted", axis=PERCENT)
    own = data[data["model"] == data["model"].iloc[0]]
    layers: list[Any] = []
    if own["profit_low"].notna().any():
        band = alt.Chart(own).mark_area(color=MODEL_COLOUR, opacity=0.16)
        layers.append(band.encode(x=x, y=alt.Y("profit_low:Q", title=y_title), y2="profit_high:Q"))
    lines = alt.Chart(data, width=WIDTH, height=360).mark_line(strokeWidth=2)
    layers.append(
        lines.encode(
            x=x,
            y=alt.Y("profit:Q", title=y_title),
            color=_colour(data),
            tooltip=["model:N", alt.Tooltip("share:Q", format=".0%"), alt.Tooltip("profit:Q", format=",.0f")],
        )
    )
    best = own.loc[[own["profit"].idxmax()]]
    layers += [
        alt.Chart(best).mark_point(size=90, filled=True, color=MODEL_COLOUR).encode(x=x, y="profit:Q"),
        _rule(0.0),
    ]
    return alt.LayerChart(layer=layers, title="Profit of a campaign by whom it contacts", config=theme())


def stability_chart(stability: pd.DataFrame) -> alt.VConcatChart:
    """Draw each measure at each cut-off, with intervals: the model beside the strongest rules.

    Parameters
    ----------
    stability : DataFrame
        A `CHURN_STABILITY`.
    """
    data = stability.assign(model=stability["model"].map(model_title), cutoff=stability["cutoff"].astype(str))
    panels = [_over_time(data[data["metric"] == metric], str(metric)) for metric in data["metric"].unique()]
    return alt.VConcatChart(vconcat=panels, spacing=14, title="The same at earlier cut-offs", config=theme())


def survival_curve_chart(calibration: pd.DataFrame) -> alt.LayerChart:
    """Draw the chance of being still there over time: what was foretold on average, and what came.

    Parameters
    ----------
    calibration : DataFrame
        A `SURVIVAL_CALIBRATION`, of which the rows of everybody are drawn.
    """
    everyone = calibration[calibration["group"] == 0]
    kinds = {"observed": SERIES[0], "predicted": SERIES[1]}
    data = everyone.melt(["days"], list(kinds), "kind", "staying").replace({"kind": kinds})
    x = alt.X("days:Q", title="Days ahead")
    y = alt.Y("staying:Q", title="Share still there", axis=PERCENT, scale=alt.Scale(zero=False))
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(SERIES), range=[ACTUAL_COLOUR, MODEL_COLOUR]))
    lines = alt.Chart(data, width=WIDTH, height=320).mark_line(point=True, strokeWidth=2)
    band = alt.Chart(everyone).mark_area(color=ACTUAL_COLOUR, opacity=0.12)
    layers = [
        band.encode(x=x, y=alt.Y("observed_low:Q", title="Share still there", scale=alt.Scale(zero=False)),
                    y2="observed_high:Q"),
        lines.encode(x=x, y=y, color=colour, tooltip=["kind:N", "days:Q", alt.Tooltip("staying:Q", format=".1%")]),
    ]  # fmt: skip
    return alt.LayerChart(layer=layers, title="Who is still there: foretold and seen", config=theme())


def survival_calibration_chart(calibration: pd.DataFrame) -> alt.LayerChart:
    """Draw the share that stayed against the chance of it that was foretold, in tenths of the customers.

    Parameters
    ----------
    calibration : DataFrame
        A `SURVIVAL_CALIBRATION`, of which the rows of groups are drawn.
    """
    data = calibration[calibration["group"] > 0].assign(after=lambda rows: rows["days"].astype(str) + " days")
    names = list(dict.fromkeys(data["after"]))
    x_title, y_title = "Foretold chance of being still there (mean of the tenth)", "Share still there"
    scale = alt.Scale(zero=False)
    base = alt.Chart(data, width=WIDTH, height=360).encode(
        x=alt.X("predicted:Q", title=x_title, scale=scale, axis=PERCENT),
        color=alt.Color("after:N", title=None, scale=alt.Scale(domain=names, range=[MODEL_COLOUR, *BASELINE_COLOURS])),
    )
    whiskers = base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(
        y=alt.Y("observed_low:Q", title=y_title, scale=scale, axis=PERCENT), y2="observed_high:Q"
    )
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        y=alt.Y("observed:Q", title=y_title, scale=scale, axis=PERCENT),
        tooltip=[
            "after:N",
            "group:Q",
            alt.Tooltip("predicted:Q", format=".1%"),
            alt.Tooltip("observed:Q", format=".1%"),
        ],
    )
    lowest = float(min(data["predicted"].min(), data["observed_low"].min()))
    ends = pd.DataFrame({"predicted": [lowest, 1.0], "observed": [lowest, 1.0]})
    diagonal = alt.Chart(ends).mark_line(color=NEUTRAL_COLOUR, strokeDash=[2, 3], strokeWidth=1)
    line = diagonal.encode(x=alt.X("predicted:Q", title=x_title), y=alt.Y("observed:Q", title=y_title))
    return alt.LayerChart(layer=[line, whiskers, points], title="Chance of staying and what came", config=theme())


def _over_time(data: pd.DataFrame, metric: str) -> alt.LayerChart:
    names = _names(data)
    title = metric_title(metric)
    x = alt.X("cutoff:O", title="Cut-off", axis=UPRIGHT)
    offset = alt.XOffset("model:N", sort=names)
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    base = alt.Chart(data, width=WIDTH, height=PANEL_HEIGHT).encode(x=x, xOffset=offset, color=_colour(data))
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y=y, tooltip=["model:N", "cutoff:N", alt.Tooltip("value:Q", format=".4f")]
    )
    if not data["low"].notna().any():
        return alt.LayerChart(layer=[points])
    whiskers = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
        y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=False)), y2="high:Q"
    )
    return alt.LayerChart(layer=[whiskers, points])


def _names(data: pd.DataFrame) -> list[str]:
    return [str(name) for name in data["model"].unique()]


def _colour(data: pd.DataFrame) -> alt.Color:
    names = _names(data)
    baselines = [BASELINE_COLOURS[place % len(BASELINE_COLOURS)] for place in range(len(names) - 1)]
    return alt.Color("model:N", title=None, scale=alt.Scale(domain=names, range=[MODEL_COLOUR, *baselines]))


def _rule(at: float) -> alt.Chart:
    rule: alt.Chart = alt.Chart(pd.DataFrame({"at": [at]})).mark_rule(color=NEUTRAL_COLOUR, strokeDash=[2, 3])
    return rule.encode(y="at:Q")
