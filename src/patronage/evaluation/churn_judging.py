"""A churn model under judgement: measures against its rivals, lists, money, parts of the customers, and leaks.

Works for any predictions of who left, of one holdout or pooled over folds, with contracts or without.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from patronage.errors import InputError
from patronage.evaluation.calibration_metrics import brier_parts, error_by_chance
from patronage.evaluation.churn_money import CampaignTerms, campaign_tables
from patronage.evaluation.counted_metrics import CHURN_METRICS, CONTACTED_SHARES, Metric, brier, log_loss, roc_auc
from patronage.evaluation.judging import Judged, Resamples, judged
from patronage.evaluation.leakage import find_leaks
from patronage.evaluation.lift import lift_rows
from patronage.evaluation.metrics import MEANS
from patronage.evaluation.slices import metrics_by_group
from patronage.evaluation.tables import churn_calibration, churn_gain
from patronage.runtime.histories import FloatArray
from patronage.schema import BRIER_PARTS, CHURN_LIFT, CHURN_SLICES, DIFFERENCES, LEAKS

SLICE_METRICS: Mapping[str, Metric] = {"roc_auc": roc_auc, "log_loss": log_loss, "brier": brier}
"""Figures of parts of the customers: order, and probabilities."""

MOST_GROUPS = 10
"""Distinct numbers up to which each is a group of its own."""

CHANCE_RUNS = 100
"""Simulated outcomes behind the calibration error of a perfect model."""


@dataclass(frozen=True)
class ChurnJudgement:
    """What was found of a churn model.

    Attributes
    ----------
    metrics : DataFrame
        `schema.METRICS` of the task churn, the model first.
    differences : DataFrame
        `schema.DIFFERENCES`.
    tables : dict of str to DataFrame
        By name: churn_calibration, churn_gain, churn_lift, brier_parts; and churn_slices, profit_curve,
        campaign_profit, campaign_savings and leaks where they were asked for.
    notes : tuple of str
        What could not be told, and why; which columns look like leaks.
    """

    metrics: pd.DataFrame
    differences: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...]


def judge_churn(
    churned: ArrayLike,
    probabilities: Mapping[str, ArrayLike],
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    slices: pd.DataFrame | None = None,
    value: ArrayLike | None = None,
    campaign: CampaignTerms | None = None,
    features: pd.DataFrame | None = None,
) -> ChurnJudgement:
    """Judge probabilities of leaving by who left.

    Parameters
    ----------
    churned : array-like, shape (n,)
        1 for those who left, 0 for the others; not the customers that the model was fitted to.
    probabilities : mapping of str to array-like, shape (n,)
        The model first, then its rivals.
    resamples : Resamples
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    slices : DataFrame, n rows, optional
        A column for each way in which customers are told apart: segment, cohort, attributes. Numbers of many values
        are cut into four groups of equal size.
    value : array-like, shape (n,), optional
        Money that the customer is worth if it stays; with `campaign`, the list is judged by money too.
    campaign : CampaignTerms, optional
    features : DataFrame, n rows, optional
        What the model looks at, to be searched for leaks.

    Returns
    -------
    ChurnJudgement

    Raises
    ------
    InputError
        If lengths differ, or outcomes are neither 0 nor 1.
    """
    y = np.asarray(churned, dtype=np.float64)
    p = {name: np.asarray(values, dtype=np.float64) for name, values in probabilities.items()}
    metrics = {name: metric for name, metric in CHURN_METRICS.items() if not name.startswith("lift")}
    notes: list[str] = []
    worth = None if value is None or campaign is None else np.asarray(value, dtype=np.float64)
    if worth is not None and campaign is not None:
        of_money, note = campaign.metrics(float(worth.mean()))
        metrics |= of_money
        notes += [note] if note else []
    found = judged("churn", y, p, metrics, resamples, rng=rng, customers=customers, plain=MEANS)
    model = next(iter(p))
    ranked = {name: values for name, values in p.items() if name == model or np.ptp(values) > 0}
    tables = {
        "churn_calibration": churn_calibration(y, ranked),
        "churn_gain": churn_gain(y, ranked),
        "churn_lift": _lift(y, ranked, found),
        "brier_parts": _brier(y, p, rng),
    }
    if worth is not None and campaign is not None:
        tables |= campaign_tables(y, ranked, worth, campaign, resamples, rng=rng, customers=customers)
    if slices is not None and slices.shape[1]:
        tables["churn_slices"] = _slices(y, p[model], slices, resamples, rng, customers)
    if features is not None:
        tables["leaks"], said = _leaks(features, y, rng)
        notes += said
    return ChurnJudgement(with_lift(found.metrics), _lifts_too(found.differences), tables, tuple(notes))


def with_lift(metrics: pd.DataFrame) -> pd.DataFrame:
    """Set the lift beside each gain: the same over the share of customers."""
    return _scaled_gains(metrics, ["value", "low", "high"])


def _lifts_too(differences: pd.DataFrame) -> pd.DataFrame:
    return _scaled_gains(differences, ["difference", "low", "high"])[list(DIFFERENCES.names)]


def _scaled_gains(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    parts = [table]
    for share in CONTACTED_SHARES:
        gains = table[table["metric"] == f"gain_{100 * share:g}"]
        parts.append(gains.assign(metric=f"lift_{100 * share:g}", **{name: gains[name] / share for name in columns}))
    return pd.concat([part for part in parts if len(part)] or [table], ignore_index=True)


def _lift(y: FloatArray, ranked: Mapping[str, FloatArray], found: Judged) -> pd.DataFrame:
    names = [f"gain_{100 * share:g}" for share in CONTACTED_SHARES]
    tables = []
    for model, values in ranked.items():
        rows = found.metrics[found.metrics["model"] == model].set_index("metric")
        gains = rows.loc[names, ["value", "low", "high"]].to_numpy(np.float64)
        tables.append(lift_rows(y, values, CONTACTED_SHARES, gains).assign(model=model))
    return pd.concat(tables, ignore_index=True)[list(CHURN_LIFT.names)]


def _brier(y: FloatArray, probabilities: Mapping[str, FloatArray], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model, p in probabilities.items():
        parts = brier_parts(y, p)
        by_chance = error_by_chance(p, rng=rng, simulations=CHANCE_RUNS)[1]
        rows.append({"model": model, **asdict(parts), "skill": parts.skill, "error_by_chance": by_chance})
    return pd.DataFrame(rows)[list(BRIER_PARTS.names)]


def _slices(
    y: FloatArray,
    p: FloatArray,
    slices: pd.DataFrame,
    resamples: Resamples,
    rng: np.random.Generator,
    customers: ArrayLike | None,
) -> pd.DataFrame:
    tables = []
    for kind in slices:
        table = metrics_by_group(
            y, p, groups_of(slices[kind]), SLICE_METRICS, rng=rng, customers=customers,
            replicates=max(2, resamples.replicates), level=resamples.level,
        )  # fmt: skip
        if not resamples.replicates:
            table[["low", "high"]] = np.nan
        tables.append(table.rename(columns={"n_rows": "n_customers"}).assign(kind=str(kind)))
    return pd.concat(tables, ignore_index=True)[list(CHURN_SLICES.names)]


def groups_of(column: pd.Series) -> NDArray[np.object_]:
    """A column as names of groups: text as it is, numbers of more than ten values in four groups of equal size."""
    missing = column.isna().to_numpy()
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    if numeric and column.nunique() > MOST_GROUPS:
        quarters = pd.qcut(column.astype(np.float64), 4, duplicates="drop")
        names = quarters.map(lambda piece: f"{piece.left:,.6g} to {piece.right:,.6g}").astype(object)
    else:
        names = column.astype(object).map(lambda value: f"{value:g}" if isinstance(value, float) else str(value))
    return np.asarray(np.where(missing, "missing", names), dtype=object)


def _leaks(features: pd.DataFrame, y: FloatArray, rng: np.random.Generator) -> tuple[pd.DataFrame, list[str]]:
    try:
        found = find_leaks(features, y, rng=rng)
    except InputError as error:
        return pd.DataFrame(columns=list(LEAKS.names)), [f"Leaks were not looked for: {error}"]
    named = [f"{row['column']} may give the answer away. {row['words']}" for row in found.to_dict("records")]
    return found[list(LEAKS.names)], named
