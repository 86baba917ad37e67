"""Columns that are renamed, multiplied, scaled, turned and decoded; and settings of a mapping that do not fit."""

from datetime import date

import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ConfigError, ContractError

IDS = {"customer_id": "id", "timestamp": "day"}


@pytest.fixture
def opened_as(connection, tmp_path):
    """Open one line of CSV under a mapping, and give the line as the ledger has it, or why it was set aside."""

    def open_line(header, *lines, columns, **kwargs):
        (tmp_path / "x.csv").write_text("\n".join([header, *lines, ""]))
        source = FilesSource(str(tmp_path / "x.csv"), IDS | columns, **kwargs)
        ledger = open_ledger(source, connection, max_set_aside_share=1.0)
        return ledger.transactions.order_by("customer_id").to_pyarrow().to_pylist()

    return open_line


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("price", 2.5),
        ({"column": "price"}, 2.5),
        ({"column": "price", "negate": True}, -2.5),
        ({"column": "price", "scale": 100}, 250.0),
        ({"column": "price", "scale": 0.5, "negate": True}, -1.25),
        ({"product_of": ["price", "pieces"]}, -7.5),
        ({"product_of": ["price", "pieces", "price"], "scale": 2}, -37.5),
        ({"constant": 9}, 9.0),
        ({"column": "price", "values": {"2.5": 1}}, 1.0),
        ({"column": "price", "values": {2.5: "4"}, "negate": True}, -4.0),
    ],
)
def test_a_rule_gives_the_number(opened_as, rule, expected):
    (row,) = opened_as("id,day,price,pieces", "a,2024-02-29,2.5,-3", columns={"amount": rule})
    assert row == {"customer_id": "a", "timestamp": row["timestamp"], "day": date(2024, 2, 29), "amount": expected}


def test_codes_become_values_and_missing(opened_as):
    rule = {"column": "shop", "values": {"1": "web", 2: "store", "-": None}}
    lines = [f"{number},2024-02-29,1,{code}" for number, code in enumerate(("1", " 2 ", "-", "", "other"))]
    rows = opened_as("id,day,amount,shop", *lines, columns={"amount": "amount", "sales_channel": rule})
    assert [row["sales_channel"] for row in rows] == ["web", "store", None, None, "other"]


def test_a_constant_fills_a_column(opened_as):
    columns = {"amount": "amount", "currency": {"constant": "EUR"}}
    rows = opened_as("id,day,amount", "a,2024-02-29,1", columns=columns)
    assert [row["currency"] for row in rows] == ["EUR"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("refund", (-5.0, -2.0)), (" REFUND ", (5.0, 2.0)), ("sale", (5.0, 2.0)), ("", (5.0, 2.0))]
)
def test_refunds_written_as_positive_numbers_are_turned(opened_as, kind, expected):
    (row,) = opened_as(
        "id,day,amount,n,type", f"a,2024-02-29,5,2,{kind}", columns={"amount": "amount", "quantity": "n"},
        negative_where={"column": "type", "values": ["refund", "void"]},
    )  # fmt: skip
    assert (row["amount"], row["quantity"]) == expected


