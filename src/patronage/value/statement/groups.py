"""Groups of customers in a statement: segments of every scheme, cohorts and channels, and what each looks for."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.errors import InputError
from patronage.value.clusters import WORDS, Clusters, behavioural_clusters
from patronage.value.segments import SegmentRules, rfm_scores, segments_by_rules, value_risk_grid
from patronage.value.statement.future import Future
from patronage.value.statement.knowledge import SEGMENT
from patronage.value.statement.terms import StatementTerms
from patronage.value.value_curve import DIMENSIONS, propositions, value_curves

BEHAVIOUR = {
    "frequency": ("buys seldom", "buys often"),
    "margin_mean": ("brings little a purchase", "brings much a purchase"),
    "days_since_last_purchase": ("bought lately", "has not bought for long"),
}
"""What customers are told apart by besides what is known of `value_curve.DIMENSIONS`, with words for low and high."""

LEAST_KNOWN = 0.5
"""Share of customers of whom a column must be known to be told apart by it."""

LEAST_CUSTOMERS = 100
"""Below these there are no clusters worth naming."""


@dataclass(frozen=True)
class Groups:
    """Segments of the customers.

    Attributes
    ----------
    schemes : dict of str to Series
        By scheme (rules, value and risk, behaviour), the segment of every customer, indexed by customer_id.
    labels : dict of str to Series
        The schemes, the cohort, and acquisition channel, acquisition campaign and plan where they are known.
    clusters : Clusters or None
    notes : tuple of str
    """

    schemes: dict[str, pd.Series]
    labels: dict[str, pd.Series]
    clusters: Clusters | None
    notes: tuple[str, ...]

    def tables(self, future: Future, terms: StatementTerms) -> dict[str, pd.DataFrame]:
        """Segments, value curves and propositions."""
        parts = [
            pd.DataFrame({"customer_id": segment.index, "scheme": scheme, "segment": segment.to_numpy()})
            for scheme, segment in self.schemes.items()
        ]
        rng = np.random.default_rng([terms.seed, 2])
        curves, told = [], []
        for scheme, segment in self.schemes.items():
            curve = value_curves(future.known.frame, segment, level=terms.level, rng=rng)
            curves.append(curve.assign(scheme=scheme))
            told.append(propositions(curve).assign(scheme=scheme))
        found = {
            "segments": pd.concat(parts, ignore_index=True),
            "value_curves": pd.concat(curves, ignore_index=True),
            "propositions": pd.concat(told, ignore_index=True).rename(columns={"after-sales service": "service"}),
        }
        if self.clusters is not None:
            found["cluster_choice"] = self.clusters.criterion.assign(chosen=self.clusters.criterion.chosen.astype(int))
        return found


def groups_of(future: Future, rules: SegmentRules, terms: StatementTerms, won_by: pd.Series | None = None) -> Groups:
    """Find the segments of every scheme.

    Parameters
    ----------
    future : Future
    rules : SegmentRules
    terms : StatementTerms
    won_by : Series, optional
        The campaign that won each customer, by customer_id.

    Raises
    ------
    ConfigError
        If the rules name columns that are not known of the customers.
    """
    frame, scores = future.known.frame, future.known.scores
    known = frame.join(rfm_scores(frame)).assign(
        churn_probability=scores["churn_probability"], clv=scores["clv"], future_profit=future.profit
    )
    schemes = {
        "rules": segments_by_rules(known, rules),
        "value and risk": value_risk_grid(known["future_profit"], known["churn_probability"]),
    }
    notes = []
    clusters = None
    if terms.clusters:
        clusters, why = _clusters(frame, terms.seed)
        if clusters is not None:
            schemes["behaviour"] = clusters.segment
            notes.append(f"Segments by behaviour: {clusters.reading}")
        else:
            notes.append(f"There are no segments by behaviour: {why}")
    labels = {**schemes, "cohort": future.cohorts(terms)}
    if frame[SEGMENT].notna().any():
        channel = frame[SEGMENT].astype("object")
        labels["acquisition channel"] = channel.where(channel.notna(), "unknown").astype("str")
    if won_by is not None:
        labels["acquisition campaign"] = won_by.reindex(frame.index)
    if "plan" in frame and frame["plan"].notna().any():
        plan = frame["plan"].astype("object")
        labels["plan"] = plan.where(plan.notna(), "unknown").astype("str")
    return Groups(schemes, labels, clusters, tuple(notes))


def _clusters(frame: pd.DataFrame, seed: int) -> tuple[Clusters | None, str]:
    offered = [*BEHAVIOUR, *(one.column for one in DIMENSIONS)]
    columns = [name for name in offered if name in frame and frame[name].notna().mean() >= LEAST_KNOWN]
    if len(frame) < LEAST_CUSTOMERS:
        return None, f"{len(frame):,} customers are fewer than {LEAST_CUSTOMERS}."
    try:
        return behavioural_clusters(frame, columns, words=WORDS | BEHAVIOUR, seed=seed), ""
    except InputError as error:
        return None, str(error)
