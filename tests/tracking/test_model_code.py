"""The served model scores whatever its signature lets in, and tells its log of columns unlike those of the training."""

import json
import logging
import re
from types import SimpleNamespace

import pandas as pd
import pytest

from feature_rows import GOLDEN, columns_of
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.scorer import load_scorer
from table_jobs import bundle_of_table, frame_of


def served(folder):
    from patronage.tracking.model_code import PatronageModel

    model = PatronageModel()
    model.load_context(SimpleNamespace(model_config={"runtime": "patronage"}, artifacts={"bundle": str(folder)}))
    return model


def rows_of(**changes):
    frame = frame_of(100, **changes)
    return frame.assign(x=pd.to_numeric(frame["x"].replace("", None), errors="coerce"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"x": [""]}, []),
        ({"plan": ["gold"] * 3}, ["plan: 3 of 100 rows (3.0%) hold values"]),
        ({"x": [""] * 100, "plan": ["PLUS"] * 100}, ["x holds no value at all", "plan: 100 of 100", "x: 100.0%"]),
    ],
)
def test_columns_unlike_those_of_the_training_are_told_to_the_log(tmp_path, caplog, changes, told):
    model, frame = served(write_bundle(bundle_of_table(), tmp_path / "bundle")), rows_of(**changes)
    with caplog.at_level(logging.WARNING, "patronage"):
        scores = model.predict(None, frame)
    assert len(scores) == 100
    assert len(caplog.messages) == len(told)
    for words in told:
        assert any(message.startswith(f"unlike the training: {words}") for message in caplog.messages), caplog.messages


def test_features_of_a_ledger_are_not_held_against_it(caplog):
    frame = pd.DataFrame(columns_of(30))[list(read_bundle(GOLDEN).inputs.names)]
    found = served(GOLDEN).predict(None, frame)
    assert found["clv"].to_numpy().tobytes() == load_scorer(GOLDEN).score(frame)["clv"].tobytes()
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"T": -1.0}, "recency above T (1 row, first: 0)"),
        ({"spend_total": 1e39}, "spend_total too large (1 row, first: 0)"),
        ({"frequency": 1e12}, "frequency too large (1 row, first: 0)"),
    ],
)
def test_a_server_says_which_rows_cannot_be_scored(change, words):
    """MLflow's own way from the body of a request to its answer, without the server around it."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc.scoring_server import invocations

    model = served(GOLDEN)
    asked = SimpleNamespace(metadata=None, predict=lambda data: model.predict(None, data))
    frame = pd.DataFrame(columns_of(1))[list(read_bundle(GOLDEN).inputs.names)].assign(**change)
    body = json.dumps({"dataframe_split": frame.astype(object).where(frame.notna(), None).to_dict("split")})
    with pytest.raises(MlflowException) as refused:
        invocations(body, "application/json", asked, None)
    assert refused.value.get_http_status_code() == 400
    answer = json.loads(refused.value.serialize_as_json())
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"
    assert words in answer["message"]
    # To callers in Python it is what the runtime raises everywhere: a ValueError.
    with pytest.raises(ValueError, match=re.escape(words)):
        model.predict(None, frame)
