"""The features and labels spelled out in loops over lists of facts: nothing of it is shared with the code under test.

A ledger is a dict of table name to list of facts, a fact a dict of column to value. A fact has the columns of its table
that the ledger knows; each has `day`. Whole numbers and fractions keep every sum exact.
"""

import math
import statistics
from collections import Counter
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

WINDOWS = (7, 30, 90, 180, 365)
ONLINE = {
    "app", "e-commerce", "ecommerce", "internet", "marketplace", "mobile", "online", "online shop", "web", "web shop",
    "webshop", "website",
}  # fmt: skip
CALLED = {
    "call": {"call", "phone", "telephone"}, "chat": {"chat"}, "e_mail": {"e-mail", "email", "e_mail", "mail"},
    "store": {"store", "shop", "branch"}, "web": {"web", "website", "online", "app"},
}  # fmt: skip


def features_by_hand(ledger, customer, as_of):
    """All features of one customer, None where a value is missing; None for who has not bought by then."""
    lines, contacts, campaigns = (
        [fact for fact in ledger[table] if fact["customer_id"] == customer and fact["day"] <= as_of]
        for table in ("transactions", "contacts", "campaigns")
    )
    spend_of = spend_by_day(lines)
    if not spend_of:
        return None
    one = next((fact for fact in ledger["customers"] if fact["customer_id"] == customer), {})
    return {
        **of_purchases(spend_of, as_of),
        **of_gaps(sorted(spend_of), as_of),
        **of_trend(spend_of, as_of),
        **of_money(lines, spend_of, as_of),
        **of_orders(lines, as_of),
        **of_breadth(lines, as_of, "product", "product", "products"),
        **of_breadth(lines, as_of, "category", "category", "categories"),
        **of_breadth(lines, as_of, "sales_channel", "sales_channel", "sales_channels"),
        **of_sales_channels(lines, as_of),
        **of_contacts(contacts, as_of),
        **of_complaints(contacts, as_of),
        **of_satisfaction(contacts, as_of),
        **of_campaigns(campaigns, as_of),
        **of_customer(one, as_of),
    }


def labels_by_hand(ledger, customer, as_of, horizon_days):
    """The labels of one customer, None for who has not bought by the as-of date."""
    lines = [fact for fact in ledger["transactions"] if fact["customer_id"] == customer]
    if not spend_by_day([fact for fact in lines if fact["day"] <= as_of]):
        return None
    end = as_of + timedelta(days=horizon_days)
    later = [fact for fact in lines if as_of < fact["day"] <= end]
    known_then = spend_by_day([fact for fact in lines if fact["day"] <= end])
    spend_of = {day: spend for day, spend in known_then.items() if day > as_of}
    profit = sum(margin for fact in later if (margin := margin_of(fact)) is not None)
    for table in ("contacts", "campaigns"):
        for fact in ledger[table]:
            if fact["customer_id"] == customer and as_of < fact["day"] <= end and fact.get("treated") != 0:
                profit -= fact["cost"] or 0
    bought = 1 if spend_of else 0
    return {
        "purchased": bought, "churned": 1 - bought, "purchases": len(spend_of), "spend": sum(spend_of.values()),
        "profit": profit,
    }  # fmt: skip


def spend_by_day(lines):
    """Net spend of the purchase days among lines that are known."""
    bought = {fact["day"] for fact in lines if fact["amount"] >= 0}
    spend_of = dict.fromkeys(sorted(bought), Fraction(0))
    for fact in lines:
        day = fact.get("netted_day", fact["day"])
        if day in spend_of:
            spend_of[day] += Fraction(fact["amount"])
    return spend_of


def days_between(earlier, later):
    return (later - earlier).days


def within(facts, as_of, length):
    return [fact for fact in facts if as_of - timedelta(days=length) < fact["day"] <= as_of]


def mean(values):
    return statistics.mean(map(Fraction, values)) if values else None


