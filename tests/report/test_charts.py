"""Every chart renders, and its data say what its table says."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from patronage.report import charts, page

STEMS = [
    "tracking",
    "frequency",
    "purchase_deciles",
    "value_deciles",
    "churn_calibration",
    "churn_gain",
    "clv_deciles",
]


def data_of(chart):
    """All rows that the chart hands to Vega-Lite, one list a data set."""
    return list(chart.to_dict()["datasets"].values())


def rows_with(chart, *fields):
    """Rows of the first data set that has all `fields`."""
    return pd.DataFrame(next(rows for rows in data_of(chart) if rows and set(fields) <= set(rows[0])))


def colours_of(specification, found=None):
    """Map each named colour of the specification to its value."""
    found = {} if found is None else found
    if isinstance(specification, dict):
        scale = specification.get("scale")
        if isinstance(scale, dict) and str(scale.get("range", [""])[0]).startswith("#"):
            found.update(zip(scale["domain"], scale["range"], strict=True))
        specification = list(specification.values())
    if isinstance(specification, list):
        for part in specification:
            colours_of(part, found)
    return found


def png_of(chart):
    target = io.BytesIO()
    chart.save(target, format="png", scale_factor=1)
    return Image.open(target).convert("RGB")


@pytest.mark.parametrize("stem", STEMS)
def test_renders_with_its_title_and_colours(tables, stem):
    chart = page.charts(tables)[stem]
    picture = png_of(chart)
    assert picture.width > 600
    assert picture.height > 300
    drawn = {colour for _, colour in picture.getcolors(maxcolors=2**24)}
    assert (0, 0x72, 0xB2) in drawn, "the model's blue is missing"
    assert chart.to_dict()["title"]


def test_titles_differ(tables):
    titles = [chart.to_dict()["title"] for chart in page.charts(tables).values()]
    assert len(set(titles)) == len(STEMS)


def test_actual_and_model_keep_their_colours(tables):
    drawn = page.charts(tables)
    for stem in ["tracking", "frequency", "purchase_deciles", "value_deciles"]:
        colours = colours_of(drawn[stem].to_dict())
        assert colours == {"Actual": charts.ACTUAL_COLOUR, "Model": charts.MODEL_COLOUR}


def test_tracking_says_what_the_table_says(tables):
    chart = charts.tracking_chart(tables.tracking)
    panels = [pd.DataFrame(rows) for rows in data_of(chart) if "series" in rows[0]]
    for panel, kind in zip(panels, ["cumulative", "incremental"], strict=True):
        for series, column in [("Actual", f"actual_{kind}"), ("Model", f"expected_{kind}")]:
            values = panel.loc[panel["series"] == series, "value"]
            np.testing.assert_allclose(values, tables.tracking[column])


def test_tracking_marks_the_cut_off(tables):
    mark = rows_with(charts.tracking_chart(tables.tracking), "label")
    last_known = tables.tracking.loc[tables.tracking["is_holdout"] == 0, "period_end"].max()
    assert mark["label"].tolist() == [f"cut-off {last_known:%Y-%m-%d}"]


@pytest.mark.parametrize("is_holdout", [0, 1])
def test_tracking_without_two_sides_has_no_cut_off(tables, is_holdout):
    one_side = tables.tracking[tables.tracking["is_holdout"] == is_holdout]
    chart = charts.tracking_chart(one_side)
    assert "cut-off" not in chart.to_json()
    assert png_of(chart).width > 600


def test_many_periods_are_joined_without_losing_a_purchase():
    days = 6000
    expected = np.full(days, 0.5)
    actual = np.arange(days) % 3.0
    daily = pd.DataFrame(
        {
            "period_end": pd.date_range("2005-01-01", periods=days),
            "is_holdout": (np.arange(days) >= 4001).astype(int),
            "actual_incremental": actual,
            "expected_incremental": expected,
            "actual_cumulative": actual.cumsum(),
            "expected_cumulative": expected.cumsum(),
        }
    )
    chart = charts.tracking_chart(daily)
    cumulative, incremental = (pd.DataFrame(rows) for rows in data_of(chart) if "series" in rows[0])
    assert len(incremental) <= 2 * (charts.MOST_PERIODS + 2)
    totals = incremental.groupby("series")["value"].sum()
    assert totals.to_dict() == {"Actual": actual.sum(), "Model": expected.sum()}
    assert cumulative.groupby("series")["value"].max().to_dict() == totals.to_dict()
    assert rows_with(chart, "label")["label"].tolist() == ["cut-off 2015-12-15"]


def test_frequency_classes_are_in_order_whatever_the_rows(tables):
    shuffled = tables.frequency.iloc[[7, 3, 0, 5, 1, 2, 6, 4]]
    chart = charts.frequency_chart(shuffled)
    assert chart.to_dict()["encoding"]["x"]["sort"] == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    rows = rows_with(chart, "series").pivot(index="frequency", columns="series", values="value")
    assert rows["Actual"].to_dict() == dict(zip(shuffled["frequency"], shuffled["actual"], strict=True))
    assert rows["Model"].to_dict() == dict(zip(shuffled["frequency"], shuffled["expected"], strict=True))


def test_calibration_gives_each_model_its_own_colour(tables):
    chart = charts.churn_calibration_chart(tables.churn_calibration)
    colours = colours_of(chart.to_dict())
    assert list(colours) == ["classifier", "logistic rfm", "days since last purchase"]
    assert colours["classifier"] == charts.MODEL_COLOUR
    assert len(set(colours.values())) == 3
    rows = rows_with(chart, "observed_low")
    told = tables.churn_calibration.assign(model=tables.churn_calibration["model"].str.replace("_", " "))
    pd.testing.assert_frame_equal(rows, told, check_dtype=False)


def test_churn_charts_of_one_model(tables):
    one = "classifier"
    calibration = tables.churn_calibration[tables.churn_calibration["model"] == one]
    gain = tables.churn_gain[tables.churn_gain["model"] == one]
    for chart in [charts.churn_calibration_chart(calibration), charts.gain_chart(gain)]:
        assert colours_of(chart.to_dict()) == {one: charts.MODEL_COLOUR}
        assert png_of(chart).width > 600


def test_gain_of_many_customers_is_thinned_and_starts_at_nothing():
    share = np.arange(1, 20_001) / 20_000
    gain = pd.concat(
        [
            pd.DataFrame({"model": name, "share_contacted": share, "share_of_churners": share**power})
            for name, power in [("classifier", 0.5), ("baseline", 0.8)]
        ]
    )
    rows = rows_with(charts.gain_chart(gain), "model")
    assert len(rows) <= 2 * (charts.MOST_POINTS + 1)
    for name, power in [("classifier", 0.5), ("baseline", 0.8)]:
        curve = rows[rows["model"] == name]
        assert curve["share_contacted"].iloc[[0, -1]].tolist() == [0.0, 1.0]
        np.testing.assert_allclose(curve["share_of_churners"], curve["share_contacted"] ** power)


def test_deciles_carry_title_unit_and_means(tables):
    chart = charts.deciles_chart(tables.value_deciles, "Value by decile", "GBP")
    specification = chart.to_dict()
    assert specification["title"] == "Value by decile"
    assert specification["encoding"]["y"]["title"] == "Mean per customer (GBP)"
    rows = rows_with(chart, "series").pivot(index="decile", columns="series", values="value")
    np.testing.assert_allclose(rows["Actual"], tables.value_deciles["actual_mean"])
    np.testing.assert_allclose(rows["Model"], tables.value_deciles["predicted_mean"])


def test_clv_shares_of_unequal_groups():
    scores = pd.DataFrame({"clv": [float(value) for value in range(12)]})
    shares = charts.clv_shares(scores)
    assert shares["decile"].tolist() == list(range(1, 11))
    assert shares["share"].iloc[0] == pytest.approx((11 + 10) / 66)
    assert shares["share"].iloc[-1] == 0
    assert shares["cumulative"].iloc[-1] == pytest.approx(1)
    assert shares["share"].is_monotonic_decreasing


def test_clv_shares_of_few_customers_and_of_none():
    few = charts.clv_shares(pd.DataFrame({"clv": [1.0, 3.0]}))
    assert few["share"].tolist() == [0.75, 0.25]
    assert charts.clv_shares(pd.DataFrame({"clv": []})).empty


def test_clv_shares_of_a_zero_total():
    shares = charts.clv_shares(pd.DataFrame({"clv": np.zeros(30)}))
    assert shares["share"].tolist() == [0.0] * 10
    assert png_of(charts.clv_decile_chart(pd.DataFrame({"clv": np.zeros(30)}))).width > 600


def test_a_hundred_thousand_scores_reach_the_chart_as_ten_rows(make_tables):
    chart = charts.clv_decile_chart(make_tables(100_000).scores)
    assert max(len(rows) for rows in data_of(chart)) == 10


def test_charts_do_not_change_their_tables(tables):
    before = tables.tracking.copy(), tables.churn_gain.copy(), tables.scores.copy()
    page.charts(tables)
    for table, copy in zip([tables.tracking, tables.churn_gain, tables.scores], before, strict=True):
        pd.testing.assert_frame_equal(table, copy)