def test_only_the_columns_named_are_turned_and_a_negative_stays_negative(opened_as):
    (row,) = opened_as(
        "id,day,amount,n,type", "a,2024-02-29,-5,2,3", columns={"amount": "amount", "quantity": "n"},
        negative_where={"column": "type", "values": [3], "of": ["amount"]},
    )  # fmt: skip
    assert (row["amount"], row["quantity"]) == (-5.0, 2.0)


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "expected"),
    [
        ("1,50", ",", None, 1.5),
        ("-1.234.567,5", ",", ".", -1234567.5),
        ("1.234", ",", ".", 1234.0),
        ("1234,5", ",", ".", 1234.5),
        ("1 234,5", ",", " ", 1234.5),
        ("1'234.5", ".", "'", 1234.5),
        ("1,234.5", ".", ",", 1234.5),
        ("1,5e3", ",", None, 1500.0),
        (",5", ",", None, 0.5),
        ("1.5", ",", None, None),  # 15 or 1.5: not to be guessed
        ("1.5", ",", ".", None),
        ("12.34.567", ",", ".", None),
        ("1.2345", ",", ".", None),
        ("1,5,0", ",", None, None),
        ("1,234,5", ".", ",", None),
        ("1,50", ".", None, None),
    ],
)
def test_marks_of_decimals_and_thousands(opened_as, text, decimal, thousands, expected):
    lines = ["a,2024-02-29,0", f'b,2024-02-29,"{text}"']
    rows = opened_as("id,day,amount", *lines, columns={"amount": "amount"}, decimal=decimal, thousands=thousands)
    assert [row["amount"] for row in rows] == [0.0, *([] if expected is None else [expected])]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (3, r"ledger\.columns\.amount must be the name of a column or a rule"),
        ([], r"ledger\.columns\.amount must be the name of a column or a rule"),
        ({}, "exactly one of column, product_of and constant .has none"),
        ({"column": "a", "constant": 1}, "has column, constant"),
        ({"column": "a", "formula": "a * b"}, "not known: formula"),
        ({"column": "a", "type": "number"}, "not known: type"),
        ({"column": ["a"]}, r"amount\.column must be the name of a column"),
        ({"product_of": "a * b"}, r"amount\.product_of must be a list of two columns or more"),
        ({"product_of": ["a"]}, r"amount\.product_of must be a list of two columns or more"),
        ({"product_of": ["a", 2]}, r"amount\.product_of must be a list of two columns or more"),
        ({"column": "a", "scale": 0}, r"amount\.scale must be a number other than 0, got 0"),
        ({"column": "a", "scale": "x"}, r"amount\.scale must be a number"),
        ({"column": "a", "scale": True}, r"amount\.scale must be a number"),
        ({"column": "a", "scale": float("nan")}, r"amount\.scale must be a number"),
        ({"column": "a", "negate": "yes"}, r"amount\.negate must be true or false"),
        ({"column": "a", "values": ["x"]}, r"amount\.values must map"),
        ({"column": "a", "values": {"x": {"y": 1}}}, r"amount\.values must map"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_by_name(rule, complaint):
    with pytest.raises(ConfigError, match=complaint):
        FilesSource("x.csv", IDS | {"amount": rule})


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"columns": {"customer_id": "c"}}, r"ledger\.columns must map .* not mapped: timestamp, amount"),
        ({"columns": IDS | {"amount": "a", "day": "d"}}, "not known: day"),
        ({"columns": IDS | {"amount": "a", "category": {"column": "c", "scale": 2}}}, "scale is for numbers only"),
        ({"columns": IDS | {"amount": "a", "product": {"product_of": ["c", "d"]}}}, "product_of is for numbers only"),
        ({"negative_where": {"column": "t"}}, "negative_where must have a column and a list of values"),
        ({"negative_where": {"column": "t", "values": "refund"}}, "negative_where must have a column and a list"),
        ({"negative_where": {"column": "t", "values": ["r"], "of": ["quantity"]}}, "quantity, which is not mapped"),
        ({"decimal": ";"}, r"ledger\.decimal must be a point or a comma"),
        ({"decimal": ",", "thousands": ","}, r"ledger\.thousands another mark"),
        ({"encoding": "klingon"}, r"ledger\.encoding must be the name of an encoding .* got 'klingon'"),
        ({"encoding": "rot13"}, r"ledger\.encoding must be"),
        ({"timestamp_zone": "Mars/Olympus"}, "time zone 'Mars/Olympus' is not known"),
        ({"contacts": {"path": "x.csv", "colums": {}}}, r"ledger\.contacts does not know colums"),
        ({"contacts": {"path": "x.csv", "columns": {"customer_id": "c"}}}, "not mapped: timestamp, channel, kind"),
        ({"contacts": {"path": "x.csv", "attributes": ["a"]}}, "only customers have attributes"),
        ({"customers": {"path": "x.csv", "attributes": ["Customer_ID"]}}, "may not be called Customer_ID"),
        ({"customers": {"path": "x.csv", "attributes": ["raw_0"]}}, "may not be called raw_0"),
        ({"customers": {"path": "x.csv", "attributes": ["size", "Size"]}}, "differ by case only"),
        ({"customers": {"path": "x.csv", "attributes": {"age": {"column": "a", "scale": 2}}}}, "set type to number"),
        ({"customers": {"path": "x.csv", "attributes": {"age": {"column": "a", "type": "date"}}}}, "text or number"),
        ({"customers": {"path": "x.csv", "file_format": "xlsx"}}, r"ledger\.customers\.file_format must be"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(settings, complaint):
    given = {"columns": IDS | {"amount": "a"}, **settings}
    with pytest.raises(ConfigError, match=complaint):
        FilesSource("x.csv", **given)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"amount": {"product_of": ["price", "pieces"]}}, r"the columns price \(for amount\), pieces \(for amount\)"),
        ({"amount": "id", "product": "sku"}, r"the column sku \(for product\)"),
    ],
)
def test_every_column_of_a_rule_must_be_there(opened_as, columns, named):
    with pytest.raises(ContractError, match=f"lacks {named}"):
        opened_as("id,day", "a,2024-02-29", columns=columns)


def test_files_that_use_our_names_need_no_mapping_and_may_lack_what_is_optional(connection, tmp_path):
    (tmp_path / "x.csv").write_text("customer_id,timestamp,amount,discount,colour\na,2024-02-29,1,0.5,red\n")
    ledger = open_ledger(FilesSource(str(tmp_path / "x.csv")), connection)
    assert ledger.transactions.columns == ("customer_id", "timestamp", "day", "amount", "discount")
