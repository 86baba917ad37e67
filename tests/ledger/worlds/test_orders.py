"""Lines, discounts, costs and refunds: shares as in the settings, and every refund belongs to a line."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.ledger.worlds.catalogue import products_of
from patronage.ledger.worlds.orders import returned_within
from patronage.ledger.worlds.parts import Refunds


def test_orders_have_lines_and_values_of_their_model(blocks, z_score):
    scene, block = blocks("retailer")
    lines, spend = block.lines, scene.world.spend
    counts = np.bincount(lines.order)
    assert counts.min() == 1
    assert abs(z_score(counts - 2.2)) < 3
    gross = np.bincount(lines.order, (lines.amount + lines.discount) / 100)
    ratio = gross / block.customers.order_value[block.order_owner]
    assert abs(z_score(ratio - 1)) < 3
    assert ratio.var() == pytest.approx(1 / spend.p, rel=0.05)


def test_discounts_have_their_share_and_depth(blocks):
    _, block = blocks("retailer")
    lines, share = block.lines, block.customers.discount_share
    off = np.bincount(lines.order, lines.discount) > 0
    expected = share[block.order_owner]
    # Orders too small to be worth a cent of discount are allowed for.
    assert abs(off.mean() - expected.mean()) < 3 * np.sqrt((expected * (1 - expected)).sum()) / len(off) + 1e-3
    assert share.mean() == pytest.approx(0.25, abs=3 * share.std() / np.sqrt(len(share)))
    assert share.var() == pytest.approx(0.25 * 0.75 / 2.5, rel=0.05)
    large = (lines.discount > 0) & (lines.amount > 2000)
    depth = (lines.discount / (lines.amount + lines.discount))[large]
    assert set(np.round(depth, 2)) == {0.1, 0.15, 0.2, 0.3}


def test_costs_are_those_of_products_and_customers(blocks):
    scene, block = blocks("retailer")
    lines = block.lines
    gross = lines.amount + lines.discount
    expected = gross * (1 - scene.products.margin_rate[lines.product]) * block.customers.cost_factor[lines.owner]
    np.testing.assert_allclose(lines.cost, expected, atol=0.5 + 1e-6)
    factor = block.customers.cost_factor
    assert factor.mean() == pytest.approx(1, abs=3 * 0.08 / np.sqrt(len(factor)))
    assert (scene.products.margin_rate < 0).any()
    assert lines.amount.min() >= 0


def test_refunds_have_their_share_and_delay(blocks):
    scene, block = blocks("retailer")
    lines, back, share = block.lines, block.refunds, block.customers.refund_share
    expected = share[lines.owner]
    assert abs(len(back) - expected.sum()) < 3 * np.sqrt((expected * (1 - expected)).sum())
    assert share.mean() == pytest.approx(0.1, abs=3 * share.std() / np.sqrt(len(share)))
    delay = back.time - lines.time[back.line]
    refunds = scene.world.refunds
    assert stats.kstest(delay, lambda days: returned_within(refunds, days)).pvalue > 0.001
    assert delay.max() <= 60
    assert (back.amount == -lines.amount[back.line]).all()
    np.testing.assert_allclose(back.cost, -0.6 * lines.cost[back.line], atol=0.5 + 1e-6)
    assert len(np.unique(back.line)) == len(back)


def test_returns_come_as_a_cut_exponential():
    refunds = Refunds(share=0.1, concentration=1, mean_delay_days=10, latest_days=60, restocked=0.5)
    at = returned_within(refunds, np.array([-1.0, 0.0, 10.0, 60.0, 90.0]))
    np.testing.assert_allclose(at, [0, 0, (1 - np.exp(-1)) / (1 - np.exp(-6)), 1, 1])


def test_every_refund_in_the_tables_belongs_to_an_order(frames):
    tables = frames("retailer")
    rows = pd.concat([tables["transactions"], tables["future/transactions"]])
    rows["product"] = rows["product"].astype(str)
    bought, back = rows[rows.quantity > 0], rows[rows.quantity < 0]
    assert len(back) > 1000
    pairs = back.merge(bought, on=["customer_id", "order_id", "product"], suffixes=("_back", ""))
    pairs = pairs[(pairs.amount == -pairs.amount_back) & (pairs.quantity == -pairs.quantity_back)]
    pairs = pairs.drop_duplicates(["order_id", "product", "amount", "timestamp_back"])
    assert len(pairs) == len(back.drop_duplicates(["order_id", "product", "amount", "timestamp"]))
    # Both times are cut to whole seconds.
    assert (pairs.timestamp_back >= pairs.timestamp).all()
    assert (pairs.timestamp_back - pairs.timestamp <= pd.Timedelta(days=60, seconds=1)).all()
    assert (back.amount <= 0).all()
    assert (back.discount == 0).all()


def test_orders_are_of_one_customer_moment_and_channel(frames):
    rows = frames("retailer")["transactions"]
    rows = rows[rows.quantity > 0].assign(sales_channel=lambda r: r.sales_channel.astype(str))
    by_order = rows.groupby("order_id")[["customer_id", "timestamp", "sales_channel"]].nunique()
    assert (by_order == 1).all(axis=None)
    assert np.allclose(rows.amount * 100, np.rint(rows.amount * 100))


def test_sales_channels_and_categories_are_preferred(blocks):
    scene, block = blocks("retailer")
    customers, lines = block.customers, block.lines
    weights = np.array([0.5, 0.25, 0.2, 0.05])
    first = np.unique(lines.order, return_index=True)[1]
    way = lines.sales_channel[first]
    favourite = customers.favourite_sales_channel[block.order_owner]
    expected = 0.8 + 0.2 * weights[favourite]
    assert (way == favourite).mean() == pytest.approx(expected.mean(), abs=0.01)
    category = scene.products.category[lines.product]
    liked = customers.favourite_category[lines.owner]
    expected = 0.5 + 0.5 * scene.products.shares[liked]
    assert (category == liked).mean() == pytest.approx(expected.mean(), abs=0.01)


def test_products_are_bought_by_popularity(retailer):
    products = products_of(retailer.catalogue, 3)
    rng = np.random.default_rng(1)
    chosen = products.choose(np.full(200_000, 2), rng)
    assert set(products.category[chosen]) == {2}
    counts = np.bincount(chosen - 120, minlength=60)
    expected = np.arange(1, 61) ** -0.8
    assert stats.chisquare(counts, expected / expected.sum() * 200_000).pvalue > 0.001
    assert products_of(retailer.catalogue, 3).price.tolist() == products.price.tolist()
    assert products_of(retailer.catalogue, 4).price.tolist() != products.price.tolist()
    dear = replace(retailer.catalogue, popularity=0.0)
    assert np.ptp(products_of(dear, 3).popularity) == 0
