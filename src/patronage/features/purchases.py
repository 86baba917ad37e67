"""Purchases: recency, frequency, age and money, over all days and over windows; the gaps between them; their trend."""

from typing import Any

import ibis
from ibis import _

from patronage.features.group import WINDOWS_DAYS, Feature, FeatureGroup, ratio
from patronage.features.transaction_days import purchase_history, recent_days

PURCHASES = FeatureGroup(
    "purchases",
    "Recency, frequency, age and money of a customer. In the terms of the summary, in days: frequency is purchase_days "
    "less 1, recency is purchase_span_days, T is tenure_days, monetary_value is spend_per_repeat_purchase_day.",
    purchase_history,
    (
        Feature(
            "days_since_last_purchase", "days", "From the last purchase day to the as-of date.", _.purchase_age.min()
        ),
        Feature("tenure_days", "days", "From the first purchase day to the as-of date.", _.purchase_age.max()),
        Feature(
            "purchase_span_days", "days", "From the first to the last purchase day; 0 if there is only one.",
            _.purchase_age.max() - _.purchase_age.min(),
        ),
        Feature("purchase_days", "days", "Number of days with a purchase, the first included.", _.purchase_age.count()),
        Feature("spend_total", "money", "Spend of all purchase days, the first included.", _.spend.sum()),
        Feature(
            "spend_per_purchase_day", "money", "spend_total over purchase_days.",
            ratio(_.spend.sum(), _.purchase_age.count()),
        ),
        Feature(
            "spend_first_purchase_day", "money", "Spend of the first purchase day.",
            _.spend.sum(where=_.previous_day.isnull()),
        ),
        Feature(
            "spend_last_purchase_day", "money", "Spend of the last purchase day.",
            _.spend.sum(where=_.is_last),
        ),
        Feature("spend_largest_purchase_day", "money", "Spend of the dearest purchase day.", _.spend.max()),
        Feature(
            "spend_per_repeat_purchase_day", "money", "Mean spend of the purchase days after the first.",
            ratio(_.spend.sum(where=_.previous_day.notnull()), _.gap_days.count()),
            missing="below two purchase days",
        ),
    ),
)  # fmt: skip

PURCHASE_WINDOWS = FeatureGroup(
    "purchase_windows",
    "How often and for how much a customer bought of late.",
    recent_days,
    tuple(
        feature
        for length in WINDOWS_DAYS
        for feature in (
            Feature(
                f"purchase_days_{length}d", "days", f"Purchase days in the {length} days up to the as-of date.",
                _.count(where=_.purchase_age < length),
            ),
            Feature(
                f"spend_{length}d", "money", f"Spend in the {length} days up to the as-of date.",
                _.spend.sum(where=_.age_days < length),
            ),
        )
    ),
)  # fmt: skip

_GAPS = _.gap_days.count()
_GAP_MEAN = ratio(_.gap_days.sum(), _GAPS)
# From whole numbers, so that the result does not depend on the order of the rows.
_GAP_SPREAD = ratio(
    _GAPS * (_.gap_days * _.gap_days).sum() - _.gap_days.sum() * _.gap_days.sum(), _GAPS * (_GAPS - 1)
).sqrt()

GAPS = FeatureGroup(
    "gaps",
    "The times from one purchase day to the next, and whether the present one is longer than usual.",
    purchase_history,
    (
        Feature(
            "gap_days_mean", "days", "Mean gap between purchase days.", _GAP_MEAN, missing="below two purchase days"
        ),
        Feature(
            "gap_days_std", "days", "Sample standard deviation of the gaps.", _GAP_SPREAD,
            missing="below three purchase days",
        ),
        Feature(
            "recency_over_mean_gap", "",
            "days_since_last_purchase over gap_days_mean: above 1, the customer is later than usual.",
            ratio(_.purchase_age.min(), _GAP_MEAN), missing="below two purchase days",
        ),
        Feature(
            "gap_days_last", "days", "Gap between the last two purchase days.",
            _.gap_days.sum(where=_.is_last), missing="below two purchase days",
        ),
        Feature("gap_days_longest", "days", "Longest gap.", _.gap_days.max(), missing="below two purchase days"),
        Feature(
            "recency_over_longest_gap", "",
            "days_since_last_purchase over gap_days_longest: above 1, the customer was never away for so long.",
            ratio(_.purchase_age.min(), _.gap_days.max()), missing="below two purchase days",
        ),
        Feature(
            "gap_variation", "", "gap_days_std over gap_days_mean: 0 if regular, about 1 if at random.",
            ratio(_GAP_SPREAD, _GAP_MEAN), missing="below three purchase days",
        ),
        Feature(
            "gap_regularity", "",
            "Geometric over arithmetic mean of the gaps: 1 if all are the same, about 0.56 if at random, near 0 if "
            "purchases come in clumps.",
            ratio(ratio(_.log_gap.sum(), _GAPS).exp(), _GAP_MEAN), missing="below two purchase days",
        ),
    ),
)  # fmt: skip


def _trend(value: Any, length: int) -> Any:
    """A sum over the last `length` days, less that over as many days before."""
    return ibis.ifelse(_.purchase_age < length, value, -value).sum(where=_.purchase_age < 2 * length)


_ONE = ibis.literal(1, "int64")
_TREND_DAYS = {90: recent_days, 365: purchase_history}

TREND = FeatureGroup(
    "trend",
    "Whether a customer buys more than before, or less.",
    purchase_history,
    (
        *(
            Feature(
                f"purchase_trend_{length}d", "days",
                f"Purchase days of the last {length} days less those of the {length} days before.",
                _trend(_ONE, length), facts=facts,
            )
            for length, facts in _TREND_DAYS.items()
        ),
        *(
            Feature(
                f"spend_trend_{length}d", "money",
                f"Spend of the last {length} days less that of the {length} days before.",
                _trend(_.spend, length), facts=facts,
            )
            for length, facts in _TREND_DAYS.items()
        ),
        Feature(
            "purchase_age_share", "share",
            "Mean age of the purchase days over the age of the first: above 0.5, most purchases lie early.",
            ratio(ratio(_.purchase_age.sum(), _.purchase_age.count()), _.purchase_age.max()),
            missing="on the day of the first purchase",
        ),
    ),
)  # fmt: skip
