"""``patronage score`` as an unattended job: exit codes, words, and no traceback whatever it is given."""

import json
import math
import tempfile
from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines_under_test import postgres_uri
from feature_rows import GOLDEN, columns_of, job_of, write_features
from patronage import CdnowSource, open_ledger
from patronage.cli import main
from patronage.errors import InputError
from patronage.runtime.bundle import write_bundle
from patronage.runtime.scorer import load_scorer
from patronage.schema import MODEL_INPUT, SCORE_REASONS, SCORES
from patronage.schema.value import SCORE_PROFIT
from patronage.scoring.job import run_job
from table_jobs import bundle_of_table

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
        (["input=.", DAY, "out=../s.parquet"], 3, "No Parquet file"),
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


def write_places(folder):
    """The same features as a file, as a folder of parts with the names of ours, and as a DuckDB file."""
    source = write_features(folder / "f.parquet", 20)
    (folder / "parts" / "deep").mkdir(parents=True)
    for name in ("parts/part-00000.parquet", "parts/deep/part-00001.parquet", "s.rejects.parquet"):
        write_features(folder / name, 20)
    (folder / "link.parquet").symlink_to("f.parquet")
    (folder / "way").symlink_to("parts")
    (folder / "other.parquet").symlink_to("new.parquet")
    with duckdb.connect(str(folder / "shop.parquet")) as connection:
        connection.execute(f"CREATE TABLE features AS FROM read_parquet('{source}')")
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("given", "out", "words"),
    [
        ("f.parquet", "f.parquet", "out=f.parquet would replace what is given as input=f.parquet"),
        ("parts", "parts", "would replace what is given as input=parts"),
        ("*.parquet", "new", "The rejects of out=new (new.rejects.parquet) would be among the files"),
        (".", "outputs/scores.parquet", "would be among the files that the next job reads by input=."),
        ("f.parquet", "s.rejects.parquet", "has the name of a file that goes with scores"),
        ("shop.parquet", "shop.parquet", "would replace what is given as input=shop.parquet"),
    ],
)
def test_scores_never_replace_what_is_read_however_it_is_spelt(score, tmp_path, given, out, words):
    before = write_places(tmp_path)
    more = ["input_table=features"] if given == "shop.parquet" else []
    code, said = score(f"input={given}", *more, DAY, f"out={out}")
    assert (code, words in said) == (2, True), said
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "outputs" not in path.parts}
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ledger=files", "ledger.path=f.parquet", "out=f.parquet"], "ledger.path=f.parquet"),
        (["ledger=files", "ledger.path=f.parquet", "ledger.contacts.path=parts", "out=parts"], "ledger.contacts.path="),
        (["ledger=files", "ledger.path=parts", "out=parts/s.parquet"], "ledger.path=parts"),
        (["ledger=files", "ledger.path=parts/*", "out=parts/s"], "The manifest of out=parts/s (parts/s.manifest"),
        (["ledger=simulated", "ledger.path=parts", "out=way"], "ledger.path=parts"),
        (["ledger=duckdb", "ledger.path=shop.parquet", "out=shop.parquet"], "ledger.path=shop.parquet"),
        (
            ["ledger=duckdb", "ledger.table=null", "ledger.query=\"FROM 'f.parquet'\"", "out=f.parquet"],
            "ledger.query=f",
        ),
        (["ledger=customer_table", "ledger.path=link.parquet", "out=f.parquet"], "ledger.path=link.parquet"),
        (["identity=links", "identity.path=f.parquet", "out=link.parquet"], "identity.path=f.parquet"),
        (["contract.set_aside=x.parquet", "out=x.parquet"], "contract.set_aside=x.parquet"),
        (["input=f.parquet", DAY, "dry_run=true", "out=link.parquet"], "input=f.parquet"),
    ],
)
def test_scores_never_replace_the_files_of_a_ledger(score, tmp_path, arguments, words):
    before = write_places(tmp_path)
    code, said = score(*arguments)
    assert (code, words in said, "name another out=..." in said) == (2, True, True), said
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "outputs" not in path.parts}
    assert after == before


def test_places_that_only_look_alike_are_written(score, tmp_path):
    write_places(tmp_path)
    for told, out in (("input=parts/*.parquet", "parts/deep/s.parquet"), ("input=parts/deep", "parts.parquet")):
        code, said = score(told, DAY, f"out={out}")
        assert code == 0, said
        assert pq.read_metadata(tmp_path / out).num_rows == 20
        (tmp_path / out).unlink()


