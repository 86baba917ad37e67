"""Choosing among purchase models."""

import numpy as np
import pytest
from lifetimes.datasets import load_cdnow_summary

from patronage.errors import ConfigError, FitError
from patronage.evaluation.model_choice import choice_in_words, compare_candidates, log_score
from patronage.models import BetaGeoNBD
from patronage.models.purchase.choice import PurchaseModelChoice

KINDS = ["pareto_nbd", "bg_nbd", "mbg_nbd"]


@pytest.fixture(scope="module")
def candidates():
    return PurchaseModelChoice(KINDS).fit(load_cdnow_summary())


def test_ranking_on_the_cdnow_sample(candidates):
    """Log-likelihoods of the literature: MBG/NBD -9582.14, BG/NBD -9582.43, Pareto/NBD -9594.98 (days, not rounded)."""
    table = compare_candidates(candidates)
    assert table["model"].tolist() == ["MBG/NBD", "BG/NBD", "Pareto/NBD"]
    assert table["log_likelihood"].tolist() == pytest.approx([-9582.136, -9582.429, -9594.976], abs=0.005)
    assert table["aic"].tolist() == pytest.approx([8 + 2 * 9582.136, 8 + 2 * 9582.429, 8 + 2 * 9594.976], abs=0.01)
    assert table["holdout_mae"].isna().all()


def test_words_say_which_and_why(candidates):
    words = choice_in_words(candidates, compare_candidates(candidates))
    assert words.startswith("MBG/NBD is chosen: its AIC of 19,172.3 is the lowest, 0.6 below that of BG/NBD")
    assert "about equally well" in words


def test_words_name_who_foretold_the_holdout_better(candidates):
    """A made holdout in which the customers buy what Pareto/NBD expects, rounded."""
    frame = load_cdnow_summary()
    (pareto,) = [model for model in candidates.fitted if model.params_class.kind == "pareto_nbd"]
    frame["frequency_holdout"] = pareto.expected_purchases(frame, 39.0).round()
    table = compare_candidates(candidates, frame, 39.0)
    words = choice_in_words(candidates, table)
    assert table.set_index("model")["holdout_mae"].idxmin() == "Pareto/NBD"
    assert "the highest probability" in words


@pytest.mark.parametrize("kinds", [["mbg_nbd", "mbg_cnbd_k", "pareto_nbd"], ["mbg_cnbd_k", "mbg_nbd", "pareto_nbd"]])
def test_a_twin_of_the_chosen_model_does_not_beat_it_by_rounding(kinds):
    """MBG/CNBD-1 is MBG/NBD. A made holdout in which the customers buy what it expects, rounded."""
    # Purchases as evenly spread as they can be, which the true ones are not: k = 1 is far the likeliest nonetheless.
    frame = load_cdnow_summary()
    x, last = frame["frequency"], frame["recency"]
    frame["log_intervals"] = np.where(x > 0, x * np.log(last.where(x > 0, 1.0) / x.where(x > 0, 1.0)) - 2 * x, 0.0)
    found = PurchaseModelChoice(kinds).fit(frame)
    frame["frequency_holdout"] = found.best.expected_purchases(frame, 39.0).round()
    table = compare_candidates(found, frame, 39.0)
    chosen, twin, rival = table["model"]
    assert {chosen, twin} == {"MBG/NBD", "MBG/CNBD-1"}
    for ahead in (0.0, 1e-7):
        close = table.assign(
            holdout_log_score=np.array([-1.0, -1.0 + ahead, -2.0]), holdout_total_error=[0.1, 0.1 - ahead, 0.3]
        )
        words = choice_in_words(found, close)
        assert f"{twin} came out as the same model. On the holdout it also gave what happened the highest" in words
        assert words.endswith("its total is the closest too (+10.0%).") or "Mind its certificate" in words
    better = table.assign(holdout_log_score=[-1.0, -1.0, -0.5])
    assert f"On the holdout {rival} gave" in choice_in_words(found, better)
    alone = PurchaseModelChoice(kinds[:2]).fit(frame)
    assert "On the holdout" not in choice_in_words(alone, compare_candidates(alone, frame, 39.0))


def test_log_score_by_hand():
    """Two customers, the probabilities of their counts taken one by one."""
    frame = load_cdnow_summary().iloc[[0, 5]]
    model = BetaGeoNBD().fit(load_cdnow_summary())
    table = model.purchase_probabilities(frame, 5, 39.0)
    actual = np.array([3.0, 0.0])
    by_hand = np.log([table.iloc[0, 3], table.iloc[1, 0]]).mean()
    assert log_score(model, frame, actual, 39.0) == pytest.approx(by_hand, rel=1e-12)


def test_criteria_differ_in_what_parameters_cost(candidates):
    by_bic = PurchaseModelChoice(KINDS, criterion="bic").fit(load_cdnow_summary())
    assert by_bic.score(by_bic.best) == pytest.approx(by_bic.best.bic_)
    assert candidates.score(candidates.best) == pytest.approx(candidates.best.aic_)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"candidates": ["bg_nbd", "pareto"]}, "got pareto"),
        ({"candidates": []}, "got none"),
        ({"candidates": ["bg_nbd", "bg_nbd"]}, "twice"),
        ({"candidates": ["bg_nbd"], "criterion": "r2"}, "criterion must be one of aic, bic"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        PurchaseModelChoice(**options)


def test_no_candidate_fits():
    frame = load_cdnow_summary()
    frame["frequency"] = 0
    frame["recency"] = 0.0
    with pytest.raises(FitError, match=r"None of 3 purchase models .* BG/NBD: No customer has a repeat purchase"):
        PurchaseModelChoice(KINDS).fit(frame)
