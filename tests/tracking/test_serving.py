"""``mlflow models serve``, started for real: its scores are those of Python, and bad input is the caller's mistake."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlflow_servers import free_port, serving
from patronage.errors import InputError
from patronage.runtime.bundle import read_bundle
from patronage.runtime.scorer import Scorer
from patronage.tracking.pyfunc import log_bundle
from patronage.tracking.registry import register
from patronage.tracking.store import TrackingStore

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden" / "bundle_format_2"


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    """The rows that are kept with the golden bundle."""
    inputs = read_bundle(GOLDEN / "bundle").inputs
    stored = json.loads((GOLDEN / "rows_and_scores.json").read_text())["rows"]
    kinds = {column.name: object if column.type == "string" else np.float64 for column in inputs.columns}
    return pd.DataFrame({name: np.array(stored[name], dtype=kind) for name, kind in kinds.items()})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, known: pd.DataFrame) -> Any:
    folder = tmp_path_factory.mktemp("serve")
    store = TrackingStore(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), "patronage", "patronage")
    with store.session(create=True) as mlflow:
        with mlflow.start_run(experiment_id=store.experiment_id(mlflow)) as run:
            info = log_bundle(mlflow, GOLDEN / "bundle", known.head(3))
        register(mlflow, "patronage", info.model_uri, run.info.run_id)
    port = free_port()
    arguments = ["models", "serve", "-m", "models:/patronage@champion", "--env-manager", "local"]
    with serving(arguments, port, "/ping", folder, MLFLOW_TRACKING_URI=store.uri, MLFLOW_REGISTRY_URI=store.uri) as at:
        yield at


def post(address: str, body: bytes, kind: str = "application/json") -> tuple[int, Any]:
    request = urllib.request.Request(f"{address}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Every digit of a number, and null for what is missing."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in rows.astype(object).to_dict("records")
    ]


def as_split(rows: pd.DataFrame) -> bytes:
    data = [list(row.values()) for row in as_records(rows)]
    return json.dumps({"dataframe_split": {"columns": list(rows), "data": data}}).encode()


def test_scores_over_http_are_those_of_python(address, known):
    status, answer = post(address, as_split(known))
    assert status == 200, answer
    served = pd.DataFrame(answer["predictions"])
    expected = Scorer(read_bundle(GOLDEN / "bundle")).score(known)
    assert len(served) == len(known) > 3
    for name, values in expected.items():
        assert np.allclose(served[name].to_numpy(float), values, rtol=1e-12, atol=1e-12), name


def test_rows_may_come_as_records(address, known):
    status, answer = post(address, json.dumps({"dataframe_records": as_records(known.head(2))}).encode())
    assert status == 200, answer
    assert len(answer["predictions"]) == 2


def test_a_number_in_quotes_is_a_number_to_the_server(address, known):
    """MLflow casts by the signature before the model sees a row; in Python the same text is refused."""
    (first,) = as_records(known.head(1))
    quoted = first | {"T": repr(first["T"])}
    answers = [post(address, json.dumps({"dataframe_records": [one]}).encode()) for one in (first, quoted)]
    assert [status for status, _ in answers] == [200, 200]
    assert answers[0][1] == answers[1][1]
    with pytest.raises(InputError, match="T is not numeric: it holds text"):
        Scorer(read_bundle(GOLDEN / "bundle")).score(known.head(1).astype(object).assign(T=quoted["T"]))


def test_bad_input_is_refused_as_the_callers_mistake(address, known):
    first = known.head(1)
    bad = {
        "a column is missing": as_split(first.drop(columns=known.columns[0])),
        "text for a number": as_split(first.astype(object).assign(**{known.columns[0]: "many"})),
        "a negative history": as_split(first.assign(frequency=-3.0)),
        "more recent than observed": as_split(first.assign(recency=first["T"] + 5)),
        "no rows at all": b"{}",
        "no JSON": b"{dataframe",
        "a list of nothing": b"[]",
    }
    statuses = {name: post(address, body) for name, body in bad.items()}
    wrong = {name: told for name, told in statuses.items() if not 400 <= told[0] < 500}
    assert not wrong
