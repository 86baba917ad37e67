"""Whether intervals of purchases and value keep what they promise: in simulated worlds, and on the CDNOW sample.

Usage: python benchmarks/interval_coverage.py [worlds [customers]]

Worlds: each is simulated, fitted and predicted anew; what comes in its holdout is compared with the 90 % intervals of
the customers and of their total. "randomised" counts the ends of a customer's interval in part, so that a right
prediction gives 90 % exactly; "cautious" is the share within the whole-numbered interval that is reported. "plug-in" is
the total without the uncertainty of the parameters.

CDNOW: the published split of the 1/10 sample, 39 weeks after 39 weeks, where 1,882 purchases came; then a backtest of
13 weeks at a time with conformal intervals at its last origin. Nothing is tuned to it.

The tables are kept in interval_coverage.csv and interval_coverage_cdnow.csv beside this file.
"""

import os
import sys
import time
from datetime import date
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ibis
import numpy as np
import pandas as pd

from patronage.evaluation.backtest import rolling_backtest
from patronage.evaluation.conformal import conformal_report, learn_customer_correction
from patronage.evaluation.coverage import interval_coverage, randomised_coverage, randomised_pit
from patronage.ledger.simulated import simulate_purchases
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.models.uncertainty import count_distribution
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.value.interval import total_value_interval, value_interval

LEVEL = 0.9
DAYS = 273
FUTURES = 200
PARAMETERS = 25
WORLDS = {
    BetaGeoNBD: BetaGeoParams(r=0.25, alpha=4.5, a=0.8, b=2.5),
    ModifiedBetaGeoNBD: ModifiedBetaGeoParams(r=0.5, alpha=6.0, a=0.9, b=2.0),
    ParetoNBD: ParetoParams(r=0.55, alpha=10.5, s=0.6, beta=11.5),
}
SPEND = {"p": 6.25, "q": 3.75, "v": 15.5}
MODELS = (BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD)


def judge_worlds(kind, n_worlds: int, n_customers: int) -> dict:
    """Coverage of the intervals of one model over its own worlds."""
    inside, begin = [], time.process_time()
    for seed in range(n_worlds):
        rng = np.random.default_rng([seed, n_customers])
        world = simulate_purchases(WORLDS[kind], n_customers, DAYS, DAYS, "week", rng, whole_days=False)
        actual, horizon = world["frequency_holdout"].to_numpy(), DAYS / 7
        model = kind().fit(world)
        judged = count_distribution(model.outlook(world, horizon), horizon, actual, PARAMETERS, rng)
        total = model.total_interval(world, horizon, LEVEL, FUTURES, rng=rng)
        plug_in = model.total_interval(world, horizon, LEVEL, FUTURES, rng=rng, parameter_uncertainty=False)
        inside.append(
            {
                "randomised": randomised_coverage(randomised_pit(actual, rng, distribution=judged), LEVEL),
                # What `predictive_interval` holds, by its definition.
                "cautious": ((judged[1] > (1 - LEVEL) / 2) & (judged[0] < (1 + LEVEL) / 2)).mean(),
                "total_inside": total["low"] <= actual.sum() <= total["high"],
                "plug_in_inside": plug_in["low"] <= actual.sum() <= plug_in["high"],
                "total_below": actual.sum() < total["low"],
                "total_half_width": (total["high"] - total["low"]) / 2 / total["expected"],
            }
        )
    return row(f"{kind.params_class.title} purchases", n_customers, inside, time.process_time() - begin)


def judge_value(n_worlds: int, n_customers: int) -> dict:
    """The same for the value of BG/NBD with Gamma-Gamma, undiscounted."""
    inside, begin = [], time.process_time()
    p, q, v = SPEND.values()
    for seed in range(n_worlds):
        rng = np.random.default_rng([seed, n_customers, 2])
        world = simulate_purchases(WORLDS[BetaGeoNBD], n_customers, DAYS, DAYS, "week", rng, whole_days=False)
        x, y = world["frequency"].to_numpy(), world["frequency_holdout"].to_numpy()
        scale = v / rng.gamma(q, size=n_customers)
        world["monetary_value"] = np.where(x > 0, rng.gamma(p * x) * scale / np.maximum(x, 1), 0.0)
        actual = rng.gamma(p * y) * scale
        models = BetaGeoNBD().fit(world), GammaGamma().fit(world)
        own = value_interval(*models, world, DAYS, "week", 1.0, 0.0, 7.0, LEVEL, FUTURES, rng=rng)
        total, plug_in = (
            total_value_interval(
                *models, world, DAYS, "week", 1.0, 0.0, 7.0, LEVEL, FUTURES, rng=rng, parameter_uncertainty=uncertain
            )
            for uncertain in (True, False)
        )
        inside.append(
            {
                "randomised": np.nan,
                "cautious": interval_coverage(actual, own["low"], own["high"]),
                "total_inside": total["low"] <= actual.sum() <= total["high"],
                "plug_in_inside": plug_in["low"] <= actual.sum() <= plug_in["high"],
                "total_below": actual.sum() < total["low"],
                "total_half_width": (total["high"] - total["low"]) / 2 / total["expected"],
            }
        )
    return row("BG/NBD x Gamma-Gamma value", n_customers, inside, time.process_time() - begin)