def over(numerator, denominator):
    return None if numerator is None or not denominator else numerator / denominator


def last_age(facts, as_of):
    return min((days_between(fact["day"], as_of) for fact in facts), default=None)


def of_purchases(spend_of, as_of):
    days = sorted(spend_of)
    found = {
        "days_since_last_purchase": days_between(days[-1], as_of),
        "tenure_days": days_between(days[0], as_of),
        "purchase_span_days": days_between(days[0], days[-1]),
        "purchase_days": len(days),
        "spend_total": sum(spend_of.values()),
        "spend_per_purchase_day": mean(spend_of.values()),
        "spend_first_purchase_day": spend_of[days[0]],
        "spend_last_purchase_day": spend_of[days[-1]],
        "spend_largest_purchase_day": max(spend_of.values()),
        "spend_per_repeat_purchase_day": mean([spend_of[day] for day in days[1:]]),
    }
    for length in WINDOWS:
        recent = [day for day in days if days_between(day, as_of) < length]
        found[f"purchase_days_{length}d"] = len(recent)
        found[f"spend_{length}d"] = sum(spend_of[day] for day in recent)
    return found


def of_gaps(days, as_of):
    gaps = [days_between(earlier, later) for earlier, later in pairwise(days)]
    recency = days_between(days[-1], as_of)
    spread = statistics.stdev(gaps) if len(gaps) > 1 else None
    return {
        "gap_days_mean": mean(gaps),
        "gap_days_std": spread,
        "recency_over_mean_gap": over(recency, mean(gaps)),
        "gap_days_last": gaps[-1] if gaps else None,
        "gap_days_longest": max(gaps, default=None),
        "recency_over_longest_gap": recency / max(gaps) if gaps else None,
        "gap_variation": over(spread, mean(gaps)),
        "gap_regularity": statistics.geometric_mean(gaps) / statistics.fmean(gaps) if gaps else None,
    }


def of_trend(spend_of, as_of):
    ages = {days_between(day, as_of): spend for day, spend in spend_of.items()}
    found = {"purchase_age_share": over(mean(ages), max(ages))}
    for length in (90, 365):
        now = [spend for age, spend in ages.items() if age < length]
        before = [spend for age, spend in ages.items() if length <= age < 2 * length]
        found[f"purchase_trend_{length}d"] = len(now) - len(before)
        found[f"spend_trend_{length}d"] = sum(now) - sum(before)
    return found


def margin_of(fact):
    if fact["margin"] is not None:
        return fact["margin"]
    return None if fact["cost_of_goods"] is None else fact["amount"] - fact["cost_of_goods"]


def of_money(lines, spend_of, as_of):
    refunds = [fact for fact in lines if fact["amount"] < 0]
    sales = [fact for fact in lines if fact["amount"] >= 0]
    gross = sum(fact["amount"] for fact in sales)
    told = [fact for fact in lines if margin_of(fact) is not None]
    discounts = [fact["discount"] for fact in sales if fact["discount"] is not None]
    discounted = {fact["day"] for fact in sales if (fact["discount"] or 0) > 0}
    found = {
        "margin_rate": over(sum(map(margin_of, told)) if told else None, sum(fact["amount"] for fact in told)),
        "refund_share": over(-sum(fact["amount"] for fact in refunds), gross),
        "days_since_last_refund": last_age(refunds, as_of),
        "discount_share": over(sum(discounts), gross + sum(discounts)) if discounts else None,
        "discounted_purchase_share": len(discounted) / len(spend_of),
    }
    for length in (None, *WINDOWS):
        name = "total" if length is None else f"{length}d"
        span = 10_000 if length is None else length
        found[f"margin_{name}"] = sum(margin_of(fact) for fact in within(told, as_of, span))
        found[f"refunds_{name}"] = len(within(refunds, as_of, span))
        found[f"refund_amount_{name}"] = -sum(fact["amount"] for fact in within(refunds, as_of, span))
        found[f"discount_{name}"] = sum(fact["discount"] or 0 for fact in within(sales, as_of, span))
    return found


