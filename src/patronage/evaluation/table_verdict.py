"""The judgement of a customer table's model: that of any churn model, on predictions pooled over folds."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from patronage.evaluation.calibration_metrics import reliability_table
from patronage.evaluation.churn_judging import ChurnJudgement, judge_churn
from patronage.evaluation.churn_money import CampaignTerms, campaign_tables
from patronage.evaluation.judging import Resamples
from patronage.evaluation.out_of_fold import BASE_RATE, OutOfFold
from patronage.evaluation.tables import churn_gain
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.schema import CHURN_CALIBRATION, CHURN_LIFT


def judge_table(
    found: OutOfFold,
    groups: IndexArray,
    value: FloatArray,
    campaign: CampaignTerms,
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    slices: pd.DataFrame | None = None,
) -> ChurnJudgement:
    """Judge pooled predictions; groups of rows are resampled whole, with all their predictions.

    Metrics and lists are of all predictions; a list counts every row once. Sums of money go by the first prediction of
    each row.

    Parameters
    ----------
    found : OutOfFold
        The model first, then its rivals.
    groups : ndarray of int, shape (n,)
        For each row of the table, what it is resampled with.
    value : ndarray of float64, shape (n,)
        Money that a customer is worth who stays.
    campaign : CampaignTerms
    resamples : Resamples
    rng : numpy.random.Generator
    slices : DataFrame, n rows, optional
        What the figures are told by, as for `judge_churn`.

    Returns
    -------
    ChurnJudgement
        Its tables hold ``folds`` too: the area under the curve of each split.
    """
    customers, row = groups[found.row], found.row
    judgement = judge_churn(
        found.left, found.probabilities, resamples, rng=rng, customers=customers,
        slices=None if slices is None else slices.iloc[row].reset_index(drop=True),
        value=value[row], campaign=campaign,
    )  # fmt: skip
    # The base rates of folds differ a little, but rank nobody.
    ranked = {name: score for name, score in found.probabilities.items() if name != BASE_RATE}
    once = np.unique(row, return_index=True)[1]
    left, people = found.left[once], customers[once]
    scores = {name: score[once] for name, score in ranked.items()}
    money = campaign_tables(left, scores, value[row[once]], campaign, resamples, rng=rng, customers=people)
    tables = {
        **judgement.tables,
        **money,
        "churn_gain": churn_gain(found.left, ranked),
        "churn_calibration": _calibration(found.left, ranked, customers),
        "churn_lift": _lift(judgement.tables["churn_lift"], len(once)),
        "folds": found.by_split,
    }
    return replace(judgement, tables=tables)


def _calibration(left: FloatArray, scores: Mapping[str, FloatArray], customers: IndexArray) -> pd.DataFrame:
    """Intervals by customers: several predictions of one are no independent evidence."""
    tables = [reliability_table(left, score, customers=customers).assign(model=name) for name, score in scores.items()]
    table = pd.concat(tables, ignore_index=True).rename(columns={"n_rows": "n_customers"})
    return table[list(CHURN_CALIBRATION.names)]


def _lift(pooled: pd.DataFrame, n_customers: int) -> pd.DataFrame:
    """The lists as the measures tell them, of all predictions, in customers: each is foretold several times."""
    table = pooled[pooled["model"] != BASE_RATE].reset_index(drop=True)
    contacted = np.maximum(1, np.ceil(table["share"].to_numpy() * n_customers - 1e-9)).astype(np.int64)
    return table.assign(n_contacted=contacted)[list(CHURN_LIFT.names)]
