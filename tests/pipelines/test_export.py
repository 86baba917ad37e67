"""``patronage export`` beyond the wheel: the query that makes its input, the trees in ONNX, and signatures."""

from dataclasses import replace
from datetime import date

import duckdb
import numpy as np
import onnx
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlglot
import xgboost
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.bundle_signature import PUBLIC_KEY
from patronage.runtime.churn import ChurnModel
from patronage.runtime.scorer import Scorer
from patronage.schema import MODEL_INPUT, SCORE_VALUES
from patronage.scoring.batch import scoring_input
from patronage.tracking.pyfunc import log_bundle
from patronage.tracking.registry import register
from patronage.tracking.store import TrackingStore
from small_bundles import small_bundle

AS_OF = date(1998, 6, 30)


@pytest.fixture(scope="module")
def bundle():
    """A bundle that reads what a ledger of transactions alone gives."""
    names = MODEL_INPUT.names
    rng = np.random.default_rng(0)
    data = xgboost.DMatrix(rng.random((200, len(names))), rng.integers(0, 2, 200), feature_names=list(names))
    booster = xgboost.train({"max_depth": 2, "objective": "binary:logistic", "nthread": 1}, data, num_boost_round=3)
    small = small_bundle()
    churn = ChurnModel(booster, names, 91, small.churn.calibration)
    return replace(small, churn=churn, inputs=MODEL_INPUT, as_of=AS_OF)


@pytest.fixture
def model(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PUBLIC_KEY, raising=False)
    GlobalHydra.instance().clear()
    return f"model={write_bundle(bundle, tmp_path / 'bundle')}"


@pytest.fixture
def keys(tmp_path):
    key, pem = ed25519.Ed25519PrivateKey.generate(), serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "signing.pem").write_bytes(secret)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "signing.pub").write_bytes(public)


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(["export", *arguments])
    GlobalHydra.instance().clear()
    return stop.value.code, " ".join(capsys.readouterr().err.split())


def test_the_query_gives_the_input_that_is_scored(model, bundle, cdnow, tmp_path):
    """Run by DuckDB itself over somebody's table; the wheel's input is in it, column by column."""
    sales = cdnow.tables.transactions.to_pandas()[["customer_id", "timestamp", "amount"]]
    sales.rename(columns={"amount": "total"}).to_csv(tmp_path / "sales.csv", index=False)
    mapping = ["ledger=files", "ledger.path=-", "ledger.columns.amount=total", "tables.transactions=sales"]
    main(["export", model, "sql=duckdb", *mapping])
    assert sorted(path.suffix for path in (tmp_path / "dist").iterdir()) == [".sql", ".whl"]
    with duckdb.connect() as connection:
        connection.execute(f"create table sales as from read_csv('{tmp_path}/sales.csv', all_varchar = true)")
        found = connection.sql((tmp_path / "dist" / "features.sql").read_text().strip().rstrip(";")).df()
    assert list(found) == ["customer_id", "as_of", *MODEL_INPUT.names]
    assert set(pd.to_datetime(found["as_of"]).dt.date) == {AS_OF}
    assert set(found[list(MODEL_INPUT.names)].dtypes) == {np.dtype("float64")}
    expected = scoring_input(cdnow.tables, Scorer(bundle), AS_OF).to_pandas()
    found = found.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False, rtol=1e-9)


