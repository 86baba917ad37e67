"""Channels equal SQL over the same facts, and savings a calculation by hand."""

from datetime import date

import duckdb
import pandas as pd
import pytest

import ledger_of_everything as everything
from engines_under_test import engine_under_test
from patronage.errors import ConfigError
from patronage.ledger.tables import LedgerTables
from patronage.schema import CONTACT_CHANNELS, SALES_CHANNELS
from patronage.value.activity_costs import activity_costs
from patronage.value.channels import contact_channels, sales_channels, saving_of_shift
from patronage.value.periods import Period, calendar_periods
from patronage.value.profit import customer_profit

PERIODS = calendar_periods(date(2023, 1, 1), date(2024, 12, 31), "year")
COSTS = {"orders": {"order": 2, "order_line": 0.25, "returned_line": 1, "delivery": {"cost": 3}}}


@pytest.fixture(scope="module")
def tables():
    return everything.on_engine(engine_under_test("duckdb"), everything.arrow_tables())


@pytest.fixture(scope="module")
def profit(tables):
    return customer_profit(tables, activity_costs(COSTS), PERIODS)


@pytest.fixture(scope="module")
def segments():
    ids = everything.customer_ids()[::2]
    return pd.DataFrame({"customer_id": ids, "segment": ["odd" if n % 2 else "even" for n in range(len(ids))]})


def test_contact_channels_equal_sql(profit, tables, segments):
    found = contact_channels(profit, segments)
    assert list(found.columns) == list(CONTACT_CHANNELS.names)
    contacts, groups = tables.contacts.to_pyarrow(), segments  # noqa: F841
    expected = duckdb.sql("""
        SELECT year(day)::VARCHAR AS period, segment, lower(channel) AS channel,
               count(DISTINCT customer_id) AS customers, count(*) AS contacts,
               sum(coalesce(duration_minutes, 0)) AS minutes,
               sum(coalesce(cost, 0)::DECIMAL(18, 6))::DOUBLE AS cost,
               count(*) FILTER (cost IS NULL) AS assumed_contacts
        FROM contacts LEFT JOIN groups USING (customer_id) GROUP BY ALL
    """).df()
    keys = ["period", "segment", "channel"]
    both = found.merge(expected, on=keys, suffixes=("", "_sql"), how="outer", indicator=True)
    assert (both["_merge"] == "both").all()
    for name in ("customers", "contacts", "minutes", "cost", "assumed_contacts"):
        assert both[name].tolist() == pytest.approx(both[f"{name}_sql"].tolist()), name
    shares = found.groupby(["period", "segment"], dropna=False)[["contact_share", "cost_share"]].sum()
    assert shares.to_numpy().ravel() == pytest.approx(1)


def test_sales_channels_equal_sql_and_lose_no_order_cost(profit, tables):
    found = sales_channels(profit)
    assert list(found.columns) == list(SALES_CHANNELS.names)
    lines = tables.transactions.to_pyarrow()  # noqa: F841
    expected = duckdb.sql("""
        SELECT year(day)::VARCHAR AS period, lower(sales_channel) AS channel,
               sum(amount::DECIMAL(18, 6))::DOUBLE AS revenue, count(DISTINCT customer_id) AS customers,
               sum(coalesce(cost_of_goods::DECIMAL(18, 6), (amount * 0.7)::DECIMAL(18, 6)))::DOUBLE AS goods
        FROM lines GROUP BY ALL
    """).df()
    both = found.merge(expected, on=["period", "channel"], how="outer", suffixes=("", "_sql"))
    assert len(both) == len(expected)
    assert both["net_revenue"].tolist() == pytest.approx(both["revenue"].tolist())
    assert both["cost_of_goods"].tolist() == pytest.approx(both["goods"].tolist(), abs=1e-3)
    assert both["customers"].tolist() == both["customers_sql"].tolist()
    whole = profit.to_pandas()
    assert found["order_cost"].sum() == pytest.approx((whole["order_cost"] + whole["return_cost"]).sum())
    assert found["gross_margin"].sum() == pytest.approx(whole["gross_margin"].sum())
    assert (found["margin_after_orders"] - found["gross_margin"] + found["order_cost"]).abs().max() < 1e-6


def test_without_contacts_there_are_no_channels(tables):
    alone = customer_profit(LedgerTables(tables.transactions), activity_costs({}), PERIODS)
    assert contact_channels(alone).empty


CHANNELS = pd.DataFrame(
    {
        "period": ["1", "1", "1", "1"],
        "segment": ["a", "a", "b", "b"],
        "channel": ["call", "chat", "call", "chat"],
        "contacts": [100, 50, 10, 150],
        "cost": [1000.0, 100.0, 120.0, 100.0],
        "cost_per_contact": [10.0, 2.0, 12.0, 100 / 150],
    }
)


def test_the_saving_of_a_shift_by_hand():
    """A chat costs 200 / 200 = 1 on average. Of 20 moved calls at 10, half the cost falls away, a tenth come back."""
    found = saving_of_shift(CHANNELS, "call", "chat", 0.2, repeat_share=0.1, saved_share=0.5)
    assert found["contacts_moved"].tolist() == [20, 2]
    assert found["cost_cheap"].tolist() == [1, 1]
    assert found["saving"].tolist() == pytest.approx([20 * (0.5 * 0.9 * 10 - 1), 2 * (0.5 * 0.9 * 12 - 1)])
    said = " ".join(found.attrs["assumptions"])
    for part in (
        "20 % of the contacts by call move to chat",
        "10 % of those",
        "50 % of the cost",
        "churn is not in it",
    ):
        assert part in said


def test_a_shift_to_a_dearer_channel_costs():
    assert (saving_of_shift(CHANNELS, "chat", "call", 1.0)["saving"] < 0).all()


def test_shifts_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="share must lie between 0 and 1, got 2; there is no contact by 'fax'"):
        saving_of_shift(CHANNELS, "call", "fax", 2)


@pytest.mark.parametrize("name", [pytest.param("postgres"), pytest.param("spark", marks=pytest.mark.slow)])
def test_every_engine_gives_the_same(name, profit, segments):
    other = everything.on_engine(engine_under_test(name), everything.arrow_tables())
    found = customer_profit(other, profit.costs, [Period("all", date(2023, 1, 1), date(2024, 12, 31))])
    expected = customer_profit(profit.tables, profit.costs, found.periods)
    for of in (contact_channels, sales_channels):
        pd.testing.assert_frame_equal(of(found, segments), of(expected, segments), check_dtype=False)
