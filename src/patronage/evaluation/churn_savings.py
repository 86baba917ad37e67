"""What each prediction saves of the costs of leaving, where customers differ in what they cost (Bahnsen's savings).

Each prediction decides for each customer by itself: contact where that is expected to cost less than not to. No
threshold is chosen with hindsight, so what a probability that is off costs is seen here, and in no ranking.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.evaluation.bootstrap import Resampler
from patronage.evaluation.campaign_profit import Campaign
from patronage.evaluation.judging import Resamples
from patronage.evaluation.savings import CostMatrix, campaign_costs, cheapest_decision
from patronage.runtime.histories import FloatArray
from patronage.schema import CAMPAIGN_SAVINGS


def savings_table(
    churned: FloatArray,
    probabilities: Mapping[str, FloatArray],
    value: FloatArray,
    campaign: Campaign,
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
) -> pd.DataFrame:
    """Savings of the decisions that each prediction leads to, over the cheaper of contacting nobody and everybody.

    Parameters
    ----------
    churned : ndarray of float64, shape (n,)
    probabilities : mapping of str to ndarray of float64, shape (n,)
        The model first.
    value : ndarray of float64, shape (n,)
        Money that each customer is worth if it stays.
    campaign : Campaign
    resamples : Resamples
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.

    Returns
    -------
    DataFrame
        `schema.CAMPAIGN_SAVINGS`; savings are missing where the cheaper of the two costs nothing.
    """
    costs = campaign_costs(value, campaign)
    decided = {name: cheapest_decision(np.clip(p, 0, 1), costs) for name, p in probabilities.items()}
    nobody, everybody = (_cost_of(churned, np.full(len(churned), both), costs) for both in (0.0, 1.0))
    accounts = np.array([nobody, everybody, *(_cost_of(churned, one, costs) for one in decided.values())])
    cost = accounts.sum(axis=1)
    saved = _saved(cost)
    drawn = np.full((max(2, resamples.replicates), len(saved)), np.nan)
    if resamples.replicates:
        resampler = Resampler(len(churned), customers)
        for replicate in drawn:
            replicate[:] = _saved(accounts @ resampler.draw(rng))
    tail = (1 - resamples.level) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail), axis=0)
    apart_low, apart_high = np.quantile(drawn[:, :1] - drawn, (tail, 1 - tail), axis=0)
    table = pd.DataFrame(
        {
            "model": list(decided),
            "n_contacted": [int(one.sum()) for one in decided.values()],
            "cost": cost[2:],
            "cost_of_nobody": cost[0],
            "cost_of_everybody": cost[1],
            "savings": saved,
            "savings_low": low,
            "savings_high": high,
            "difference": saved[0] - saved,
            "difference_low": apart_low,
            "difference_high": apart_high,
        }
    )
    of_rivals = ["difference", "difference_low", "difference_high"]
    table.loc[0, of_rivals] = np.nan
    return table[list(CAMPAIGN_SAVINGS.names)]


def savings_words(table: pd.DataFrame, level: float = 0.95) -> str:
    """What deciding by the model saves.

    Parameters
    ----------
    table : DataFrame
        `schema.CAMPAIGN_SAVINGS`, the model first.
    level : float
    """
    row = table.iloc[0]
    if not np.isfinite(row["savings"]):
        return "Contacting nobody, or everybody, costs nothing here: there is nothing to save."
    cheaper = "nobody" if row["cost_of_nobody"] <= row["cost_of_everybody"] else "everybody"
    words = (
        f"Contacting those of whom it is expected to pay, {row['n_contacted']:,} customers, saves "
        f"{_percent(row['savings'])} of what contacting {cheaper} costs"
    )
    if np.isfinite(row["savings_low"]):
        words += f" ({100 * level:g} % interval {_percent(row['savings_low'])} to {_percent(row['savings_high'])})"
    return f"{words}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace("-0.0 ", "0.0 ").replace("-", "−")


def _cost_of(churned: FloatArray, contacted: FloatArray, costs: CostMatrix) -> FloatArray:
    """What each customer costs by what was decided and what came."""
    contacted_left, contacted_stayed, missed_left, missed_stayed = costs.columns(len(churned))
    of_contacted = np.where(churned == 1, contacted_left, contacted_stayed)
    return np.where(contacted == 1, of_contacted, np.where(churned == 1, missed_left, missed_stayed))


def _saved(cost: FloatArray) -> FloatArray:
    """Savings from the costs of nobody, of everybody, and of each prediction's decisions."""
    cheaper = cost[:2].min()
    return (cheaper - cost[2:]) / cheaper if cheaper > 0 else np.full(len(cost) - 2, np.nan)
