"""A table is held against the one that its model was trained with before it is scored."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.errors import ContractError
from patronage.runtime.bundle import TableBundle
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.job import run_job
from patronage.scoring.table_checks import check_rows, check_table
from table_jobs import INPUTS, bundle_of_table, frame_of, job_of_table, table_of

bundle, table = bundle_of_table, table_of


def test_a_table_like_that_of_training_is_passed_in_silence():
    checked = check_table(table(), bundle())
    assert (checked.notes, checked.warnings) == ((), ())


def test_decimal_commas_are_refused_with_both_shares():
    words = r"x holds no number \(100 of 100 are texts: '0,1'; in training 0\.0% were missing\).*ledger\.decimal=','"
    with pytest.raises(ContractError, match=words):
        check_table(table(x=["0,1"] * 100), bundle())
    with pytest.raises(ContractError, match="x holds no number"):
        check_table(table(x=["0,1"] * 100), TableBundle(bundle().churn, INPUTS))


def test_a_column_without_values_is_refused_unless_it_was_so_in_training():
    with pytest.raises(ContractError, match=r"x holds no value at all \(100\.0% missing, in training 2\.0%\)"):
        check_table(table(x=[""] * 100), bundle(missing_share={"x": 0.02, "plan": 0.0}))
    assert check_table(table(x=[""] * 100), bundle(missing_share={"x": 1.0, "plan": 0.0})).warnings == ()
    # One row is no proof: a chance of 1 in 1,001 is not below one in a million.
    assert len(check_table(table(1, x=[""]), bundle()).notes) == 1


def test_far_more_missing_values_than_in_training_are_warned_of_and_counted():
    checked = check_table(table(x=["abc"] * 10), bundle())
    (warning,), (note,) = checked.warnings, checked.notes
    assert "x: 10.0% of 100 rows are missing or no numbers, in training 0.0%" in warning
    assert note == "x: 10 missing, which never was so in training: scored with the usual 0.5"


@pytest.mark.parametrize(
    ("n", "lacking", "share", "warned"),
    [
        (100, 5, 0.0, False),  # not more than five points
        (100, 6, 0.0, True),
        (100, 30, 0.2, False),  # P(at least 30 of 100 at 0.2) = 0.0112
        (1000, 300, 0.2, True),  # P(at least 300 of 1000 at 0.2) < 1e-13
        (1000, 240, 0.2, False),  # four points above only
    ],
)
def test_a_warning_takes_both_points_and_unlikeliness(n, lacking, share, warned):
    found = check_table(table(n, x=[""] * lacking), bundle(missing_share={"x": share, "plan": 0.0}))
    assert bool(found.warnings) == warned


def test_unknown_values_are_counted_warned_of_and_refused():
    (note,) = check_table(table(plan=["gold"]), bundle()).notes
    assert "plan: 1 of 100 rows (1.0%) hold values that the model does not know: 'gold'; it knows 'basic'" in note
    (warning,) = check_table(table(plan=["gold", "pro"]), bundle()).warnings
    assert "2 of 100 rows (2.0%)" in warning
    assert "'gold', 'pro'" in warning
    assert check_table(table(plan=["gold", "pro"]), bundle(unknown_share={"plan": 0.02})).warnings == ()
    with pytest.raises(ContractError, match=r"plan: 100 of 100 rows \(100\.0%\).*'PLUS'; it knows 'basic', 'plus'"):
        check_table(table(plan=["PLUS"] * 100), bundle())


def test_only_texts_that_were_to_be_numbers_bring_decimal_commas_up():
    lacking = table(x=[None] * 100)
    with pytest.raises(ContractError, match=r"x holds no value at all") as caught:
        check_table(lacking, bundle())
    assert "decimal" not in str(caught.value)
    with pytest.raises(ContractError, match=r"x holds no value at all .* ask somebody"):
        check_table(lacking, bundle(), "Then ask somebody.")


def test_all_columns_are_refused_at_once():
    with pytest.raises(ContractError, match=r"x holds no number.*plan: 100 of 100"):
        check_table(table(x=["a"] * 100, plan=["PLUS"] * 100), bundle())


def test_repeated_customers_are_counted():
    (note,) = check_table(table(id=["c7", "c7", "c8"]), bundle()).notes
    assert note == "2 customer ids are repeated (c7, c8), 3 rows too many: every row is scored"


def test_the_file_holds_scores_and_reasons_of_the_usual_value(tmp_path):
    lacking, usual = (table(x=values) for values in (["abc"] * 5, ["0.5"] * 5))
    files = [tmp_path / "lacking.parquet", tmp_path / "usual.parquet"]
    for one, file in zip((lacking, usual), files, strict=True):
        run_job(job_of_table(one, file, 7, reasons=True))
    read, expected = map(pd.read_parquet, files)
    pd.testing.assert_frame_equal(read, expected)
    assert read["reason_1"].notna().any()


class TestRowsOfFeatures:
    """A table that is ready is held against the training too, whatever the size of the pieces it is read in."""

    @staticmethod
    def rows(folder, **changes):
        frame = frame_of(**changes)
        numbers = pd.to_numeric(frame["x"].replace("", None), errors="coerce")
        columns = {"customer_id": frame["id"], "x": pa.array(numbers, from_pandas=True), "plan": frame["plan"]}
        pq.write_table(pa.table(columns), folder / "f.parquet", row_group_size=33)
        return FeatureRows([folder / "f.parquet"], INPUTS)

    @pytest.mark.parametrize("size", [7, 100, 1000])
    def test_the_words_are_those_of_a_customer_table(self, tmp_path, size):
        changes = {"x": [""] * 10, "plan": ["gold", "pro", "gold"]}
        rows = self.rows(tmp_path, **changes)
        found = check_rows(rows.parts(0, size), rows.location, bundle())
        assert found == check_table(table(**changes), bundle())
        assert len(found.warnings) == 2
        assert "3 of 100 rows (3.0%) hold values that the model does not know: 'gold', 'pro'" in found.warnings[1]

    def test_columns_of_nothing_known_are_refused_at_once(self, tmp_path):
        rows = self.rows(tmp_path, x=[""] * 100, plan=["PLUS"] * 100)
        with pytest.raises(ContractError, match=r"x holds no value at all .*plan: 100 of 100 .*f\.parquet was made"):
            check_rows(rows.parts(0, 30), rows.location, bundle())
