"""Satisfaction: the scores that a customer gave, their level and their course."""

from typing import Any

import ibis
from ibis import _

from patronage.features.group import Feature, FeatureGroup, ratio
from patronage.features.point_in_time import Known, is_last_known
from patronage.ledger.purchases import MONEY, SUMMED

SLOPE_DAYS = 365
"""The slope is told for a year: what a score changes by in a day is too small a number to read."""


def score_days(known: Known) -> Any:
    """Days with scores, once for every as-of date on which they are known.

    Returns
    -------
    ibis.Table
        customer_id, day, as_of, age_days, scores (number of the day), score_sum (decimal), is_last (boolean: no later
        day with a score is known).
    """
    contacts = known.facts("contacts")
    scored = contacts.filter(contacts.satisfaction.notnull())
    days = scored.group_by("customer_id", "day").aggregate(
        scores=_.count().cast("int64"), score_sum=_.satisfaction.cast(MONEY).sum().cast(SUMMED)
    )
    days = known.until_last(days)
    days = days.mutate(next_day=_.day.lead().over(ibis.window(group_by="customer_id", order_by="day")))
    return known.up_to(days).mutate(is_last=is_last_known(True))


_NUMBER = _.scores.sum().cast("float64")
_AGES = (_.scores * _.age_days).sum().cast("float64")
_SQUARES = (_.scores * _.age_days * _.age_days).sum().cast("float64")
_SCORES = _.score_sum.sum().cast("float64")
_PRODUCTS = (_.score_sum * _.age_days).sum().cast("float64")

SATISFACTION = FeatureGroup(
    "satisfaction",
    "The scores that the customer gave, in the unit of the source.",
    score_days,
    (
        Feature("satisfaction_scores", "scores", "Number of scores given.", _.scores.sum()),
        Feature(
            "satisfaction_last", "as the source", "Mean score of the last day with a score.",
            ratio(_.score_sum.sum(where=_.is_last), _.scores.sum(where=_.is_last)), missing="without a score",
        ),
        Feature(
            "satisfaction_mean", "as the source", "Mean of all scores.", ratio(_.score_sum.sum(), _.scores.sum()),
            missing="without a score",
        ),
        Feature(
            "satisfaction_mean_365d", "as the source", "Mean of the scores in the 365 days up to the as-of date.",
            ratio(_.score_sum.sum(where=_.age_days < 365), _.scores.sum(where=_.age_days < 365)),
            missing="without a score in these days",
        ),
        Feature(
            "satisfaction_slope", "as the source, a year",
            "Slope of the least-squares line through the scores by day: positive if they rise.",
            -SLOPE_DAYS * (_NUMBER * _PRODUCTS - _AGES * _SCORES) / (_NUMBER * _SQUARES - _AGES * _AGES).nullif(0.0),
            missing="without scores on two days",
        ),
        Feature(
            "days_since_last_score", "days", "From the last day with a score to the as-of date.", _.age_days.min(),
            missing="without a score",
        ),
    ),
    needs=("contacts.satisfaction",),
)  # fmt: skip