def ages_by(lines, as_of, column):
    """Ages of the lines that are no refunds, by the values of a column."""
    found = {}
    for fact in lines:
        if fact["amount"] >= 0 and fact[column] is not None:
            found.setdefault(fact[column], []).append(days_between(fact["day"], as_of))
    return found


def of_orders(lines, as_of):
    orders = ages_by(lines, as_of, "order_id")
    found = {f"orders_{length}d": sum(min(ages) < length for ages in orders.values()) for length in (90, 365)}
    return found | {"orders_total": len(orders), "lines_per_order": mean([len(ages) for ages in orders.values()])}


def of_breadth(lines, as_of, column, one, many):
    values = ages_by(lines, as_of, column)
    counts = [len(ages) for ages in values.values()]
    entropy = -math.fsum(count / sum(counts) * math.log(count / sum(counts)) for count in counts) if counts else None
    return {
        f"{many}_total": len(values),
        f"{many}_365d": sum(min(ages) < 365 for ages in values.values()),
        f"{many}_new_90d": sum(max(ages) < 90 for ages in values.values()),
        f"{one}_entropy": entropy,
        f"{one}_share_top": max(counts) / sum(counts) if counts else None,
    }


def of_sales_channels(lines, as_of):
    channels = ages_by(lines, as_of, "sales_channel")
    number = sum(map(len, channels.values()))
    online = sum(len(ages) for name, ages in channels.items() if name.lower() in ONLINE)
    now = Counter({name: sum(age < 90 for age in ages) for name, ages in channels.items()})
    before = Counter({name: sum(age >= 90 for age in ages) for name, ages in channels.items()})
    shift = None
    if now.total() and before.total():
        shift = sum(abs(now[name] / now.total() - before[name] / before.total()) for name in channels) / 2
    return {"sales_channel_share_online": over(online, number), "sales_channel_shift_90d": shift}


def of_contacts(contacts, as_of):
    costs = [fact["cost"] for fact in contacts if fact["cost"] is not None]
    found = {
        "contacts_total": len(contacts),
        "days_since_last_contact": last_age(contacts, as_of),
        "cost_to_serve_total": sum(costs),
        "cost_per_contact": mean(costs),
        "contact_minutes_total": sum(fact["duration_minutes"] or 0 for fact in contacts),
    }
    for length in WINDOWS:
        recent = within(contacts, as_of, length)
        found[f"contacts_{length}d"] = len(recent)
        found[f"cost_to_serve_{length}d"] = sum(fact["cost"] or 0 for fact in recent)
    for length in (90, 365):
        recent = within(contacts, as_of, length)
        kinds = Counter((fact["kind"] or "?").lower() for fact in recent)
        channels = [(fact["channel"] or "?").lower() for fact in recent]
        found[f"contact_minutes_{length}d"] = sum(fact["duration_minutes"] or 0 for fact in recent)
        for kind in ("service", "campaign", "visit"):
            found[f"contacts_of_kind_{kind}_{length}d"] = kinds.pop(kind, 0)
        kinds.pop("complaint", 0)
        found[f"contacts_of_kind_other_{length}d"] = kinds.total()
        for name, called in CALLED.items():
            found[f"contacts_by_{name}_{length}d"] = sum(channel in called for channel in channels)
        every = set().union(*CALLED.values())
        found[f"contacts_by_other_{length}d"] = sum(channel not in every for channel in channels)
    return found


def told_by(moment, day, as_of):
    """Whether a moment was known on a date: by its business day, or, if that is not told, when it had come anywhere."""
    if moment is None:
        return False
    return (day if day is not None else (moment + timedelta(hours=14)).date()) <= as_of


