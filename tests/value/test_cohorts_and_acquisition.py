"""Cohort curves, payback and the acquisition table: by hand, against plain Python, and against a simulated future."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patronage.errors import ConfigError, InputError
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.schema.equity import ACQUISITION, COHORT_CURVES
from patronage.value.acquisition import acquisition_table, marginal_return, never_breaks_even, payback_days
from patronage.value.calendar import DAYS_PER_MONTH
from patronage.value.cohorts import age_flows, cohort_curves
from patronage.value.lifetime_profit import fit_profit, future_profit
from patronage.value.newcomers import newcomer_value
from patronage.value.profit_cells import profit_cells
from patronage.value.profit_draws import ProfitOutlook
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_terms import ProfitTerms
from value_ledgers import by_hand, retailer

AS_OF = date(2024, 1, 28)


@pytest.fixture(scope="module")
def world():
    """A retailer without season and campaigns, seen half a year before the end of what is observed."""
    settings, ledger, drawn = retailer(3_000, 5, campaigns={}, season=None)
    as_of = settings.observed_until - timedelta(days=182)
    facts = profit_facts(ledger, as_of)
    model = fit_profit(ParetoNBD().fit(facts.frame), facts.frame, "week")
    return facts, model, ledger, settings, drawn, as_of


def test_cells_by_hand():
    """Periods of 7 days. A: 55 less 12 of contacts on days 1 and 4, age 0; then 30 and -35 on days 9 and 11, age 1."""
    cells = profit_cells(by_hand(), AS_OF, 7.0).set_index(["customer_id", "age"])
    assert cells["profit"].to_dict() == pytest.approx({
        ("A", 0): 55 - 12, ("A", 1): -5, ("B", 0): -15 - 8, ("C", 0): 6 - 1.5,
    })  # fmt: skip
    assert cells["bought"].tolist() == [1, 1, 1, 1]


def test_cells_are_those_of_plain_python(world):
    _, _, ledger, _, drawn, as_of = world
    cells = profit_cells(ledger, as_of).set_index(["customer_id", "age"])["profit"]
    lines = drawn["transactions"].to_pandas()
    lines["value"] = lines["amount"] - lines["cost_of_goods"]
    contacts = drawn["contacts"].to_pandas()
    contacts["value"] = -contacts["cost"]
    until = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    first = lines[lines["amount"] >= 0].groupby("customer_id")["timestamp"].min().dt.normalize()
    sums: dict[tuple[str, int], float] = {}
    for rows in (lines, contacts):
        for who, when, value in rows.loc[rows["timestamp"] < until, ["customer_id", "timestamp", "value"]].itertuples(
            index=False
        ):
            age = max(int((when.normalize() - first[who]).days // DAYS_PER_MONTH), 0)
            sums[who, age] = sums.get((who, age), 0.0) + value
    assert cells.to_dict() == pytest.approx(sums, abs=1e-6)


def flows_of(world, groups, n_periods=48, **changes):
    facts, model, ledger, _, _, as_of = world
    cells = profit_cells(ledger, as_of)
    return age_flows(cells, model, facts.frame, groups, n_periods, rng=np.random.default_rng(2), **changes)


def test_curves_are_actual_as_far_as_it_goes_and_then_the_forecast(world):
    facts, model, ledger, _, _, as_of = world
    cohort = pd.to_datetime(facts.frame["first_day"]).dt.strftime("%Y")
    flows = flows_of(world, cohort)
    curves = cohort_curves(flows, size=40, rng=np.random.default_rng(1)).set_index(["group", "age"])
    assert ("group", "age", *curves.columns) == COHORT_CURVES.names
    oldest = curves.loc["2022"]
    assert oldest["observed_share"].iloc[0] == 1
    assert oldest["observed_share"].is_monotonic_decreasing
    # The customers of 2022 were all seen for 18 months and more: there the curve is what came.
    seen = oldest.iloc[:17]
    assert seen["cumulative_profit"].to_numpy() == pytest.approx(seen["cumulative_actual"].to_numpy())
    assert seen["retention"].to_numpy() == pytest.approx(seen["retention_actual"].to_numpy())
    assert oldest["retention"].iloc[0] == 1
    assert np.isnan(oldest["retention_actual"].iloc[40])
    assert (curves["cumulative_low"] <= curves["cumulative_high"]).all()
    # All that came and all that is expected until the last age is in the last value of the curve.
    cells = profit_cells(ledger, as_of)
    came = cells.groupby(cohort.reindex(cells["customer_id"]).to_numpy())["profit"].sum()
    last = curves.xs(47, level="age")
    T = facts.frame["T"] * 7
    until = 48 * DAYS_PER_MONTH - T
    by_age = np.array([
        future_profit(model, facts.frame.iloc[[k]], ProfitTerms(float(until.iloc[k]), 0.0))["future_profit"].iloc[0]
        for k in range(0, len(facts.frame), 25)
    ])  # fmt: skip
    total = last["cumulative_profit"] * last["n_customers"]
    assert (total.sum() - came.sum()) == pytest.approx(25 * by_age.sum(), rel=0.35)
    some = facts.frame.iloc[::25]
    part = age_flows(cells, model, some, cohort.iloc[::25], 48, rng=np.random.default_rng(2))
    assert part.profit_to_come.sum() == pytest.approx(by_age.sum(), rel=2e-3)


def test_the_forecast_of_retention_and_profit_comes_true(world):
    """Half a year later the same curves are what came."""
    facts, model, ledger, settings, _, _ = world
    cohort = pd.to_datetime(facts.frame["first_day"]).dt.strftime("%Y")
    foretold = flows_of(world, cohort, 36)
    later = profit_facts(ledger, settings.observed_until).frame.loc[facts.frame.index]
    cells = profit_cells(ledger, settings.observed_until)
    came = age_flows(cells, model, later, cohort, 36, rng=np.random.default_rng(2))
    # Ages that all of a cohort reached in the meantime; the half year is the forecast's.
    for group, ages in ((0, slice(20, 23)), (1, slice(8, 11))):
        told = (foretold.bought + foretold.buyers_to_come)[group].sum(axis=0)[ages].sum()
        assert told == pytest.approx(came.bought[group].sum(axis=0)[ages].sum(), rel=0.12)
    told = foretold.cumulative()[1][10] - foretold.cumulative()[1][5]
    assert told == pytest.approx(came.cumulative()[1][10] - came.cumulative()[1][5], abs=1.5)


def test_payback_by_hand():
    """The last two bring more on the first day than they cost, one of them less in the end."""
    cumulative = np.array(
        [[5.0, 9.0, 13.0], [2.0, 1.0, 0.5], [20.0, 20.0, 20.0], [-3.0, 0.0, 6.0], [14.0, 20.0, 30.0], [9.0, 3.0, 1.0]]
    )
    cost, at_once = np.array([11.0, 3.0, 0.0, 3.0, 6.0, 8.0]), np.array([4.0, 2.0, 0.0, -1.0, 10.0, 12.0])
    assert payback_days(cumulative, cost, at_once, 30.0).tolist() == [75.0, np.inf, 0.0, 75.0, 0.0, 0.0]
    assert payback_days(np.array([14.0, 20.0]), np.array(12.0), np.array(10.0), 30.0) == 15.0


@given(st.lists(st.floats(-5, 10), min_size=1, max_size=12), st.floats(0, 40), st.floats(-5, 10))
def test_payback_is_where_the_curve_first_meets_the_cost(steps, cost, at_once):
    curve = np.cumsum(steps)
    found = float(payback_days(curve, np.array(cost), np.array(at_once), 10.0))
    days = np.linspace(0, 10 * len(curve), 40 * len(curve) + 1)
    at = np.interp(days, 10 * np.arange(len(curve) + 1), [at_once, *curve])
    if np.isinf(found):
        assert (at < cost).all()
    elif found == 0:
        assert at_once >= cost
    else:
        assert np.interp(found, 10 * np.arange(len(curve) + 1), [at_once, *curve]) == pytest.approx(cost, abs=1e-7)
        assert (at[: int(found / 0.25)] < cost + 1e-9).all()


def asked(world, channel, frame):
    """Flows, and what the table of acquisition reads of each customer, with half of everyone never breaking even."""
    facts, model, ledger, _, _, as_of = world
    realised = profit_cells(ledger, as_of).groupby("customer_id")["profit"].sum().reindex(frame.index)
    future = future_profit(model, facts.frame, ProfitTerms(365.25, 0.1))["future_profit"].reindex(frame.index)
    return frame[["first_day", "acquisition_cost"]].assign(
        realised_profit=realised, future_profit=future, never_breaks_even=0.5
    )


def test_what_the_first_day_brings_counts_at_once(world):
    """By plain sums over lines and contacts; some of these channels have paid back by the evening of the first day."""
    facts, _, _, _, drawn, _ = world
    frame, channel = facts.frame, facts.frame["acquisition_channel"]
    lines, contacts = (drawn[name].to_pandas() for name in ("transactions", "contacts"))
    lines["value"], contacts["value"] = lines["amount"] - lines["cost_of_goods"], -contacts["cost"]
    both = pd.concat([lines[["customer_id", "timestamp", "value"]], contacts[["customer_id", "timestamp", "value"]]])
    first = pd.to_datetime(frame["first_day"]).reindex(both["customer_id"]).to_numpy()
    early = both[both["timestamp"].dt.normalize().to_numpy() <= first]
    at_once = early.groupby("customer_id")["value"].sum().reindex(frame.index).fillna(0.0)
    flows = flows_of(world, channel)
    found = dict(zip(flows.groups, flows.at_once.sum(axis=1) / flows.customers.sum(axis=1), strict=True))
    by_hand_found = at_once.groupby(channel).mean()
    assert found == pytest.approx(by_hand_found.to_dict(), abs=1e-6)
    table = acquisition_table(flows, asked(world, channel, frame), channel, size=60, rng=np.random.default_rng(1))
    own = table.set_index("group")
    paid_back = by_hand_found >= own["cost_per_customer"]
    assert paid_back.any()
    assert ((own["payback_days"] == 0) == paid_back).all()


def test_customers_without_a_known_cost_count_for_no_payback(world):
    """Search is known of half of its customers, store of nobody."""
    facts, model, ledger, _, _, as_of = world
    frame, channel = facts.frame.copy(), facts.frame["acquisition_channel"]
    lost = (channel == "store") | ((channel == "search") & (np.arange(len(frame)) % 2 == 0))
    frame.loc[lost, "acquisition_cost"] = np.nan
    customers, known = asked(world, channel, frame), ~lost.to_numpy()
    cells = profit_cells(ledger, as_of)
    flows = age_flows(cells, model, frame[known], channel[known], 12, rng=np.random.default_rng(0))
    table = acquisition_table(flows, customers, channel, size=60, rng=np.random.default_rng(1)).set_index("group")
    alone = acquisition_table(flows, customers[known], channel[known], size=60, rng=np.random.default_rng(1)).set_index(
        "group"
    )
    told = ["acquisition_cost", "cost_per_customer", "value_created_per_customer", "ltv_to_cac", "never_breaks_even",
            "payback_days", "payback_days_low", "break_even_day"]  # fmt: skip
    assert table.loc["store", told].isna().all()
    assert table.loc["store", "cost_unknown"] == table.loc["store", "n_customers"] == (channel == "store").sum()
    same = [name for name in told if name != "break_even_day"]
    assert table.loc["search", same].to_dict() == pytest.approx(alone.loc["search", same].to_dict())
    assert table.loc["search", "break_even_day"] == alone.loc["search", "break_even_day"]
    both = customers["realised_profit"] + customers["future_profit"]
    # What is held against each other is of the same customers.
    paid = table[table["cost_per_customer"].notna()]
    worth = both[known].groupby(channel[known]).mean()
    assert paid["lifetime_value_where_cost_known"].to_dict() == pytest.approx(worth.to_dict())
    parts = paid["realised_where_cost_known"] + paid["future_where_cost_known"]
    assert parts.to_numpy() == pytest.approx(paid["lifetime_value_where_cost_known"].to_numpy())
    assert (parts / paid["cost_per_customer"]).to_numpy() == pytest.approx(paid["ltv_to_cac"].to_numpy())
    assert (parts - paid["cost_per_customer"]).to_numpy() == pytest.approx(
        paid["value_created_per_customer"].to_numpy()
    )
    assert table.loc["store", "lifetime_value_per_customer"] == pytest.approx(both[channel == "store"].mean())
    assert np.isnan(table.loc["store", "lifetime_value_where_cost_known"])
    everyone = both[channel == "search"].mean()
    assert table.loc["search", "lifetime_value_per_customer"] == pytest.approx(everyone)
    nobody = acquisition_table(None, customers.assign(acquisition_cost=np.nan), channel, rng=np.random.default_rng(1))
    assert nobody["payback_days"].isna().all()
    assert nobody["marginal_return"].isna().all()


def test_the_day_of_break_even_is_of_customers_whose_cost_is_known(world):
    """Only those won latest have a cost, which the first day brings: they break even on their own mean first day."""
    facts, model, ledger, _, _, as_of = world
    first = pd.to_datetime(facts.frame["first_day"])
    late = (first >= first.quantile(0.8)).to_numpy()
    frame = facts.frame.assign(acquisition_cost=np.where(late, 0.0, np.nan))
    everyone = pd.Series("all", index=frame.index)
    flows = age_flows(profit_cells(ledger, as_of), model, frame[late], everyone[late], 3, rng=np.random.default_rng(0))
    flows = replace(flows, at_once=np.abs(flows.at_once))
    customers = asked(world, everyone, frame)
    (row,) = acquisition_table(flows, customers, everyone, size=60, rng=np.random.default_rng(1)).to_dict("records")
    assert row["payback_days"] == 0
    assert row["break_even_day"] == first[late].mean().normalize()
    assert (row["break_even_day"] - first.mean()).days > 100


def test_the_acquisition_table_of_a_retailer(world):
    facts, model, ledger, _, drawn, as_of = world
    frame, terms = facts.frame, ProfitTerms(365.25, 0.1)
    channel = frame["acquisition_channel"]
    flows = flows_of(world, channel)
    cells = profit_cells(ledger, as_of)
    realised = cells.groupby("customer_id")["profit"].sum().reindex(frame.index)
    customers = frame[["first_day", "acquisition_cost"]].assign(
        realised_profit=realised, future_profit=future_profit(model, frame, terms)["future_profit"]
    )
    outlook = ProfitOutlook.of(model, frame, terms)
    customers["never_breaks_even"] = never_breaks_even(
        outlook, realised.to_numpy(), frame["acquisition_cost"].to_numpy(), 40, rng=np.random.default_rng(1)
    )
    by_channel = fit_profit(model.purchase, frame, "week", "acquisition_channel")
    newcomers = newcomer_value(by_channel, terms, size=40, rng=np.random.default_rng(1))
    table = acquisition_table(flows, customers, channel, newcomers, size=60, rng=np.random.default_rng(1))
    assert tuple(table.columns) == ACQUISITION.names
    own = table.set_index("group")
    paid = drawn["customers"].to_pandas().set_index("customer_id").reindex(frame.index)["acquisition_cost"]
    assert own["acquisition_cost"].to_dict() == pytest.approx(paid.groupby(channel).sum().to_dict())
    both = customers["realised_profit"] + customers["future_profit"]
    assert own["ltv_to_cac"].to_dict() == pytest.approx((both.groupby(channel).sum() / paid.groupby(channel).sum())
                                                        .to_dict())  # fmt: skip
    assert ((own["never_breaks_even"] > 0.2) & (own["never_breaks_even"] < 0.9)).all()
    known = own["payback_days"].notna()
    assert (own["payback_days_low"] <= own["payback_days"])[known].all()
    days = own.loc["referral", "break_even_day"] - pd.to_datetime(frame["first_day"])[channel == "referral"].mean()
    assert abs(days.days - own.loc["referral", "payback_days"]) < 2
    # Costs of one customer differ little, so twice the money wins about twice the customers.
    assert own.loc["search", "elasticity"] == pytest.approx(1.0, abs=0.8)
    assert own["next_customer_expected"].to_dict() == pytest.approx(newcomers["expected"].to_dict())
    with pytest.raises(InputError, match="flows are of the groups"):
        acquisition_table(flows, customers, channel.replace("store", "shop"), rng=np.random.default_rng(1))


def months(cost, value):
    """One customer a month."""
    first = pd.date_range("2024-01-05", periods=len(cost), freq="31D")
    half = np.asarray(value) / 2
    return pd.DataFrame({"first_day": first, "acquisition_cost": cost, "realised_profit": half, "future_profit": half})


@pytest.mark.parametrize(("fixed", "slope"), [(50.0, 0.6), (0.0, 2.0), (20.0, -0.4)])
def test_marginal_return_of_a_known_line(fixed, slope):
    """Value of fixed + slope * cost in each of 12 months, also where the channel destroys value."""
    cost = np.linspace(100, 1_300, 12)
    found = marginal_return(months(cost, fixed + slope * cost))
    assert [found[name] for name in ("marginal_return", "marginal_return_low", "marginal_return_high")] == (
        pytest.approx([slope] * 3)
    )
    assert found["marginal_return_missing"] is None
    total = 12 * fixed + slope * cost.sum()
    if total > 0:
        assert found["elasticity"] == pytest.approx(slope * cost.sum() / total)
    else:
        assert np.isnan(found["elasticity"])


def test_marginal_return_by_weighted_least_squares():
    """Against numpy's polynomial fit, whose weights are roots; months of loss count like any other."""
    cost = np.array([100.0, 150.0, 80.0, 210.0, 170.0, 120.0, 90.0, 260.0])
    value = np.array([-40.0, 130.0, 20.0, -160.0, 60.0, -10.0, 50.0, -220.0])
    found = marginal_return(months(cost, value), 0.9)
    (slope, _), covariance = np.polyfit(cost, value, 1, w=1 / np.sqrt(cost), cov=True)
    reach = stats.t.ppf(0.95, 6) * np.sqrt(covariance[0, 0])
    told = [found[name] for name in ("marginal_return_low", "marginal_return", "marginal_return_high")]
    assert told == pytest.approx([slope - reach, slope, slope + reach])
    assert slope < 0


@pytest.mark.parametrize(
    ("cost", "reason"),
    [([10.0, 20.0, 30.0], "3 months with acquisition cost; 6 are needed"), ([5.0] * 8, "the same in every month"),
     ([0.0] * 8, "0 months with acquisition cost")],
)  # fmt: skip
def test_no_marginal_return_has_a_reason(cost, reason):
    found = marginal_return(months(cost, np.arange(len(cost), dtype=float)))
    assert reason in found.pop("marginal_return_missing")
    assert all(np.isnan(value) for value in found.values())


def test_ages_that_cannot_be_are_refused(world):
    with pytest.raises(ConfigError, match="Ages need"):
        flows_of(world, None, 0)
