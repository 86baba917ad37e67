"""Times read off curves, and spells of contracts: worked by hand, and against a world that is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, DateError, InputError
from patronage.models.churn.survival.curves import expected_stay, leaving_time
from patronage.models.churn.survival.hazard import DiscreteHazard
from patronage.models.churn.survival.spells import contract_spells, person_periods

CURVES = pd.DataFrame([[0.9, 0.5, 0.2], [0.8, 0.7, 0.6], [0.4, 0.4, 0.0]], index=["a", "b", "c"], columns=[1, 2, 3])


def test_leaving_times_by_hand():
    assert leaving_time(CURVES).fillna(-1).to_dict() == {"a": 2, "b": -1, "c": 1}
    assert leaving_time(CURVES, 0.8).fillna(-1).to_dict() == {"a": 3, "b": -1, "c": 3}
    assert leaving_time(CURVES, 0.2).to_dict() == {"a": 2, "b": 1, "c": 1}


def test_expected_stays_by_hand():
    """Who leaves in period k has stayed k of them: 0.1 * 1 + 0.4 * 2 + 0.5 * 3 for the first."""
    assert expected_stay(CURVES).to_dict() == pytest.approx({"a": 2.4, "b": 2.5, "c": 1.8})
    wider = CURVES.set_axis([2.0, 4.0, 6.0], axis=1)
    assert expected_stay(wider).to_numpy() == pytest.approx(2 * expected_stay(CURVES).to_numpy())


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        (CURVES[[2, 1, 3]], "ascending order"),
        (CURVES.iloc[:, :0], "ascending order"),
        (CURVES + 0.5, "between 0 and 1"),
        (CURVES.mask(CURVES == 0.5), "between 0 and 1"),
        (CURVES.assign(**{"4": 0.1}).set_axis([1, 2, 3, 4], axis=1), "never rising"),
    ],
)
def test_what_is_no_curve_is_refused(curves, message):
    with pytest.raises(InputError, match=message):
        leaving_time(curves)
    with pytest.raises(ConfigError, match="between 0 and 1; got 1"):
        leaving_time(CURVES, 1)


def test_spells_of_contracts_by_hand():
    """Periods of 30 days as of 2024-03-31, day 90 of those who began with the year."""
    rows = [
        ("ended on day 30", "2024-01-01", "2024-01-31", 1, 1),
        ("ended on day 31", "2024-01-01", "2024-02-01", 2, 1),
        ("ended at once", "2024-01-01", "2024-01-01", 1, 1),
        ("ended on the last day", "2024-01-01", "2024-03-31", 3, 1),
        ("end not known yet", "2024-01-01", "2024-04-01", 3, 0),
        ("still there", "2024-01-01", None, 3, 0),
        ("ended in a running period", "2024-02-15", "2024-03-30", 1, 0),
    ]
    left_out = [("no contract", None, None), ("first period runs", "2024-03-10", "2024-03-12")]
    table = pd.DataFrame(
        [row[:3] for row in rows] + left_out, columns=["customer_id", "contract_start", "contract_end"]
    )
    spells = contract_spells(table.assign(plan="x"), date(2024, 3, 31), 30)
    assert list(zip(spells["customer_id"], spells["duration"], spells["churned"], strict=True)) == [
        (row[0], row[3], row[4]) for row in rows
    ]
    assert person_periods(spells, ("plan",))["churned"].sum() == 4


def test_a_constant_hazard_is_found_in_contracts():
    """A tenth of the customers leaves in every month, whenever they came; running months do not bias it."""
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, 40_000), unit="D")
    months = rng.geometric(0.1, 40_000)
    within = pd.to_timedelta((months - 1) * 30 + rng.integers(1, 31, 40_000), unit="D")
    table = pd.DataFrame({"customer_id": np.arange(40_000), "contract_start": start, "contract_end": start + within})
    spells = contract_spells(table, date(2023, 12, 31), 30)
    assert spells["churned"].sum() / spells["duration"].sum() == pytest.approx(0.1, abs=0.002)
    model = DiscreteHazard(("x",), 30, n_folds=2, n_trees=20, early_stopping_rounds=None, n_threads=1)
    model.fit(spells.assign(x=0.0))
    assert model.hazard(pd.DataFrame({"period": [1, 6, 12], "x": 0.0})).to_numpy() == pytest.approx(0.1, abs=0.02)


def test_contracts_that_cannot_be():
    table = pd.DataFrame({"customer_id": ["a"], "contract_start": ["2024-02-01"], "contract_end": ["2024-01-01"]})
    with pytest.raises(InputError, match=r"1 contracts end before they begin\. The first customers are a") as raised:
        contract_spells(table, date(2024, 3, 31), 30)
    assert raised.value.counts == {"end before start": 1}
    with pytest.raises(DateError, match="No contract had lasted 30 days"):
        contract_spells(table.assign(contract_end=None), date(2024, 2, 10), 30)


def test_spells_of_several_cut_offs_are_told_apart():
    """A customer looked at on two days has two spells, whose periods are counted from each day."""
    spells = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "cutoff": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-01-01"]),
            "duration": [2, 1, 3],
            "churned": [1, 1, 0],
            "x": [0.0, 1.0, 2.0],
        }
    )
    periods = person_periods(spells, ("x",))
    told = zip(periods["customer_id"], periods["cutoff"].dt.month, periods["period"], periods["churned"], strict=True)
    assert list(told) == [
        ("a", 1, 1, 0),
        ("a", 1, 2, 1),
        ("a", 2, 1, 1),
        ("b", 1, 1, 0),
        ("b", 1, 2, 0),
        ("b", 1, 3, 0),
    ]
    with pytest.raises(InputError, match="1 further rows of the same customer"):
        person_periods(spells.assign(cutoff=spells["cutoff"].iloc[0]), ("x",))


def test_a_hazard_that_was_written_down_draws_the_same_curves():
    rng = np.random.default_rng(1)
    spells = pd.DataFrame({"customer_id": np.arange(400), "x": rng.normal(size=400), "plan": ["a", "b"] * 200})
    months = rng.geometric(0.2, 400)
    spells = spells.assign(duration=np.minimum(months, 6), churned=(months <= 6).astype(int))
    model = DiscreteHazard(("x", "plan"), 30, n_folds=2, n_trees=10, early_stopping_rounds=None, n_threads=1).fit(
        spells
    )
    again = DiscreteHazard.from_model(model.to_model(), model.longest_period_)
    pd.testing.assert_frame_equal(again.survival(spells.head(20), 8), model.survival(spells.head(20), 8))
    assert (again.period_days, again.features) == (30, ("x", "plan"))
    with pytest.raises(ConfigError, match="These trees tell no hazard"):
        DiscreteHazard.from_model(replace(model.to_model(), features=("x", "plan", "age")), 6)
