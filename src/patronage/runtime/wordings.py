"""How each feature of a ledger is told: its topic, and its words.

The names are those of `patronage.features`; whatever is not here is told by its own name (`reasons.py`).
"""

from .phrases import Wording, count, number, percent, small
from .wording_kinds import (
    ALL,
    KNOWN_FOR,
    NO_SECOND,
    NO_THIRD,
    ONE_DAY,
    SPLIT,
    THIRTY,
    age_share,
    ago,
    counted,
    last_gap,
    longest_gap,
    money,
    of_all,
    regularity,
    rhythm,
    silence,
    silence_by_longest,
    silence_by_mean,
    slope,
    trend,
)

PURCHASES: dict[str, Wording] = {
    "days_since_last_purchase": Wording("silence", silence, ("gap_days_mean",), of_gaps=True),
    "recency_over_mean_gap": Wording(
        "silence", silence_by_mean, ("days_since_last_purchase", "gap_days_mean"), "ratio", NO_SECOND, of_gaps=True,
        reads_rounding="whole",
    ),
    "recency_over_longest_gap": Wording(
        "silence", silence_by_longest, ("days_since_last_purchase", "gap_days_longest"), "ratio", NO_SECOND,
        of_gaps=True, reads_rounding="whole",
    ),
    "gap_days_mean": Wording("rhythm", rhythm, missing=NO_SECOND, of_gaps=True),
    "gap_days_std": Wording("rhythm", lambda days: f"gaps between orders vary by {count(days, 'day', 'days')}",
                            missing=NO_THIRD),
    "gap_days_last": Wording("rhythm", last_gap, ("gap_days_mean",), missing=NO_SECOND, of_gaps=True),
    "gap_days_longest": Wording("rhythm", longest_gap, missing=NO_SECOND, of_gaps=True),
    "gap_variation": Wording("rhythm", lambda x: f"gaps between orders vary by {percent(x)} of their mean",
                             rounding="share", missing=NO_THIRD),
    "gap_regularity": Wording("rhythm", regularity, rounding="share", missing=NO_SECOND, of_gaps=True),
    "frequency": Wording("frequency", lambda n: count(n, "repeat order day", "repeat order days")),
    "purchase_days": Wording("frequency", lambda n: f"{count(n, 'order day', 'order days')} so far"),
    **counted("frequency", "purchase_days", "order day", "order days", ALL, "keeps"),
    "orders_total": Wording("frequency", lambda n: f"{count(n, 'order', 'orders')} so far"),
    **counted("frequency", "orders", "order", "orders", SPLIT, "keeps"),
    "lines_per_order": Wording("basket", lambda x: f"{count(x, 'line', 'lines')} per order", rounding="ratio",
                               missing="no order on record"),
    "monetary_value": Wording("spend", lambda x: f"spends {number(x)} on a repeat order day", rounding="money"),
    "spend_per_repeat_purchase_day": Wording("spend", lambda x: f"spends {number(x)} on a repeat order day",
                                             rounding="money", missing=NO_SECOND),
    "spend_total": Wording("spend", lambda x: f"spent {number(x)} so far", rounding="money"),
    "spend_per_purchase_day": Wording("spend", lambda x: f"spends {number(x)} on an order day", rounding="money"),
    "spend_first_purchase_day": Wording("spend", lambda x: f"spent {number(x)} on the first order day",
                                        rounding="money"),
    "spend_last_purchase_day": Wording(
        "spend", lambda x, usual: f"spent {number(x)} on the last order day"
        + (f", {number(usual)} on average" if usual == usual else ""), ("spend_per_purchase_day",), "money",
    ),
    "spend_largest_purchase_day": Wording("spend", lambda x: f"spent at most {number(x)} on one day",
                                          rounding="money"),
    **money("spend", "spend", "spent", ALL, "keeps"),
    **{
        f"purchase_trend_{days}d": trend(
            "purchase_days", "order days", days, lambda n: count(n, "order day", "order days")
        )
        for days in (90, 365)
    },
    **{
        f"spend_trend_{days}d": trend("spend", "amounts", days, lambda x: f"spent {number(x)}", "money")
        for days in (90, 365)
    },
    "purchase_age_share": Wording("trend", age_share, ("purchase_days",), "share", "first order on the last day"),
    "tenure_days": Wording("tenure", ago("first order")),
    "purchase_span_days": Wording(
        "tenure", lambda days: f"{count(days, 'day', 'days')} from first to last order" if days else ONE_DAY
    ),
}  # fmt: skip


