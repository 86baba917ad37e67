"""The pictures of the report: one pure function a chart, all in one style.

What really came is always drawn in the same dark colour, the model in the same blue. Where a table holds
several models, the first one it names is the model and the others are the baselines. All data are aggregated
to at most a few thousand rows before they reach a chart, whatever the number of customers.
"""

from typing import Any, TypeAlias

import altair as alt
import numpy as np
import pandas as pd

from patronage.evaluation.verdict import model_title

AnyChart: TypeAlias = alt.Chart | alt.LayerChart | alt.VConcatChart

ACTUAL_COLOUR = "#1f2933"
MODEL_COLOUR = "#0072b2"
BASELINE_COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31")  # told apart by all
NEUTRAL_COLOUR = "#616e7c"
DASHES = [[1, 0], [8, 3], [4, 2], [10, 3, 2, 3]]
WIDTH = 640
SERIES = ["Actual", "Model"]
UNIT_SCALE = alt.Scale(domain=[0, 1])
UPRIGHT = alt.Axis(labelAngle=0)
PERCENT = alt.Axis(format="%", tickCount=10)
MOST_PERIODS = 1000  # of a tracking curve, after which neighbours are joined
MOST_POINTS = 200  # of one gain curve


def theme() -> dict[str, Any]:
    """Give the Vega-Lite configuration that every chart carries: fonts, sizes, quiet axes."""
    return {
        "font": "Arial, Helvetica, Liberation Sans, sans-serif",
        "background": "white",
        "padding": 8,
        "view": {"stroke": None},
        "title": {"anchor": "start", "fontSize": 15, "fontWeight": 600, "color": ACTUAL_COLOUR, "offset": 12},
        "axis": {
            "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8,
            "labelColor": "#3e4c59", "titleColor": ACTUAL_COLOUR, "gridColor": "#e4e7eb",
            "domainColor": "#9aa5b1", "tickColor": "#9aa5b1", "labelFlush": False,
        },
        "axisX": {"grid": False},
        "legend": {
            "orient": "top", "direction": "horizontal", "columns": 3, "title": None, "labelFontSize": 12,
            "labelLimit": 260, "symbolStrokeWidth": 2, "symbolOpacity": 1, "offset": 8,
        },
    }  # fmt: skip


def tracking_chart(tracking: pd.DataFrame) -> alt.VConcatChart:
    """Draw repeat purchases over time, actual against model: the running total above, each period below.

    Parameters
    ----------
    tracking : DataFrame
        A `TRACKING_CURVE`, one row a period. Above a thousand periods, neighbours are joined, and intervals left out.

    Returns
    -------
    altair.VConcatChart
        Two panels; a vertical rule marks the cut-off if there are periods on both sides of it.
    """
    periods = _joined_periods(tracking)
    cumulative = _tracking_panel(periods, "cumulative", "Since the beginning (purchase days)", 240)
    incremental = _tracking_panel(periods, "incremental", "Per period (purchase days)", 170)
    known = periods.loc[periods["is_holdout"] == 0, "period_end"]
    rule = _cut_off(known.max(), periods["period_end"]) if 0 < len(known) < len(periods) else []
    panels = [alt.LayerChart(layer=[*cumulative, *rule]), alt.LayerChart(layer=[*incremental, *rule[:1]])]
    title = f"Repeat purchases over time: actual and model{with_intervals(periods)}"
    return alt.VConcatChart(vconcat=panels, spacing=18, title=title, config=theme())


def frequency_chart(histogram: pd.DataFrame) -> alt.Chart:
    """Draw how many customers came back how often, actual and expected side by side.

    Parameters
    ----------
    histogram : DataFrame
        A `FREQUENCY_HISTOGRAM`; whatever the order of its rows, the classes are drawn as 0, 1, …, 7+.
    """
    classes = sorted(histogram["frequency"].astype(str), key=lambda name: int(name.rstrip("+")))
    data = _actual_and_model(histogram, "frequency", actual="actual", model="expected")
    return _paired_bars(
        data,
        alt.X("frequency:N", sort=classes, title="Repeat purchase days up to the cut-off", axis=UPRIGHT),
        "Customers",
        "Customers by number of repeat purchases: actual and model",
    )


