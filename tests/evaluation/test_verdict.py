"""The verdict in words."""

import pandas as pd
import pytest

from patronage.evaluation.verdict import difference_in_words, verdict_of, verdicts
from patronage.schema import DIFFERENCES, METRICS


def table(*rows):
    return pd.DataFrame(rows, columns=list(METRICS.required))


def test_every_direction_counts_its_own_way():
    rows = table(
        ("value", "model", "total_error", -0.05),
        ("value", "rule", "total_error", 0.04),
        ("value", "model", "correlation", 0.7),
        ("value", "rule", "correlation", 0.8),
        ("value", "model", "mae", 1.0),
        ("value", "rule", "mae", 2.0),
        ("value", "model", "total_actual", 5.0),
        ("value", "rule", "total_actual", 5.0),
    )
    assert verdicts(rows) == {
        "value": "The model does best by 1 of 3 measures; rule does better by correlation, total_error."
    }


def test_a_tie_is_neither_won_nor_lost_and_what_is_undefined_does_not_count():
    rows = table(
        ("churn", "model", "roc_auc", 0.8),
        ("churn", "rule", "roc_auc", 0.8),
        ("churn", "model", "brier", float("nan")),
        ("churn", "rule", "brier", 0.1),
        ("churn", "model", "log_loss", 0.4),
        ("churn", "rule", "log_loss", float("nan")),
        ("churn", "model", "lift_5", 2.0),
        ("churn", "rule", "lift_5", 1.0),
    )
    assert verdicts(rows) == {
        "churn": "The model does best by 1 of 2 measures; the best of the others equals it by roc_auc."
    }


def test_models_that_say_nothing_win_nothing():
    """Constant scores: AUC one half for all three, and the same Brier score but for the last digit."""
    rows = table(
        *(("churn", name, "roc_auc", 0.5) for name in ("model", "one", "two")),
        ("churn", "model", "brier", 0.25), ("churn", "one", "brier", 0.25 + 1e-16), ("churn", "two", "brier", 0.25),
    )  # fmt: skip
    assert verdicts(rows)["churn"] == (
        "The model does best by none of 2 measures; the best of the others equals it by roc_auc, brier."
    )


def test_a_model_alone_is_held_against_nothing():
    rows = table(("churn", "model", "roc_auc", 0.8), ("churn", "rule", "roc_auc", float("nan")))
    assert verdicts(rows)["churn"] == "There is nothing to hold the model against."


def test_each_rival_is_named_for_what_it_does_best():
    rows = table(
        ("churn", "model", "brier", 0.3),
        ("churn", "one", "brier", 0.2),
        ("churn", "two", "brier", 0.1),
        ("churn", "model", "log_loss", 0.3),
        ("churn", "one", "log_loss", 0.2),
        ("churn", "two", "log_loss", 0.4),
    )
    sentence = verdicts(rows)["churn"]
    assert "one does better by log_loss" in sentence
    assert "two does better by brier" in sentence


@pytest.mark.parametrize(
    ("metric", "low", "high", "verdict"),
    [
        ("roc_auc", 0.01, 0.02, "better"), ("roc_auc", -0.02, -0.01, "worse"), ("roc_auc", -0.01, 0.02, "unclear"),
        ("log_loss", -0.02, -0.01, "better"), ("log_loss", 0.01, 0.02, "worse"), ("lift_5", 0.1, 0.2, "better"),
        ("total_error", -0.2, -0.1, "better"), ("brier", 0.0, 0.1, "unclear"), ("mean_predicted", 0.1, 0.2, "unclear"),
        ("roc_auc", float("nan"), float("nan"), "unclear"),
        # What two sums of the same numbers in another order are apart.
        ("log_loss", -1.4e-15, -1.1e-15, "unclear"), ("roc_auc", 1e-16, 1e-16, "unclear"),
    ],
)  # fmt: skip
def test_an_interval_speaks_for_the_model_or_not_at_all(metric, low, high, verdict):
    assert verdict_of(metric, low, high) == verdict


def test_words_of_a_difference_never_claim_what_cannot_be_seen():
    assert difference_in_words("log_loss", -0.04, -0.044, -0.036) == (
        "log loss better by 0.040 (95 % interval 0.036 to 0.044)"
    )
    assert (
        difference_in_words("mae", 2.1, 1.7, 2.4, 0.9)
        == "mean absolute error worse by 2.100 (90 % interval 1.700 to 2.400)"
    )
    assert difference_in_words("log_loss", -1.3e-15, -1.4e-15, -1.1e-15) == (
        "log loss: no difference can be seen (95 % interval of it 0.000 to 0.000)"
    )
    assert "no difference can be seen" in difference_in_words("roc_auc", 0.01, -0.01, 0.03)
    assert "no interval" in difference_in_words("roc_auc", 0.1, float("nan"), float("nan"))


def test_differences_take_the_place_of_bare_figures_where_they_are():
    rows = table(("churn", "model", "roc_auc", 0.8), ("churn", "recency", "roc_auc", 0.79))
    apart = pd.DataFrame(
        [("churn", "model", "recency", "roc_auc", 0.01, -0.01, 0.03, 0.4, "unclear")], columns=list(DIFFERENCES.names)
    )
    assert verdicts(rows)["churn"].startswith("The model does best by all")
    assert verdicts(rows, apart)["churn"] == (
        "Against days since the last purchase: ROC AUC: no difference can be seen "
        "(95 % interval of it −0.010 to 0.030)."
    )
