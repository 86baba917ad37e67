"""Tables behind the charts, against published totals and counting by hand."""

from datetime import date
from pathlib import Path

import lifetimes
import numpy as np
import pandas as pd
import pytest

from patronage.evaluation import baselines, tables
from patronage.models import BetaGeoNBD
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.customer_summary import summarise
from patronage.summary.daily_counts import daily_counts


@pytest.fixture(scope="module")
def calibration(cdnow):
    return summarise(cdnow.transactions, date(1997, 9, 30), "week").to_pandas()


@pytest.fixture(scope="module")
def model(calibration):
    return BetaGeoNBD().fit(calibration)


def test_frequencies_of_the_sample():
    # Sum of the distribution over the 2,357 customers of the 1/10 sample, at its own estimates.
    from lifetimes.datasets import load_cdnow_summary

    sample = load_cdnow_summary()
    table = tables.frequency_histogram(BetaGeoNBD().fit(sample), sample)
    assert table["actual"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    published = [1407.68, 460.32, 192.46, 101.16, 59.85, 38.12, 25.55]
    assert table["expected"][:7].to_numpy() == pytest.approx(published, abs=0.05)
    assert table["expected"].sum() == pytest.approx(2357)


def test_customers_of_today_cannot_have_returned(model):
    today = pd.DataFrame({"frequency": [0, 0], "T": [0.0, 10.0]})
    table = tables.frequency_histogram(model, today)
    assert table["expected"].sum() == pytest.approx(2)
    assert table["expected"][0] > 1


def test_tracking_counts_every_repeat_purchase(cdnow, model):
    daily = daily_counts(cdnow.transactions, date(1997, 9, 30), date(1998, 6, 30))
    curve = tables.tracking_curve(model, daily, date(1997, 9, 30), date(1998, 6, 30), TimeUnit.WEEK)
    assert daily["new_customers"].sum() == 23_570
    assert curve["actual_cumulative"].iloc[-1] == daily["repeat_purchases"].sum()
    assert date(1997, 9, 30) in set(curve["period_end"])
    assert curve["period_end"].iloc[-1] == date(1998, 6, 30)
    assert curve["is_holdout"].sum() == 39
    assert curve["actual_incremental"].sum() == pytest.approx(curve["actual_cumulative"].iloc[-1])


def test_tracking_of_the_sample_at_39_and_78_weeks(cdnow):
    # Published for the 1/10 sample at its own estimates: 2,494.0 and 4,160.6 expected, 2,457 and 4,339 came.
    sample = cdnow.transactions.filter(cdnow.transactions.customer_id.isin(sample_ids()))
    histories = summarise(sample, date(1997, 9, 30), "week").to_pandas()
    assert len(histories) == 2357
    daily = daily_counts(sample, date(1997, 9, 30), date(1998, 6, 30))
    curve = tables.tracking_curve(
        BetaGeoNBD().fit(histories), daily, date(1997, 9, 30), date(1998, 6, 30), TimeUnit.WEEK
    ).set_index("period_end")
    assert curve.loc[date(1997, 9, 30), "actual_cumulative"] == 2457
    assert curve.loc[date(1998, 6, 30), "actual_cumulative"] == 4339
    assert curve.loc[date(1997, 9, 30), "expected_cumulative"] == pytest.approx(2494.0, abs=0.5)
    assert curve.loc[date(1998, 6, 30), "expected_cumulative"] == pytest.approx(4160.6, abs=0.5)


def sample_ids():
    """Ids, within the full log, of the customers of the 1/10 sample."""
    path = Path(lifetimes.__file__).parent / "datasets" / "CDNOW_sample.txt"
    return sorted({line.split()[0] for line in path.read_text().splitlines()})


def test_deciles_by_hand():
    predicted = np.arange(25.0)
    table = tables.deciles(predicted * 2, predicted)
    assert table["decile"].tolist() == list(range(1, 11))
    assert table["n_customers"].sum() == 25
    assert set(table["n_customers"]) == {2, 3}
    assert table["predicted_mean"].is_monotonic_decreasing
    assert table["actual_total"].sum() == 2 * predicted.sum()


def test_fewer_customers_than_deciles():
    assert tables.deciles([1, 2], [1.0, 2.0])["n_customers"].sum() == 2


def test_gain_of_a_perfect_and_of_no_order():
    churned = np.array([1, 0, 0, 1])
    curve = tables.churn_gain(churned, {"perfect": np.array([0.9, 0.1, 0.2, 0.8]), "none": np.ones(4)})
    by_model = curve.set_index(["model", "share_contacted"])["share_of_churners"]
    assert by_model["perfect"][0.5] == pytest.approx(1.0)
    assert by_model["none"].to_numpy() == pytest.approx(by_model["none"].index.to_numpy())


def test_same_rate_goes_on_as_before():
    frame = pd.DataFrame({"frequency": [2, 0, 5], "T": [10.0, 3.0, 0.0]})
    assert baselines.same_rate(frame, 5.0).tolist() == [1.0, 0.0, 0.0]


def test_hiatus_rule_by_hand():
    panel = pd.DataFrame(
        {
            "days_since_last_purchase": [1, 2, 3, 40, 50, 60, 2, 55],
            "churned": [0, 0, 0, 1, 1, 1, 1, 0],
        }
    )
    rule = baselines.fit_hiatus_rule(panel)
    assert rule.threshold_days == 3
    probability = rule.churn_probability(np.array([1.0, 30.0, 90.0, 1000.0]))
    assert (np.diff(probability) > 0).all()
    frame = pd.DataFrame({"frequency": [2, 2], "T": [10.0, 10.0], "days_since_last_purchase": [3, 4]})
    assert rule.expected_purchases(frame, 5.0).tolist() == [1.0, 0.0]


def test_params_of_another_unit_are_not_confused(cdnow, calibration):
    """The same curve in days and in weeks."""
    daily = daily_counts(cdnow.transactions, date(1997, 9, 30), date(1997, 12, 30))
    weekly = BetaGeoParams(0.25, 4.8, 0.72, 2.16)
    by_day = BetaGeoParams(0.25, 4.8 * 7, 0.72, 2.16)
    curves = [
        tables.tracking_curve(BetaGeoNBD.from_params(params), daily, date(1997, 9, 30), date(1997, 12, 30), unit)
        for params, unit in ((weekly, TimeUnit.WEEK), (by_day, TimeUnit.DAY))
    ]
    assert curves[0]["expected_cumulative"].to_numpy() == pytest.approx(curves[1]["expected_cumulative"].to_numpy())
