"""Churn without contracts at three cut-offs: boosted trees and the stack against what one would use without them.

For the full CDNOW log (23,570 customers of one cohort) and UCI's Online Retail (4,372 customers). At each cut-off the
candidates learn from a panel of four and more earlier cut-offs, whose horizons had ended by then, and are judged by
what came in the horizon after it. Rivals: 1 - probability_alive of the BG/NBD and of the Pareto/NBD, as they are and
brought to probabilities by a sigmoid on the panel; 1 - probability_active; and the recency heuristic, a curve over the
days since the last purchase. Differences are of the same customers, with 95 % intervals of 1,000 resamples.

    python benchmarks/churn_cutoffs.py [UCI]

UCI is the table of transactions as Parquet or CSV with the columns customer_id, timestamp, amount, order_id, product_id
and quantity; without it, CDNOW alone is judged, and the rows of the other stay as they are.
"""

import os
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import OmegaConf

from patronage.evaluation.counted_metrics import brier, log_loss, roc_auc
from patronage.evaluation.judging import Resamples, judged
from patronage.evaluation.leakage import find_leaks
from patronage.features.model_input import input_schema
from patronage.ledger.opening import Ledger, open_ledger
from patronage.models.base import histories_of
from patronage.models.churn.panel import churn_panel
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.paths import conf_folder
from patronage.runtime.scorer import told_by_purchases
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import PURCHASE_OUTPUTS, SUMMARY
from patronage.summary.customer_summary import summarise

UNIT = TimeUnit.WEEK
METRICS = {"roc_auc": roc_auc, "log_loss": log_loss, "brier": brier}
REPLICATES = 1000
LEAST_CUTOFFS = 4
COLUMNS = (
    "ledger", "cutoff", "n_customers", "share_left", "panel_cutoffs", "leaks", "model", "rival", "metric", "value",
    "rival_value", "difference", "low", "high", "verdict",
)  # fmt: skip
PARETO_ALIVE = "pareto_probability_alive"
MUST_BEAT = (
    "1 - alive, BG/NBD",
    "1 - alive, BG/NBD, sigmoid",
    "1 - alive, Pareto/NBD",
    "1 - alive, Pareto/NBD, sigmoid",
    "recency",
)


@dataclass(frozen=True)
class Setting:
    """A ledger and where it is looked at."""

    name: str
    horizon_days: int
    cutoffs: tuple[date, ...]
    step_days: int
    most_cutoffs: int
    first: date

    def panel(self, cutoff: date) -> list[date]:
        """Cut-offs to learn from, latest first: their horizons had ended by the cut-off."""
        latest = cutoff - timedelta(days=self.horizon_days)
        days = [latest - timedelta(days=k * self.step_days) for k in range(self.most_cutoffs)]
        return [day for day in days if day >= self.first]


CDNOW = Setting("cdnow", 91, (date(1997, 9, 30), date(1997, 12, 30), date(1998, 3, 31)), 28, 6, date(1997, 4, 1))
RETAIL = Setting(
    "online_retail", 60, (date(2011, 6, 12), date(2011, 8, 11), date(2011, 10, 10)), 21, 8, date(2011, 1, 5)
)


def opened(setting: Setting, path: Path | None) -> Ledger:
    config = OmegaConf.load(conf_folder() / "ledger" / ("cdnow.yaml" if path is None else "files.yaml"))
    if path is not None:
        config.path = str(path)
        config.columns.order_id, config.columns.product, config.columns.quantity = "order_id", "product_id", "quantity"
        config.tolerated = ["customer_id missing"]
    ledger = open_ledger(instantiate(config))
    print(setting.name, str(ledger.account), flush=True)
    return ledger


def looked_at(ledger: Ledger, setting: Setting, day: date) -> pd.DataFrame:
    """Customers on a day: features, what the purchase models say, fitted on that day, and who left."""
    frame = churn_panel(ledger.tables, [day], setting.horizon_days, UNIT, input_schema(ledger.tables))
    histories = summarise(ledger.transactions, as_of=day, time_unit=UNIT).histories()
    horizon = UNIT.from_days(setting.horizon_days)
    own = histories_of(frame)
    fitted = BetaGeoNBD().fit(histories, weights=histories["n_customers"]).to_params()
    pareto = ParetoNBD().fit(histories, weights=histories["n_customers"]).to_params()
    return frame.assign(**told_by_purchases(fitted, own, horizon), **{PARETO_ALIVE: pareto.probability_alive(own)})


