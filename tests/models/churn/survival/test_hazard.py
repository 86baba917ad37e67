"""Hazards and survival curves: against a world whose hazard is known, and against tables of counts."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.models.churn.survival.hazard import DiscreteHazard
from patronage.models.churn.survival.spells import person_periods

LONGEST = 12
AHEAD = range(1, LONGEST + 1)


def true_hazard(frame, period):
    """Log odds fall with time for the silver plan and not for the gold one, and rise with complaints."""
    fall = np.where(frame["plan"] == "gold", 0.0, 0.15)
    return special.expit(-2.0 + 0.8 * frame["complaints"] - fall * (period - 1))


def world(n, seed):
    """Customers watched for up to a year; each may go out of sight in any month, whatever happens else."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": np.arange(n), "complaints": rng.normal(size=n)})
    frame["plan"] = rng.choice(["gold", "silver"], n)
    left = np.full(n, LONGEST + 1)
    for period in range(LONGEST, 0, -1):
        left = np.where(rng.random(n) < true_hazard(frame, period), period, left)
    watched = rng.integers(3, LONGEST + 1, n)
    return frame.assign(duration=np.minimum(left, watched), churned=(left <= watched).astype(int))


@pytest.fixture(scope="module")
def model():
    return DiscreteHazard(("complaints", "plan"), 30, n_folds=3, n_threads=1).fit(world(30_000, 0))


def true_survival(frame):
    return np.cumprod([1 - true_hazard(frame, period) for period in AHEAD], axis=0).T


def test_curves_are_true_in_every_decile(model):
    """Deciles of the predicted chance of staying: at each of 12 periods the mean truth is within 0.02."""
    new = world(20_000, 1)
    predicted, true = model.survival(new, LONGEST).to_numpy(), true_survival(new)
    for period in range(LONGEST):
        decile = pd.qcut(predicted[:, period], 10, labels=False, duplicates="drop")
        gap = pd.Series(predicted[:, period] - true[:, period]).groupby(decile).mean()
        assert gap.abs().max() < 0.02


def test_curves_fall_and_can_begin_later(model):
    new = world(50, 2)
    whole = model.survival(new, LONGEST)
    assert list(whole.columns) == list(AHEAD)
    assert (np.diff(whole, axis=1) <= 0).all()
    later = model.survival(new.assign(elapsed=4), LONGEST - 4)
    assert later.to_numpy() == pytest.approx(whole.loc[:, 5:].div(whole[4], axis=0).to_numpy(), abs=1e-12)


def test_beyond_the_longest_period_the_hazard_stays(model):
    new = world(5, 2)
    hazards = [model.hazard(new.assign(period=period)).tolist() for period in (LONGEST, LONGEST + 1, 99)]
    assert hazards[0] == hazards[1] == hazards[2]


def test_without_features_that_matter_it_is_a_life_table():
    """Hazards by hand: those who left in a period over those who came into it."""
    rng = np.random.default_rng(0)
    spells = pd.DataFrame({"customer_id": range(6000), "noise": 0.0})
    spells["duration"] = rng.choice([1, 2, 3], 6000, p=[0.5, 0.2, 0.3])
    spells["churned"] = np.where(spells["duration"] < 3, 1, rng.integers(0, 2, 6000))
    counts = spells.groupby("duration")["churned"].agg(["size", "sum"])
    by_hand = counts["sum"] / counts["size"][::-1].cumsum()[::-1]
    model = DiscreteHazard(("noise",), 30, colsample_bytree=1.0, n_threads=1).fit(spells)
    assert model.hazard(pd.DataFrame({"period": [1, 2, 3], "noise": 0.0})).to_numpy() == pytest.approx(
        by_hand.to_numpy(), abs=0.01
    )


def test_features_may_change_with_time():
    """Whoever has an open complaint leaves in that very period, half of them; nobody else does."""
    rng = np.random.default_rng(0)
    periods = pd.DataFrame(
        [(customer, period) for customer in range(1500) for period in range(1, 5)], columns=["customer_id", "period"]
    )
    periods["open_complaints"] = (rng.random(len(periods)) < 0.2).astype(float)
    periods["churned"] = ((periods["open_complaints"] == 1) & (rng.random(len(periods)) < 0.5)).astype(int)
    gone = periods.groupby("customer_id")["churned"].cumsum() - periods["churned"]
    model = DiscreteHazard(("open_complaints",), 30, n_threads=1).fit_periods(periods[gone == 0])
    quiet, open_ = model.hazard(pd.DataFrame({"period": [2, 2], "open_complaints": [0.0, 1.0]}))
    assert quiet == pytest.approx(0.0, abs=0.01)
    assert open_ == pytest.approx(0.5, abs=0.05)


def test_person_periods_by_hand():
    spells = pd.DataFrame({"customer_id": ["a", "b"], "duration": [2, 3], "churned": [1, 0], "plan": ["x", "y"]})
    expanded = person_periods(spells, ("plan",))
    assert expanded.to_dict("list") == {
        "customer_id": ["a", "a", "b", "b", "b"],
        "plan": ["x", "x", "y", "y", "y"],
        "period": [1, 2, 1, 2, 3],
        "churned": [0, 1, 0, 0, 0],
    }


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"duration": 0}, InputError, "40 durations that are not whole numbers"),
        ({"duration": 1.5}, InputError, "40 durations that are not whole numbers"),
        ({"duration": None}, InputError, "40 durations that are not whole numbers"),
        ({"customer_id": "a"}, InputError, "39 further rows of the same customer"),
        ({"customer_id": None}, InputError, "40 rows without customer_id"),
        ({"churned": 0}, FitError, "Nobody left among 40"),
        ({"churned": 3}, InputError, "churned must be 1"),
    ],
)
def test_spells_that_cannot_be(change, error, message):
    spells = pd.DataFrame({"customer_id": range(40), "duration": 2, "churned": [0, 1] * 20, "x": 1.0})
    with pytest.raises(error, match=message):
        DiscreteHazard(("x",), 30).fit(spells.assign(**change))


def test_periods_that_cannot_be():
    rows = [("a", 1, 1), ("a", 2, 0), ("b", 1, 0), ("b", 1, 0), ("c", 0.5, 0)]
    periods = pd.DataFrame(rows, columns=["customer_id", "period", "churned"]).assign(x=1.0)
    with pytest.raises(InputError) as raised:
        DiscreteHazard(("x",), 30).fit_periods(periods)
    assert raised.value.counts == {
        "periods that are not whole numbers from 1": 1,
        "second rows for a period": 1,
        "rows after the customer left": 1,
    }
    assert raised.value.first_ids == ("a", "b", "c")


def test_a_hazard_is_not_there_before_it_is_fitted():
    with pytest.raises(ModelError, match="not fitted"):
        DiscreteHazard(("x",), 30).survival(pd.DataFrame({"x": [1.0]}), 3)
    with pytest.raises(ConfigError, match="period is added by the model"):
        DiscreteHazard(("period",), 30)
