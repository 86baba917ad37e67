"""The truth says of each customer what the tables then show, and which cause drove those away who left."""

import numpy as np
import pandas as pd
import pytest

from patronage.ledger.worlds.truth import hazard_terms, truth_schema


def test_truth_has_the_columns_of_its_schema(frames, retailer, subscription):
    for name, world in (("retailer", retailer), ("subscription", subscription)):
        schema, truth = truth_schema(world), frames(name)["truth"]
        assert tuple(truth.columns) == schema.names
        for column in schema.columns:
            assert truth[column.name].notna().all() or column.nullable, column.name


def test_past_and_future_profit_are_those_of_the_tables(frames):
    tables = frames("retailer")
    truth = tables["truth"].set_index("customer_id")

    def profit(prefix):
        lines, contacts = tables[f"{prefix}transactions"], tables[f"{prefix}contacts"]
        total = (lines.amount - lines.cost_of_goods).groupby(lines.customer_id).sum()
        total = total.sub(contacts.cost.groupby(contacts.customer_id).sum(), fill_value=0)
        if not prefix:
            campaigns = tables["campaigns"]
            total = total.sub(campaigns.cost.groupby(campaigns.customer_id).sum(), fill_value=0)
        return total.reindex(truth.index).fillna(0)

    np.testing.assert_allclose(truth.past_profit, profit(""), atol=1e-6)
    np.testing.assert_allclose(truth.future_profit, profit("future/"), atol=1e-6)
    orders = tables["future/transactions"].query("quantity > 0").groupby("customer_id").order_id.nunique()
    np.testing.assert_array_equal(truth.future_orders, orders.reindex(truth.index).fillna(0))


def test_customers_with_a_high_margin_per_order_earn_more(frames):
    tables = frames("retailer")
    lines, truth = tables["transactions"], tables["truth"].set_index("customer_id")
    margin = (lines.amount - lines.cost_of_goods).groupby(lines.customer_id).sum()
    orders = lines[lines.quantity > 0].groupby("customer_id").order_id.nunique()
    frequent = orders[orders >= 10].index
    realised = (margin / orders)[frequent]
    expected = truth.margin_per_order[frequent]
    gap = realised - expected
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(len(gap))
    assert realised.corr(expected, method="spearman") > 0.8


def test_tables_end_with_the_observed_time(frames, retailer):
    tables = frames("retailer")
    end = pd.Timestamp(retailer.observed_until) + pd.Timedelta(days=1)
    for name in ("transactions", "contacts", "campaigns"):
        assert tables[name].timestamp.max() < end
        assert tables[name].timestamp.min() >= pd.Timestamp(retailer.start)
    assert tables["contacts"].closed_at.max() < end
    last = end + pd.Timedelta(days=retailer.future_days)
    for name in ("future/transactions", "future/contacts"):
        assert end <= tables[name].timestamp.min()
        assert tables[name].timestamp.max() < last
    truth = tables["truth"]
    assert ((truth.left_at < end) == (truth.alive == 0)).all()


@pytest.mark.parametrize(("name", "what"), [("retailer", "hazard"), ("subscription", "log odds")])
def test_drivers_are_the_largest_named_causes(name, what, frames, retailer, subscription):
    truth = frames(name)["truth"]
    terms = hazard_terms({"retailer": retailer, "subscription": subscription}[name])
    causes = [term for term in terms if term != "nature"]
    expected = {
        "retailer": {"age", "newsletter", "acquisition_channel", "satisfaction", "complaint", "campaign"},
        "subscription": {
            "age", "household", "paperless", "acquisition_channel", "plan", "tenure", "satisfaction", "complaint",
            "campaign",
        },
    }  # fmt: skip
    assert set(causes) == expected[name]
    named = truth[[f"hazard_{cause}" for cause in causes]]
    largest = named.idxmax(axis=1).str.removeprefix("hazard_").where(named.max(axis=1) > 1e-9, "none")
    assert (truth.driver.astype(str) == largest).all()
    positive = truth[[f"hazard_{term}" for term in terms]].clip(lower=0).sum(axis=1)
    share = (named.max(axis=1).clip(lower=0) / positive).where(positive > 0, 0)
    np.testing.assert_allclose(truth.driver_share, share, atol=1e-8)
    assert truth.driver.nunique() >= 5


def test_causes_are_relative_to_the_average_customer(frames):
    truth = frames("subscription")["truth"]
    customers = frames("subscription")["customers"]
    by_plan = truth.hazard_plan.groupby(customers["plan"].astype(str)).first()
    mean = 0.45 * 0.4 + 0.2 * -0.5
    assert by_plan.to_dict() == pytest.approx({"basic": 0.4 - mean, "standard": -mean, "premium": -0.5 - mean})
    np.testing.assert_allclose(truth.hazard_age, -0.25 * (customers.age - 46) / 14)
    there = truth.alive == 1
    np.testing.assert_allclose(truth.hazard_satisfaction[there], 0.7 * (3 - truth.score[there]), atol=1e-9)
    np.testing.assert_allclose(truth.hazard_complaint[there], 1.5 * truth.matter_open[there], atol=1e-9)


def test_leavers_had_more_reasons_than_those_who_stayed(frames):
    truth = frames("subscription")["truth"]
    left = truth.alive == 0
    for term in ("satisfaction", "complaint", "plan", "acquisition_channel", "age"):
        assert truth.loc[left, f"hazard_{term}"].mean() > truth.loc[~left, f"hazard_{term}"].mean()
