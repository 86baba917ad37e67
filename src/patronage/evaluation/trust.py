"""How far the intervals of a purchase model can be trusted, in words: its own, and those corrected by a backtest."""

import numpy as np
import pandas as pd

from patronage.evaluation.backtest import Backtest
from patronage.evaluation.conformal import conformal_report
from patronage.schema import INTERVALS


def interval_table(backtest: Backtest, *, rng: np.random.Generator) -> pd.DataFrame:
    """The intervals of the last origin, the model's own and those corrected by earlier origins: `schema.INTERVALS`.

    Without an earlier origin whose holdout was over, the model's own stand alone.

    Parameters
    ----------
    backtest : Backtest
    rng : numpy.random.Generator
    """
    last = backtest.origins[-1]
    earlier = any(one.known_on <= last.cutoff for one in backtest.origins)
    table = conformal_report(backtest, rng=rng) if earlier else _own(backtest)
    randomised = backtest.table()["randomised_coverage"].iloc[-1]
    of_customers = (table["what"] == "customers") & (table["interval"] == "model")
    table["randomised_coverage"] = np.where(of_customers, randomised, np.nan)
    return table.assign(actual=last.total["actual"], expected=last.total["expected"])[list(INTERVALS.names)]


def trust_in_words(table: pd.DataFrame, ratios: pd.Series) -> str:
    """What the intervals promised, what came, and what to make of it.

    Parameters
    ----------
    table : DataFrame
        `schema.INTERVALS`.
    ratios : Series
        Actual over expected totals at earlier origins.
    """
    rows = {(row["what"], row["interval"]): row for row in table.to_dict("records")}
    total, customers = rows["total", "model"], rows["customers", "model"]
    level, actual = float(total["level"]), float(total["actual"])
    reach = f"{total['low']:,.0f} to {total['high']:,.0f}"
    if total["coverage"] == 1:
        parts = [f"The model's own {level:.0%} interval of the total, {reach}, holds what came ({actual:,.0f})."]
    else:
        side = "above" if actual > total["high"] else "below"
        parts = [
            f"What came ({actual:,.0f}) lies {side} the model's own {level:.0%} interval of the total, {reach}. That "
            "interval knows of chance and of uncertain parameters, not of seasons, campaigns and a model that is only "
            "nearly true: do not read it as the bounds of what can happen."
        ]
    parts.append(
        f"Of the customers {customers['coverage']:.1%} bought what their own {level:.0%} interval held"
        f" ({customers['randomised_coverage']:.1%} when ties of whole counts are broken at random, which should be "
        f"{level:.0%})."
    )
    if ("total", "conformal") in rows and len(ratios):
        corrected = rows["total", "conformal"]
        verdict = "holds it too" if corrected["coverage"] == 1 else "misses it"
        parts.append(
            f"At {len(ratios)} earlier origins the actual total was {ratios.min():.2f} to {ratios.max():.2f} times the "
            f"expected one. Corrected by that, the interval is {corrected['low']:,.0f} to {corrected['high']:,.0f}, a "
            f"claim of {corrected['level']:.0%} only, because so few origins support no more; it {verdict}."
        )
    return " ".join(parts)


def _own(backtest: Backtest) -> pd.DataFrame:
    last, judged = backtest.origins[-1], backtest.table().iloc[-1]
    width = float((last.customers["high"] - last.customers["low"]).mean())
    common = {"interval": "model", "level": last.level, "n_origins": 0}
    customers = {"what": "customers", "coverage": judged["customer_coverage"], "mean_width": width, **common}
    low, high = float(last.total["low"]), float(last.total["high"])
    inside = float(judged["total_inside"])
    total = {"what": "total", "coverage": inside, "low": low, "high": high, "mean_width": high - low, **common}
    return pd.DataFrame([customers, total])
