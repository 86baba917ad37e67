"""Future profit against the truth of simulated retailers: totals and their intervals, ranks of customers, whale curves.

Usage: python benchmarks/profit_coverage.py [worlds [customers]]

Each world is drawn anew, its ledger of three years is fitted (Pareto/NBD on the clock of the season, with the
acquisition channel as a covariate; margins, contact rates and contact costs, as customers of the channel have them),
and the year that follows is compared with what was foretold. That is `patronage train purchase=pareto_nbd` with these
covariates, and `patronage value season=1 retention_cost_yearly=0`:

- inside: whether the total profit that came lies in the 90 % interval of the total, from 200 futures;
- rank_*: Spearman's correlation by customer with the true expected profit, of the profit foretold, of revenue CLV
  (the same purchases times Gamma-Gamma), and of last year's profit;
- top, middle, last: profit of the best 20 %, the next 70 % and the last 10 % of customers in what came, in the mean of
  40 futures drawn, and in expected values, which understate inequality. Shares are those of sums over all worlds: in a
  single world the total, which they are shares of, is small and uncertain.
- *_true: the true shares. The total is the true expectation, which the worlds know. Of the tiers they know only one
  future, whose total is by luck above or below the expected one; what goes with that luck over the worlds is taken off
  (regression on it). Shares of what came are beside it.
- *_drawn_over_true: relative error of the shares of futures drawn; *_points: the same in shares of the total.

Worlds: `retailer` as it comes along, and the same without campaigns. The year foretold has no campaigns, so what those
of the past caused is taken off by `campaign_uplift`, as `patronage value retention_cost_yearly=0` does. What contacts
cost is not scaled to a whale curve (the factor that does so is 1.03). Tables are kept in profit_coverage.csv and
profit_coverage_worlds.csv.
"""

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from patronage.ledger.tables import LedgerTables
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import world_tables
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.value.campaign_uplift import campaign_uplift, without_campaigns
from patronage.value.lifetime_profit import fit_profit, future_profit
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_intervals import group_profit_interval, profit_futures
from patronage.value.profit_terms import ProfitTerms
from patronage.value.season import fit_season

HORIZON_DAYS, LEVEL, TOTALS, CURVES = 365, 0.9, 200, 40
PARTS, CHANNEL = ("top", "middle", "last"), "acquisition_channel"


def buyers():
    """The purchase model: customers of some channels buy less often and leave sooner, which plain Pareto/NBD denies."""
    return ParetoNBD(purchase_covariates=[CHANNEL], dropout_covariates=[CHANNEL])


def plain(table):
    """A table with words instead of their numbers."""
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def thirds(profit):
    """Profit of the best 20 %, the next 70 % and the last 10 % of customers."""
    ordered, n = np.sort(profit)[::-1], len(profit)
    return np.array([part.sum() for part in np.split(ordered, [round(0.2 * n), round(0.9 * n)])])


def last_year(tables, index, as_of):
    """Profit of each customer in the last 365 days: margin less contacts and campaigns."""
    since = pd.Timestamp(as_of - timedelta(days=HORIZON_DAYS - 1))
    total = pd.Series(0.0, index=index)
    for name, value in (("transactions", "margin"), ("contacts", "cost"), ("campaigns", "cost")):
        if name in tables:
            rows = tables[name].to_pandas()
            rows["margin"] = rows["amount"] - rows["cost_of_goods"] if name == "transactions" else 0.0
            rows = rows[rows["timestamp"] >= since]
            part = rows.groupby(rows["customer_id"].astype(str))[value].sum()
            total = total.add(part if name == "transactions" else -part, fill_value=0.0)
    return total.reindex(index)