def test_customers_that_are_there_twice_are_warned_of_and_in_the_manifest(score, tmp_path):
    write_features(tmp_path / "f.parquet", 20, customer_id=[f"c{row % 17:02d}" for row in range(20)])
    code, said = score("input=f.parquet", DAY, "out=s.parquet")
    assert code == 0, said
    assert "Mind: 3 customers are more than once in f.parquet, in 6 rows (c00, c01, c02): each of these rows" in said
    given = json.loads((tmp_path / "s.manifest.json").read_text())["input"]
    assert given["repeated_customers"] == {"customers": 3, "rows": 6, "first": ["c00", "c01", "c02"]}
    write_features(tmp_path / "f.parquet", 20)
    code, said = score("input=f.parquet", DAY, "out=s.parquet")
    assert (code, "more than once" in said) == (0, False)


TABLE = (
    f"model={GOLDEN.parents[1] / 'bundle_format_3_table' / 'bundle'}", "ledger=customer_table", "ledger.path=t.csv",
    "ledger.customer_id=id",
)  # fmt: skip


class TestCustomerTables:
    """They go through the same job; the model knows tenure and the plans basic and plus."""

    @pytest.fixture
    def table(self, tmp_path):
        lines = [f"c{row},{row % 30},{'basic' if row % 3 else 'plus'}" for row in range(70)]
        lines[5] = ",4,plus"
        lines[6] = "c6,1e39,plus"
        (tmp_path / "t.csv").write_text("\n".join(["id,tenure,plan", *lines]) + "\n")

    @pytest.mark.usefixtures("table")
    def test_every_row_is_scored_rejected_or_set_aside_and_told(self, score, tmp_path):
        code, said = score(
            *TABLE, "out=s", "batch_rows=20", "max_rejected_share=0.02", "contract.max_set_aside_share=1"
        )
        assert code == 0, said
        assert "customers scored │ 68" in said
        assert "expected to leave" in said
        assert "within 30 days" in said
        manifest = json.loads((tmp_path / "s.manifest.json").read_text())
        assert manifest["input"]["rows"] == {"in": 70, "used": 69, "set_aside": {"customer_id missing": 1}}
        assert manifest["rows"] == {"in": 69, "scored": 68, "rejected": 1, "reasons": {"tenure too large": 1}}
        ids = pq.read_table(tmp_path / "s")["customer_id"].to_pylist()
        assert ids == [f"c{row}" for row in range(70) if row not in (5, 6)]
        assert pq.read_table(tmp_path / "s.rejects.parquet")["customer_id"].to_pylist() == ["c6"]

    @pytest.mark.usefixtures("table")
    def test_settings_of_jobs_are_theirs_too(self, score, tmp_path):
        borne = "contract.max_set_aside_share=1"
        code, said = score(*TABLE, "dry_run=true", "batch_rows=20", "limit=30", borne)
        assert (code, "2 of 20 customers" in said) == (0, True)
        assert not (tmp_path / "outputs" / "scores.parquet").exists()
        code, said = score(*TABLE, "out=s.parquet", "limit=30", "max_rejected_share=0.01", borne)
        assert (code, "1 of 30 rows (3.33%) could not be scored" in said) == (6, True)
        assert pq.read_metadata(tmp_path / "s.parquet").num_rows == 29

    @pytest.mark.usefixtures("table")
    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["interval=0.9"], "interval is of purchases and value"),
            (["profit=true"], "profit=true is learned from the purchases"),
            (["input=t.parquet"], "input=... cannot be used with ledger=customer_table"),
        ],
    )
    def test_what_is_of_purchases_is_refused(self, score, arguments, named):
        code, said = score(*TABLE, *arguments)
        assert (code, named in said) == (2, True), said

    def test_a_table_of_features_is_held_against_the_training_as_well(self, score, tmp_path):
        n, model = 40, f"model={write_bundle(bundle_of_table(), tmp_path / 'model')}"
        columns = {"customer_id": [f"c{row}" for row in range(n)], "x": list(range(n)), "plan": ["PLUS"] * n}
        pq.write_table(pa.table(columns), tmp_path / "f.parquet")
        code, said = score(model, "input=f.parquet", "out=s.parquet")
        assert code == 3
        assert "plan: 40 of 40 rows (100.0%) hold values that the model does not know: 'PLUS'" in said
        assert names_in(tmp_path) == ["f.parquet", "model"]
        pq.write_table(pa.table(columns | {"plan": ["plus"] * 38 + ["gold"] * 2}), tmp_path / "f.parquet")
        code, said = score(model, "input=f.parquet", "out=s.parquet")
        assert (code, "Mind: plan: 2 of 40 rows (5.0%)" in said) == (0, True), said


