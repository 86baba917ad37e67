"""What was earned, what was given back and what was given away: margin, refunds, discounts."""

from typing import Any

from ibis import _

from patronage.features.group import WINDOWS_DAYS, Feature, FeatureGroup, ratio
from patronage.features.transaction_days import purchase_history, recent_days


def _over_windows(name: str, unit: str, what: str, value: Any) -> tuple[Feature, ...]:
    """A sum over all known days and over each window."""
    total = Feature(f"{name}_total", unit, f"{what}, of all days.", value.sum())
    windows = (
        Feature(
            f"{name}_{length}d", unit, f"{what}, in the {length} days up to the as-of date.",
            value.sum(where=_.age_days < length), facts=recent_days,
        )
        for length in WINDOWS_DAYS
    )  # fmt: skip
    return (total, *windows)


MARGIN = FeatureGroup(
    "margin",
    "What was earned on the customer's purchases, refunds included. Lines whose margin is unknown do not count.",
    purchase_history,
    (
        *_over_windows("margin", "money", "Amount less cost of goods", _.margin),
        Feature(
            "margin_rate", "share", "margin_total over the amount of the same lines.",
            ratio(_.margin.sum(), _.margin_sales.sum()), missing="where no margin is known or that amount is 0",
        ),
    ),
    needs=("transactions.margin|transactions.cost_of_goods",),
)  # fmt: skip

REFUNDS = FeatureGroup(
    "refunds",
    "What the customer gave back, on whatever day.",
    purchase_history,
    (
        *_over_windows("refunds", "lines", "Number of refund lines", _.refunds),
        *_over_windows("refund_amount", "money", "Money paid back, 0 or more", _.refunded),
        Feature(
            "refund_share", "share", "refund_amount_total over all sales before refunds.",
            ratio(_.refunded.sum().fill_null(0), _.sales.sum()), missing="where nothing was paid for",
        ),
        Feature(
            "days_since_last_refund", "days", "From the last day with a refund to the as-of date.",
            _.age_days.min(where=_.refunds > 0), missing="without a refund",
        ),
    ),
)  # fmt: skip

DISCOUNTS = FeatureGroup(
    "discounts",
    "What was given away on the customer's purchases; refund lines do not count.",
    purchase_history,
    (
        *_over_windows("discount", "money", "Money given away", _.discount),
        Feature(
            "discount_share", "share", "discount_total over sales before refunds and discounts.",
            ratio(_.discount.sum(), _.sales.sum() + _.discount.sum()),
            missing="where no discount is known, or nothing was paid for or given away",
        ),
        Feature(
            "discounted_purchase_share", "share", "Share of the purchase days on which anything was given away.",
            ratio(_.count(where=_.is_purchase & (_.discount > 0)), _.purchase_age.count()),
        ),
    ),
    needs=("transactions.discount",),
)  # fmt: skip
