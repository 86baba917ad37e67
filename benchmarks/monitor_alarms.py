"""False alarms and missed drift of monitoring, over 200 simulated pairs of a reference and a batch.

Customers of a BG/NBD and gamma-gamma world with two attributes: their histories are drawn day by day of the law itself,
the model is the truth, and the future of the batch is drawn from the same customers' own rates. Then either nothing has
changed, or one thing has. Each run counts as a false alarm if any of its tests gives one.

Run: python benchmarks/monitor_alarms.py [seeds]
"""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from patronage.evaluation.alarms import decide
from patronage.evaluation.drift import DriftSizes, drift
from patronage.evaluation.profile import Profile, profile_of
from patronage.evaluation.realised import RealisedSizes, realised
from patronage.runtime.gamma_gamma import GammaGammaParams, expected_spend
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

TODAY = date(2026, 1, 1)
TRUTH = BetaGeoParams(0.8, 8.0, 0.8, 2.5)
SPEND = GammaGammaParams(6.25, 3.74, 15.44)
HORIZON = 26.0
"""Weeks."""
OBSERVED = 52.0
"""Weeks in which customers of the population made their first purchase, evenly."""

REFERENCE, BATCH = 3_000, 2_000
PRACTICE = (DriftSizes(0.1, 0.1, 0.05, 0.01, 0.01), RealisedSizes(0.1, 0.05, 0.05, 0.03))
"""The sizes of conf/monitor.yaml."""
CHANCE = (DriftSizes(0.0, 0.0, 0.0, 0.0, 0.0), RealisedSizes(0.0, 0.0, 0.0, 0.0))
"""No size required: the level alone decides, so that the rate of false alarms is that of the tests."""

Change = Callable[[dict[str, Any]], None]


def world(
    n: int, rng: np.random.Generator, rate: float = 1.0, prices: float = 1.0, later: float = 1.0
) -> dict[str, Any]:
    """Customers: inputs, scores, and what came. `rate` scales purchases, `prices` money, `later` the future's rate."""
    lasting = rng.uniform(1.0, OBSERVED, n)
    own = rng.gamma(TRUTH.r, 1 / TRUTH.alpha, n) * rate
    leaving = rng.beta(TRUTH.a, TRUTH.b, n)
    frequency, recency, future = np.zeros(n), np.zeros(n), np.zeros(n)
    for customer in range(n):
        at = 0.0
        while True:
            pace = own[customer] * (later if at > lasting[customer] else 1.0)
            step = rng.exponential(1 / max(pace, 1e-12))
            if at <= lasting[customer] < at + step and later != 1.0:
                # Without memory, the wait begins again where the future does, at its own pace.
                at, step = lasting[customer], rng.exponential(1 / max(own[customer] * later, 1e-12))
            at += step
            if at > lasting[customer] + HORIZON:
                break
            if at <= lasting[customer]:
                frequency[customer], recency[customer] = frequency[customer] + 1, at
            else:
                future[customer] += 1
            if rng.random() < leaving[customer]:
                break
    mean = prices * SPEND.p / np.maximum(rng.gamma(SPEND.q, 1 / SPEND.v, n), 1e-9)

    def spread(count: np.ndarray) -> np.ndarray:
        """The mean of so many purchases."""
        shape = SPEND.p * np.maximum(count, 1)
        return rng.gamma(shape, mean / shape)

    monetary = np.where(frequency > 0, spread(frequency), 0.0)
    inputs: dict[str, Any] = {"frequency": frequency, "recency": recency, "T": lasting, "monetary_value": monetary}
    inputs["age"] = np.where(rng.random(n) < 0.15, np.nan, rng.normal(40, 12, n).round())
    inputs["channel"] = rng.choice(
        np.array(["web", "shop", "post", "partner"], dtype=object), n, p=[0.5, 0.3, 0.15, 0.05]
    )
    return {"inputs": inputs, "value": future * spread(future), "purchases": future}


def scored(one: dict[str, Any]) -> dict[str, Any]:
    """The scores of the true model."""
    inputs = one["inputs"]
    histories = Histories(inputs["frequency"], inputs["recency"], inputs["T"])
    active = TRUTH.probability_active(histories, HORIZON)
    return {
        "expected_purchases": TRUTH.expected_purchases(histories, HORIZON),
        "expected_spend": expected_spend(SPEND, inputs["frequency"], inputs["monetary_value"]),
        "churn_probability": 1 - active,
    }


