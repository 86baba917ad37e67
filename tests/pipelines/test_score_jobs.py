"""``patronage score`` as an unattended job: exit codes, words, and no traceback whatever it is given."""

import json
import math
import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_rows import GOLDEN, columns_of, job_of, write_features
from patronage import CdnowSource, open_ledger
from patronage.cli import main
from patronage.errors import InputError
from patronage.runtime.scorer import load_scorer
from patronage.schema import MODEL_INPUT, SCORE_REASONS, SCORES
from patronage.schema.value import SCORE_PROFIT
from patronage.scoring.job import run_job

MODEL, DAY = f"model={GOLDEN}", "as_of=1998-06-30"


@pytest.fixture
def score(tmp_path, monkeypatch, capsys):
    """Run the command in this process in an empty folder; returns its exit code and all it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        return run_in_process(capsys, arguments)

    return run


def run_in_process(capsys, arguments):
    GlobalHydra.instance().clear()
    code = 0
    try:
        main(["score", MODEL, *arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    return code, " ".join((said.out + said.err).split())


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "outputs")


def test_a_table_of_features_is_scored_with_reasons(score, tmp_path):
    write_features(tmp_path / "f.parquet", 700)
    code, said = score("input=f.parquet", DAY, "out=s.parquet", "batch_rows=300", "explain=true")
    assert code == 0, said
    assert "customers scored │ 700" in said
    scores = pq.read_table(tmp_path / "s.parquet")
    assert scores["clv"].to_numpy().tobytes() == load_scorer(GOLDEN).score(columns_of(700))["clv"].tobytes()
    assert tuple(scores.column_names) == (*SCORES.names, *SCORE_REASONS.names)
    assert names_in(tmp_path) == ["f.parquet", "s.manifest.json", "s.parquet"]


def test_more_rejects_than_borne_end_in_code_6_with_the_scores_in_place(score, tmp_path):
    T = columns_of(200)["T"]
    T[:10] = math.nan
    write_features(tmp_path / "f.parquet", 200, T=T)
    code, said = score("input=f.parquet", DAY, "out=s.parquet", "max_rejected_share=0.04")
    assert code == 6
    assert "10 of 200 rows (5.00%) could not be scored, more than max_rejected_share=4.00%: T missing (10 rows)" in said
    assert pq.read_metadata(tmp_path / "s.parquet").num_rows == 190
    assert pq.read_metadata(tmp_path / "s.rejects.parquet").num_rows == 10
    assert json.loads((tmp_path / "s.manifest.json").read_text())["rows"]["rejected"] == 10
    assert score("input=f.parquet", DAY, "out=s.parquet", "max_rejected_share=0.05")[0] == 0


def test_dry_run_says_what_would_be_done_and_writes_nothing(score, tmp_path):
    write_features(tmp_path / "f.parquet", 700)
    code, said = score("input=f.parquet", DAY, "out=s", "batch_rows=300", "dry_run=true")
    assert code == 0
    assert "3 of 300 customers" in said
    assert "disk while it works" in said
    assert names_in(tmp_path) == ["f.parquet"]


def test_limit_scores_the_first_ones_of_a_ledger(score, tmp_path):
    code, said = score("limit=50", "out=s.parquet")
    assert code == 0, said
    scores = pq.read_table(tmp_path / "s.parquet")
    assert scores["customer_id"].to_pylist() == [f"{number:05d}" for number in range(1, 51)]
    manifest = json.loads((tmp_path / "s.manifest.json").read_text())
    assert manifest["input"]["kind"] == "ledger"
    assert manifest["input"]["rows"] == {"transactions": 69659}


@pytest.mark.parametrize(
    ("arguments", "expected", "named"),
    [
        (["out=x.csv"], 2, "Scores are written as Parquet, but out is x.csv: give it a name that ends in .parquet"),
        (["restart=perhaps"], 2, "restart"),
        (["limit=0"], 2, "limit"),
        (["batch_rows=0"], 2, "batch_rows"),
        (["max_rejected_share=2"], 2, "max_rejected_share"),
        (["input=f.parquet"], 2, "as_of=YYYY-MM-DD"),
        (["input=none.parquet", DAY], 3, "No Parquet file at none.parquet"),
        (["input=.", DAY], 3, "No Parquet file"),
        (["input=*.parquet", DAY, "out=f.parquet/s.parquet"], 5, "f.parquet"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_work(score, tmp_path, arguments, expected, named):
    if "input=." not in arguments:
        write_features(tmp_path / "f.parquet", 20)
    before = names_in(tmp_path)
    code, said = score(*arguments)
    assert (code, named in said) == (expected, True), said
    assert names_in(tmp_path) == before


KINDS = (pa.float64(), pa.float32(), pa.int32(), pa.string(), pa.bool_(), pa.decimal128(20, 3), pa.timestamp("us"))
VALUES = st.one_of(
    st.none(), st.floats(), st.integers(-3, 300).map(float), st.sampled_from([1e308, -1e308, 1e39, 5e-324, 0.0, -0.0])
)
COLUMN = st.tuples(
    st.sampled_from((*MODEL_INPUT.names, "customer_id")),
    st.sampled_from(KINDS),
    st.lists(VALUES, min_size=9, max_size=9),
)


def as_column(values, kind):
    """Values in a kind of column; where they do not fit, missing."""
    found = []
    for value in values:
        try:
            found.append(None if value is None else pa.scalar(value).cast(kind).as_py())
        except (pa.ArrowException, OverflowError):
            found.append(datetime(2020, 1, 1) if kind == pa.timestamp("us") else None)
    return pa.array(found, kind)


def write_changed(path, changed):
    """Nine customers, some of whose columns are others."""
    columns = {"customer_id": pa.array([f"c{row}" for row in range(9)])} | {
        name: pa.array(values, from_pandas=True) for name, values in columns_of(9).items()
    }
    pq.write_table(pa.table(columns | {name: as_column(values, kind) for name, kind, values in changed}), path)
    return path


def nothing_is_lost(manifest, scores):
    rows = json.loads(manifest.read_text())["rows"]
    assert rows["in"] == 9 == rows["scored"] + rows["rejected"]
    found = pq.read_table(scores)
    assert found.num_rows == rows["scored"]
    assert np.isfinite(found.select(SCORES.names[3:9]).to_pandas()).all().all()


@settings(max_examples=100, derandomize=True)
@given(st.lists(COLUMN, max_size=4))
def test_whatever_a_table_holds_it_is_refused_in_words_or_no_row_is_lost(changed):
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "f.parquet", Path(folder) / "s.parquet"
        write_changed(source, changed)
        try:
            finished = run_job(job_of(source, out, 4, threads=1))
        except InputError:
            return
        nothing_is_lost(finished.manifest, finished.path)


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(st.lists(COLUMN, max_size=4), st.sampled_from(["s.parquet", "s"]), st.sampled_from([[], ["explain=true"]]))
def test_the_command_ends_in_a_known_code_without_a_traceback(score, changed, out, more):
    place = Path.cwd()
    write_changed(place / "f.parquet", changed)
    for path in place.glob("s.*"):
        path.unlink()
    code, said = score("input=f.parquet", DAY, f"out={out}", "batch_rows=4", "max_rejected_share=0.5", *more)
    assert code in (0, 3, 6), said
    assert not list(place.glob(".s*"))
    if code != 3:
        nothing_is_lost(place / "s.manifest.json", place / out)


def test_profit_stands_beside_the_scores_of_a_ledger(score, tmp_path):
    code, said = score("profit=true", "limit=300", "out=s.parquet", "costs.margin_rate=0.4")
    assert code == 0, said
    scores = pq.read_table(tmp_path / "s.parquet")
    assert tuple(scores.column_names) == (*SCORES.names, *SCORE_PROFIT.names)
    risk, expected = (scores[name].to_numpy() for name in ("profit_at_risk", "expected_profit"))
    assert risk == pytest.approx(scores["churn_probability"].to_numpy() * expected)
    log = {}
    for line in cdnow_lines():
        log[line[0]] = log.get(line[0], 0.0) + 0.4 * line[1]
    told = dict(zip(scores["customer_id"].to_pylist(), scores["past_profit"].to_pylist(), strict=True))
    assert told == pytest.approx({customer: log[customer] for customer in told}, abs=0.01)


def cdnow_lines():
    rows = open_ledger(CdnowSource()).transactions.select("customer_id", "amount").to_pyarrow()
    return zip(rows["customer_id"].to_pylist(), rows["amount"].to_pylist(), strict=True)


def test_profit_needs_a_ledger(score, tmp_path):
    write_features(tmp_path / "f.parquet", 20)
    code, said = score("input=f.parquet", DAY, "profit=true")
    assert code == 2
    assert "profit" in said
