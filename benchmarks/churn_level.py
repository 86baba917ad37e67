"""The level of churn probabilities without contracts: what brings it nearer to what comes, at several cut-offs.

A classifier learns what came after cut-offs that lie a horizon back, and the share of leavers drifts. At each cut-off
the default (boosted trees, three cut-offs a month apart) is held against what might know the drift: the stack with the
purchase model, its figures as features, more cut-offs, the latest cut-off alone, and panel.level=purchase_model; and
against the level that came (known afterwards only). Of each: ROC AUC, log loss, calibration error, mean prediction, and
the difference of the log loss of the same customers with its 95 % interval of 200 resamples.

    python benchmarks/churn_level.py [UCI]

The ledgers and UCI are those of `churn_cutoffs.py`; horizons are those of the defaults and of that benchmark.
"""

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

import churn_cutoffs as cutoffs
from patronage.evaluation.counted_metrics import CHURN_METRICS, log_loss, roc_auc
from patronage.evaluation.judging import Resamples, judged
from patronage.pipelines.churn_level import shift_to
from patronage.schema import PURCHASE_OUTPUTS, SUMMARY

REPLICATES = 200
METRICS = {"roc_auc": roc_auc, "log_loss": log_loss, "calibration_error": CHURN_METRICS["calibration_error"]}
DEFAULT = "default"
CDNOW = [
    cutoffs.Setting("cdnow", 182, (date(1997, 12, 30),), 30, 3, date(1997, 4, 1)),
    cutoffs.Setting("cdnow", 91, cutoffs.CDNOW.cutoffs, 30, 3, date(1997, 4, 1)),
]
RETAIL = [
    cutoffs.Setting(
        "online_retail", 91, (date(2011, 7, 11), date(2011, 8, 10), date(2011, 9, 9)), 30, 3, date(2011, 1, 5)
    ),
    cutoffs.Setting("online_retail", 60, cutoffs.RETAIL.cutoffs, 30, 3, date(2011, 1, 5)),
]


def closer(setting: cutoffs.Setting) -> cutoffs.Setting:
    """The same with six cut-offs, half as far apart."""
    return cutoffs.Setting(setting.name, setting.horizon_days, setting.cutoffs, 15, 6, setting.first)


def moved(probability: np.ndarray, level: float) -> np.ndarray:
    return special.expit(special.logit(probability) + shift_to(probability, level))


def candidates(setting: cutoffs.Setting, at: dict[date, pd.DataFrame], cutoff: date) -> dict[str, np.ndarray]:
    test, days = at[cutoff], setting.panel(cutoff)
    panel, latest = pd.concat([at[day] for day in days]), at[days[0]]
    none = {*SUMMARY.names, "customer_id", "cutoff", "churned", cutoffs.PARETO_ALIVE, *PURCHASE_OUTPUTS}
    features = [name for name in panel if name not in none]

    def told(name: str, rows: pd.DataFrame, columns: list[str]) -> np.ndarray:
        return cutoffs.candidate(name, setting, columns).fit(rows).churn_probability(test).to_numpy()

    default = told("xgboost", panel, features)
    absent, absent_then = (1 - rows["probability_active"].mean() for rows in (test, latest))
    drift = special.logit(absent) - special.logit(absent_then)
    expected = special.expit(special.logit(latest["churned"].mean()) + drift)
    return {
        DEFAULT: default,
        "panel.level=purchase_model": moved(default, expected),
        "stack": told("stack", panel, features),
        "purchase model as features": told("xgboost", panel, [*features, *PURCHASE_OUTPUTS]),
        "six cut-offs": told("xgboost", pd.concat([at[day] for day in closer(setting).panel(cutoff)]), features),
        "latest cut-off alone": told("xgboost", latest, features),
        "1 - active": 1 - test["probability_active"].to_numpy(),
        "level that came": moved(default, test["churned"].mean()),
    }


def judged_at(setting: cutoffs.Setting, at: dict[date, pd.DataFrame], cutoff: date) -> pd.DataFrame:
    test, told = at[cutoff], candidates(setting, at, cutoff)
    rng = np.random.default_rng(0)
    found = judged("churn", test["churned"].to_numpy(float), told, METRICS, Resamples(REPLICATES), rng=rng)
    table = found.metrics.pivot(index="model", columns="metric", values="value").loc[list(told), list(METRICS)]
    losses = found.differences.query("metric == 'log_loss'").set_index("rival")
    # The other way round: what changes if the default is changed.
    table["log_loss_change"], table["low"], table["high"] = -losses["difference"], -losses["high"], -losses["low"]
    table["mean_predicted"] = [probability.mean() for probability in told.values()]
    table["share_left"] = test["churned"].mean()
    return table.rename_axis("candidate").reset_index().assign(
        ledger=setting.name, horizon_days=setting.horizon_days, cutoff=cutoff
    )  # fmt: skip


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    path = Path(__file__).with_suffix(".csv")
    rows = []
    for settings, source in ((CDNOW, None), *(((RETAIL, given),) if given else ())):
        ledger = cutoffs.opened(settings[0], source)
        for setting in settings:
            days = {day for c in setting.cutoffs for day in (c, *setting.panel(c), *closer(setting).panel(c))}
            at = {day: cutoffs.looked_at(ledger, setting, day) for day in sorted(days)}
            for cutoff in setting.cutoffs:
                rows.append(judged_at(setting, at, cutoff))
                print(rows[-1].round(4).to_string(index=False), flush=True)
    first = ["ledger", "horizon_days", "cutoff", "candidate"]
    table = pd.concat(rows)
    if path.exists() and given is None:
        kept = pd.read_csv(path)
        table = pd.concat([table, kept[kept["ledger"] != "cdnow"]])
    table[[*first, *(name for name in table if name not in first)]].round(5).to_csv(path, index=False)


if __name__ == "__main__":
    main()
