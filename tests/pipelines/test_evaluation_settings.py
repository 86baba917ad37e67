"""Settings of the evaluation: what is refused before the long work, and what further candidates are made of."""

from datetime import date

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from patronage.errors import ConfigError
from patronage.ledger.opening import open_ledger
from patronage.paths import conf_folder
from patronage.pipelines.evaluation_settings import Evaluation, candidate_parts
from patronage.pipelines.holdout_table import customer_groups, refuse_slices
from patronage.pipelines.recipe import Recipe
from patronage.pipelines.settings import plain, settings_from
from patronage.runtime.time_unit import TimeUnit


def composed(*overrides):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return plain(compose("train", list(overrides)))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("evaluation.candidates=[oracle]", "evaluation.candidates must be churn models"),
        ("evaluation.candidates=[logistic,logistic]", "each once"),
        ("evaluation.candidates=[recency]", "evaluation.candidates must be churn models"),
        ("evaluation.replicates=1", "evaluation.replicates must be 0"),
        ("evaluation.replicates=-1", "evaluation.replicates"),
        ("evaluation.level=1.0", "evaluation.level"),
        ("evaluation.campaign.acceptance=0", "evaluation.campaign.acceptance"),
        ("evaluation.campaign.acceptance_spread=0.9", "acceptance_spread"),
        ("evaluation.campaign.offer_cost=-1", "evaluation.campaign.offer_cost"),
        ("evaluation.leaks=perhaps", "evaluation.leaks"),
        ("+evaluation.bootstrap=9", "evaluation.bootstrap"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(setting, words):
    with pytest.raises(ConfigError, match=words):
        Recipe.from_config(composed(setting))


def test_candidates_look_as_far_ahead_as_the_dates_say():
    config = composed("dates.horizon_days=91", "seed=7")
    parts = candidate_parts(["logistic", "stack"], config)
    models = {name: instantiate(part) for name, part in parts.items()}
    assert {name: (model.horizon_days, model.seed) for name, model in models.items()} == {
        "logistic": (91, 7), "stack": (91, 7),
    }  # fmt: skip


def test_full_compares_and_none_leaves_out():
    full, none = (settings_from(Evaluation, composed(f"evaluation={name}")["evaluation"]) for name in ("full", "none"))
    assert (full.candidates, full.n_cutoffs, full.judging.resamples.replicates) == (["logistic", "stack"], 4, 1000)
    assert (none.n_cutoffs, none.judging.resamples.replicates, none.leaks, none.drivers) == (0, 0, False, False)
    assert full.cutoffs(date(2024, 3, 31))[:2] == [date(2024, 3, 1), date(2024, 1, 31)]


@pytest.fixture
def ledger(tmp_path):
    from patronage.ledger.files_source import FilesSource

    sales, customers = tmp_path / "sales.csv", tmp_path / "customers.csv"
    sales.write_text("customer_id,timestamp,amount\nann,2023-01-05,5\nann,2023-02-05,5\nbob,2023-02-10,5\n")
    customers.write_text("customer_id,region\nann,north\n")
    return open_ledger(
        FilesSource(
            str(sales),
            customers={"path": str(customers), "columns": {"customer_id": "customer_id"}, "attributes": ["region"]},
        )
    )


def test_attributes_that_there_are_not_are_refused_by_name(ledger):
    refuse_slices(ledger, ["region"])
    with pytest.raises(ConfigError, match=r"has no age; it has .*region"):
        refuse_slices(ledger, ["age"])


def test_groups_go_with_the_customers(ledger):
    holdout = pd.DataFrame({"customer_id": ["bob", "ann"], "frequency": [0, 1], "T": [7.0, 43 / 7]})
    groups = customer_groups(ledger, holdout, date(2023, 3, 31), TimeUnit.WEEK, ["region"])
    assert groups["segment"].tolist() == ["1 purchase day", "2 purchase days"]
    assert groups["cohort"].tolist() == ["2023-02", "2023-02"]
    assert groups["region"].isna().tolist() == [True, False]
