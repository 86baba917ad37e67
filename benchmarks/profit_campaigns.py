"""Whale shares of the year to come with and without what campaigns of the past added to purchases.

Usage: python benchmarks/profit_campaigns.py [worlds [customers]]

The retailer of `profit_coverage.py` had campaigns in the observed years and has none in the year foretold. Models
fitted to its past foretell purchases that campaigns caused. `value.campaign_uplift` tells their share from treated and
control of each wave, and margins are taken down by it.

- plain, less: what was foretold without and with that correction; total over what came and over the true expectation;
- shares of the best 20 %, the next 70 % and the last 10 % in the mean of 20 futures, of sums over all worlds;
- came: what came. Its total is itself a draw; shares over the true expected total are beside it.

Kept as profit_campaigns.csv.
"""

import sys
from dataclasses import replace
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from patronage.ledger.tables import LedgerTables
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import world_tables
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.value.campaign_uplift import campaign_uplift, without_campaigns
from patronage.value.lifetime_profit import ProfitTerms, fit_profit, future_profit
from patronage.value.profit_draws import profit_futures
from patronage.value.profit_facts import profit_facts
from patronage.value.season import fit_season
from profit_coverage import HORIZON_DAYS, plain, thirds

PARTS, CURVES = ("top", "middle", "last"), 20


def judge(world, seed, customers):
    """One world: what came, and what was foretold with and without the correction."""
    drawn = {name: plain(table) for name, table in world_tables(world, customers, seed).items()}
    con = ibis.duckdb.connect(threads=1)
    names = ("transactions", "customers", "contacts", "campaigns")
    ledger = LedgerTables(**{name: con.create_table(name, drawn[name]) for name in names})
    facts = profit_facts(ledger, world.observed_until)
    truth = drawn["truth"].to_pandas().set_index("customer_id").reindex(facts.frame.index)
    uplift = campaign_uplift(ledger, world.observed_until)
    found = fit_season(ParetoNBD(), facts.frame, ledger.transactions, world.observed_until, "week")
    terms = ProfitTerms(HORIZON_DAYS, 0.0)
    row = {"share": uplift.share, "true": truth["expected_profit"].sum()}
    row |= dict(zip((f"came_{part}" for part in PARTS), thirds(truth["future_profit"]), strict=True))
    for name, frame in (("plain", found.frame), ("less", without_campaigns(found.frame, uplift))):
        model = fit_profit(found.purchase, frame, "week")
        row[f"expected_{name}"] = future_profit(model, frame, terms)["future_profit"].sum()
        futures = profit_futures(model, frame, terms, CURVES, np.random.default_rng([seed, 6]))
        curve = np.mean([thirds(one) for one in futures], axis=0)
        row |= dict(zip((f"{name}_{part}" for part in PARTS), curve, strict=True))
    return row


def summed_up(worlds):
    """One row for what came and each forecast."""
    sums = worlds.sum()
    came = sums[[f"came_{part}" for part in PARTS]].sum()
    rows = []
    for name in ("came", "plain", "less"):
        parts = sums[[f"{name}_{part}" for part in PARTS]]
        total = came if name == "came" else sums[f"expected_{name}"]
        shares = {f"{part}_share": value for part, value in zip(PARTS, parts / parts.sum(), strict=True)}
        off = {f"{part}_over_came": value for part, value in
               zip(PARTS, (parts / parts.sum()).to_numpy() / (sums[[f"came_{p}" for p in PARTS]] / came).to_numpy(),
                   strict=True)}  # fmt: skip
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
