"""Candidates of a backtest: what each changes, and what none may."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from patronage.errors import ConfigError
from patronage.paths import conf_folder
from patronage.pipelines.candidate_recipes import candidate_recipes
from patronage.pipelines.settings import plain


@pytest.fixture(scope="module")
def training() -> dict:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = plain(compose("backtest"))
    GlobalHydra.instance().clear()
    return {key: value for key, value in config.items() if key not in ("candidates", "n_origins", "step_days",
                                                                       "rank_by", "out", "track")}  # fmt: skip


def test_candidates_change_what_they_name_and_nothing_else(training):
    found = candidate_recipes(
        training, {"deep": {"churn": "xgboost", "churn.max_depth": 6}, "usual": {"churn": "xgboost"}}
    )
    assert found["deep"].config["churn"]["max_depth"] == 6
    assert found["usual"].config["churn"]["max_depth"] == training["churn"]["max_depth"]
    assert found["deep"].config["purchase"] == training["purchase"]


@pytest.mark.parametrize(
    ("candidates", "words"),
    [
        ({}, "no candidates"),
        ({"a": {"ledger": "online_retail"}}, "candidates.a: ledger is the same for all"),
        ({"a": {"churn": "oracle"}}, "there is no churn=oracle; there are .*stack"),
        ({"a": {"churn.max_dept": 2}}, "no setting churn.max_dept; there are .*churn.max_depth"),
        ({"a": "stack"}, "expected what it changes"),
        ({"a b": {"churn": "stack"}}, "Names of candidates"),
        ({"a": {"panel.n_cutoffs": 0}}, "panel.n_cutoffs"),
    ],
)
def test_candidates_that_cannot_be_are_refused(training, candidates, words):
    with pytest.raises(ConfigError, match=words):
        candidate_recipes(training, candidates)
