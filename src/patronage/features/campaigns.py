"""Campaigns: what the business did to a customer, and how the customer responded."""

from typing import Any

import ibis
from ibis import _

from patronage.features.group import Feature, FeatureGroup, ratio
from patronage.features.point_in_time import Known, later_day
from patronage.ledger.purchases import MONEY

RESPONSE_DAYS = 30
"""A response without a date of its own is taken as known so many days after the action, and a response rate looks only
at actions that are at least so old: a younger one may still be answered."""


def campaign_rows(known: Known) -> Any:
    """Actions that were done to a customer, once for every as-of date on which they are known; controls are left out.

    Returns
    -------
    ibis.Table
        customer_id, day, as_of, age_days, and, as far as the ledger knows them: cost (decimal, money), responded
        (boolean, as known on the date).
    """
    table = known.facts("campaigns")
    table = table.filter(table.treated == 1)
    columns: dict[str, Any] = {"cost": table.cost.cast(MONEY)} if "cost" in table.columns else {}
    if "responded_at" in table.columns:
        columns["responded_known"] = later_day(table, "responded_at", known.zoned)[1]
    if "response" in table.columns:
        columns["response"] = table.response
    rows = known.up_to(table.select("customer_id", "day", **columns))
    by_date = _.responded_known <= _.as_of
    by_age = (_.response == 1) & (_.age_days >= RESPONSE_DAYS)
    if "responded_known" in columns and "response" in columns:
        return rows.mutate(responded=ibis.ifelse(_.responded_known.notnull(), by_date, by_age).fill_null(False))
    if "responded_known" in columns:
        return rows.mutate(responded=by_date.fill_null(False))
    return rows.mutate(responded=by_age.fill_null(False)) if "response" in columns else rows


_RESPONSE = ("campaigns.response|campaigns.responded_at",)
_IS_OLD_ENOUGH = _.age_days >= RESPONSE_DAYS

CAMPAIGNS = FeatureGroup(
    "campaigns",
    "Actions that were done to the customer; being held back as a control does not count. A response is known from the "
    f"day it came, or, where that is not told, {RESPONSE_DAYS} days after the action.",
    campaign_rows,
    (
        Feature("campaigns_total", "actions", "Number of actions.", _.count()),
        *(
            Feature(
                f"campaigns_{length}d", "actions", f"Number of actions in the {length} days up to the as-of date.",
                _.count(where=_.age_days < length),
            )
            for length in (30, 90, 365)
        ),
        Feature(
            "days_since_last_campaign", "days", "From the last action to the as-of date.", _.age_days.min(),
            missing="without an action",
        ),
        Feature(
            "campaign_cost_total", "money", "Cost of all actions; a missing cost counts as 0.", _.cost.sum(),
            needs=("campaigns.cost",),
        ),
        Feature(
            "campaign_cost_365d", "money", "Cost of the actions in the 365 days up to the as-of date.",
            _.cost.sum(where=_.age_days < 365), needs=("campaigns.cost",),
        ),
        Feature(
            "campaign_responses_total", "responses", "Number of actions with a known response.",
            _.count(where=_.responded), needs=_RESPONSE,
        ),
        Feature(
            "campaign_responses_365d", "responses",
            "Number of actions in the 365 days up to the as-of date with a known response.",
            _.count(where=_.responded & (_.age_days < 365)), needs=_RESPONSE,
        ),
        Feature(
            "campaign_response_rate", "share",
            f"Share with a known response of the actions that are at least {RESPONSE_DAYS} days old.",
            ratio(_.count(where=_.responded & _IS_OLD_ENOUGH), _.count(where=_IS_OLD_ENOUGH)),
            missing="without an action that old", needs=_RESPONSE,
        ),
    ),
    needs=("campaigns",),
)  # fmt: skip
