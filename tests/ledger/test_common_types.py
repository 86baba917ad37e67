"""Files that store a column in different types are joined without changing a value, or not at all."""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.errors import ContractError

DAY = datetime(2024, 2, 29, 12, 30)


@pytest.fixture
def opened_together(opened, tmp_path):
    def open_tables(*tables, **kwargs):
        for number, (ids, days, amounts) in enumerate(tables):
            pq.write_table(pa.table({"id": ids, "day": days, "amount": amounts}), tmp_path / f"{number}.parquet")
        return opened(tmp_path, **kwargs)

    return open_tables


def test_amounts_are_not_rounded_to_those_of_the_first_file(opened_together, used):
    ledger = opened_together(([1], [DAY], [5]), ([2], [DAY], [1.75]), ([3], [DAY], pa.array([2], pa.int8())))
    assert [row[2] for row in used(ledger)] == [5.0, 1.75, 2.0]


def test_one_customer_has_one_id_in_all_files(opened_together, used):
    tables = [(ids, [DAY], [1.0]) for ids in ([12], [12.0], ["12"], [12.5], [2**53 + 1])]
    assert [row[0] for row in used(opened_together(*tables))] == ["12", "12", "12", "12.5", "9007199254740993"]


def test_missing_ids_stay_missing(opened_together, refused):
    ledger = opened_together((["a", None], [DAY] * 2, [1, 1]), ([float("nan"), 1.0], [DAY] * 2, [1, 1]))
    assert ledger.account.reasons == {"customer_id missing": 2}
    refused(ledger)


def test_times_of_day_are_not_cut_to_dates(opened_together, used):
    ledger = opened_together(([1], [date(2024, 2, 29)], [1]), ([2], [DAY], [1]))
    assert [row[1] for row in used(ledger)] == ["2024-02-29 00:00:00", "2024-02-29 12:30:00"]


def test_parquet_and_csv_go_together(opened_together, used, tmp_path):
    (tmp_path / "x.csv").write_text("id,day,amount\n12,2024-02-29 08:00:00,0.5\n")
    ledger = opened_together(([12.0], [DAY], [1]))
    assert used(ledger) == [("12", "2024-02-29 08:00:00", 0.5), ("12", "2024-02-29 12:30:00", 1.0)]


def test_numbers_and_text_that_share_a_format_go_together(opened_together, used):
    ledger = opened_together(([1], [20240229], [1]), ([2], ["20240301"], [1]), timestamp_format="%Y%m%d")
    assert [row[1] for row in used(ledger)] == ["2024-02-29 00:00:00", "2024-03-01 00:00:00"]


@pytest.mark.parametrize(
    ("second", "options", "column"),
    [
        (([1], [DAY], [True]), {}, "amount"),
        (([1], [20240229], [1.0]), {}, "day"),
        (([1], ["29.02.2024"], [1.0]), {"timestamp_format": "%d.%m.%Y"}, "day"),
        (([b"1"], [DAY], [1.0]), {}, "id"),
    ],
)
def test_types_that_do_not_go_together_are_named_with_their_files(opened_together, second, options, column):
    complaint = (
        rf"The files hold {column} \(for .*types that do not go together: .* in .*0\.parquet; .* in .*1\.parquet"
    )
    with pytest.raises(ContractError, match=complaint):
        opened_together(([1], [DAY], [1.0]), second, **options)
