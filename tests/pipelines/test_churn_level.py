"""The level of churn probabilities follows the purchase model from one day to another, and nothing else moves."""

from datetime import date

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from scipy import special

from patronage import CdnowSource, open_ledger
from patronage.errors import ConfigError
from patronage.features.model_input import model_input
from patronage.models.base import histories_of
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.paths import conf_folder
from patronage.pipelines.churn_level import expected_level, shift_to
from patronage.pipelines.recipe import Recipe
from patronage.pipelines.settings import plain
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.customer_summary import summarise

LATEST, AS_OF, HORIZON = date(1997, 7, 1), date(1997, 12, 30), 182
QUICK = ("churn.n_trees=5", "churn.early_stopping_rounds=null", "churn.n_threads=1", "features=transactions")


@pytest.fixture(scope="module")
def ledger():
    return open_ledger(CdnowSource())


def recipe(*overrides, quick=QUICK):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        found = Recipe.from_config(plain(compose("train", [*quick, *overrides]), ()))
    GlobalHydra.instance().clear()
    return found


def test_the_level_moves_by_the_mean_probability_customer_by_customer(ledger):
    expected = []
    for day in (AS_OF, LATEST):
        customers = summarise(ledger.transactions, as_of=day, time_unit="week").to_pandas()
        active = BetaGeoNBD().fit(customers).to_params().probability_active(histories_of(customers), HORIZON / 7)
        expected.append(special.logit(np.mean(1 - active)))
    histories = summarise(ledger.transactions, as_of=AS_OF, time_unit="week").histories()
    purchase = BetaGeoNBD().fit(histories, weights=histories["n_customers"])
    found = expected_level(ledger, LATEST, 0.7291, AS_OF, purchase, HORIZON, TimeUnit.WEEK)
    assert found == pytest.approx(special.expit(special.logit(0.7291) + expected[0] - expected[1]), abs=1e-6)
    assert found == pytest.approx(0.757, abs=0.002)  # one cohort, half a year older; 0.772 of them left
    assert expected_level(ledger, AS_OF, 0.3, AS_OF, purchase, HORIZON, TimeUnit.WEEK) == pytest.approx(0.3)


def test_probabilities_are_brought_to_a_level():
    probability = np.array([0.0, 0.2, 0.9, 1.0])
    assert shift_to(probability, probability.mean()) == pytest.approx(0, abs=1e-9)
    odds = special.logit(probability[1:3])
    assert special.expit(odds + shift_to(probability[1:3], 0.7)).mean() == pytest.approx(0.7)


def ledger_inputs(ledger, bundle):
    frame = model_input(ledger.tables, AS_OF, TimeUnit.WEEK, bundle.inputs).execute()
    return {name: frame[name].to_numpy() for name in bundle.inputs.names}


def test_only_the_offset_of_the_calibration_moves(ledger):
    plain_fit, moved = (
        recipe(f"panel.level={level}").fit(ledger, AS_OF).bundle for level in ("latest", "purchase_model")
    )
    assert plain_fit.churn.calibration.offset == 0
    known = ledger_inputs(ledger, moved)
    assert moved.churn.churn_probability(known).mean() == pytest.approx(0.757, abs=0.003)
    assert moved.churn.calibration.offset > 0.1
    assert moved.churn.calibration.knots_y == plain_fit.churn.calibration.knots_y
    assert moved.churn.booster.save_raw() == plain_fit.churn.booster.save_raw()


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ConfigError, match="churn=stack goes by the level of the purchase model already"):
        recipe("churn=stack", "panel.level=purchase_model", quick=())
    with pytest.raises(ConfigError, match=r"panel\.level"):
        recipe("panel.level=somewhere")
