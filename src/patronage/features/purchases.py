"""Purchase days, one row for every customer and day with any transaction: what most features are computed from.

What a purchase is, is said in `patronage.ledger.purchases`; here, days with refunds alone are kept beside them.
"""

from typing import Any

import ibis
from ibis import _

from patronage.features.group import LOGARITHM, WINDOWS_DAYS, Feature, FeatureGroup, ratio
from patronage.features.point_in_time import Known, is_last_known, joined
from patronage.ledger.purchases import MONEY, netting_day
from patronage.ledger.tables import LedgerTables, business_day


def transaction_days(tables: LedgerTables) -> Any:
    """Days with transactions of every customer, whatever the date.

    Returns
    -------
    ibis.Table
        customer_id, day, is_purchase (boolean), spend (decimal, money, net of the refunds of the day that are not
        moved to another), sales (money, without refunds), refunds (lines), refunded (money, 0 or more), and, as far as
        the ledger knows them, margin, margin_sales (the amount of the lines whose margin is known) and discount (of
        lines that are no refunds).
    """
    table = tables.transactions
    day = business_day(table)
    lines = table.select(
        "customer_id",
        day=day,
        money=table.amount.cast(MONEY),
        is_moved=netting_day(table) < day if moves_refunds(tables) else False,
        **_optional_money(table),
    )
    of_day: dict[str, Any] = {
        "largest": _.money.max(),
        "spend": _.money.sum(where=~_.is_moved),
        "sales": _.money.sum(where=_.money >= 0),
        "refunds": _.count(where=_.money < 0),
        "refunded": (-_.money).sum(where=_.money < 0),
    }
    if "margin" in lines.columns:
        of_day |= {"margin": _.margin.sum(), "margin_sales": _.money.sum(where=_.margin.notnull())}
    if "discount" in lines.columns:
        of_day["discount"] = _.discount.sum(where=_.money >= 0)
    # A sum of decimals is wider than they are; for one day, their own width will do, and is quicker to go on with.
    of_day = {name: value if name == "refunds" else value.cast(MONEY) for name, value in of_day.items()}
    days = lines.group_by("customer_id", "day").aggregate(**of_day)
    return days.mutate(is_purchase=_.largest >= 0).drop("largest")


def purchase_history(known: Known) -> Any:
    """Days with transactions, once for every as-of date on which they are known.

    Returns
    -------
    ibis.Table
        The columns of `transaction_days`, as_of and age_days; of purchase days alone, and missing on days with refunds
        only: purchase_age (days), spend, previous_day, gap_days, log_gap; is_last (boolean) of the last known one.
    """
    days = known.until_last(transaction_days(known.tables))
    # Purchase days are a partition of their own, so that refunds between them do not part them.
    same_kind = ibis.window(group_by=["customer_id", "is_purchase"], order_by="day")
    days = days.mutate(previous_day=_.day.lag().over(same_kind), next_day=_.day.lead().over(same_kind))
    days = days.mutate(previous_day=_if_purchase(_.previous_day), spend=_if_purchase(_.spend))
    days = days.mutate(gap_days=_.day.delta(_.previous_day, unit="day").cast("int64"))
    days = days.mutate(log_gap=_.gap_days.cast("float64").ln().cast(LOGARITHM))
    days = known.up_to(days).mutate(purchase_age=_if_purchase(_.age_days), is_last=is_last_known(_.is_purchase))
    if not moves_refunds(known.tables):
        return days
    # How much of a purchase day was given back by later refunds differs between as-of dates.
    given_back = known.up_to(moved_refunds(known.tables)).group_by(*known.keys, "netted_day").aggregate(
        given_back=_.money.sum()
    )  # fmt: skip
    keys: list[str | tuple[str, str]] = [*known.keys, ("day", "netted_day")]
    days = joined(days, [(given_back, keys)])
    return days.mutate(spend=_.spend + _.given_back.fill_null(0))


def moves_refunds(tables: LedgerTables) -> bool:
    """Whether refunds are netted with the day of their order, which may be earlier than their own."""
    return "netted_day" in tables.transactions.columns


def moved_refunds(tables: LedgerTables) -> Any:
    """The refunds that are netted with an earlier day than their own, from which on they are known.

    Returns
    -------
    ibis.Table
        customer_id, day, netted_day (both date), money (decimal, negative).
    """
    table = tables.transactions
    lines = table.select(
        "customer_id", day=business_day(table), netted_day=netting_day(table), money=table.amount.cast(MONEY)
    )
    return lines.filter(_.netted_day < _.day)


def _if_purchase(value: Any) -> Any:
    return ibis.ifelse(_.is_purchase, value, None)


def _optional_money(lines: Any) -> dict[str, Any]:
    """Margin and discount of the lines, as far as they are known, as decimals."""
    found: dict[str, Any] = {}
    if "cost_of_goods" in lines.columns:
        found["margin"] = lines.amount.cast(MONEY) - lines.cost_of_goods.cast(MONEY)
    if "margin" in lines.columns:
        given = lines.margin.cast(MONEY)
        found["margin"] = ibis.coalesce(given, found["margin"]) if found else given
    found = {name: value.cast(MONEY) for name, value in found.items()}
    return found | ({"discount": lines.discount.cast(MONEY)} if "discount" in lines.columns else {})


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
    purchase_history,
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

TREND = FeatureGroup(
    "trend",
    "Whether a customer buys more than before, or less.",
    purchase_history,
    (
        *(
            Feature(
                f"purchase_trend_{length}d", "days",
                f"Purchase days of the last {length} days less those of the {length} days before.",
                _trend(_ONE, length),
            )
            for length in (90, 365)
        ),
        *(
            Feature(
                f"spend_trend_{length}d", "money",
                f"Spend of the last {length} days less that of the {length} days before.",
                _trend(_.spend, length),
            )
            for length in (90, 365)
        ),
        Feature(
            "purchase_age_share", "share",
            "Mean age of the purchase days over the age of the first: above 0.5, most purchases lie early.",
            ratio(ratio(_.purchase_age.sum(), _.purchase_age.count()), _.purchase_age.max()),
            missing="on the day of the first purchase",
        ),
    ),
)  # fmt: skip
