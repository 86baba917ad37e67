"""Future profit under contract: hand-worked schedules, draws against expectations, a simulated business."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from patronage.errors import InputError
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import world_tables
from patronage.models.contract.bdw import BetaDiscreteWeibull
from patronage.models.contract.sbg import ShiftedBetaGeometric
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams
from patronage.value.contact_rates import ContactRates, FittedRates
from patronage.value.contract_draws import ContractOutlook
from patronage.value.contract_profit import ContractProfitModel, contract_profit, fit_contract_profit
from patronage.value.margin_model import AmountModel, FittedAmounts
from patronage.value.profit_intervals import group_profit_interval, profit_interval
from patronage.value.profit_terms import ProfitTerms

MONTH = 30.4375


def amounts(mean, kappa, variance):
    return FittedAmounts(AmountModel(np.array([mean]), kappa, variance, 4.0), np.zeros((1, 1, 9)))


def known_model():
    return ContractProfitModel(
        contract=ShiftedBetaGeometric.from_params(ShiftedBetaGeometricParams(0.7, 1.2)),
        margins=amounts(10.0, 1.0, 4.0),
        contacts=FittedRates(ContactRates(0.5, np.array([0.3])), None),
        contact_costs=amounts(6.0, 2.0, 1.0),
    )


def three():
    return pd.DataFrame(
        {
            "tenure": [0, 5, 3], "churned": [False, False, True], "next_renewal_in": [1.0, 0.25, 0.0],
            "payments": [1, 6, 3], "margin_mean": [10.0, 14.0, 12.0], "margin_scatter": [0.0, 3.0, 1.0],
            "contacts": [0, 2, 4], "contact_cost_mean": [0.0, 5.0, 7.0], "contact_cost_scatter": [0.0, 0.5, 1.0],
        }
    )  # fmt: skip


def survival(n, k, alpha=0.7, beta=1.2):
    """Of those who made n renewals, the share that makes k more: a product of retention rates of Fader and Hardie."""
    return np.prod([(beta + n + j) / (alpha + beta + n + j) for j in range(k)])


def test_a_spreadsheet_of_three_contracts():
    """Half a year of 6 periods at 10 %: renewals at 1 ... 5 for the first, at 0.25 ... 5.25 for the second."""
    profit = contract_profit(known_model(), three(), ProfitTerms(6 * MONTH, 0.1, 0.5, 12.0))
    delta = np.log(1.1) / 12

    def span(begin, end):
        return (np.exp(-delta * begin) - np.exp(-delta * end)) / delta

    first = [survival(0, k) * np.exp(-delta * k) for k in range(1, 6)]
    second = [survival(5, k) * np.exp(-delta * (k - 0.75)) for k in range(1, 7)]
    assert profit["discounted_purchases"].tolist() == pytest.approx([sum(first), sum(second), 0.0])
    there = span(0, 1) + sum(survival(0, k) * span(k, k + 1) for k in range(1, 6))
    also = span(0, 0.25) + sum(survival(5, k) * span(k - 0.75, min(k + 0.25, 6)) for k in range(1, 7))
    assert profit["discounted_years_alive"].to_numpy() * 12 == pytest.approx([there, also, 0.0])
    # Margins (1 * 10 + 10) / 2 and (6 * 14 + 10) / 7 less 0.5; contacts 0.5 / (0.5 / 0.3 + 0) and 2.5 / (5/3 + 5.75).
    assert profit["margin_per_purchase"].tolist()[:2] == pytest.approx([9.5, 94 / 7 - 0.5])
    rate, cost = 2.5 / (0.5 / 0.3 + 5.75), (2 * 5 + 2 * 6) / 4
    assert profit["contacts_yearly"].iloc[1] == pytest.approx(12 * rate)
    by_hand = sum(second) * (94 / 7 - 0.5) - also * (rate * cost + 1.0)
    assert profit["future_profit"].tolist()[1:] == pytest.approx([by_hand, 0.0])
    assert profit["probability_alive"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("terms", [ProfitTerms(200, 0.1, 0.5, 12.0), ProfitTerms(365.25, 0.0), ProfitTerms(None, 0.15)])
def test_futures_have_the_expected_profit_as_their_mean(terms):
    model, copies = known_model(), 30_000
    many = three().loc[np.repeat([0, 1, 2], copies)].reset_index(drop=True)
    outlook = ContractOutlook.of(model, many, terms, parameter_uncertainty=False)
    (drawn,) = outlook.draw_parameters(1, np.random.default_rng(1))
    each = outlook.draw(drawn, np.random.default_rng(2)).reshape(3, -1)
    expected = contract_profit(model, three(), terms)["future_profit"].to_numpy()
    error = each.std(axis=1) / np.sqrt(copies)
    assert (np.abs(each.mean(axis=1) - expected) < 4.5 * error + 0.005 * np.abs(expected) + 1e-9).all()
    assert (each[2] == 0).all()


def subscription(customers, seed):
    """A simulated business with contracts, as a frame of contracts at the end of the observed time, and its truth."""
    world = replace(named_world("subscription"), whale=None, campaigns={})
    tables = {name: table.to_pandas() for name, table in world_tables(world, customers, seed).items()}
    known = tables["customers"].set_index("customer_id")
    begin, end = known["acquired_at"], pd.Timestamp(world.observed_until) + pd.Timedelta(days=1)
    until = pd.to_datetime(known["contract_end"]).fillna(end)
    periods = (until - begin).dt.total_seconds() / 86_400 / MONTH
    churned = known["contract_end"].notna()
    frame = pd.DataFrame({"churned": churned, "plan": known["plan"].astype(str)})
    frame["tenure"] = np.where(churned, np.maximum(np.rint(periods), 1), np.floor(periods))
    frame["next_renewal_in"] = np.where(churned, 0.0, np.clip(frame["tenure"] + 1 - periods, 0, 1))
    paid = tables["transactions"].assign(margin=lambda t: t["amount"] - t["cost_of_goods"])
    for names, rows, column in (
        (("payments", "margin_mean", "margin_scatter"), paid, "margin"),
        (("contacts", "contact_cost_mean", "contact_cost_scatter"), tables["contacts"], "cost"),
    ):
        groups = rows.groupby(rows["customer_id"].astype(str))[column]
        sums = pd.DataFrame({names[0]: groups.size(), names[1]: groups.mean(), names[2]: groups.var(ddof=0)})
        sums[names[2]] *= sums[names[0]]
        frame = frame.join(sums)
    truth = tables["truth"].set_index("customer_id").reindex(frame.index)
    return frame.fillna({name: 0.0 for name in frame.columns if name != "plan"}), truth, world


def fitted(customers, seed):
    """Those who are in touch often leave earlier there, which the contractual model learns as a covariate."""
    frame, truth, world = subscription(customers, seed)
    frame["in_touch"] = np.log1p(frame["contacts"] / (frame["tenure"] + 1))
    contract = BetaDiscreteWeibull(covariates=["plan", "in_touch"]).fit(frame)
    model = fit_contract_profit(contract, frame, segment_column="plan")
    return frame, truth, model, ProfitTerms(world.future_days, 0.0)


def test_totals_of_simulated_businesses_hold_what_came():
    inside = 0
    for seed in range(10, 20):
        frame, truth, model, terms = fitted(4_000, seed)
        total = group_profit_interval(model, frame, terms, size=200, rng=np.random.default_rng(1)).iloc[-1]
        inside += total["low"] <= truth["future_profit"].sum() <= total["high"]
    assert inside >= 7


def test_a_simulated_business_is_foretold():
    frame, truth, model, terms = fitted(4_000, 2)
    profit = contract_profit(model, frame, terms)
    assert profit["discounted_purchases"].sum() == pytest.approx(truth["expected_orders"].sum(), rel=0.04)
    assert profit["future_margin"].sum() == pytest.approx(truth["expected_margin"].sum(), rel=0.05)
    assert profit["future_service_cost"].sum() == pytest.approx(truth["expected_contact_cost"].sum(), rel=0.08)
    assert truth["expected_profit"].corr(profit["future_profit"], method="spearman") > 0.8
    table = group_profit_interval(model, frame, terms, frame["plan"], size=40, rng=np.random.default_rng(1))
    assert table.index.tolist() == ["basic", "premium", "standard", "all customers"]
    assert table["expected"].iloc[:-1].sum() == pytest.approx(table["expected"].iloc[-1])
    own = profit_interval(model, frame.iloc[::8], terms, size=100, rng=np.random.default_rng(1))
    came = truth["future_profit"].iloc[::8]
    assert 0.85 <= ((own["low"] <= came) & (came <= own["high"])).mean() <= 0.98


def test_what_is_no_contract_is_refused():
    with pytest.raises(InputError, match="next_renewal_in not 0 to 1"):
        contract_profit(known_model(), three().assign(next_renewal_in=1.5), ProfitTerms())
    with pytest.raises(InputError, match="lacks the columns next_renewal_in"):
        contract_profit(known_model(), three().drop(columns="next_renewal_in"), ProfitTerms())
