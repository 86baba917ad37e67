from datetime import date

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.features.behaviour import behaviour_features
from patronage.features.model_input import model_input
from patronage.schema import MODEL_INPUT
from patronage.summary.customer_summary import summarise


@settings(max_examples=20, deadline=None)
@given(data=st.data(), as_of=st.dates(date(2023, 9, 1), date(2024, 11, 1)))
def test_is_summary_and_features_side_by_side(data, as_of, random_ledgers, as_transactions):
    transactions = as_transactions(data.draw(random_ledgers))
    summary = summarise(transactions, as_of, "week")
    joined = model_input(transactions, summary.table, as_of)
    assert tuple(joined.columns) == ("customer_id", *MODEL_INPUT.names)
    assert {str(joined.schema()[name]) for name in MODEL_INPUT.names} == {"float64"}
    expected = summary.to_pandas().join(behaviour_features(transactions, as_of).execute().set_index("customer_id"))
    found = joined.order_by("customer_id").execute().set_index("customer_id")
    pd.testing.assert_frame_equal(found, expected[list(MODEL_INPUT.names)], check_dtype=False)


def test_cdnow_has_one_row_for_every_customer(cdnow):
    as_of = date(1997, 9, 30)
    frame = model_input(cdnow.transactions, summarise(cdnow.transactions, as_of).table, as_of).execute()
    assert len(frame) == frame["customer_id"].nunique() == 23_570
    missing = {column.name for column in MODEL_INPUT.columns if column.nullable}
    assert set(frame.columns[frame.isna().any()]) <= missing