def judge(world, seed, customers):
    """One world."""
    drawn = {name: plain(table) for name, table in world_tables(world, customers, seed).items()}
    con = ibis.duckdb.connect(threads=1)
    names = [name for name in ("transactions", "customers", "contacts", "campaigns") if name in drawn]
    ledger = LedgerTables(**{name: con.create_table(name, drawn[name]) for name in names})
    facts = profit_facts(ledger, world.observed_until)
    truth = drawn["truth"].to_pandas().set_index("customer_id").reindex(facts.frame.index)
    found = fit_season(buyers(), facts.frame, ledger.transactions, world.observed_until, "week")
    model, terms = fit_profit(found.purchase, found.frame, "week", CHANNEL), ProfitTerms(HORIZON_DAYS, 0.0)
    if ledger.campaigns is not None:
        terms = without_campaigns(terms, campaign_uplift(ledger, world.observed_until))
    rng = np.random.default_rng([seed, 6])
    expected = future_profit(model, found.frame, terms, GammaGamma().fit(found.frame))
    total = group_profit_interval(model, found.frame, terms, level=LEVEL, size=TOTALS, rng=rng).iloc[-1]
    curve = np.mean([thirds(one) for one in profit_futures(model, found.frame, terms, CURVES, rng)], axis=0)
    came, true = truth["future_profit"].sum(), truth["expected_profit"]
    parts = {"came": thirds(truth["future_profit"]), "drawn": curve, "expected": thirds(expected["future_profit"])}
    return {
        "seed": seed,
        "profit_came": came,
        "profit_true": true.sum(),
        "expected": total["expected"],
        "low": total["low"],
        "high": total["high"],
        "inside": int(total["low"] <= came <= total["high"]),
        "rank_profit": true.corr(expected["future_profit"], method="spearman"),
        "rank_revenue_clv": true.corr(expected["revenue_clv"], method="spearman"),
        "rank_last_year": true.corr(last_year(drawn, truth.index, world.observed_until), method="spearman"),
        **{f"{part}_{name}": value for name, values in parts.items() for part, value in
           zip(PARTS, values, strict=True)},
    }  # fmt: skip


def summed_up(worlds):
    """One row a kind of world."""
    rows = []
    for name, group in worlds.groupby("world", sort=False):
        row = {"world": name, "worlds": len(group), "customers": group["customers"].iloc[0]}
        row["inside"] = group["inside"].sum()
        row["expected_over_came"] = group["expected"].sum() / group["profit_came"].sum()
        row["expected_over_true"] = group["expected"].sum() / group["profit_true"].sum()
        for rank in ("rank_profit", "rank_revenue_clv", "rank_last_year"):
            row[rank] = group[rank].mean()
        row["rank_wins"] = (
            group["rank_profit"] > group[["rank_revenue_clv", "rank_last_year"]].max(axis=1)
        ).sum()  # fmt: skip
        for kind in ("came", "drawn", "expected"):
            sums = group[[f"{part}_{kind}" for part in PARTS]].sum()
            row |= (sums / sums.sum()).to_dict()
        rows.append(row | against_truth(group))
    return pd.DataFrame(rows)


def against_truth(group):
    """True shares, and how far those of the futures drawn are from them."""
    drawn = sum(group[f"{part}_drawn"].sum() for part in PARTS)
    row = {}
    for part, true in true_shares([group[f"{part}_came"] for part in PARTS], group["profit_true"]).items():
        row[f"{part}_true"] = true
        row[f"{part}_drawn_points"] = group[f"{part}_drawn"].sum() / drawn - true
        row[f"{part}_drawn_over_true"] = row[f"{part}_drawn_points"] / true
    return row


def true_shares(came, true):
    """Shares of the true total, of tiers that came less what in them goes with the luck of the total."""
    luck = sum(came) - true
    slopes = [np.cov(one, luck)[0, 1] / luck.var() for one in came]
    return {part: (one - slope * luck).sum() / true.sum()
            for part, one, slope in zip(PARTS, came, slopes, strict=True)}  # fmt: skip


def main():
    worlds, customers = (int(given) for given in [*sys.argv[1:], *("100", "2000")[len(sys.argv) - 1 :]])
    shipped = replace(named_world("retailer"), whale=None)
    rows = []
    for name, world in (("retailer", shipped), ("retailer without campaigns", replace(shipped, campaigns={}))):
        for seed in range(worlds):
            rows.append({"world": name, "customers": customers, **judge(world, seed, customers)})
            print(f"{name} {seed}: inside {rows[-1]['inside']}", flush=True)
    table = pd.DataFrame(rows).round(4)
    summary = summed_up(table).round(4)
    print(summary.T.to_string(header=False))
    if not sys.argv[1:]:
        summary.to_csv(Path(__file__).with_suffix(".csv"), index=False)
        table.to_csv(Path(__file__).with_name("profit_coverage_worlds.csv"), index=False)


if __name__ == "__main__":
    main()
