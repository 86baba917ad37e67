"""Columns of features as they are stored: every kind comes to the doubles and texts that the wheel would read."""

import random
from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_rows import GOLDEN, columns_of, job_of, write_features
from patronage.errors import ContractError
from patronage.runtime.bundle import read_bundle
from patronage.scoring.feature_rows import FeatureRows, found_files
from patronage.scoring.job import run_job
from patronage.scoring.repeated import repeated_customers
from patronage.scoring.stated import as_stated

INPUTS = read_bundle(GOLDEN).inputs


@pytest.mark.parametrize(
    ("kind", "precision", "scale"),
    [
        (pa.decimal128, 18, 4), (pa.decimal128, 38, 20), (pa.decimal128, 38, 38), (pa.decimal128, 19, 0),
        (pa.decimal128, 30, -5), (pa.decimal256, 70, 33),
    ],
)  # fmt: skip
def test_decimals_are_the_doubles_of_python(kind, precision, scale):
    """Python's float() of a decimal is the nearest double; bit by bit, of negative ones and zero too."""
    rng = random.Random(1)
    largest = (10**precision - 1, 10**6)
    with localcontext() as context:
        context.prec = precision
        values = [Decimal(rng.randint(-most, most)).scaleb(-scale) for most in largest for _ in range(5000)]
        values += [None, Decimal(0).scaleb(-scale)]
    table = pa.table({"spend_total": pa.array(values, kind(precision, scale))})
    found = as_stated(table, INPUTS, "there")["spend_total"]
    assert found.type == pa.float64()
    assert found.to_pylist() == [None if value is None else float(value) for value in values]


def test_a_price_of_four_digits():
    table = pa.table({"spend_total": pa.array([Decimal("23.7233")], pa.decimal128(18, 4))})
    assert as_stated(table, INPUTS, "there")["spend_total"][0].as_py() == 23.7233


def test_files_of_one_folder_may_hold_a_column_in_several_types(tmp_path):
    """As pandas writes them: a column of whole numbers is one of doubles where a value is missing."""
    whole = columns_of(60, seed=3)
    whole["purchase_days_90d"] = np.floor(whole["purchase_days_90d"])
    # Exact in single precision and in two digits, so that all types mean the same numbers.
    whole["spend_total"] = np.round(whole["spend_total"] * 4) / 4
    write_features(tmp_path / "one.parquet", 60, **whole, customer_id=[str(number) for number in range(60)])
    one = pq.read_table(tmp_path / "one.parquet")
    folder = tmp_path / "several"
    folder.mkdir()
    kinds = [
        {"customer_id": pa.int64(), "purchase_days_90d": pa.int64(), "spend_total": pa.float32()},
        {"customer_id": pa.large_string(), "spend_total": pa.decimal128(12, 2)},
        {"customer_id": pa.dictionary(pa.int32(), pa.string()), "purchase_days_90d": pa.int8()},
    ]
    for number, changed in enumerate(kinds):
        piece = one.slice(20 * number, 20)
        for name, kind in changed.items():
            piece = piece.set_column(piece.column_names.index(name), name, piece[name].cast(kind))
        pq.write_table(piece, folder / f"part-{number}.parquet")
    rows = FeatureRows(found_files(folder), INPUTS)
    # One part of rows of two files, and one within a file.
    expected = pa.concat_tables(FeatureRows([tmp_path / "one.parquet"], INPUTS).parts(0, 25)).to_pandas()
    found = pa.concat_tables(rows.parts(0, 25)).to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    last = next(rows.parts(50, 25)).to_pandas()
    pd.testing.assert_frame_equal(last, expected[50:].reset_index(drop=True), check_exact=True)
    assert repeated_customers(rows.ids) == {"customers": 0, "rows": 0, "first": []}


def test_ids_that_are_no_names_are_refused(tmp_path):
    write_features(tmp_path / "a.parquet", 5)
    write_features(tmp_path / "b.parquet", 5, customer_id=np.arange(5.0))
    with pytest.raises(ContractError, match=r"b\.parquet has customer_id as double, not text"):
        FeatureRows(found_files(tmp_path), INPUTS)


def test_what_spark_has_not_finished_is_no_input(tmp_path):
    for name in (
        "a.parquet", "_b.parquet", ".c.parquet", "_temporary/0/d.parquet", "x/_delta_log/e.parquet", "_day=1/f.parquet",
        "x/.g/h.parquet", "x/_/i.parquet",
    ):  # fmt: skip
        (tmp_path / "_in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "_in" / name).touch()
    found = [path.relative_to(tmp_path / "_in").as_posix() for path in found_files(tmp_path / "_in")]
    assert found == ["_day=1/f.parquet", "a.parquet"]


def test_who_has_no_name_is_not_there_twice(tmp_path):
    ids = ["a", "a", "\t", "\t", "\n", "\n", "\u00a0", "\u00a0", " ", " ", None, None, "b\x00", "b\x00", "c"]
    told = run_job(job_of(write_features(tmp_path / "in.parquet", 15, customer_id=ids), tmp_path / "out.parquet"))
    rows = FeatureRows([tmp_path / "in.parquet"], INPUTS)
    assert repeated_customers(rows.ids) == {"customers": 1, "rows": 2, "first": ["a"]}
    assert told.customers == 3