def test_those_under_contract_go_through_the_same_job(score, tmp_path):
    starts, ends = [date(2023, 1, 1)] * 50, [date(2023, 6, 1) if row % 5 == 0 else None for row in range(50)]
    ids = [f"c{row:02d}" for row in range(50)]
    tables = {
        "transactions": {"customer_id": ["c02"], "timestamp": [datetime(2023, 12, 31)], "amount": [5.0]},
        "customers": {
            "customer_id": ids, "contract_start": starts, "contract_end": pa.array(ends, pa.date32()),
            "plan": ["basic"] * 50, "price": [2.0 + row % 3 for row in range(50)],
        },
    }  # fmt: skip
    for name, columns in tables.items():
        (tmp_path / "world" / name).mkdir(parents=True)
        pq.write_table(pa.table(columns), tmp_path / "world" / name / "part.parquet")
    model = write_bundle(bundle_of_table("price"), tmp_path / "model")
    asked = (f"model={model}", "setting=contracts", "ledger=simulated", "ledger.path=world", "as_of=2024-01-01")
    code, said = score(*asked, "out=s", "batch_rows=15")
    assert code == 0, said
    assert "10 customers are not under contract on 2024-01-01: not scored" in said
    scores = pq.read_table(tmp_path / "s")
    under = [row for row in range(50) if row % 5]
    assert scores["customer_id"].to_pylist() == [ids[row] for row in under]
    assert set(scores["as_of"].to_pylist()) == {date(2024, 1, 1)}
    expected = [1 / (1 + math.exp(1 + (2.0 + row % 3) / 2 - 0.3)) for row in under]
    assert scores["churn_probability"].to_pylist() == pytest.approx(expected)
    manifest = json.loads((tmp_path / "s.manifest.json").read_text())
    assert (manifest["input"]["kind"], len(manifest["parts"])) == ("contracts", 3)
    assert manifest["rows"] == {"in": 40, "scored": 40, "rejected": 0, "reasons": {}}


def test_a_table_of_a_duckdb_file_is_scored(score, tmp_path):
    source = write_features(tmp_path / "f.parquet", 700)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(f"CREATE TABLE features AS FROM read_parquet('{source}')")
    code, said = score("input=shop.duckdb", DAY, "out=s.parquet")
    assert (code, "name its table of features as input_table=...; it has: features" in said) == (2, True)
    code, said = score("input=shop.duckdb", "input_table=sales", DAY, "out=s.parquet")
    assert (code, "has no table sales; it has: features" in said) == (3, True)
    code, said = score("input_table=features")
    assert (code, "input=FILE is not given" in said) == (2, True)
    code, said = score("input=shop.duckdb", "input_table=features", DAY, "out=s.parquet")
    assert code == 0, said
    scores = pq.read_table(tmp_path / "s.parquet")
    assert scores["clv"].to_numpy().tobytes() == load_scorer(GOLDEN).score(columns_of(700))["clv"].tobytes()
    given = json.loads((tmp_path / "s.manifest.json").read_text())["input"]
    assert (given["kind"], given["table"], given["rows"]) == ("table of a DuckDB file", "main.features", 700)


def test_scores_go_to_a_table_of_postgresql(score, tmp_path):
    import psycopg

    write_features(tmp_path / "f.parquet", 700)
    secret = postgres_uri().replace("patronage@", "patronage:hunter2@")
    arguments = ("input=f.parquet", DAY, f"out={secret}", "out_table=by_command", "work_folder=parts")
    code, said = score(*arguments, "dry_run=true")
    assert (code, "the table public.by_command of the database postgres" in said) == (0, True), said
    code, said = score(*arguments)
    assert code == 0, said
    assert "hunter2" not in said
    assert "public.by_command_manifest" in said
    with psycopg.connect(postgres_uri(), autocommit=True) as connection:
        assert connection.execute("SELECT count(*), min(model_version) FROM by_command").fetchone()[0] == 700
        code, said = score(*arguments, "explain=true")
        assert (code, "lacks reason_1" in said) == (5, True), said
        connection.execute("DROP TABLE by_command, by_command_rejects, by_command_manifest")
    assert names_in(tmp_path) == ["f.parquet", "parts"]
    assert not any((tmp_path / "parts").iterdir())
    code, said = score("input=f.parquet", DAY, f"out={secret}")
    assert (code, "out_table=" in said) == (2, True)


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
