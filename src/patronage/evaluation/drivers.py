"""What drives churn in a population: the topics and features that move the log odds of its customers most.

The strength of a driver is the mean absolute contribution (Lundberg et al. 2020, From local explanations to global
understanding with explainable AI for trees) of a topic, whose features are summed first, so that features that say the
same do not share its rank among them. It tells what the model goes by, which is association, not what would happen if a
driver were changed.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from patronage.errors import InputError
from patronage.evaluation.bootstrap import Resampler
from patronage.models.base import checked_level
from patronage.models.churn.columns import feature_columns
from patronage.runtime.churn_kinds import AnyChurnModel
from patronage.runtime.contributions import Explainer, ExplainMethod, Usual
from patronage.runtime.histories import FloatArray
from patronage.runtime.reasons import ReasonTeller
from patronage.schema import DRIVERS

EVERYONE = "all"
MISSING = "missing"

RESAMPLES = 500
"""Of customers; means of contributions have smooth distributions, whose ends so many tell."""

MOST_ROWS = 100_000
"""Rows that are explained: enough to know any mean to a hundredth of its spread."""

FEWEST_ROWS = 2
"""Segments of fewer rows have no interval."""


def drivers(
    model: AnyChurnModel,
    frame: pd.DataFrame,
    segments: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    by: Literal["topic", "feature"] = "topic",
    method: ExplainMethod = "auto",
    usual: Usual | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> pd.DataFrame:
    """The drivers of everyone and of each segment, with intervals by resampling customers.

    Parameters
    ----------
    model : AnyChurnModel
        As `to_model` of a fitted classifier gives it, or a bundle's.
    frame : DataFrame
        One row a customer (or several): at least the model's features. Of more than `MOST_ROWS` rows a random part is
        explained.
    segments : array-like, shape (n,), optional
        Segment of each row; missing ones are a segment of their own.
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    by : {"topic", "feature"}
        Sum the features of a topic first, or tell every feature by itself.
    method : {"auto", "exact", "fast"}
        See `ExplainMethod`.
    usual : mapping, optional
        See `Explainer`.
    resamples : int
    level : float

    Returns
    -------
    DataFrame
        `schema.DRIVERS`: everyone first, then the segments in order; the strongest driver first in each.

    Raises
    ------
    InputError
        If a feature is missing, there is no row, or segments do not go with the rows.
    ModelError
        As `Explainer.contributions`.
    """
    tail = (1 - checked_level(level)) / 2
    names = _segment_names(segments, len(frame))
    ids = None if customers is None else np.asarray(customers)
    if len(frame) > MOST_ROWS:
        part = np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))
        frame, names = frame.iloc[part], names[part]
        ids = None if ids is None else ids[part]
    explainer = Explainer(model, usual, method)
    columns = feature_columns(frame, explainer.features, explainer.model.categories)
    values = explainer.contributions(columns)
    told = _topics(explainer) if by == "topic" else {name: [place] for place, name in enumerate(explainer.features)}
    tables = [
        _of_segment(segment, values[:, rows], {name: column[rows] for name, column in columns.items()}, told, explainer)
        .assign(**_intervals(values[:, rows], told, Resampler(len(rows), None if ids is None else ids[rows]), rng,
                             resamples, tail))
        for segment, rows in _segments(names, segments is not None)
    ]  # fmt: skip
    ranked = [table.sort_values("strength", ascending=False, kind="stable") for table in tables]
    return pd.concat(ranked, ignore_index=True)[list(DRIVERS.names)]


def _topics(explainer: Explainer) -> dict[str, list[int]]:
    return ReasonTeller(explainer).topics.members


def _segment_names(segments: ArrayLike | None, n: int) -> NDArray[Any]:
    if not n:
        message = "There is no customer whose drivers could be told."
        raise InputError(message)
    given = pd.Series([EVERYONE] * n if segments is None else np.asarray(segments, dtype=object))
    if len(given) != n:
        message = f"Expected the segment of each of {n:,} rows, got {len(given):,}."
        raise InputError(message)
    return np.asarray(given.where(given.notna(), MISSING).astype(str).to_numpy(dtype=object))


def _segments(names: NDArray[Any], several: bool) -> Iterator[tuple[str, NDArray[np.intp]]]:
    yield EVERYONE, np.arange(len(names))
    if several:
        for segment in sorted(set(names.tolist())):
            yield segment, np.flatnonzero(names == segment)


def _of_segment(
    segment: str,
    values: FloatArray,
    columns: dict[str, NDArray[Any]],
    told: dict[str, list[int]],
    explainer: Explainer,
) -> pd.DataFrame:
    rows = []
    for driver, places in told.items():
        effect = values[places].sum(axis=0)
        leading = places[int(np.abs(values[places]).mean(axis=1).argmax())]
        rows.append(
            {
                "segment": segment,
                "driver": driver,
                "n_customers": values.shape[1],
                "strength": float(np.abs(effect).mean()),
                "mean_effect": float(effect.mean()),
                "share_raising": float((effect > 0).mean()),
                "direction": _direction(columns[explainer.features[leading]], effect),
                "leading_feature": explainer.features[leading],
            }
        )
    table = pd.DataFrame(rows)
    total = table["strength"].sum()
    return table.assign(share=table["strength"] / total if total > 0 else 0.0)


def _direction(column: NDArray[Any], effect: FloatArray) -> float:
    """Rank correlation of a number with what its driver contributes."""
    if column.dtype == object:
        return float("nan")
    known = ~np.isnan(column)
    ranks, of_effect = stats.rankdata(column[known]), stats.rankdata(effect[known])
    if len(ranks) < FEWEST_ROWS or np.ptp(ranks) == 0 or np.ptp(of_effect) == 0:
        return float("nan")
    return float(np.corrcoef(ranks, of_effect)[0, 1])


def _intervals(
    values: FloatArray,
    told: dict[str, list[int]],
    resampler: Resampler,
    rng: np.random.Generator,
    resamples: int,
    tail: float,
) -> dict[str, FloatArray]:
    effects = np.array([values[places].sum(axis=0) for places in told.values()])
    both = np.vstack([np.abs(effects), effects])
    drawn = np.empty((resamples, len(both)))
    for place in range(resamples):
        times = resampler.draw(rng)
        drawn[place] = both @ times / times.sum()
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    k = len(effects)
    return {
        "strength_low": low[:k],
        "strength_high": high[:k],
        "mean_effect_low": low[k:],
        "mean_effect_high": high[k:],
    }
