"""Which features a ledger offers, and what is said of the others."""

from datetime import date, datetime

import ibis
import pytest

from feature_ledgers import DATES, Engine, dense_ledger
from patronage.errors import ConfigError, ContractError, DateError
from patronage.features.build import customer_features, feature_schema
from patronage.features.customers import BESIDE
from patronage.features.groups import GROUPS, available
from patronage.features.labels import LABELS
from patronage.features.point_in_time import Known
from patronage.ledger.tables import LedgerTables
from patronage.schema import FEATURES

TRANSACTION_GROUPS = {"purchases", "purchase_windows", "gaps", "trend", "refunds"}
AS_OF = date(2024, 7, 1)


@pytest.fixture(scope="module")
def tables() -> LedgerTables:
    engine = Engine(more_days=False)
    engine.load(dense_ledger(seed=3, n_customers=20))
    return engine.tables


@pytest.fixture(scope="module")
def whole(tables):
    """All features as of one date."""
    return customer_features(tables, AS_OF).order_by("customer_id").execute()


@pytest.fixture(scope="module")
def transactions(tables):
    return tables.transactions.select("customer_id", "timestamp", "amount")


def names_of(found):
    return [feature.name for features in found.features.values() for feature in features]


def test_three_columns_are_enough_for_some_groups_and_the_others_are_told(transactions):
    found = available(LedgerTables(transactions))
    assert {group.name for group in found.features} == TRANSACTION_GROUPS
    assert found.left_out.keys() == GROUPS.keys() - TRANSACTION_GROUPS
    assert found.left_out["margin"] == "transactions.margin or transactions.cost_of_goods"
    assert found.left_out["campaigns"] == "campaigns"
    assert "left out: margin (no transactions.margin or transactions.cost_of_goods)" in str(found)
    table = customer_features(LedgerTables(transactions), AS_OF)
    assert list(table.columns) == ["customer_id", "as_of", *names_of(found)]


def test_every_feature_of_a_whole_ledger_is_there(tables):
    found = available(tables)
    assert not found.left_out
    assert [group.name for group in found.features] == list(GROUPS)
    names = names_of(found)
    assert len(names) == len(set(names))
    assert set(FEATURES.names) <= set(names)


def test_single_columns_without_what_they_need_are_left_out_and_told(tables, whole):
    lacking = LedgerTables(
        tables.transactions,
        tables.customers.drop("acquired_at", "contract_end"),
        tables.contacts.drop("closed_at"),
        tables.campaigns.drop("cost", "responded_at"),
    )
    found = available(lacking)
    assert found.left_out == {
        "complaints_open": "contacts.closed_at",
        "open_complaint_days": "contacts.closed_at",
        "complaint_days_to_close": "contacts.closed_at",
        "campaign_cost_total": "campaigns.cost",
        "campaign_cost_365d": "campaigns.cost",
        "days_since_acquisition": "customers.acquired_at",
        "contract_ended": "customers.contract_end",
        "days_since_contract_end": "customers.contract_end",
    }
    rest = customer_features(lacking, AS_OF).order_by("customer_id").execute()
    assert set(whole.columns) - set(rest.columns) == found.left_out.keys()
    for name in ("complaints_total", "campaigns_total", "spend_total", "price"):
        assert rest[name].equals(whole[name]), name


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_alone_has_the_same_values_as_among_all(name, tables, whole):
    alone = customer_features(tables, AS_OF, [name]).order_by("customer_id").execute()
    assert list(alone.columns[:2]) == ["customer_id", "as_of"]
    assert len(alone.columns) > 2
    assert alone.equals(whole[list(alone.columns)])


def test_order_and_repetition_of_groups_and_dates_do_not_matter(tables):
    asked = customer_features(tables, [DATES[4], DATES[1], DATES[4]], ["gaps", "purchases", "gaps"])
    plain = customer_features(tables, [DATES[1], DATES[4]], ["purchases", "gaps"])
    assert asked.columns == plain.columns
    assert asked.order_by("customer_id", "as_of").execute().equals(plain.order_by("customer_id", "as_of").execute())


@pytest.mark.parametrize("as_of", [AS_OF, DATES[1:4]])
def test_columns_and_missing_values_keep_to_the_schema(as_of, tables):
    table = customer_features(tables, as_of)
    schema = feature_schema(tables)
    assert tuple(table.columns) == schema.names
    kinds = {"double": "float64"}
    frame = table.to_pyarrow()
    for column in schema.columns:
        assert str(table.schema()[column.name]) == kinds.get(column.type, column.type), column.name
        assert column.nullable or not frame[column.name].null_count, column.name
        assert column.meaning.endswith("."), column.name


def test_attributes_are_text_or_numbers_and_dates_are_none(tables):
    found = {feature.name: feature.type for feature in available(tables, ["attributes"]).features[GROUPS["attributes"]]}
    assert found == {"region": "string", "children": "double", "is_vip": "double"}


@pytest.mark.parametrize("name", ["tenure_days", "Spend_30D", "PLAN", "T", "Churned"])
def test_an_attribute_may_not_be_called_like_a_feature(name, tables):
    clashing = LedgerTables(
        tables.transactions, tables.customers.drop("plan").mutate(**{name: tables.customers.region})
    )
    with pytest.raises(ContractError, match=f"1 attributes .* called like features: {name}"):
        available(clashing)
    assert available(clashing, ["purchases"]).features


def test_no_attribute_may_be_called_like_a_label():
    assert set(LABELS.names) <= {*BESIDE, "as_of"}


def test_a_group_that_there_is_not_is_refused_by_name(tables):
    with pytest.raises(
        ConfigError, match=r"no group of features called 'purchase_window'.*There are: purchases, purch"
    ):
        available(tables, ["purchases", "purchase_window"])


def test_no_date_is_refused(tables):
    with pytest.raises(DateError, match="no as-of date"):
        customer_features(tables, [])


def test_a_moment_stands_for_its_day(tables):
    assert Known.on(tables, datetime(2024, 2, 29, 23, 59)).dates == (date(2024, 2, 29),)


def test_no_customers_before_the_first_purchase(tables):
    assert customer_features(tables, date(2020, 1, 1)).count().execute() == 0


def test_without_any_group_there_are_the_customers_and_the_date(transactions):
    table = customer_features(LedgerTables(transactions), AS_OF, ["contacts"])
    assert table.columns == ("customer_id", "as_of")
    assert table.customer_id.nunique().execute() == table.count().execute() > 0


def test_the_query_can_be_had_for_tables_that_are_not_there_yet():
    table = ibis.table({"customer_id": "string", "timestamp": "timestamp", "amount": "float64"}, name="sales")
    query = ibis.to_sql(customer_features(LedgerTables(table), AS_OF), dialect="bigquery")
    assert "spend_total" in query