def churn_calibration_chart(calibration: pd.DataFrame) -> alt.LayerChart:
    """Draw the share that churned against the predicted probability, with 95 % intervals and the diagonal.

    Parameters
    ----------
    calibration : DataFrame
        A `CHURN_CALIBRATION` of one or more models; each has its own colour and mark.
    """
    calibration = _titled(calibration)
    x_title, y_title = "Predicted churn probability (mean of the bin)", "Share that left"
    y = alt.Y("observed:Q", title=y_title, scale=UNIT_SCALE, axis=PERCENT)
    base = alt.Chart(calibration).encode(
        x=alt.X("predicted:Q", title=x_title, scale=UNIT_SCALE, axis=PERCENT),
        color=_model_colour(calibration),
    )
    intervals = base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(
        y=alt.Y("observed_low:Q", title=y_title), y2="observed_high:Q"
    )
    lines = base.mark_line(strokeWidth=1.5).encode(y=y)
    shares = ["predicted", "observed", "observed_low", "observed_high"]
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        y=y,
        shape=alt.Shape("model:N", title=None, scale=alt.Scale(domain=_models(calibration))),
        tooltip=["model:N", "bin:Q", "n_customers:Q", *map(_tip, shares)],
    )
    layers = [_diagonal("predicted", x_title, "observed", y_title), intervals, lines, points]
    return _layered(layers, "Predicted churn probability and what came, with 95 % intervals")


def gain_chart(gain: pd.DataFrame) -> alt.LayerChart:
    """Draw the share of churners found against the share of customers contacted, the riskiest first.

    Parameters
    ----------
    gain : DataFrame
        A `CHURN_GAIN` of one or more models. The diagonal is contacting customers by chance.
    """
    x_title, y_title = "Share of customers contacted, the riskiest first", "Share of all churners found"
    gain = _titled(gain)
    models = _models(gain)
    data = pd.concat([_thinned(gain[gain["model"] == model]) for model in models]) if models else gain
    curves = alt.Chart(data).encode(
        x=alt.X("share_contacted:Q", title=x_title, scale=UNIT_SCALE, axis=PERCENT),
        y=alt.Y("share_of_churners:Q", title=y_title, scale=UNIT_SCALE, axis=PERCENT),
        color=_model_colour(gain),
        strokeDash=alt.StrokeDash("model:N", title=None, scale=alt.Scale(domain=models, range=DASHES)),
        tooltip=["model:N", _tip("share_contacted"), _tip("share_of_churners")],
    )
    layers = [
        _diagonal("share_contacted", x_title, "share_of_churners", y_title),
        curves.mark_line(strokeWidth=2),
    ]
    return _layered(layers, "Churners found by contacting the riskiest first (dotted: by chance)")


def deciles_chart(deciles: pd.DataFrame, title: str, unit: str) -> alt.Chart:
    """Draw the mean prediction of each decile beside the mean of what came.

    Parameters
    ----------
    deciles : DataFrame
        A `DECILES` table; decile 1 holds the highest predictions.
    title : str
        What is predicted, as the title of the chart.
    unit : str
        The unit of the means, such as ``purchase days``.
    """
    return _paired_bars(
        _actual_and_model(deciles, "decile", actual="actual_mean", model="predicted_mean"),
        alt.X("decile:O", title="Decile of customers, the highest predictions first", axis=UPRIGHT),
        f"Mean per customer ({unit})",
        title,
    )


