"""Future profit against the truth of simulated retailers: totals and their intervals, ranks of customers, whale curves.

Usage: python benchmarks/profit_coverage.py [worlds [customers]]

Each world is drawn anew, its ledger of three years is fitted (Pareto/NBD on the clock of the season, margins, contact
rates, contact costs), and the year that follows is compared with what was foretold:

- inside: whether the total profit that came lies in the 90 % interval of the total;
- rank_*: Spearman's correlation by customer with the true expected profit, of the profit foretold, of revenue CLV
  (the same purchases times Gamma-Gamma), and of last year's profit;
- top, middle, last: profit of the best 20 %, the next 70 % and the last 10 % of customers in what came, in the mean of
  100 futures drawn, and in expected values, which understate inequality. Shares are those of sums over all worlds: in a
  single world the total, which they are shares of, is small and uncertain.

Worlds: `retailer` as it comes along, and the same without campaigns. Campaigns of the past made customers buy about 1 %
more, and there are none in the year foretold; no model here knows that. What contacts cost is not scaled to a whale
curve (the factor that does so is 1.03). Tables are kept in profit_coverage.csv and profit_coverage_worlds.csv.
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
from patronage.value.lifetime_profit import ProfitTerms, fit_profit, future_profit
from patronage.value.profit_draws import group_profit_interval, profit_futures
from patronage.value.profit_facts import profit_facts
from patronage.value.season import fit_season

HORIZON_DAYS, LEVEL, TOTALS, CURVES = 365, 0.9, 400, 100


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
    found = fit_season(ParetoNBD(), facts.frame, ledger.transactions, world.observed_until, "week")
    model, terms = fit_profit(found.purchase, found.frame, "week"), ProfitTerms(HORIZON_DAYS, 0.0)
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
           zip(("top", "middle", "last"), values, strict=True)},
    }  # fmt: skip


def summed_up(worlds):
    """One row a kind of world."""
    rows = []
    for name, group in worlds.groupby("world", sort=False):
        row = {"world": name, "worlds": len(group), "customers": group["customers"].iloc[0]}
        row["inside"] = group["inside"].sum()
        row["expected_over_came"] = group["expected"].sum() / group["profit_came"].sum()
        for rank in ("rank_profit", "rank_revenue_clv", "rank_last_year"):
            row[rank] = group[rank].mean()
        row["rank_wins"] = (
            group["rank_profit"] > group[["rank_revenue_clv", "rank_last_year"]].max(axis=1)
        ).sum()  # fmt: skip
        for kind in ("came", "drawn", "expected"):
            sums = group[[f"{part}_{kind}" for part in ("top", "middle", "last")]].sum()
            row |= (sums / sums.sum()).to_dict()
        rows.append(row)
    return pd.DataFrame(rows)


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
