"""Drivers of churn: strengths by hand, intervals that hold, segments that differ."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.errors import InputError
from patronage.evaluation import drivers as module
from patronage.evaluation.drivers import drivers
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.schema import DRIVERS

NONE = Calibration("none", (), ())


def model(**slopes):
    numbers = {name: NumberTerm(0.0, 1.0, slope, 0.0) for name, slope in slopes.items()}
    return LogisticChurnModel(tuple(slopes), 91, NONE, 0.0, numbers)


def rng():
    return np.random.default_rng(0)


def test_strengths_by_hand():
    """Contributions of x: -1, 1, 2; of the two of complaints: 3 - 2, 0, 0 and together 1, 0, 0."""
    frame = pd.DataFrame({"x": [-1.0, 1, 2], "complaints_total": [1.0, 0, 0], "complaints_open": [1.0, 0, 0]})
    table = drivers(model(x=1.0, complaints_total=3.0, complaints_open=-2.0), frame, rng=rng())
    assert list(table.columns) == list(DRIVERS.names)
    first, second = table.to_dict("records")
    assert (first["driver"], second["driver"]) == ("x", "complaints")
    assert first["strength"] == pytest.approx(4 / 3)
    assert second["strength"] == pytest.approx(1 / 3)
    assert first["share"] == pytest.approx(0.8)
    assert first["mean_effect"] == pytest.approx(2 / 3)
    assert first["share_raising"] == pytest.approx(2 / 3)
    assert (first["leading_feature"], second["leading_feature"]) == ("x", "complaints_total")
    assert first["direction"] == pytest.approx(1.0)
    assert set(table["segment"]) == {"all"}


def test_features_by_themselves():
    frame = pd.DataFrame({"complaints_total": [1.0, 0, 0], "complaints_open": [1.0, 0, 0]})
    table = drivers(model(complaints_total=3.0, complaints_open=-2.0), frame, rng=rng(), by="feature")
    assert table["driver"].tolist() == ["complaints_total", "complaints_open"]
    assert table["strength"].tolist() == pytest.approx([1.0, 2 / 3])
    assert table["direction"].tolist() == pytest.approx([1.0, -1.0])


def test_segments_come_after_everyone_and_have_their_own_order():
    frame = pd.DataFrame({"x": [1.0, 1, 0, 0, 0], "z": [0.0, 0, 2, 2, 0]})
    table = drivers(model(x=1.0, z=1.0), frame, ["b", "b", "a", "a", None], rng=rng())
    assert table["segment"].tolist() == ["all"] * 2 + ["a"] * 2 + ["b"] * 2 + ["missing"] * 2
    leaders = table.groupby("segment")["driver"].first()
    assert (leaders["all"], leaders["a"], leaders["b"]) == ("z", "z", "x")
    assert table.loc[table["segment"] == "missing", ["strength", "share"]].to_numpy().tolist() == [[0.0, 0.0]] * 2
    assert table.groupby("segment")["n_customers"].first().to_dict() == {"all": 5, "a": 2, "b": 2, "missing": 1}


def test_direction_of_a_constant_or_of_text_is_missing():
    plan = LogisticChurnModel(("plan",), 91, NONE, 0.0, {}, {"plan": (1.0, -1.0, 0.0)}, {"plan": ("a", "b")})
    assert drivers(plan, pd.DataFrame({"plan": ["a", "b", "a"]}), rng=rng())["direction"].isna().all()
    assert drivers(model(x=1.0), pd.DataFrame({"x": [2.0, 2, 2]}), rng=rng())["direction"].isna().all()


def test_intervals_are_those_of_the_mean():
    """Of a normal contribution, the interval of its mean is 1.96 standard errors wide either way."""
    x = np.random.default_rng(3).normal(0.5, 1, 4000)
    row = drivers(model(x=1.0), pd.DataFrame({"x": x}), rng=rng()).iloc[0]
    half = stats.norm.ppf(0.975) * x.std() / np.sqrt(4000)
    assert row["mean_effect_low"] == pytest.approx(x.mean() - half, abs=0.15 * half)
    assert row["mean_effect_high"] == pytest.approx(x.mean() + half, abs=0.15 * half)


def test_rows_of_the_same_customer_are_not_taken_for_several():
    x = np.repeat(np.random.default_rng(4).normal(size=200), 9)
    frame, ids = pd.DataFrame({"x": x}), np.repeat(np.arange(200), 9)
    alone = drivers(model(x=1.0), frame, rng=rng()).iloc[0]
    together = drivers(model(x=1.0), frame, rng=rng(), customers=ids).iloc[0]
    width = [one["mean_effect_high"] - one["mean_effect_low"] for one in (alone, together)]
    # Nine equal rows a customer: the standard error is three times as large.
    assert width[1] / width[0] == pytest.approx(3, rel=0.15)


def test_of_very_many_rows_a_part_is_explained(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 50)
    frame = pd.DataFrame({"x": np.arange(200.0)})
    table = drivers(model(x=1.0), frame, np.repeat(["a", "b"], 100), rng=rng(), customers=np.arange(200))
    assert table.loc[0, "n_customers"] == 50
    assert table["n_customers"].iloc[1:].sum() == 50


def test_what_does_not_fit_is_refused():
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(InputError, match="no customer"):
        drivers(model(x=1.0), frame.iloc[:0], rng=rng())
    with pytest.raises(InputError, match="segment of each of 2 rows, got 3"):
        drivers(model(x=1.0), frame, ["a", "b", "c"], rng=rng())
    with pytest.raises(InputError, match="z"):
        drivers(model(z=1.0), frame, rng=rng())
    with pytest.raises(InputError, match="level"):
        drivers(model(x=1.0), frame, rng=rng(), level=1.5)