def clv_decile_chart(scores: pd.DataFrame) -> alt.LayerChart:
    """Draw the share of the total customer lifetime value that each tenth of the customers holds.

    Parameters
    ----------
    scores : DataFrame
        `SCORES`, of which only ``clv`` is used. Fewer than ten customers make as many groups as there are.
    """
    shares = clv_shares(scores)
    group = "This tenth" if len(scores) >= 10 else "This customer"
    names = [group, f"{group} and all above"]
    colours = alt.Scale(domain=names, range=[MODEL_COLOUR, NEUTRAL_COLOUR])
    y_title, scale = "Share of the total CLV", alt.Scale(domain=[0, 1.06])
    base = alt.Chart().encode(
        x=alt.X("decile:O", title="Customers ranked by CLV, the most valuable first", axis=UPRIGHT),
        color=alt.Color("series:N", title=None, scale=colours),
        tooltip=["decile:O", _tip("share"), _tip("cumulative")],
    )
    bars = base.mark_bar().encode(y=alt.Y("share:Q", title=y_title, axis=PERCENT, scale=scale))
    running = base.encode(y=alt.Y("cumulative:Q", title=y_title, axis=PERCENT, scale=scale))
    bars.data, running.data = shares.assign(series=names[0]), shares.assign(series=names[1])
    line = running.mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=40, filled=True))
    labels = running.mark_text(dx=-8, dy=-10, fontSize=11).encode(text=alt.Text("cumulative:Q", format=".0%"))
    labels.data = running.data[running.data["decile"].isin([2, 3, 5, len(shares)])]
    return _layered([bars, line, labels], "How concentrated the customer lifetime value is", height=320)


def clv_shares(scores: pd.DataFrame) -> pd.DataFrame:
    """Divide the customers, ranked by ``clv``, into ten groups and give each group's share of the total.

    Returns
    -------
    DataFrame
        ``decile`` (1 for the most valuable), ``share`` and ``cumulative`` (0 to 1; 0 if the total is zero),
        one row a group: ten, or as many as there are customers. Group sizes differ by one at most.
    """
    clv = np.sort(scores["clv"].to_numpy(dtype=float))[::-1]
    groups = min(10, len(clv))
    totals = np.array([part.sum() for part in np.array_split(clv, groups)]) if groups else np.zeros(0)
    whole = totals.sum()
    share = totals / whole if whole > 0 else np.zeros(groups)
    return pd.DataFrame({"decile": np.arange(1, groups + 1), "share": share, "cumulative": share.cumsum()})


