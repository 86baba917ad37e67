"""A ledger that cannot be used: each command says why, on stderr, with the documented exit code, and leaves nothing."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DATES = ("dates.cutoff=2023-06-30", "dates.horizon_days=91", "dates.observed_until=2023-12-31")
INPUT = 3
ROWS = [f"c{i % 20},2023-{1 + i % 12:02d}-{1 + i % 27:02d},{i % 7 + 1}.5" for i in range(400)]


def test_missing_file(refused, tmp_path):
    code, said = refused("train", "ledger=files", f"ledger.path={tmp_path}/gone.csv", *DATES)
    assert code == INPUT
    assert "gone.csv does not exist" in said
    assert "ledger.path" in said


def test_empty_file(refused, tmp_path):
    (tmp_path / "sales.csv").touch()
    code, said = refused("train", "ledger=files", f"ledger.path={tmp_path}/sales.csv", *DATES)
    assert code == INPUT
    assert "sales.csv" in said
    assert "empty (0 bytes)" in said


def test_header_without_rows(refused, ledger_of):
    code, said = refused("train", *ledger_of())
    assert code == INPUT
    assert "no transactions" in said


def test_missing_column(refused, ledger_of):
    code, said = refused("train", *ledger_of(["a,2023-01-01"], header="customer_id,timestamp"))
    assert code == INPUT
    assert "lacks the column amount" in said
    assert "It has: customer_id, timestamp" in said


def test_column_of_the_wrong_type(refused, tmp_path):
    table = pa.table({"customer_id": ["a", "b"], "timestamp": [True, False], "amount": [1.0, 2.0]})
    pq.write_table(table, tmp_path / "sales.parquet")
    code, said = refused("train", "ledger=files", f"ledger.path={tmp_path}/sales.parquet", *DATES)
    assert code == INPUT
    assert "timestamp (for timestamp) is of type boolean" in said


def test_all_rows_refused(refused, ledger_of, tmp_path):
    code, said = refused("train", *ledger_of(["a,yesterday,1", "b,2023-01-01,much", ",2023-01-02,3"]))
    assert code == INPUT
    assert "3 of 3 rows" in said
    for reason in ("timestamp not a date 1", "amount not a number 1", "customer_id missing 1"):
        assert reason in said
    assert pq.read_table(tmp_path / "outputs" / "set_aside.parquet").num_rows == 3


@pytest.mark.parametrize(
    ("settings", "code", "part"),
    [
        (("dates.cutoff=2022-06-30",), INPUT, "cut-off 2022-06-30 lies before the first transaction"),
        (("dates.cutoff=2024-03-31", "dates.observed_until=2024-12-31"), INPUT, "The holdout is empty"),
        (("dates.horizon_days=185",), 2, "observed only until 2023-12-31"),
    ],
)
def test_dates_that_leave_nothing(refused, ledger_of, settings, code, part):
    found, said = refused("train", *ledger_of(ROWS), *settings)
    assert found == code
    assert part in said


def test_as_of_before_the_first_row(refused, ledger_of, full_run):
    settings = [*ledger_of(ROWS), "as_of=2022-12-31", f"model={full_run.bundle_folder}", "out=scores.parquet"]
    code, said = refused("score", *settings)
    assert code == INPUT
    assert "as-of date 2022-12-31 lies before the first transaction" in said
    assert "2023-01-01" in said


@pytest.mark.parametrize("scores", ["gone.parquet", "text.parquet"])
def test_report_without_scores(refused, full_run, tmp_path, scores):
    (tmp_path / "text.parquet").write_text("customer_id,clv\n")
    code, said = refused("report", f"tracking.uri={full_run.uri}", f"scores={scores}", "out=report")
    assert code == INPUT
    assert scores in said


def test_whole_process_says_the_same(patronage, tmp_path):
    done = patronage(tmp_path, "train", "ledger=files", "ledger.path=gone.csv", *DATES)
    assert done.returncode == INPUT
    assert "SourceError: The ledger file" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
