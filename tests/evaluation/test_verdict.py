"""The verdict in words."""

import pandas as pd

from patronage.evaluation.verdict import verdicts
from patronage.schema import METRICS


def table(*rows):
    return pd.DataFrame(rows, columns=list(METRICS.names))


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


def test_a_tie_is_no_defeat_and_what_is_undefined_does_not_count():
    rows = table(
        ("churn", "model", "roc_auc", 0.8),
        ("churn", "rule", "roc_auc", 0.8),
        ("churn", "model", "brier", float("nan")),
        ("churn", "rule", "brier", 0.1),
        ("churn", "model", "log_loss", 0.4),
        ("churn", "rule", "log_loss", float("nan")),
    )
    assert verdicts(rows) == {"churn": "The model does best by all of 2 measures."}


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