def test_mlflow_takes_the_table_of_the_query_as_it_is(model, cdnow, tmp_path):
    """The query's Parquet file, scored by the command and by the logged model: no cast, the same bits."""
    cdnow.tables.transactions.to_pandas()[["customer_id", "timestamp", "amount"]].to_csv(
        tmp_path / "sales.csv", index=False
    )
    main(["export", model, "sql=duckdb", "ledger=files", "ledger.path=-", "tables.transactions=sales"])
    query = (tmp_path / "dist" / "features.sql").read_text().strip().rstrip(";")
    with duckdb.connect() as connection:
        connection.execute(f"create table sales as from read_csv('{tmp_path}/sales.csv', all_varchar = true)")
        connection.execute(f"copy ({query}) to '{tmp_path}/features.parquet'")
    GlobalHydra.instance().clear()
    main(["score", model, "input=features.parquet", f"as_of={AS_OF}", "out=scores.parquet"])
    scores, features = pd.read_parquet("scores.parquet"), pq.read_table("features.parquet").to_pandas()
    store = TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", f"{tmp_path}/artifacts", "patronage", "patronage")
    with store.session(create=True) as mlflow:
        with mlflow.start_run(experiment_id=store.experiment_id(mlflow)) as run:
            info = log_bundle(mlflow, tmp_path / "bundle", features[list(MODEL_INPUT.names)].head(3))
        register(mlflow, "patronage", info.model_uri, run.info.run_id)
        found = mlflow.pyfunc.load_model("models:/patronage@champion").predict(features)
    assert len(found) == len(scores) > 20_000
    for name in SCORE_VALUES.names:
        assert found[name].to_numpy().tobytes() == scores[name].to_numpy().tobytes(), name


def test_dialect_day_and_names_of_tables_are_ones_own(model, tmp_path):
    mapping = ["ledger=files", "ledger.path=-", "tables.transactions=shop.sales"]
    main(["export", model, "sql=bigquery", "sql_as_of=1997-12-31", *mapping])
    text = (tmp_path / "dist" / "features.sql").read_text()
    [parsed] = sqlglot.parse(text, read="bigquery")
    assert parsed.named_selects == ["customer_id", "as_of", *MODEL_INPUT.names]
    assert "DATE(1997, 12, 31)" in text


def test_trees_are_written_beside_the_wheel(model, tmp_path, capsys):
    main(["export", model, "onnx=true"])
    assert "of XGBoost's probabilities" in " ".join(capsys.readouterr().out.split())
    onnx.checker.check_model(onnx.load(tmp_path / "dist" / "churn.onnx"))


def test_what_cannot_be_exported_leaves_nothing(model, bundle, tmp_path, capsys):
    code, said = refusal(capsys, model, "sql=oracle")
    assert (code, "no dialect 'oracle'" in said) == (2, True)
    of_text = f"model={write_bundle(small_bundle(), tmp_path / 'text')}"
    code, said = refusal(capsys, of_text, "onnx=true", "ledger=files", "ledger.path=-")
    assert (code, "ask for plan, which are text" in said) == (4, True)
    code, said = refusal(capsys, of_text, "sql=duckdb", "ledger=files", "ledger.path=-")
    assert (code, "lacks 1 of 21 columns that the model reads: plan" in said) == (2, True)
    code, said = refusal(capsys, model, "sign_key=nowhere.pem")
    assert (code, "nowhere.pem cannot be read" in said) == (2, True)
    assert not (tmp_path / "dist").exists()


def test_a_model_is_signed_on_its_way_out_and_asked_for_it_on_its_way_in(model, keys, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(PUBLIC_KEY, "forgotten when the test ends")
    monkeypatch.delenv(PUBLIC_KEY)
    code, said = refusal(capsys, model, "signing.public_key=signing.pub")
    assert (code, "is not signed" in said) == (4, True)
    code, said = refusal(capsys, model, "signing.public_key=nowhere.pub")
    assert (code, "signing.public_key: there is no file nowhere.pub" in said) == (2, True)
    monkeypatch.setenv(PUBLIC_KEY, "forgotten when the test ends")
    monkeypatch.delenv(PUBLIC_KEY)
    main(["export", model, "sign_key=signing.pem"])
    import zipfile

    [wheel] = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    packed = tmp_path / "unpacked" / "patronage_scorer" / "_bundle"
    assert read_bundle(packed, tmp_path / "signing.pub").inputs == MODEL_INPUT
