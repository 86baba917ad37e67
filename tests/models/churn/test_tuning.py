"""Tuning: the best of a known landscape is found, hopeless trials stop, and a search can go on."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, FitError, OutputError
from patronage.models.churn.logistic import LogisticRegressionClassifier
from patronage.models.churn.tuning import tune
from patronage.models.churn.tuning_objectives import later_log_loss
from patronage.models.churn.tuning_space import Budget, Setting
from patronage.models.churn.tuning_storage import study_name

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


def interrupted(calls):
    """A bowl in two steps whose call of a number is cut off, after its first step."""

    def objective(panel, settings, report):
        calls.append(settings)
        report(0, bowl(panel, settings, report))
        if len(calls) in (5, 13):
            raise KeyboardInterrupt
        report(1, bowl(panel, settings, report))
        return bowl(panel, settings, report)

    return objective


def test_a_search_that_is_cut_off_goes_on_as_if_nothing_had_been(tmp_path):
    """Two trials are cut off, one at random and one proposed by the sampler; the result is that of one go."""
    at_one_go = tune(PANEL, SPACE, interrupted([None] * 99), Budget(trials=16), seed=3).trials
    calls = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tune(PANEL, SPACE, interrupted(calls), Budget(trials=16), seed=3, storage=tmp_path / "tuning.db")
    found = tune(PANEL, SPACE, interrupted(calls), Budget(trials=16), seed=3, storage=tmp_path / "tuning.db").trials
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), at_one_go.drop(columns="seconds"))
    assert calls[4] == calls[5]
    assert calls[12] == calls[13]


def test_a_process_that_was_killed_leaves_its_trials(tmp_path):
    """A kill leaves a trial that seems to run; it is not waited for, and not counted."""
    program = f"""
import os
from patronage.models.churn.tuning import tune
from patronage.models.churn.tuning_space import Budget, Setting
calls = []
def objective(panel, settings, report):
    calls.append(settings)
    if len(calls) == 4:
        os._exit(9)
    return settings["depth"]
import pandas as pd
panel = pd.DataFrame({{"customer_id": ["a"], "churned": [1]}})
tune(panel, {{"depth": Setting(1, 60)}}, objective, Budget(trials=6), storage={str(tmp_path / "tuning.db")!r})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    space = {"depth": Setting(1, 60)}
    found = tune(PANEL, space, lambda *given: given[1]["depth"], Budget(trials=6), storage=tmp_path / "tuning.db")
    at_one_go = tune(PANEL, space, lambda *given: given[1]["depth"], Budget(trials=6))
    assert found.trials["depth"].tolist() == at_one_go.trials["depth"].tolist()
    assert found.trials["number"].tolist() == list(range(6))


def test_one_search_at_a_time_works_on_a_study(tmp_path):
    file = tmp_path / "tuning.db"

    def meanwhile(panel, settings, report):
        with pytest.raises(OutputError, match="Another search works on the study 'churn'"):
            tune(PANEL, SPACE, bowl, Budget(trials=1), storage=file)
        return tune(PANEL, SPACE, bowl, Budget(trials=1), storage=file, study="other").value

    assert len(tune(PANEL, SPACE, meanwhile, Budget(trials=1), storage=file).trials) == 1


def test_settings_in_use_are_tried_first(tmp_path):
    start = {"depth": 3, "rate": 0.1, "kind": "steep"}
    found = tune(PANEL, SPACE, bowl, Budget(trials=4), start=start, storage=tmp_path / "tuning.db")
    assert found.trials.loc[0, list(SPACE)].to_dict() == start
    assert (found.best, found.value) == (start, 0.0)
    assert found.trials["rate"].is_unique


def test_the_largest_value_may_be_the_best():
    found = tune(PANEL, SPACE, lambda *given: -bowl(*given), Budget(trials=30), direction="maximize", seed=1)
    assert found.value == found.trials["value"].max()
    assert found.best["depth"] == 3


def test_trials_are_told_as_they_end(tmp_path):
    told = []
    for trials in (2, 3):
        tune(
            PANEL, SPACE, bowl, Budget(trials=trials), storage=tmp_path / "tuning.db",
            after_trial=lambda ended: told.append([trial.number for trial in ended]),
        )  # fmt: skip
    assert told == [[], [0], [0, 1], [0, 1], [0, 1, 2]]


def test_a_study_is_of_what_it_began_with(tmp_path):
    """With facts of its own, not the panel but these decide."""
    file = tmp_path / "tuning.db"
    tune(PANEL, SPACE, bowl, Budget(trials=1), storage=file, facts={"question": "a"})
    assert len(
        tune(PANEL.assign(churned=0), SPACE, bowl, Budget(trials=2), storage=file, facts={"question": "a"}).ended
    )
    with pytest.raises(ConfigError, match="another question"):
        tune(PANEL, SPACE, bowl, Budget(trials=3), storage=file, facts={"question": "b"})


def test_names_of_studies(tmp_path):
    file = tmp_path / "tuning.db"
    assert study_name(file, "shop", anew=True) == "shop"
    for expected in ("shop", "shop-2", "shop-3"):
        tune(PANEL, SPACE, bowl, Budget(trials=1), storage=file, study=study_name(file, "shop", anew=True))
        assert study_name(file, "shop", anew=False) == expected


def test_storages_that_cannot_be(tmp_path):
    (tmp_path / "text.db").write_text("This is no database, but it is long enough to be taken for one. " * 20)
    wrong = {
        tmp_path / "text.db": "not a database",
        "nonsense://somewhere": "nonsense",
        "postgresql+psycopg://me:secret@127.0.0.1:1/studies": "127.0.0.1",
    }
    for storage, message in wrong.items():
        with pytest.raises(OutputError, match=message) as raised:
            tune(PANEL, SPACE, bowl, Budget(trials=1), storage=storage)
        assert "secret" not in str(raised.value)


def test_what_a_setting_holds():
    assert Setting(1, 6).holds(6)
    assert not Setting(1, 6).holds(2.5)
    assert not Setting(1, 6).holds(None)
    assert Setting(0.5, 1.0).holds(1)
    assert not Setting(0.5, 1.0).holds(0.4)
    assert Setting(choices=("a", None)).holds(None)
    assert not Setting(choices=(1, 2)).holds(True)


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
        ({"choices": ([1, 2], [3])}, r"Choices are text, numbers.*got \[1, 2\]"),
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
