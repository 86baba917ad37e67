"""A customer table: every row is used or set aside with a reason, and columns are what their values are."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import ConfigError, ContractError, InputError, SourceError
from patronage.ledger.churn_labels import read_labels, refuse_one_class
from patronage.ledger.customer_table import CustomerTableSource
from patronage.ledger.table_columns import Spelling, read_column

ROWS = [
    ("a", "12", "29.85", "basic", "Yes"),
    ("b", "1", " ", "plus", "No"),
    ("c", "40", "108.15", "", "no"),
    ("d", "7", "50.00", "plus", "YES"),
]
NAMES = ["id", "tenure", "charges", "plan", "left"]


def csv(folder, rows=ROWS, names=NAMES, file="t.csv"):
    path = folder / file
    lines = [",".join(names), *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def source(path, **settings):
    return CustomerTableSource(path, **({"label": "left", "customer_id": "id"} | settings))


def test_blank_numbers_of_text_are_missing_counted_and_said(tmp_path):
    table = source(csv(tmp_path)).read()
    assert table.features["charges"].values.tolist()[:1] == [29.85]
    assert np.isnan(table.features["charges"].values[1])
    assert table.notes == ("charges: 1 blank taken as missing",)
    assert {name: column.type for name, column in table.features.items()} == {
        "tenure": "long", "charges": "double", "plan": "string",
    }  # fmt: skip


def test_labels_do_not_mind_case_and_are_told_in_words(tmp_path):
    table = source(csv(tmp_path)).read()
    assert table.left.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert table.customer.tolist() == ["a", "b", "c", "d"]
    assert "left is 'Yes' (1), 'YES' (1)" in table.label_words


def test_every_row_in_is_used_or_set_aside_with_its_reasons(tmp_path):
    bad = [("", "1", "2", "x", "Yes"), ("e", "1", "2", "x", ""), ("", "1", "2", "x", "perhaps")]
    table = source(csv(tmp_path, ROWS + bad)).read()
    assert (table.rows_in, len(table), len(table.set_aside)) == (7, 4, 3)
    assert table.set_aside["reasons"].tolist() == [
        "customer_id missing", "label missing", "customer_id missing, label unreadable",
    ]  # fmt: skip
    assert table.set_aside["source_row"].tolist() == [5, 6, 7]
    assert table.set_aside["record"].iloc[2].startswith("tenure=1, charges=2")
    table.write_set_aside(tmp_path / "aside.parquet")
    assert pq.read_table(tmp_path / "aside.parquet").num_rows == 3
    with pytest.raises(ContractError, match=r"3 of 7 rows .* were set aside \(42\.9%, at most 10\.0%") as caught:
        table.require_fit(0.1)
    assert caught.value.counts["label missing"] == 1
    table.require_fit(0.5)


def test_a_line_that_cannot_be_split_is_set_aside(tmp_path):
    path = csv(tmp_path)
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("z,1,2\n")
    table = source(path).read()
    assert (table.rows_in, len(table)) == (5, 4)
    assert table.set_aside["reasons"].iloc[0].startswith("unreadable line")


def test_all_kinds_of_places_hold_the_same_table(tmp_path):
    frame = pd.DataFrame(ROWS, columns=NAMES)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute("CREATE TABLE churn AS SELECT * FROM frame")
    settings = {"label": "left", "customer_id": "id"}
    read = {
        "csv": source(csv(tmp_path)).read(),
        "parquet": source(str(tmp_path / "t.parquet")).read(),
        "jsonl": source(str(tmp_path / "t.jsonl")).read(),
        "duckdb": source(str(tmp_path / "t.duckdb"), table="churn").read(),
        "query": source(str(tmp_path / "t.duckdb"), query="SELECT * FROM churn").read(),
        "frame": CustomerTableSource(frame=frame, **settings).read(),
        "arrow": CustomerTableSource(frame=pq.read_table(tmp_path / "t.parquet"), **settings).read(),
    }
    expected = read["csv"].frame
    for name, table in read.items():
        by_customer = table.frame.set_axis(table.customer.to_numpy()).sort_index().reset_index(drop=True)
        pd.testing.assert_frame_equal(by_customer[expected.columns], expected, obj=name)


def test_a_table_without_ids_names_customers_by_their_row(tmp_path):
    table = source(csv(tmp_path), customer_id=None, leave_out=["id"]).read()
    assert table.customer.tolist() == ["1", "2", "3", "4"]
    assert "number of their row" in table.notes[-1]


def test_mixed_values_of_a_frame_are_text(tmp_path):
    frame = pd.DataFrame({"id": [1, 2], "mixed": [3, "three"], "left": [True, False]})
    table = CustomerTableSource(frame=frame, label="left", customer_id="id").read()
    assert table.features["mixed"].values.tolist() == ["3", "three"]
    assert table.left.tolist() == [1.0, 0.0]


def test_infinite_numbers_are_missing_and_counted():
    column = read_column(pd.Series([1.0, np.inf, -np.inf, np.nan]))
    assert column.taken_as_missing == {"infinite": 2}
    assert np.isnan(column.values.to_numpy()[1:]).all()


def test_dates_are_no_features(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "since": ["2020-01-31", "2021-05-01"], "x": [1, 2], "left": ["yes", "no"]})
    frame["signed"] = pd.to_datetime(frame["since"])
    table = CustomerTableSource(frame=frame, label="left", customer_id="id").read()
    assert list(table.features) == ["x"]
    assert sorted(table.dates) == ["signed", "since"]


def test_codes_stay_text_and_decimal_commas_are_read():
    assert read_column(pd.Series(["007", "12"]), "text").values.tolist() == ["007", "12"]
    german = Spelling(decimal=",", thousands=".")
    assert read_column(pd.Series(["1.234,50", "2"]), "whatever", german).values.tolist() == [1234.5, 2.0]
    assert read_column(pd.Series(["1.5", "2,5"]), "number", Spelling(decimal=",")).taken_as_missing == {"no number": 1}


def test_nearly_all_numbers_make_a_column_of_numbers_and_some_do_not():
    nearly = read_column(pd.Series(["1"] * 99 + ["none yet"]))
    assert (nearly.type, nearly.taken_as_missing) == ("double", {"no number": 1})
    assert read_column(pd.Series(["1"] * 9 + ["none yet"])).type == "string"
    told = read_column(pd.Series(["1"] * 9 + ["none yet"]), "whatever", Spelling(("none yet",)))
    assert (told.type, told.taken_as_missing) == ("double", {"blank": 1})


@pytest.mark.parametrize("word", ["NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", "-", "?"])
def test_words_for_missing_make_no_text_of_numbers(word):
    column = read_column(pd.Series(["1.5", "2"] * 5 + [word] * 9))
    assert (column.type, column.taken_as_missing) == ("double", {"words for missing": 9})
    assert column.values.tolist()[:2] == [1.5, 2.0]
    assert column.words("x") == "x: 9 words for missing taken as missing"


@pytest.mark.parametrize("word", ["inf", "-inf", "+Inf", "Infinity", "-infinity"])
def test_words_for_infinite_are_counted_as_such(word):
    column = read_column(pd.Series(["1.5", "2"] * 5 + [word] * 9))
    assert (column.type, column.taken_as_missing) == ("double", {"infinite": 9})


def test_words_for_missing_stay_texts_among_texts_and_alone_are_no_value():
    offers = read_column(pd.Series(["None", "Offer A", "NA"]))
    assert (offers.type, offers.values.tolist(), offers.taken_as_missing) == ("string", ["None", "Offer A", "NA"], {})
    assert read_column(pd.Series(["NA", "?", "-"])).type is None


def test_columns_of_numbers_and_texts_by_turns_are_refused_with_a_remedy(tmp_path):
    rows = [(f"c{n}", "about 5" if n < 3 else str(n), "AB1" if n < 5 else str(n), "no") for n in range(10)]
    path = csv(tmp_path, [*rows, ("z", "1", "2", "yes")], ["id", "calls", "code", "left"])
    words = r"calls \(72\.7%; the first others are 'about 5'\); code \(54\.5%.*ledger\.numbers.*ledger\.texts"
    with pytest.raises(ContractError, match=words):
        source(path).read()
    table = source(path, numbers=["calls"], texts=["code"]).read()
    assert table.features["calls"].taken_as_missing == {"no number": 3}
    assert table.features["code"].values.tolist()[-1] == "2"
    assert source(path, missing=["about 5"], leave_out=["code"]).read().features["calls"].type == "double"


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=4), st.floats(), st.integers(-99, 99), st.booleans()), max_size=9)
)
def test_any_column_is_read_whole(values):
    column = read_column(pd.Series(values, dtype=object))
    assert len(column.values) == len(values)
    if column.type in ("long", "double"):
        assert not np.isinf(column.values).any()
    if column.type == "string":
        assert all(value is None or isinstance(value, str) for value in column.values)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"label": None}, ConfigError, "ledger.label is not set"),
        ({"label": "gone"}, ContractError, r"ledger.label: gone.*It has: id, tenure"),
        ({"leave_out": ["nope"], "numbers": ["nor this"]}, ContractError, "leave_out: nope; ledger.numbers: nor this"),
        ({"left": "maybe"}, ContractError, r"No value of the label left.*'Yes'"),
        ({"left": "yes", "stayed": "yes"}, ConfigError, "both name yes"),
        ({"numbers": ["plan"], "texts": ["plan"]}, ConfigError, "both name plan"),
        ({"leave_out": ["tenure", "charges", "plan"]}, ContractError, "no column left to learn from"),
        ({"file_format": "xlsx"}, ConfigError, "file_format must be one of csv"),
        ({"timestamp_format": "%H:%M"}, ConfigError, "not a strptime pattern of a year, a month and a day"),
        ({"table": "a", "query": "b"}, ConfigError, "exclude one another"),
        ({"path": "nowhere.csv"}, SourceError, "does not exist"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path, settings, error, words):
    path = settings.pop("path", None) or csv(tmp_path)
    with pytest.raises(error, match=words):
        source(path, **settings).read()


def test_a_header_without_rows_is_refused(tmp_path):
    table = source(csv(tmp_path, [], ["id", "x", "left"]), left="yes")
    with pytest.raises((SourceError, ContractError)):
        table.read().require_fit(1.0)


def test_it_is_no_ledger_of_transactions(tmp_path):
    with pytest.raises(ConfigError, match="not a ledger of transactions"):
        _ = source(csv(tmp_path)).tables


def test_values_that_do_not_speak_for_themselves_have_to_be_named():
    column = pd.Series(["Churned", "Stayed", "Joined", None])
    assert read_labels(column).left[:2].tolist() == [1.0, 0.0]
    assert read_labels(column).unreadable.tolist() == [False, False, True, False]
    told = read_labels(column, ["churned"])
    assert (told.left[:3].tolist(), told.missing.tolist()) == ([1.0, 0.0, 0.0], [False, False, False, True])


@pytest.mark.parametrize(
    ("column", "left", "stayed"),
    [
        (["2.0", "1.0", None], ["2"], None),
        ([2.0, 1.0, np.nan], ["2"], None),
        (["2", "1", None], ["2.0"], ["1."]),
        (["1.0", "0.0", ""], None, None),
        (["-2.00", "1.0", None], ["-2"], ["1"]),
    ],
)
def test_a_whole_number_is_the_same_label_however_it_is_written(column, left, stayed):
    labels = read_labels(pd.Series(column), left, stayed)
    assert labels.left[:2].tolist() == [1.0, 0.0]
    assert labels.missing.tolist() == [False, False, True]


def test_other_numbers_and_codes_stay_what_they_are():
    labels = read_labels(pd.Series(["2.5", "2", "02", "v2.0"]), ["2"], ["02"])
    assert labels.left[1:3].tolist() == [1.0, 0.0]
    assert labels.unreadable.tolist() == [True, False, False, True]


def test_one_class_is_refused_in_words():
    labels = read_labels(pd.Series(["no", "no"]))
    with pytest.raises(InputError, match=r"0 of 2 customers left.*stayed is 'no' \(2\)"):
        refuse_one_class(labels.left, labels.words)


def test_scoring_needs_no_label_and_takes_the_types_of_the_model(tmp_path):
    path = csv(tmp_path, [("a", "12", "x", "5")], ["id", "tenure", "charges", "plan"])
    table = source(path).read_unlabelled({"plan": "string", "charges": "double", "tenure": "long"})
    assert table.left is None
    assert table.features["plan"].values.tolist() == ["5"]
    assert np.isnan(table.features["charges"].values[0])
    assert table.notes == ("charges: 1 no number taken as missing",)
    with pytest.raises(ContractError, match=r"lacks the columns Ten_ure \(for the model\), unheard_of") as caught:
        source(path).read_unlabelled({"Ten_ure": "double", "unheard_of": "double"})
    assert "Nearly the same: Ten_ure may be tenure. Columns have to be called as in training" in str(caught.value)
    with pytest.raises(ContractError, match=r"lacks the column ID \(for ledger\.customer_id\).*ID may be id"):
        source(path, customer_id="ID").read_unlabelled({"tenure": "double"})


def test_days_in_other_patterns_are_no_features_and_doubts_are_said(tmp_path):
    rows = [
        ("a", "03/14/2024", "14.03.2024", "2024-3-1", "01/02/2024", "20240301", "2024-02-30", "yes"),
        ("b", "04/01/2024", "NA", "2024-12-31", "03/04/2024", "20241231", "2024-02-28", "no"),
    ]
    names = ["id", "american", "german", "short", "either", "plain", "impossible", "left"]
    table = source(csv(tmp_path, rows, names)).read()
    assert sorted(table.dates) == ["american", "either", "german", "short"]
    assert table.dates["german"].dt.strftime("%Y-%m-%d").tolist()[0] == "2024-03-14"
    assert {name: one.type for name, one in table.features.items()} == {"plain": "long", "impossible": "string"}
    (doubt,) = (note for note in table.notes if "either" in note)
    assert "may be %m/%d/%Y or %d/%m/%Y: name the right one as ledger.timestamp_format" in doubt
    named = source(csv(tmp_path, rows, names), timestamp_format="%Y%m%d").read()
    assert named.dates["plain"].dt.strftime("%Y-%m-%d").tolist() == ["2024-03-01", "2024-12-31"]


def test_snapshots_in_other_patterns_are_read_and_doubtful_ones_refused(tmp_path):
    rows = [("a", "31/01/2024", "1", "yes"), ("b", "02/03/2024", "2", "no")]
    table = source(csv(tmp_path, rows, ["id", "day", "x", "left"]), snapshot="day").read()
    assert table.day.dt.strftime("%Y-%m-%d").tolist() == ["2024-01-31", "2024-03-02"]
    path = csv(tmp_path, rows[1:], ["id", "day", "x", "left"])
    with pytest.raises(ContractError, match=r"ledger\.snapshot=day may be %m/%d/%Y or %d/%m/%Y"):
        source(path, snapshot="day", left="yes", stayed="no").read_unlabelled({"x": "double"})
    told = source(path, snapshot="day", timestamp_format="%d/%m/%Y").read_unlabelled({"x": "double"})
    assert told.day.dt.strftime("%Y-%m-%d").tolist() == ["2024-03-02"]


def test_snapshots_are_days_and_rows_without_one_are_set_aside(tmp_path):
    rows = [("a", "2024-01-31", "1", "yes"), ("a", "2024-02-29 10:00:00", "2", "no"), ("b", "soon", "3", "no")]
    table = source(csv(tmp_path, rows, ["id", "day", "x", "left"]), snapshot="day").read()
    assert table.day.dt.strftime("%Y-%m-%d").tolist() == ["2024-01-31", "2024-02-29"]
    assert table.set_aside["reasons"].tolist() == ["snapshot unreadable"]


def test_several_files_are_named_by_a_folder_or_a_glob():
    with pytest.raises(ConfigError, match=r"ledger\.path must be one file, one folder or one glob"):
        source(["a.csv", "b.csv"])