def tested(one: dict[str, Any], reference: Profile, sizes: Any, alpha: float, seed: int) -> list[str]:
    """The alarms of a run, each as part and name."""
    scores = scored(one)
    told = {
        "purchases": scores["expected_purchases"],
        "value": scores["expected_purchases"] * scores["expected_spend"],
        "churn": scores["churn_probability"],
    }
    came = {"purchases": one["purchases"], "value": one["value"], "churn": (one["purchases"] == 0).astype(float)}
    frequency = one["inputs"]["frequency"]
    groups = pd.DataFrame({
        "segment": np.select([frequency == 0, frequency <= 1], ["1 purchase day", "2"], "3 and more"),
        "channel": one["inputs"]["channel"],
    })  # fmt: skip
    tables = {
        "drift": drift(reference, one["inputs"], scores, sizes[0]),
        "realised": realised(came, told, groups, sizes[1], 0.99, rng=np.random.default_rng(seed)),
    }
    found = []
    for name, table in decide(tables, alpha).items():
        label = "name" if name == "drift" else "quantity"
        alarms = table[table["alarm"] == "yes"]
        found += [f"{name} {row[label]} {row['test']}" for row in alarms.to_dict("records")]
    return found


def missing_age(one: dict[str, Any]) -> None:
    """A fifth more of the ages are missing."""
    rng = np.random.default_rng(len(one["purchases"]))
    one["inputs"]["age"][rng.random(len(one["purchases"])) < 0.2] = np.nan


def older(one: dict[str, Any]) -> None:
    """Customers are eight years older."""
    one["inputs"]["age"] += 8


def new_channel(one: dict[str, Any]) -> None:
    """One in twenty comes by a channel that was not there."""
    one["inputs"]["channel"][::20] = "app"


def other_mix(one: dict[str, Any]) -> None:
    """Half of those who came by the web come by the shop."""
    at = np.flatnonzero(one["inputs"]["channel"] == "web")[::2]
    one["inputs"]["channel"][at] = "shop"


CASES: dict[str, tuple[dict[str, float], Change | None, str]] = {
    "nothing": ({}, None, ""),
    "customers eight years older": ({}, older, "drift age"),
    "a fifth of the ages lost": ({}, missing_age, "drift age missing"),
    "a channel that is new": ({}, new_channel, "drift channel new_categories"),
    "half of the web moved to the shop": ({}, other_mix, "drift channel psi"),
    "customers buy twice as often": ({"rate": 2.0}, None, "drift frequency"),
    "prices doubled": ({"prices": 2.0}, None, "drift monetary_value"),
    "purchases halve after the scores": ({"later": 0.5}, None, "realised purchases total"),
}
"""By name: what of the world has changed, what of its table, and the alarm that has to come."""


def main() -> None:
    """Count alarms, print and keep the table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    counts: dict[tuple[str, str, float], int] = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        before = world(REFERENCE, rng)
        reference = Profile.from_facts(profile_of(before["inputs"], scored(before)).facts())
        for case, (settings, change, expected) in CASES.items():
            one = world(BATCH, rng, **settings)
            if change:
                change(one)
            for rule, sizes, alpha in (("chance alone", CHANCE, 0.05), ("as delivered", PRACTICE, 0.01)):
                if rule == "chance alone" and change is None and settings:
                    continue
                alarms = tested(one, reference, sizes, alpha, seed)
                hit = any(alarm.startswith(expected) for alarm in alarms)
                key = case, rule, alpha
                counts[key] = counts.get(key, 0) + hit
    rows = []
    for (case, rule, alpha), count in counts.items():
        interval = stats.binomtest(count, seeds).proportion_ci(0.95, "exact")
        rows.append({"planted": case, "rule": rule, "alpha": alpha, "seeds": seeds, "flagged": count,
                     "rate": count / seeds, "low": interval.low, "high": interval.high})  # fmt: skip
    table = pd.DataFrame(rows).round(4)
    table.to_csv(Path(__file__).with_suffix(".csv"), index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
