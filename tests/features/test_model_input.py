"""What a model is given: the summary, exactly, and the features beside it."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.errors import ContractError
from patronage.features.build import customer_features
from patronage.features.model_input import input_schema, model_input
from patronage.ledger.tables import LedgerTables
from patronage.schema import FEATURES, MODEL_INPUT, Column, TableSchema
from patronage.summary.customer_summary import summarise

SUMMARY_NAMES = ["frequency", "recency", "T", "monetary_value"]


@settings(max_examples=15, deadline=None)
@given(data=st.data(), as_of=st.dates(date(2023, 9, 1), date(2024, 11, 1)), unit=st.sampled_from(["day", "week"]))
def test_is_summary_and_features_side_by_side(data, as_of, unit, random_ledgers, as_transactions):
    tables = LedgerTables(as_transactions(data.draw(random_ledgers)))
    inputs = input_schema(tables)
    frame = model_input(tables, as_of, unit, inputs).order_by("customer_id").execute().set_index("customer_id")
    summary = summarise(tables.transactions, as_of, unit).to_pandas()
    pd.testing.assert_frame_equal(frame[SUMMARY_NAMES], summary[SUMMARY_NAMES], check_dtype=False, check_exact=True)
    features = customer_features(tables, as_of).order_by("customer_id").execute().set_index("customer_id")
    pd.testing.assert_frame_equal(frame[features.columns.drop("as_of")], features.drop(columns="as_of"))


def test_a_panel_holds_the_rows_of_each_date(cdnow):
    dates = [date(1997, 9, 30), date(1998, 3, 31)]
    panel = model_input(cdnow.tables, dates, "week", MODEL_INPUT).execute()
    for day in dates:
        alone = model_input(cdnow.tables, day, "week", MODEL_INPUT).order_by("customer_id").execute()
        of_panel = panel[panel["as_of"] == pd.Timestamp(day)].sort_values("customer_id", ignore_index=True)
        pd.testing.assert_frame_equal(of_panel, alone, check_dtype=False, check_exact=True)


def test_only_what_is_asked_for_is_there(cdnow):
    inputs = TableSchema("model_input", tuple(c for c in MODEL_INPUT.columns if c.name in ("T", "spend_30d")))
    assert model_input(cdnow.tables, date(1997, 9, 30), "day", inputs).columns == (
        "customer_id",
        "as_of",
        "T",
        "spend_30d",
    )


def test_cdnow_has_one_row_for_every_customer(cdnow):
    frame = model_input(cdnow.tables, date(1997, 9, 30), "week", MODEL_INPUT).execute()
    assert len(frame) == frame["customer_id"].nunique() == 23_570
    missing = {column.name for column in MODEL_INPUT.columns if column.nullable}
    assert set(frame.columns[frame.isna().any()]) <= missing


def test_the_standard_features_are_those_of_the_catalogue(cdnow):
    offered = {column.name: column for column in input_schema(cdnow.tables).columns}
    for column in FEATURES.columns:
        found = offered[column.name]
        assert (found.type, found.unit, found.nullable) == (column.type, column.unit, column.nullable)


def test_what_the_ledger_cannot_give_is_named_with_the_reason(cdnow):
    asked = (*MODEL_INPUT.columns, Column("satisfaction_last", "double", "", True, ""))
    asked += (Column("loyalty_card", "string", "", True, ""),)
    told = r"reads 2 columns .* satisfaction_last \(no contacts.*\), loyalty_card \(no "
    with pytest.raises(ContractError, match=told):
        model_input(cdnow.tables, date(1997, 9, 30), "week", TableSchema("model_input", asked))
