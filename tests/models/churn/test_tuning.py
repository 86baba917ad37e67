"""Tuning: the best of a known landscape is found, hopeless trials stop, and a search can go on."""

import sys
import time

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, FitError, OutputError
from patronage.models.churn.logistic import LogisticRegressionClassifier
from patronage.models.churn.tuning import Budget, Setting, later_log_loss, tune

pytest.importorskip("optuna")
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

PANEL = pd.DataFrame({"customer_id": ["a"], "churned": [1]})
SPACE = {
    "depth": Setting(1, 6),
    "rate": Setting(0.001, 1.0, log=True),
    "kind": Setting(choices=("flat", "steep")),
}


def bowl(panel, settings, report):
    """Least at depth 3, rate 0.1 and the steep kind, where it is 0."""
    return abs(settings["depth"] - 3) + np.log10(settings["rate"] / 0.1) ** 2 + (settings["kind"] == "flat")


def test_the_bottom_of_a_bowl_is_found():
    found = tune(PANEL, SPACE, bowl, Budget(trials=60), seed=1)
    assert found.best["depth"] == 3
    assert found.best["kind"] == "steep"
    assert 0.03 < found.best["rate"] < 0.3
    assert found.value == found.trials["value"].min() == bowl(PANEL, found.best, None)
    assert list(found.trials.columns) == ["number", "state", "value", "seconds", *SPACE]
    assert len(found.trials) == 60
    assert found.trials["depth"].between(1, 6).all()


def test_the_same_seed_tries_the_same():
    one, other, third = (tune(PANEL, SPACE, bowl, Budget(trials=12), seed=seed).trials for seed in (0, 0, 1))
    assert one.drop(columns="seconds").equals(other.drop(columns="seconds"))
    assert not one["rate"].equals(third["rate"])


def test_a_search_goes_on_where_it_ended(tmp_path):
    file = tmp_path / "tuning.db"
    first = tune(PANEL, SPACE, bowl, Budget(trials=5), storage=file)
    longer = tune(PANEL, SPACE, bowl, Budget(trials=8), storage=file)
    assert longer.trials.head(5).equals(first.trials)
    assert len(longer.trials) == 8
    assert longer.trials["rate"].is_unique
    again = tune(PANEL, SPACE, None, Budget(trials=8), storage=file)
    assert again.trials.equals(longer.trials)


def test_another_search_is_not_mixed_in(tmp_path):
    file = tmp_path / "tuning.db"
    tune(PANEL, SPACE, bowl, Budget(trials=2), storage=file)
    with pytest.raises(ConfigError, match="began with another space"):
        tune(PANEL, {**SPACE, "depth": Setting(1, 7)}, bowl, Budget(trials=3), storage=file)
    with pytest.raises(ConfigError, match="began with another panel"):
        tune(PANEL.assign(churned=0), SPACE, bowl, Budget(trials=3), storage=file)
    assert len(tune(PANEL.assign(churned=0), SPACE, bowl, Budget(trials=3), storage=file, study="new").trials) == 3


def test_an_interrupted_trial_is_tried_again(tmp_path):
    """A search that is cut off in its third trial keeps two, and the next call does the rest of the budget."""
    file, calls = tmp_path / "tuning.db", []

    def cut_off(panel, settings, report):
        calls.append(settings)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return bowl(panel, settings, report)

    with pytest.raises(KeyboardInterrupt):
        tune(PANEL, SPACE, cut_off, Budget(trials=6), storage=file)
    assert tune(PANEL, SPACE, cut_off, Budget(trials=6), storage=file).trials["value"].notna().sum() >= 5


def test_hopeless_trials_are_stopped():
    steps = []

    def in_ten_steps(panel, settings, report):
        value = bowl(panel, settings, report)
        for step in range(10):
            steps.append(step)
            report(step, value)
        return value

    found = tune(PANEL, SPACE, in_ten_steps, Budget(trials=40))
    assert set(found.trials["state"]) == {"complete", "pruned"}
    assert (found.trials["state"].head(10) == "complete").all()
    assert len(steps) < 300
    assert found.value == found.trials.loc[found.trials["state"] == "complete", "value"].min()


def test_failed_trials_are_kept_as_such():
    def fails_when_deep(panel, settings, report):
        if settings["depth"] > 3:
            raise FitError("too deep")
        return bowl(panel, settings, report)

    found = tune(PANEL, SPACE, fails_when_deep, Budget(trials=20))
    failed = found.trials["state"] == "failed"
    assert (found.trials["depth"] > 3).equals(failed)
    assert failed.any()
    with pytest.raises(FitError, match="None of 3 trials"):
        tune(PANEL, {"depth": Setting(4, 6)}, fails_when_deep, Budget(trials=3))


def test_time_ends_a_search():
    def slow(panel, settings, report):
        time.sleep(0.05)
        return bowl(panel, settings, report)

    found = tune(PANEL, SPACE, slow, Budget(seconds=0.3))
    assert 1 <= len(found.trials) <= 7


def test_settings_are_judged_on_later_cutoffs_of_others(panel_of):
    """With two features that matter, hardly any penalty is better than a crushing one."""
    panel = panel_of(400, seed=0)
    seen = []

    def build(settings):
        return LogisticRegressionClassifier(91, **settings)

    def watched(panel, settings, report):
        return later_log_loss(build)(panel, settings, lambda step, value: seen.append((step, value)))

    found = tune(panel, {"inverse_penalty": Setting(choices=(1e-6, 1.0))}, watched, Budget(trials=6))
    assert found.best == {"inverse_penalty": 1.0}
    assert found.value < 0.5 < 0.65 < found.trials["value"].max()
    assert [step for step, _ in seen[:5]] == [0, 1, 2, 3, 4]
    assert seen[4][1] == found.trials["value"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 1}, "either a range"),
        ({"low": 1, "high": 2, "choices": (1,)}, "either a range"),
        ({"choices": ()}, "either a range"),
        ({"low": 2, "high": 1}, "from low up to high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "above 0 if it is log"),
    ],
)
def test_settings_that_cannot_be(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Setting(**arguments)


def test_searches_that_cannot_be(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="budget of trials or seconds above 0"):
        Budget()
    with pytest.raises(ConfigError, match="above 0; got 0"):
        Budget(trials=0)
    with pytest.raises(ConfigError, match="no setting to tune"):
        tune(PANEL, {}, bowl, Budget(trials=1))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        tune(PANEL, SPACE, bowl, Budget(trials=1), storage=tmp_path / "file" / "tuning.db")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"needs the library optuna.*patronage\[tune\]"):
        tune(PANEL, SPACE, bowl, Budget(trials=1))