MARGINS: dict[str, Wording] = {
    **of_all("margin", "margin", lambda x: f"margin of {number(x)}", "money", "keeps"),
    "margin_rate": Wording("margin", lambda x: f"margin of {percent(x)}", rounding="share",
                           missing="no margin on record"),
    **of_all("refunds", "refunds", lambda n: count(n, "refund", "refunds"), "whole", "raises"),
    **of_all("refunds", "refund_amount", lambda x: f"{number(x)} paid back", "money", "raises"),
    "refund_share": Wording("refunds", lambda x: f"{percent(x)} of sales paid back", rounding="share",
                            missing="nothing was paid for"),
    "days_since_last_refund": Wording("refunds", ago("last refund"), missing="never gave anything back"),
    **of_all("discounts", "discount", lambda x: f"discounts of {number(x)}", "money"),
    "discount_share": Wording("discounts", lambda x: f"discounts of {percent(x)}", rounding="share",
                              missing="no discount on record"),
    "discounted_purchase_share": Wording("discounts", lambda x: f"{percent(x)} of order days with a discount",
                                         rounding="share"),
}  # fmt: skip


def _variety(one: str, many: str, name: str) -> dict[str, Wording]:
    singular, plural = one.replace("_", " "), many.replace("_", " ")
    missing = f"no {singular} on record"
    return {
        f"{many}_total": Wording(plural, lambda n: f"{count(n, name, plural)} so far"),
        f"{many}_365d": Wording(plural, lambda n: f"{count(n, name, plural)} in 365 days"),
        f"{many}_new_90d": Wording(plural, lambda n: f"{count(n, f'new {name}', f'new {plural}')} in 90 days"),
        f"{one}_entropy": Wording(
            plural, lambda x: f"buys from one {singular}" if x == 0 else f"buys as from {number(x)} {plural}",
            rounding="ratio", missing=missing,
        ),
        f"{one}_share_top": Wording(plural, lambda x: f"{percent(x)} of lines from one {singular}", rounding="share",
                                    missing=missing),
    }  # fmt: skip


BREADTH: dict[str, Wording] = {
    **_variety("product", "products", "product"),
    **_variety("category", "categories", "category"),
    **_variety("sales_channel", "sales_channels", "sales channel"),
    "sales_channel_share_online": Wording("sales channels", lambda x: f"{percent(x)} bought online", rounding="share",
                                          missing="no sales channel on record"),
    "sales_channel_shift_90d": Wording(
        "sales channels", lambda x: "same sales channels as before" if x == 0
        else f"{percent(x)} of purchases moved to other sales channels in 90 days",
        rounding="share", missing="no line of late to compare sales channels by",
    ),
}  # fmt: skip

_CONTACTS_BY = {
    "of_kind_service": ("service contact", "service contacts"),
    "of_kind_campaign": ("campaign contact", "campaign contacts"),
    "of_kind_visit": ("visit", "visits"),
    "of_kind_other": ("other contact", "other contacts"),
    "by_call": ("call", "calls"),
    "by_chat": ("chat", "chats"),
    "by_e_mail": ("e-mail", "e-mails"),
    "by_store": ("contact in a store", "contacts in a store"),
    "by_web": ("contact by web", "contacts by web"),
    "by_other": ("contact by another channel", "contacts by other channels"),
}

_NO_OPEN = "no open complaint"


