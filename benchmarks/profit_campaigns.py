"""Whale shares of the year to come with and without what campaigns of the past added to purchases.

Usage: python benchmarks/profit_campaigns.py [worlds [customers]]

The retailer of `profit_coverage.py` had campaigns in the observed years and has none in the year foretold. Models
fitted to its past foretell purchases that campaigns caused. `value.campaign_uplift` tells their share from treated and
control of each wave, and the terms of the future are without it.

- came: what came. Its total is itself a draw; shares over true ones (see `profit_coverage.py`) are beside it;
- plain: purchases as in the past, as if campaigns went on at no cost;
- as before: the same, with what campaigns cost in the last year, which is how `patronage value` looks ahead by default;
- less: no campaigns, neither their cost nor their purchases, as with `retention_cost_yearly=0`.

Shares of the best 20 %, the next 70 % and the last 10 % are those in the mean of 20 futures, of sums over all worlds.

Kept as profit_campaigns.csv.
"""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from patronage.ledger.tables import LedgerTables
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import world_tables
from patronage.value.campaign_uplift import campaign_uplift, without_campaigns
from patronage.value.lifetime_profit import fit_profit, future_profit
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_intervals import profit_futures
from patronage.value.profit_terms import ProfitTerms
from patronage.value.season import fit_season
from profit_coverage import CHANNEL, HORIZON_DAYS, PARTS, buyers, plain, thirds, true_shares

CURVES = 20


def judge(world, seed, customers):
    """One world: what came, and what was foretold with and without the correction."""
    drawn = {name: plain(table) for name, table in world_tables(world, customers, seed).items()}
    con = ibis.duckdb.connect(threads=1)
    names = ("transactions", "customers", "contacts", "campaigns")
    ledger = LedgerTables(**{name: con.create_table(name, drawn[name]) for name in names})
    facts = profit_facts(ledger, world.observed_until)
    truth = drawn["truth"].to_pandas().set_index("customer_id").reindex(facts.frame.index)
    uplift = campaign_uplift(ledger, world.observed_until)
    found = fit_season(buyers(), facts.frame, ledger.transactions, world.observed_until, "week")
    terms, cost = ProfitTerms(HORIZON_DAYS, 0.0), yearly_cost(drawn, world.observed_until)
    model = fit_profit(found.purchase, found.frame, "week", CHANNEL)
    there = future_profit(model, found.frame, terms)["probability_alive"].sum()
    futures_told = {
        "plain": terms,
        "as before": replace(terms, retention_cost_yearly=cost / there),
        "less": without_campaigns(terms, uplift),
    }
    row = {"share": uplift.share, "true": truth["expected_profit"].sum()}
    row |= dict(zip((f"came_{part}" for part in PARTS), thirds(truth["future_profit"]), strict=True))
    for name, own in futures_told.items():
        row[f"expected_{name}"] = future_profit(model, found.frame, own)["future_profit"].sum()
        futures = profit_futures(model, found.frame, own, CURVES, np.random.default_rng([seed, 6]))
        curve = np.mean([thirds(one) for one in futures], axis=0)
        row |= dict(zip((f"{name}_{part}" for part in PARTS), curve, strict=True))
    return row


def yearly_cost(drawn, as_of):
    """What campaigns cost in the last year."""
    rows = drawn["campaigns"].to_pandas()
    return rows.loc[rows["timestamp"] > pd.Timestamp(as_of - timedelta(days=HORIZON_DAYS - 1)), "cost"].sum()


def summed_up(worlds):
    """One row for what came and each forecast."""
    sums = worlds.sum()
    came = sums[[f"came_{part}" for part in PARTS]].sum()
    rows = []
    for name in ("came", "plain", "as before", "less"):
        parts = sums[[f"{name}_{part}" for part in PARTS]]
        total = came if name == "came" else sums[f"expected_{name}"]
        shares = {f"{part}_share": value for part, value in zip(PARTS, parts / parts.sum(), strict=True)}
        off = {f"{part}_over_came": value for part, value in
               zip(PARTS, (parts / parts.sum()).to_numpy() / (sums[[f"came_{p}" for p in PARTS]] / came).to_numpy(),
                   strict=True)}  # fmt: skip
        true = true_shares([worlds[f"came_{part}"] for part in PARTS], worlds["true"])
        shares |= {f"{part}_over_true": shares[f"{part}_share"] / true[part] for part in PARTS}
        of_true = {f"{part}_of_true_total": value / sums["true"] for part, value in zip(PARTS, parts, strict=True)}
        rows.append({"what": name, "worlds": len(worlds), "campaigns_share": worlds["share"].mean(),
                     "total_over_came": total / came, "total_over_true": total / sums["true"],
                     **shares, **off, **of_true})  # fmt: skip
    return pd.DataFrame(rows)


def main():
    worlds, customers = (int(given) for given in [*sys.argv[1:], *("40", "2000")[len(sys.argv) - 1 :]])
    world = replace(named_world("retailer"), whale=None)
    table = summed_up(pd.DataFrame([judge(world, seed, customers) for seed in range(worlds)])).round(4)
    print(table.T.to_string(header=False))
    if not sys.argv[1:]:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