def of_complaints(contacts, as_of):
    complaints = [fact for fact in contacts if (fact["kind"] or "").lower() == "complaint"]
    still_open, took = [], []
    for fact in complaints:
        if told_by(fact["closed_at"], fact.get("closed_day"), as_of):
            took.append(days_between(fact["day"], fact.get("closed_day", fact["closed_at"].date())))
        else:
            still_open.append(fact)
    return {
        "complaints_total": len(complaints),
        **{f"complaints_{length}d": len(within(complaints, as_of, length)) for length in (30, 90, 365)},
        "days_since_last_complaint": last_age(complaints, as_of),
        "complaints_open": len(still_open),
        "open_complaint_days": max((days_between(fact["day"], as_of) for fact in still_open), default=None),
        "complaint_days_to_close": mean(took),
    }


def of_satisfaction(contacts, as_of):
    scored = [(fact["day"], Fraction(fact["satisfaction"])) for fact in contacts if fact["satisfaction"] is not None]
    days = [day for day, _score in scored]
    scores = [score for _day, score in scored]
    slope = None
    if len(set(days)) > 1:
        times = [Fraction(day.toordinal()) for day in days]
        middle, level = mean(times), mean(scores)
        steps = [(time - middle, score - level) for time, score in zip(times, scores, strict=True)]
        slope = 365 * sum(time * score for time, score in steps) / sum(time * time for time, _score in steps)
    return {
        "satisfaction_scores": len(scores),
        "satisfaction_last": mean([score for day, score in scored if day == max(days)]),
        "satisfaction_mean": mean(scores),
        "satisfaction_mean_365d": mean([score for day, score in scored if days_between(day, as_of) < 365]),
        "satisfaction_slope": slope,
        "days_since_last_score": days_between(max(days), as_of) if days else None,
    }


def of_campaigns(campaigns, as_of):
    done = [fact for fact in campaigns if fact["treated"] == 1]

    def responded(fact):
        if fact["responded_at"] is not None:
            return told_by(fact["responded_at"], fact.get("responded_day"), as_of)
        return fact["response"] == 1 and days_between(fact["day"], as_of) >= 30

    old = [fact for fact in done if days_between(fact["day"], as_of) >= 30]
    return {
        "campaigns_total": len(done),
        **{f"campaigns_{length}d": len(within(done, as_of, length)) for length in (30, 90, 365)},
        "days_since_last_campaign": last_age(done, as_of),
        "campaign_cost_total": sum(fact["cost"] or 0 for fact in done),
        "campaign_cost_365d": sum(fact["cost"] or 0 for fact in within(done, as_of, 365)),
        "campaign_responses_total": sum(map(responded, done)),
        "campaign_responses_365d": sum(map(responded, within(done, as_of, 365))),
        "campaign_response_rate": over(sum(map(responded, old)), len(old)),
    }


def of_customer(one, as_of):
    """Of a row of customers; who has none has nothing but missing values."""
    acquired, start, end = (one.get(name) for name in ("acquired_at", "contract_start", "contract_end"))
    won_later = acquired is not None and not told_by(acquired, one.get("acquired_day"), as_of)
    begun = start is not None and start <= as_of
    ended = end is not None and end <= as_of
    begins_later = start is not None and start > as_of
    since_won = None
    if acquired is not None and not won_later:
        since_won = days_between(one.get("acquired_day", acquired.date()), as_of)
    return {
        "days_since_acquisition": since_won,
        "acquisition_channel": None if won_later else one.get("acquisition_channel"),
        "acquisition_cost": None if won_later else one.get("acquisition_cost"),
        "contract_days": days_between(start, end if ended else as_of) if begun else None,
        "contract_ended": int(ended) if begun else None,
        "days_since_contract_end": days_between(end, as_of) if ended else None,
        "plan": None if begins_later else one.get("plan"),
        "price": None if begins_later else one.get("price"),
        "region": one.get("region"),
        "children": one.get("children"),
        "is_vip": None if one.get("is_vip") is None else int(one["is_vip"]),
    }
