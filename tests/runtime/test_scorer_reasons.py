"""Reasons from the scorer itself: of the same model and the same customers as its scores."""

import numpy as np
import pytest

from feature_rows import GOLDEN, columns_of
from patronage.errors import ConfigError, InputError
from patronage.runtime.bundle import TableBundle, read_bundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.reasons import ReasonTeller
from patronage.runtime.scorer import Scorer, TableScorer
from patronage.schema import Column, TableSchema


def test_log_odds_of_the_reasons_are_those_of_the_score():
    scorer, columns = Scorer(read_bundle(GOLDEN)), columns_of(500)
    told = scorer.reasons(columns)
    scored = scorer.score(columns)["churn_probability"]
    assert scorer.bundle.churn.calibration.probability(told.margin) == pytest.approx(scored, abs=1e-5)
    assert len(told.text) == 3
    raising = scorer.reasons(columns, n_reasons=1, direction="raises").effect[0]
    assert (raising[~np.isnan(raising)] > 0).all()


def test_reasons_of_a_table_are_its_terms():
    churn = LogisticChurnModel(
        ("calls", "tenure"), 91, Calibration("none", (), ()), -2.0,
        {"calls": NumberTerm(0.0, 1.0, 0.5, 0.0), "tenure": NumberTerm(0.0, 1.0, -0.1, 0.0)},
    )  # fmt: skip
    inputs = TableSchema("model_input", tuple(Column(name, "double", "", True, "") for name in ("calls", "tenure")))
    scorer = TableScorer(TableBundle(churn, inputs))
    told = scorer.reasons({"calls": [4.0, 0.0], "tenure": [1.0, 30.0]}, n_reasons=1)
    assert told.effect[0].tolist() == pytest.approx([2.0, -3.0])
    assert told.margin.tolist() == pytest.approx([-0.1, -5.0])


def test_what_cannot_be_scored_has_no_reasons():
    scorer, columns = Scorer(read_bundle(GOLDEN)), columns_of(4)
    with pytest.raises(ConfigError, match="direction"):
        scorer.reasons(columns, direction="up")  # type: ignore[arg-type]
    columns["T"][2] = -1.0
    with pytest.raises(InputError, match="recency above T"):
        scorer.reasons(columns)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", ["exact", "fast"])
def test_nobody_has_empty_scores_and_reasons_without_a_warning(method, capfd):
    scorer, columns = Scorer(read_bundle(GOLDEN)), columns_of(0)
    assert {len(values) for values in scorer.score(columns).values()} == {0}
    told = ReasonTeller.of_bundle(scorer.bundle, method).tell(columns, 2)
    assert [len(one) for one in (*told.text, *told.effect, told.margin)] == [0] * 5
    assert scorer.bundle.churn.margin(columns).dtype == np.float64
    assert "WARNING" not in "".join(capfd.readouterr())