def row(name: str, n_customers: int, inside: list[dict], seconds: float) -> dict:
    table = pd.DataFrame(inside)
    return {
        "world": name,
        "worlds": len(table),
        "customers": n_customers,
        "level": LEVEL,
        "randomised_coverage": round(table["randomised"].mean(), 4),
        "cautious_coverage": round(table["cautious"].mean(), 4),
        "totals_inside": int(table["total_inside"].sum()),
        "totals_below": int(table["total_below"].sum()),
        "plug_in_totals_inside": int(table["plug_in_inside"].sum()),
        "mean_half_width": round(table["total_half_width"].mean(), 4),
        "cpu_s": round(seconds, 1),
    }


def cdnow_sample():
    """The 1/10 sample as a table of transactions."""
    path = Path(find_spec("lifetimes").origin).parent / "datasets" / "CDNOW_sample.txt"
    rows = pd.read_csv(path, sep=r"\s+", header=None, names=["id", "customer_id", "day", "n", "amount"], dtype=str)
    frame = pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "timestamp": pd.to_datetime(rows["day"], format="%Y%m%d"),
            "amount": rows["amount"].astype(float),
        }
    )
    return ibis.memtable(frame, schema={"customer_id": "string", "timestamp": "timestamp", "amount": "float64"})


def judge_cdnow() -> pd.DataFrame:
    """The published split and a backtest by quarters, for each model."""
    ledger, tables = cdnow_sample(), []
    last, quarter = date(1998, 6, 30), pd.Timedelta(days=91)
    quarters = [(pd.Timestamp(last) - k * quarter).date() for k in range(5, 0, -1)]
    for kind in MODELS:
        rng = np.random.default_rng(20)
        split = rolling_backtest(ledger, kind, [date(1997, 9, 30)], DAYS, rng=rng).origins[0]
        tables.append(origin_rows(kind, "39 + 39 weeks", split))
        # The only earlier origin whose holdout was over by then looks 26 weeks ahead, not 39: a borrowed correction.
        borrowed = rolling_backtest(ledger, kind, [date(1997, 4, 1)], 182, rng=rng).origins
        correction = learn_customer_correction(borrowed, LEVEL)
        corrected = correction.interval(split.model, split.customers, split.horizon, rng=rng)
        covered = interval_coverage(split.customers["actual"], corrected["low"], corrected["high"])
        width = (corrected["high"] - corrected["low"]).mean()
        tables.append(cdnow_row(kind, "39 + 39 weeks", "customers", "conformal, from 26 weeks", LEVEL, covered, width))
        backtest = rolling_backtest(ledger, kind, quarters, 91, rng=rng)
        print(f"\n{kind.params_class.title}, 13 weeks at a time\n{backtest.table().round(3).to_string(index=False)}")
        report = conformal_report(backtest, rng=rng)
        report.insert(0, "split", f"13 weeks after {backtest.origins[-1].cutoff}")
        report.insert(0, "model", kind.params_class.title)
        report["actual"] = np.where(report["what"] == "total", backtest.origins[-1].total["actual"], np.nan)
        tables.append(report)
    return pd.concat(tables, ignore_index=True)


def origin_rows(kind, split: str, origin) -> pd.DataFrame:
    customers, total = origin.customers, origin.total
    covered = interval_coverage(customers["actual"], customers["low"], customers["high"])
    width = (customers["high"] - customers["low"]).mean()
    rows = [
        cdnow_row(kind, split, "customers", "model", LEVEL, covered, width),
        cdnow_row(kind, split, "customers", "model, randomised", LEVEL, randomised_coverage(customers["pit"], LEVEL)),
        cdnow_row(kind, split, "total", "model", LEVEL, float(total["low"] <= total["actual"] <= total["high"])),
    ]
    table = pd.concat(rows)
    table.loc[table["what"] == "total", ["low", "high", "actual"]] = total[["low", "high", "actual"]].to_numpy()
    # Where what came falls in the distribution that the model predicts for the total.
    futures = origin.model.draw(customers, DAYS / 7, 4_000, np.random.default_rng(1)).sum()
    table.loc[table["what"] == "total", "share_of_futures_below"] = (futures < total["actual"]).mean()
    return table


def cdnow_row(kind, split, what, interval, level, coverage, mean_width=np.nan) -> pd.DataFrame:
    names = ["model", "split", "what", "interval", "level", "coverage", "mean_width"]
    return pd.DataFrame([[kind.params_class.title, split, what, interval, level, coverage, mean_width]], columns=names)


def main() -> None:
    n_worlds, n_customers = ([int(argument) for argument in sys.argv[1:]] + [100, 2_000][len(sys.argv) - 1 :])[:2]
    rows = []
    for kind in MODELS:
        rows.append(judge_worlds(kind, n_worlds, n_customers))
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    rows.append(judge_value(n_worlds, n_customers))
    worlds = pd.DataFrame(rows)
    print(f"\n{worlds.T.to_string(header=False)}", flush=True)
    sample = judge_cdnow().round(4)
    print(f"\n{sample.to_string(index=False)}")
    if not sys.argv[1:]:
        worlds.to_csv(Path(__file__).with_suffix(".csv"), index=False)
        sample.to_csv(Path(__file__).with_name("interval_coverage_cdnow.csv"), index=False)


if __name__ == "__main__":
    main()
