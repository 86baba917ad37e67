"""Profit of the fourth month of the Ta-Feng grocery, foretold from the first three; and its totals against plain SQL.

Usage: python benchmarks/profit_ta_feng.py [folder of the data]

The ledger has the cost of every line. Models are fitted to November 2000 to January 2001 and foretell each customer's
profit of February 2001 (28 days, not discounted). Held against it, by customer: what came in January; the mean month
of the three; revenue CLV (the same purchases times Gamma-Gamma), as it stands and at the mean margin; and the mean
profit of all customers.

Columns: Spearman's and Kendall's rank correlation with what came; total over what came; mean absolute error and its
ratio to that of foretelling 0; share of the profit that came which the best 20 % by the forecast brought (lift).

The second table is of the past: totals, unprofitable customers and whale shares by `patronage.value`, and by one SQL
query on the file that shares no code with it. Kept as profit_ta_feng.csv and profit_real_ledgers.csv.
"""

import os
import sys
from datetime import date
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import duckdb
import numpy as np
import pandas as pd

from patronage import FrameSource, open_ledger
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.value.activity_costs import named_costs
from patronage.value.lifetime_profit import fit_profit, future_profit
from patronage.value.periods import Period
from patronage.value.priced_tables import priced_tables
from patronage.value.profit import customer_profit
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_terms import ProfitTerms
from patronage.value.reconciliation import reconciliation
from patronage.value.whale import whale_shares

LAST_DAY, END = date(2001, 1, 31), date(2001, 2, 28)
HORIZON_DAYS = (END - LAST_DAY).days

WHALE = """
with lines as (select customer_id, amount, amount - cost as profit from read_parquet('{path}')),
     customers as (select customer_id, sum(profit::decimal(18, 6)) as profit from lines group by 1),
     ranked as (select profit, row_number() over (order by profit desc) as place, count(*) over () as n from customers)
select (select sum(amount::decimal(18, 6)) from lines)::double as revenue,
       sum(profit)::double as profit, max(n) as customers, count(*) filter (profit < 0) as unprofitable,
       (sum(profit) filter (place <= floor(0.2 * n + 0.5)) / sum(profit))::double as top_share,
       (sum(profit) filter (place > floor(0.2 * n + 0.5) and place <= n - floor(0.1 * n + 0.5)) / sum(profit))::double
           as middle_share,
       (sum(profit) filter (place > n - floor(0.1 * n + 0.5)) / sum(profit))::double as last_share
from ranked
"""


def ledger_of(path):
    """A ledger of one Parquet file with a cost of every line."""
    columns = {"transactions": {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount",
                                "cost_of_goods": "cost", "category": "category"}}  # fmt: skip
    frame = pd.read_parquet(path, columns=["customer_id", "timestamp", "amount", "cost", "category"])
    return open_ledger(FrameSource(frame.assign(category=frame["category"].astype(str)), columns=columns))


def past_of(path, name):
    """Totals and shares of the past by this package, and by the query; they must be equal."""
    ledger = ledger_of(path)
    profit = customer_profit(ledger.tables, named_costs("observed"), [Period("all", *ledger.span)])
    found = profit.to_pandas()
    ours = whale_shares(found["contribution"].to_numpy())
    names = ("customers", "unprofitable", "top_share", "middle_share", "last_share")
    ours = {"revenue": found["net_revenue"].sum(), "profit": ours["total"], **{one: ours[one] for one in names}}
    query = duckdb.sql(WHALE.format(path=path)).fetchdf().iloc[0].to_dict()
    query = {one: query[one] for one in ours}
    for one, value in ours.items():
        assert abs(value - query[one]) <= 1e-9 * max(abs(query[one]), 1.0), (name, one, value, query[one])
    differences = reconciliation(profit)["difference"].abs().max()
    rows = [{"ledger": name, "by": by, **values} for by, values in (("patronage", ours), ("SQL", query))]
    rows[0]["not_reconciled"] = differences
    return rows


def foretold(ledger):
    """Profit of February of every customer, as foretold by each of the forecasts, and what came."""
    costs = named_costs("observed")
    facts = profit_facts(priced_tables(ledger.tables, costs), LAST_DAY, "day")
    frame, terms = facts.frame, ProfitTerms(HORIZON_DAYS, 0.0)
    months = [Period("1", date(2000, 11, 1), date(2000, 11, 30)), Period("2", date(2000, 12, 1), date(2000, 12, 31)),
              Period("3", date(2001, 1, 1), LAST_DAY), Period("4", date(2001, 2, 1), END)]  # fmt: skip
    table = customer_profit(ledger.tables, costs, months).to_pandas()
    wide = table.pivot(index="customer_id", columns="period", values="contribution")
    wide = wide.reindex(frame.index).fillna(0.0).astype(float)
    found = {}
    spend = GammaGamma().fit(frame)
    for name, kind in (("BG/NBD", BetaGeoNBD), ("Pareto/NBD", ParetoNBD)):
        model = fit_profit(kind().fit(frame), frame, "day")
        expected = future_profit(model, frame, terms, spend)
        found[f"profit model, {name}"] = expected["future_profit"].to_numpy()
        if name == "BG/NBD":
            revenue = expected["revenue_clv"].to_numpy()
    total_margin = (frame["purchase_days"] * frame["margin_mean"]).sum()
    spent = ledger.tables.transactions
    sales = float(spent.filter(spent.day <= LAST_DAY).amount.sum().execute())
    found["revenue CLV"] = revenue
    found["revenue CLV at the mean margin"] = revenue * total_margin / sales
    found["last month's profit"] = wide["3"].to_numpy()
    found["mean month's profit"] = wide[["1", "2", "3"]].mean(axis=1).to_numpy()
    found["mean of all customers"] = np.full(len(frame), wide["3"].mean())
    return found, wide["4"].to_numpy()


def judged(found, came):
    """One row a forecast."""
    rows, actual = [], pd.Series(came)
    for name, values in found.items():
        guess = pd.Series(values)
        constant = guess.nunique() == 1
        order = np.argsort(-values, kind="stable")[: round(0.2 * len(values))]
        rows.append(
            {
                "forecast": name,
                "customers": len(values),
                "spearman": np.nan if constant else guess.corr(actual, method="spearman"),
                "kendall": np.nan if constant else guess.corr(actual, method="kendall"),
                "total_over_actual": values.sum() / came.sum(),
                "mean_absolute_error": np.abs(values - came).mean(),
                "error_over_that_of_0": np.abs(values - came).sum() / np.abs(came).sum(),
                "root_mean_square_error": np.sqrt(((values - came) ** 2).mean()),
                "profit_of_best_fifth": np.nan if constant else came[order].sum() / came.sum(),
            }
        )
    return pd.DataFrame(rows)


def main():
    data = Path(sys.argv[1] if sys.argv[1:] else Path(__file__).parents[2] / "shared" / "data")
    past = pd.DataFrame(
        [row for name in ("ta_feng", "superstore") for row in past_of(data / name / "transactions.parquet", name)]
    )
    print(past.T.to_string(header=False))
    table = judged(*foretold(ledger_of(data / "ta_feng" / "transactions.parquet"))).round(4)
    print(table.to_string(index=False))
    if not sys.argv[1:]:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)
        past.to_csv(Path(__file__).with_name("profit_real_ledgers.csv"), index=False)


if __name__ == "__main__":
    main()
