"""Future profit: a hand-worked customer, its intervals, and a simulated retailer whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, InputError
from patronage.models.purchase.kinds import MODELS
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.runtime.time_unit import TimeUnit
from patronage.schema.equity import CUSTOMER_EQUITY, FUTURE_PROFIT
from patronage.value.contact_rates import ContactRates, FittedRates
from patronage.value.equity import customer_equity
from patronage.value.lifetime import customer_lifetime_value
from patronage.value.lifetime_profit import ProfitModel, fit_profit, future_profit
from patronage.value.margin_model import AmountModel, FittedAmounts
from patronage.value.newcomers import Newcomers, newcomer_frame, newcomer_value
from patronage.value.profit_draws import ProfitOutlook
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_intervals import group_profit_interval, profit_futures, profit_interval
from patronage.value.profit_terms import ProfitTerms
from patronage.value.season import fit_season
from value_ledgers import retailer

YEAR = 365.25


def amounts(mean, kappa, variance, shape=4.0):
    return FittedAmounts(AmountModel(np.array([mean]), kappa, variance, shape), np.zeros((1, 1, 9)))


def known_model():
    """Parameters of the literature for purchases, round numbers for the rest."""
    return ProfitModel(
        purchase=ParetoNBD.from_params(ParetoParams(0.55, 10.6, 0.6, 11.7)),
        margins=amounts(20.0, 3.0, 100.0),
        contacts=FittedRates(ContactRates(0.5, np.array([0.1])), None),
        contact_costs=amounts(8.0, 2.0, 4.0),
        time_unit=TimeUnit.WEEK,
    )


def three():
    return pd.DataFrame(
        {
            "frequency": [0, 5, 2], "recency": [0.0, 30.0, 10.0], "T": [20.0, 40.0, 40.0],
            "monetary_value": [0.0, 50.0, 30.0], "purchase_days": [1, 6, 3], "margin_mean": [10.0, 30.0, -12.0],
            "margin_scatter": [0.0, 400.0, 50.0], "contacts": [0, 4, 1], "contact_cost_mean": [0.0, 10.0, 6.0],
            "contact_cost_scatter": [0.0, 12.0, 0.0],
        },
        index=pd.Index(["a", "b", "c"], name="customer_id"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def world():
    """A retailer of 3,000 customers without campaigns: facts by the clock of the season, models, truth."""
    settings, ledger, drawn = retailer(3_000, 3, campaigns={})
    facts = profit_facts(ledger, settings.observed_until)
    found = fit_season(ParetoNBD(), facts.frame, ledger.transactions, settings.observed_until, "week")
    truth = drawn["truth"].to_pandas().set_index("customer_id").reindex(facts.frame.index)
    return found, fit_profit(found.purchase, found.frame, "week"), truth, drawn


def test_a_spreadsheet_of_one_customer():
    """Customer b over 52 weeks at 10 %: each factor from its own formula."""
    terms = ProfitTerms(52 * 7, 0.1, cost_per_purchase=2.5, retention_cost_yearly=12.0)
    row = future_profit(known_model(), three(), terms).loc["b"]
    r, alpha, s, beta = 0.55, 10.6, 0.6, 11.7
    delta = np.log(1.1) * 7 / 365.25
    weeks = (np.arange(520_000) + 0.5) / 10_000
    alive_for = (np.exp(-delta * weeks) * (1 + weeks / (beta + 40)) ** -s).sum() / 10_000 * row["probability_alive"]
    margin = (6 * 30 + 3 * 20) / 9 - 2.5
    contacts, cost = (0.5 + 4) / (0.5 / 0.1 + 40), (4 * 10 + 2 * 8) / 6
    assert row["discounted_purchases"] == pytest.approx((r + 5) / (alpha + 40) * alive_for, rel=1e-6)
    assert row["margin_per_purchase"] == pytest.approx(margin)
    assert row["contacts_yearly"] == pytest.approx(contacts * 365.25 / 7)
    assert row["cost_per_contact"] == pytest.approx(cost)
    assert row["future_service_cost"] == pytest.approx(alive_for * contacts * cost, rel=1e-6)
    assert row["future_retention_cost"] == pytest.approx(alive_for * 12 * 7 / 365.25, rel=1e-6)
    by_hand = (r + 5) / (alpha + 40) * alive_for * margin - alive_for * (contacts * cost + 12 * 7 / 365.25)
    assert row["future_profit"] == pytest.approx(by_hand, rel=1e-6)


def test_who_buys_at_a_loss_has_a_negative_future():
    profit = future_profit(known_model(), three(), ProfitTerms(YEAR, 0.1))
    assert profit.loc["c", "margin_per_purchase"] == pytest.approx((3 * -12 + 3 * 20) / 6)
    assert profit.loc["c", "margin_per_purchase"] > 0 > future_profit(
        known_model(), three().assign(purchase_days=30), ProfitTerms(YEAR, 0.1)
    ).loc["c", "future_profit"]  # fmt: skip


def test_revenue_clv_stands_beside_profit():
    spend = GammaGamma.from_params(GammaGammaParams(6.25, 3.74, 15.4))
    model = known_model()
    beside = future_profit(model, three(), ProfitTerms(YEAR, 0.1), spend)["revenue_clv"]
    with_spend = future_profit(model, three(), ProfitTerms(YEAR, 0.1), spend)
    assert ("customer_id", *with_spend.columns) == FUTURE_PROFIT.names
    # By weeks discounted from their middles, as revenue CLV is elsewhere, it is the same to 4 digits.
    clv = customer_lifetime_value(model.purchase, spend, three(), YEAR, "week", 1.0, 0.1)
    assert beside.to_numpy() == pytest.approx(clv.to_numpy(), rel=1e-4)


def test_time_units_are_only_units():
    weeks = known_model()
    days = ProfitModel(
        ParetoNBD.from_params(ParetoParams(0.55, 74.2, 0.6, 81.9)), weeks.margins,
        FittedRates(ContactRates(0.5, np.array([0.1 / 7])), None), weeks.contact_costs, TimeUnit.DAY,
    )  # fmt: skip
    frames = three(), three().assign(recency=lambda f: f["recency"] * 7, T=lambda f: f["T"] * 7)
    terms = ProfitTerms(None, 0.12, 1.0, 3.0)
    one, other = (future_profit(model, frame, terms) for model, frame in zip((weeks, days), frames, strict=True))
    assert one.to_numpy() == pytest.approx(other.to_numpy(), rel=1e-9)


@pytest.mark.parametrize("horizon", [YEAR, None])
def test_futures_have_the_expected_profit_as_their_mean(horizon):
    model = known_model()
    terms = ProfitTerms(horizon, 0.1, 1.0, 5.0)
    many = three().loc[np.repeat(["a", "b", "c"], 4_000)]
    rng = np.random.default_rng(3)
    draws = np.stack(list(profit_futures(model, many, terms, 4, rng, parameter_uncertainty=False)))
    each = draws.reshape(4, 3, 4_000).transpose(1, 0, 2).reshape(3, -1)
    expected = future_profit(model, three(), terms)["future_profit"].to_numpy()
    error = each.std(axis=1) / np.sqrt(each.shape[1])
    # Costs are cut at 0, which lifts their mean by well under a per cent.
    assert (np.abs(each.mean(axis=1) - expected) < 4.5 * error + 0.01 * np.abs(expected)).all()
    # A newcomer buys at once: by hand one more margin than a customer without history.
    bare = three().iloc[:1] * 0
    later = future_profit(model, bare, terms)["future_profit"].iloc[0]
    outlook = ProfitOutlook.of(model, bare.loc[np.repeat("a", 20_000)], terms, False, 1.0)
    (drawn,) = outlook.draw_parameters(1, rng)
    won = outlook.draw(drawn, rng)
    assert won.mean() == pytest.approx(later + 19.0, abs=4.5 * won.std() / 141 + 0.2)


def test_the_retailer_is_foretold(world):
    """Truth of the simulated world: totals within sampling error, ranks better than revenue and than the past."""
    found, model, truth, _ = world
    profit = future_profit(model, found.frame, ProfitTerms(365, 0.0), GammaGamma().fit(found.frame))
    assert found.season.activity(np.arange(738_886, 738_886 + 365)).max() == pytest.approx(1.3, abs=0.06)
    for own, true in (("discounted_purchases", "orders"), ("future_margin", "margin"),
                      ("future_service_cost", "contact_cost")):  # fmt: skip
        assert profit[own].sum() == pytest.approx(truth[f"expected_{true}"].sum(), rel=0.1)
    ranks = {
        name: truth["expected_profit"].corr(values, method="spearman")
        for name, values in (("profit", profit["future_profit"]), ("revenue", profit["revenue_clv"]),
                             ("past", truth["past_profit"]))
    }  # fmt: skip
    assert ranks["profit"] > ranks["past"] + 0.03
    assert ranks["profit"] > ranks["revenue"] + 0.2


def test_groups_add_up_and_totals_hold_what_came(world):
    found, model, truth, _ = world
    channel = found.frame["acquisition_channel"]
    terms = ProfitTerms(365, 0.0)
    table = group_profit_interval(model, found.frame, terms, channel, size=200, rng=np.random.default_rng(1))
    parts, total = table.iloc[:-1], table.iloc[-1]
    assert parts.index.tolist() == sorted(channel.unique())
    assert parts["n_customers"].sum() == total["n_customers"] == 3_000
    assert parts["expected"].sum() == pytest.approx(total["expected"])
    # What customers have in common widens the total beyond the root of the sum of squares, and not to the sum.
    widths = (parts["high"] - parts["low"]).to_numpy()
    assert np.sqrt((widths**2).sum()) * 0.9 < total["high"] - total["low"] < widths.sum()
    assert total["low"] <= truth["future_profit"].sum() <= total["high"]
    came = truth["future_profit"].groupby(channel).sum()
    assert ((parts["low"] <= came) & (came <= parts["high"])).sum() >= 4


def test_customers_intervals_hold_what_came(world):
    found, model, truth, _ = world
    frame = found.frame.iloc[::3]
    own = profit_interval(model, frame, ProfitTerms(365, 0.0), size=200, rng=np.random.default_rng(2))
    came = truth["future_profit"].loc[frame.index]
    inside = (own["low"] <= came) & (came <= own["high"])
    assert 0.88 <= inside.mean() <= 0.97
    assert (came < 0).mean() == pytest.approx(own["loss_probability"].mean(), abs=0.04)


def test_the_whale_curve_of_futures_is_that_of_what_came(world):
    """In money over the margin, because the small total would make shares of it uncertain."""
    found, model, truth, _ = world
    expected = future_profit(model, found.frame, ProfitTerms(365, 0.0))

    def ends(profit):
        ordered = np.sort(profit)[::-1]
        return np.array([ordered[:600].sum(), ordered[-300:].sum()]) / expected["future_margin"].sum()

    futures = profit_futures(model, found.frame, ProfitTerms(365, 0.0), 40, np.random.default_rng(5))
    drawn = np.mean([ends(one) for one in futures], axis=0)
    came = ends(truth["future_profit"].to_numpy())
    assert drawn == pytest.approx(came, rel=0.12)
    # Expected values are more equal than what comes.
    assert (np.abs(ends(expected["future_profit"].to_numpy())) < np.abs(drawn)).all()


def test_equal_seeds_give_equal_intervals_and_equity_carries_its_basis(world):
    found, model, _, _ = world
    some, terms = found.frame.iloc[:200], ProfitTerms(365, 0.0)
    first, again = (profit_interval(model, some, terms, size=40, rng=np.random.default_rng(9)) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    outlook = ProfitOutlook.of(model, some, terms)
    expected = future_profit(model, some, terms)["future_profit"].to_numpy()
    table = customer_equity(outlook, expected, size=40, rng=np.random.default_rng(9), basis="revenue")
    assert tuple(table.columns) == CUSTOMER_EQUITY.names
    assert table["group"].tolist() == ["all customers"]
    assert table["equity"].iloc[0] == pytest.approx(expected.sum())
    assert table["basis"].iloc[0] == "revenue"


def test_a_newcomer_by_hand():
    """A first purchase at once, those expected of the history (0, 0, 0), and contacts while there; undiscounted."""
    model, r, alpha, s, beta, h = known_model(), 0.55, 10.6, 0.6, 11.7, 52.0
    weeks = beta / (1 - s) * ((1 + h / beta) ** (1 - s) - 1)
    by_hand = (1 + r / alpha * weeks) * 20 - weeks * 0.1 * 8
    newcomers = Newcomers(model, newcomer_frame(model))
    assert newcomers.expected(ProfitTerms(h * 7, 0.0)) == pytest.approx([by_hand])
    assert newcomers.frame.index.tolist() == ["all"]


@pytest.mark.parametrize("kind", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_newcomers_are_worth_what_newcomers_brought(world, kind):
    """Whatever the model says of the moment of leaving: customers of the retailer in their first year are the truth."""
    found, _, truth, drawn = world
    frame = found.frame
    first = pd.to_datetime(frame["first_day"])
    contacts, sold = drawn["contacts"].to_pandas(), drawn["transactions"].to_pandas()
    sold["margin"] = sold["amount"] - sold["cost_of_goods"]
    old = first[first < sold["timestamp"].max() - pd.Timedelta(days=367)]

    def first_year(table, money):
        age = (table["timestamp"].dt.normalize() - table["customer_id"].map(old)).dt.days
        return table.loc[age.between(0, 365), money].sum() / len(old)

    model = fit_profit(MODELS[kind]().fit(frame), frame, "week")
    rate = model.contacts.model.mean[0] * YEAR / 7
    assert rate == pytest.approx(truth["contact_rate"].mean(), rel=0.25)
    newcomers = Newcomers(model, newcomer_frame(model))
    cost, margin = first_year(contacts, "cost"), first_year(sold, "margin")
    served = newcomers.expected(ProfitTerms(365, 0.0))[0]
    assert served == pytest.approx(margin - cost, abs=0.15 * (margin + cost))


def leaving_at_purchases(customers, first_too, stages, rng):
    """Facts of customers who leave at purchases, and until then are in touch 0.1 times a week on average."""
    observed = rng.uniform(30, 100, customers)
    rate, chance = rng.gamma(1.2, 1 / 8, customers), rng.beta(0.8, 2.4, customers)
    rows = []
    for end, buys, leaves in zip(observed, rate, chance, strict=True):
        count, last, time = 0, 0.0, 0.0
        there = not (first_too and rng.random() < leaves)
        logs = 0.0
        while there and (time := time + (gap := rng.gamma(stages, 1 / stages / buys))) <= end:
            count, last, logs = count + 1, time, logs + np.log(gap)
            there = rng.random() >= leaves
        until = end if there else last
        contacts = rng.poisson(rng.gamma(0.5, 0.1 / 0.5) * until)
        touched = until * rng.random() ** (1 / contacts) if contacts else 0.0
        rows.append((count, last, end, logs, contacts, touched))
    names = ("frequency", "recency", "T", "log_intervals", "contacts", "last_contact")
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(
        monetary_value=10.0, purchase_days=frame["frequency"] + 1, margin_mean=5.0, margin_scatter=0.0,
        margin_lowest=5.0, contact_cost_mean=(frame["contacts"] > 0) * 2.0, contact_cost_scatter=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "stages"), [("bg_nbd", 1), ("mbg_nbd", 1), ("mbg_cnbd_k", 2)])
def test_contact_rates_of_customers_who_leave_at_purchases(kind, stages):
    """Who left on the first day was there for no time: their contacts must not become hundreds a year."""
    frame = leaving_at_purchases(1_500, kind.startswith("mbg"), stages, np.random.default_rng(2))
    model = fit_profit(MODELS[kind]().fit(frame), frame, "week")
    assert model.contacts.model.mean[0] == pytest.approx(0.1, rel=0.2)
    assert model.contacts.model.shape == pytest.approx(0.5, rel=0.25)


def test_contacts_of_the_first_day_alone_tell_no_rate():
    """As many again who call on the day of a single purchase, and are silent: the rate of the others hardly moves."""
    frame = leaving_at_purchases(800, True, 1, np.random.default_rng(4))
    calls = (frame["frequency"] == 0) & (frame["contacts"] == 0)
    called = frame.assign(contacts=frame["contacts"].where(~calls, 2.0), last_contact=frame["last_contact"])
    purchase = MODELS["mbg_nbd"]().fit(frame)
    assert calls.mean() > 0.2
    rate = fit_profit(purchase, called, "week").contacts.model.mean[0]
    assert rate < 2 * fit_profit(purchase, frame, "week").contacts.model.mean[0] + 0.05


def test_where_nobody_buys_at_a_loss_no_future_does(world):
    """Revenue of the retailer at 30 %, no costs: the least future is 0, and the mean is the expectation."""
    found, _, _, _ = world
    frame = found.frame.iloc[:600].assign(contacts=0.0, contact_cost_mean=0.0, contact_cost_scatter=0.0)
    frame["margin_mean"] = 0.3 * frame["monetary_value"].where(frame["frequency"] > 0, 40.0).clip(lower=0.0)
    model = fit_profit(found.purchase, frame.assign(margin_lowest=frame["margin_mean"]), "week")
    assert model.margins.model.never_negative
    terms = ProfitTerms(365, 0.0)
    draws = np.stack(list(profit_futures(model, frame, terms, 60, np.random.default_rng(3), False)))
    assert draws.min() == 0
    expected = future_profit(model, frame, terms)["future_profit"].sum()
    totals = draws.sum(axis=1)
    assert totals.mean() == pytest.approx(expected, abs=4.5 * totals.std() / np.sqrt(60))
    lossy = fit_profit(found.purchase, frame.assign(margin_lowest=-1.0), "week")
    assert not lossy.margins.model.never_negative


def test_newcomers_of_better_channels_are_worth_more(world):
    """In the simulated retailer referrals buy more often and stay longer, customers of the marketplace less."""
    found, _, _, _ = world
    purchase = ParetoNBD(purchase_covariates=["acquisition_channel"], dropout_covariates=["acquisition_channel"])
    model = fit_profit(purchase.fit(found.frame), found.frame, "week", "acquisition_channel")
    table = newcomer_value(model, ProfitTerms(365, 0.0), size=40, rng=np.random.default_rng(1))
    assert table.index.tolist() == ["marketplace", "referral", "search", "social", "store"]
    assert ((table["low"] < table["expected"]) & (table["expected"] < table["high"])).all()
    assert table.loc["referral", "expected"] > table.loc["marketplace", "high"]


def test_missing_segments_are_one_of_their_own_and_unknown_ones_refused(world):
    found, _, _, _ = world
    some = found.frame.iloc[:300].assign(plan=["gold", None, "blue"] * 100)
    model = fit_profit(found.purchase, some, "week", "plan")
    assert model.segments == ("blue", "gold", "unknown")
    with pytest.raises(InputError, match="does not know: silver"):
        future_profit(model, some.assign(plan="silver"), ProfitTerms())


def test_terms_that_do_not_fit_are_named():
    with pytest.raises(ConfigError, match="discount_rate_yearly"):
        ProfitTerms(None, 0.0)
    with pytest.raises(ConfigError, match=r"horizon_days.*retention_cost_yearly"):
        ProfitTerms(-1.0, 0.1, 0.0, float("nan"))