def _titled(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its models called what they are called for people."""
    return table.assign(model=table["model"].map(lambda name: model_title(str(name))))


def _layered(layers: list[alt.Chart], title: str, height: int = 400) -> alt.LayerChart:
    return alt.LayerChart(layer=layers, width=WIDTH, height=height, title=title, config=theme())


def _joined_periods(tracking: pd.DataFrame) -> pd.DataFrame:
    table = tracking.assign(period_end=pd.to_datetime(tracking["period_end"])).sort_values("period_end")
    step = -(-len(table) // MOST_PERIODS)
    if step <= 1:
        return table
    table = table[
        ["period_end", "is_holdout", *(name for name in table.columns if name.startswith(("actual", "expected")))]
    ]
    block = table.groupby("is_holdout").cumcount() // step
    rules = {name: "sum" if name.endswith("incremental") else "last" for name in table.columns}
    return table.groupby([table["is_holdout"].rename("part"), block]).agg(rules).reset_index(drop=True)


def with_intervals(table: pd.DataFrame) -> str:
    """Give the words that a title adds if its table has intervals."""
    return f", with {100 * float(table['level'].iloc[0]):g} % intervals" if "level" in table else ""


def _tracking_panel(periods: pd.DataFrame, kind: str, title: str, height: int) -> list[alt.Chart]:
    data = _actual_and_model(periods, "period_end", actual=f"actual_{kind}", model=f"expected_{kind}")
    dashes = alt.Scale(domain=SERIES, range=[[1, 0], [6, 3]])
    panel: alt.Chart = alt.Chart(data, width=WIDTH, height=height).mark_line(strokeWidth=2)
    x = alt.X(
        "period_end:T", title="End of the period", axis=alt.Axis(format="%Y-%m-%d", tickCount=8, labelOverlap=True)
    )
    lines = panel.encode(
        x=x,
        y=alt.Y("value:Q", title=title),
        color=_series_colour(),
        strokeDash=alt.StrokeDash("series:N", title=None, scale=dashes),
        tooltip=["period_end:T", "series:N", alt.Tooltip("value:Q", format=",.1f")],
    )
    if f"{kind}_low" not in periods:
        return [lines]
    limits = periods[["period_end", f"{kind}_low", f"{kind}_high"]]
    band = alt.Chart(limits).mark_area(color=MODEL_COLOUR, opacity=0.18)
    return [band.encode(x=x, y=alt.Y(f"{kind}_low:Q", title=title), y2=f"{kind}_high:Q"), lines]


def _cut_off(day: pd.Timestamp, period_ends: "pd.Series[pd.Timestamp]") -> list[alt.Chart]:
    middle = period_ends.min() + (period_ends.max() - period_ends.min()) / 2
    mark = alt.Chart(pd.DataFrame({"day": [day], "label": [f"cut-off {day:%Y-%m-%d}"]})).encode(
        x=alt.X("day:T", title="End of the period")
    )
    rule = mark.mark_rule(color=NEUTRAL_COLOUR, strokeDash=[2, 3], strokeWidth=1.5)
    side: dict[str, Any] = {"align": "right", "dx": -6} if day > middle else {"align": "left", "dx": 6}
    label = mark.mark_text(baseline="top", color=NEUTRAL_COLOUR, fontSize=11, **side)
    return [rule, label.encode(y=alt.value(2), text="label:N")]


def _actual_and_model(table: pd.DataFrame, key: str, *, actual: str, model: str) -> pd.DataFrame:
    columns = {actual: SERIES[0], model: SERIES[1]}
    return table[[key, *columns]].rename(columns=columns).melt(key, var_name="series", value_name="value")


def _series_colour() -> alt.Color:
    return alt.Color("series:N", title=None, scale=alt.Scale(domain=SERIES, range=[ACTUAL_COLOUR, MODEL_COLOUR]))


def _paired_bars(data: pd.DataFrame, x: alt.X, y_title: str, title: str) -> alt.Chart:
    bars: alt.Chart = alt.Chart(data, width=WIDTH, height=300, title=title, config=theme()).mark_bar()
    return bars.encode(
        x=x,
        y=alt.Y("value:Q", title=y_title),
        color=_series_colour(),
        xOffset=alt.XOffset("series:N", sort=SERIES),
        tooltip=[f"{data.columns[0]}:N", "series:N", alt.Tooltip("value:Q", format=",.2f")],
    )


def _models(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table["model"].unique()]


def _model_colour(table: pd.DataFrame) -> alt.Color:
    models = _models(table)
    baselines = [BASELINE_COLOURS[i % len(BASELINE_COLOURS)] for i in range(len(models) - 1)]
    return alt.Color("model:N", title=None, scale=alt.Scale(domain=models, range=[MODEL_COLOUR, *baselines]))


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    curve = curve.sort_values("share_contacted")
    rows = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), MOST_POINTS)).round().astype(int))
    thin = curve.iloc[rows]
    start = thin.head(1).assign(share_contacted=0.0, share_of_churners=0.0)
    return thin if thin["share_contacted"].iloc[0] == 0 else pd.concat([start, thin])


def _diagonal(x: str, x_title: str, y: str, y_title: str) -> alt.Chart:
    line: alt.Chart = alt.Chart(pd.DataFrame({x: [0.0, 1.0], y: [0.0, 1.0]})).mark_line(
        color=NEUTRAL_COLOUR, strokeDash=[2, 3], strokeWidth=1.5
    )
    return line.encode(x=alt.X(f"{x}:Q", title=x_title), y=alt.Y(f"{y}:Q", title=y_title))


def _tip(field: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", format=".1%")