CONTACTS: dict[str, Wording] = {
    "contacts_total": Wording("contacts", lambda n: f"{count(n, 'contact', 'contacts')} so far"),
    **counted("contacts", "contacts", "contact", "contacts", ALL, ages=KNOWN_FOR),
    "days_since_last_contact": Wording("contacts", ago("last contact"), missing="no contact on record"),
    **{
        name: wording
        for kind, (one, many) in _CONTACTS_BY.items()
        for name, wording in counted("contacts", f"contacts_{kind}", one, many, SPLIT, ages=KNOWN_FOR).items()
    },
    "contact_minutes_total": Wording("contacts", lambda n: f"{count(n, 'minute', 'minutes')} of contacts so far"),
    **counted("contacts", "contact_minutes", "minute of contacts", "minutes of contacts", SPLIT, ages=KNOWN_FOR),
    **of_all("cost to serve", "cost_to_serve", lambda x: f"contacts cost {number(x)}", "money", ages=KNOWN_FOR),
    "cost_per_contact": Wording("cost to serve", lambda x: f"a contact costs {number(x)}", rounding="money",
                                missing="no cost of contacts on record"),
    "complaints_total": Wording("complaints", lambda n: f"{count(n, 'complaint', 'complaints')} so far"),
    **counted("complaints", "complaints", "complaint", "complaints", THIRTY, "raises", KNOWN_FOR),
    "days_since_last_complaint": Wording("complaints", ago("last complaint"), missing="never complained"),
    "complaints_open": Wording(
        "complaints", lambda n: f"{small(n)} open {'complaint' if n <= 1 else 'complaints'}"
    ),
    "open_complaint_days": Wording("complaints", lambda n: f"complaint open for {count(n, 'day', 'days')}",
                                   missing=_NO_OPEN),
    "complaint_days_to_close": Wording("complaints", lambda n: f"complaints settled after {count(n, 'day', 'days')}",
                                       missing="no settled complaint"),
    "satisfaction_scores": Wording("satisfaction", lambda n: count(n, "satisfaction score", "satisfaction scores")),
    "satisfaction_last": Wording("satisfaction", lambda x: f"last satisfaction score {number(x)}", rounding="ratio",
                                 missing="no satisfaction score"),
    "satisfaction_mean": Wording("satisfaction", lambda x: f"mean satisfaction score {number(x)}", rounding="ratio",
                                 missing="no satisfaction score"),
    "satisfaction_mean_365d": Wording("satisfaction", lambda x: f"mean satisfaction score {number(x)} in 365 days",
                                      rounding="ratio", missing="no satisfaction score in 365 days"),
    "satisfaction_slope": Wording("satisfaction", slope, rounding="ratio",
                                  missing="no two satisfaction scores to compare"),
    "days_since_last_score": Wording("satisfaction", ago("last satisfaction score"), missing="no satisfaction score"),
}  # fmt: skip

CAMPAIGNS: dict[str, Wording] = {
    "campaigns_total": Wording("campaigns", lambda n: f"{count(n, 'campaign', 'campaigns')} so far"),
    **counted("campaigns", "campaigns", "campaign", "campaigns", THIRTY, ages=KNOWN_FOR),
    "days_since_last_campaign": Wording("campaigns", ago("last campaign"), missing="never in a campaign"),
    "campaign_cost_total": Wording("campaigns", lambda x: f"campaigns cost {number(x)} so far", rounding="money"),
    "campaign_cost_365d": Wording("campaigns", lambda x: f"campaigns cost {number(x)} in 365 days", rounding="money"),
    "campaign_responses_total": Wording("campaigns", lambda n: f"{count(n, 'response', 'responses')} to campaigns"),
    "campaign_responses_365d": Wording(
        "campaigns", lambda n: f"{count(n, 'response', 'responses')} to campaigns in 365 days"
    ),
    "campaign_response_rate": Wording("campaigns", lambda x: f"answers {percent(x)} of campaigns", rounding="share",
                                      missing="no campaign old enough to be answered"),
}  # fmt: skip

CUSTOMERS: dict[str, Wording] = {
    "days_since_acquisition": Wording("acquisition", ago("won"), missing="day of acquisition unknown"),
    "acquisition_cost": Wording("acquisition", lambda x: f"cost {number(x)} to win", rounding="money",
                                missing="cost of acquisition unknown"),
    "contract_days": Wording("contract", lambda n: f"under contract for {count(n, 'day', 'days')}",
                             missing="no contract"),
    "contract_ended": Wording("contract", lambda x: "contract has ended" if x else "contract still runs",
                              missing="no contract"),
    "days_since_contract_end": Wording("contract", ago("contract ended"), missing="no ended contract"),
    "price": Wording("price", lambda x: f"pays {number(x)} a month", rounding="money", missing="price unknown"),
}  # fmt: skip

PURCHASE_MODEL: dict[str, Wording] = {
    "probability_alive": Wording("purchase model", lambda x: f"still a customer with a chance of {percent(x)}",
                                 rounding="share"),
    "probability_active": Wording("purchase model", lambda x: f"expected to order again with a chance of {percent(x)}",
                                  rounding="share"),
    "expected_purchases": Wording("purchase model", lambda x: f"{number(x)} orders expected", rounding="ratio"),
}  # fmt: skip

WORDINGS: dict[str, Wording] = {
    **PURCHASES, **MARGINS, **BREADTH, **CONTACTS, **CAMPAIGNS, **CUSTOMERS, **PURCHASE_MODEL,
}  # fmt: skip
"""By column."""

TEXT_TOPICS = {
    "acquisition_channel": ("acquisition", "won by {}", "channel of acquisition unknown"),
    "plan": ("plan", "plan {}", "plan unknown"),
}
"""Text columns: their topic, how a value is told, and how a missing one is."""

IN_DAYS = {"T": "tenure_days", "recency": "purchase_span_days"}
"""Columns in the model's own unit of time, and the columns in days whose words they share."""