def candidate(name: str, setting: Setting, features: list[str] | None = None, **changes: object):
    """The candidate as its YAML has it."""
    config = OmegaConf.create({"dates": {"horizon_days": setting.horizon_days}, "seed": 0})
    config.churn = OmegaConf.merge(OmegaConf.load(conf_folder() / "churn" / f"{name}.yaml"), changes)
    place = config.churn.trees if "trees" in config.churn else config.churn
    if features is not None:
        place.features = features
    return instantiate(config.churn)


def candidates(setting: Setting, features: list[str]) -> dict[str, object]:
    rules = {}
    for title, column in (("BG/NBD", "probability_alive"), ("Pareto/NBD", PARETO_ALIVE)):
        rules[f"1 - alive, {title}"] = candidate("purchase_model", setting, presence=column)
        rules[f"1 - alive, {title}, sigmoid"] = candidate(
            "purchase_model", setting, presence=column, calibration="sigmoid"
        )
    return {
        "boosting": candidate("xgboost", setting, features),
        "stack": candidate("stack", setting, features),
        "logistic": candidate("logistic", setting, features),
        **rules,
        "1 - active, BG/NBD": candidate("purchase_model", setting, presence="probability_active"),
        "recency": candidate("recency", setting),
    }


def judged_at(cutoff: date, setting: Setting, at: dict[date, pd.DataFrame]) -> list[pd.DataFrame]:
    days = setting.panel(cutoff)
    assert len(days) >= LEAST_CUTOFFS
    panel, test = pd.concat([at[day] for day in days]), at[cutoff]
    no_features = {*SUMMARY.names, "customer_id", "cutoff", "churned", PARETO_ALIVE, *PURCHASE_OUTPUTS}
    features = [name for name in panel if name not in no_features]
    rng = np.random.default_rng(0)
    leaks = find_leaks(test[features], test["churned"], rng=rng)
    probabilities = {
        name: model.fit(panel).churn_probability(test).to_numpy()
        for name, model in candidates(setting, features).items()
    }
    rows = []
    for model in ("boosting", "stack"):
        ordered = {model: probabilities[model], **{k: v for k, v in probabilities.items() if k != model}}
        found = judged("churn", test["churned"].to_numpy(float), ordered, METRICS, Resamples(REPLICATES), rng=rng)
        values = found.metrics.set_index(["model", "metric"])["value"]
        table = found.differences.drop(columns=["task", "p_value"])
        for name, who in (("value", "model"), ("rival_value", "rival")):
            table[name] = [values[key] for key in zip(table[who], table["metric"], strict=True)]
        rows.append(
            table.assign(
                ledger=setting.name,
                cutoff=cutoff,
                n_customers=len(test),
                share_left=test["churned"].mean(),
                panel_cutoffs=len(days),
                leaks=len(leaks),
            )
        )
    return rows


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    table = Path(__file__).with_suffix(".csv")
    kept = pd.read_csv(table) if table.exists() and given is None else pd.DataFrame()
    rows: list[pd.DataFrame] = []
    for setting, path in ((CDNOW, None), *(((RETAIL, given),) if given else ())):
        ledger = opened(setting, path)
        wanted = sorted({day for cutoff in setting.cutoffs for day in (cutoff, *setting.panel(cutoff))})
        at = {day: looked_at(ledger, setting, day) for day in wanted}
        for cutoff in setting.cutoffs:
            rows += judged_at(cutoff, setting, at)
            shown = pd.concat(rows)
            shown = shown[(shown["cutoff"] == cutoff) & (shown["metric"] != "brier") & (shown["model"] == "boosting")]
            print(shown[["cutoff", "rival", "metric", "value", "rival_value", "difference", "low", "high", "verdict"]]
                  .round(4).to_string(index=False), flush=True)  # fmt: skip
    result = pd.concat(rows)[list(COLUMNS)]
    if len(kept):
        result = pd.concat([result, kept[kept["ledger"] != CDNOW.name]])
    result.round(5).to_csv(table, index=False)
    decisive = result[
        (result["model"] == "boosting")
        & result["rival"].isin(MUST_BEAT)
        & result["metric"].isin(("roc_auc", "log_loss"))
    ]
    lost = decisive[decisive["verdict"] != "better"]
    print(f"boosting is better beyond chance in {len(decisive) - len(lost)} of {len(decisive)} comparisons",
          "kept" if lost.empty else "BROKEN")  # fmt: skip
    print(lost[["ledger", "cutoff", "rival", "metric", "difference", "low", "high"]].to_string(index=False))


if __name__ == "__main__":
    main()
