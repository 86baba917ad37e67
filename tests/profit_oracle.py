"""Profit of customers in loops over plain rows, with exact numbers: what `patronage.value.profit` has to give."""

from collections import defaultdict
from fractions import Fraction
from itertools import groupby

COMPONENTS = (
    "gross_revenue", "refunds", "discounts", "cost_of_goods", "contact_cost", "order_cost", "return_cost",
    "spread_cost", "campaign_cost", "retention_contact_cost", "acquisition_cost",
)  # fmt: skip
COUNTS = ("orders", "order_lines", "returned_lines", "contacts", "assumed_lines", "facts_without_cost")


def exact(value):
    """The decimal number that a float stands for, to six places."""
    return Fraction(round(float(value), 6)).limit_denominator(10**6)


def profit_by_hand(ledger, costs, periods):
    """(customer, period) to counts and money.

    `ledger` maps the name of a table to a list of rows; columns or tables that are not known are left out.
    """
    found = defaultdict(lambda: dict.fromkeys((*COUNTS, *COMPONENTS), Fraction(0)))

    def book(customer, day, **sums):
        name = period_name(day, periods)
        if name is not None:
            for key, value in sums.items():
                found[customer, name][key] += value

    for line in ledger["transactions"]:
        book(line["customer_id"], line["day"], **of_line(line, costs))
    done = [*done_for_orders(ledger["transactions"], costs), *done_for_contacts(ledger.get("contacts", ()), costs)]
    for fact in done:
        book(fact["customer_id"], fact["day"], **{fact["count"]: fact["units"], fact["component"]: fact["cost"]})
        book(fact["customer_id"], fact["day"], facts_without_cost=int(fact.get("unknown", False)))
    for campaign in ledger.get("campaigns", ()):
        cost, unknown = of_campaign(campaign, costs)
        book(campaign["customer_id"], campaign["day"], campaign_cost=cost, facts_without_cost=int(unknown))
    for customer, day, cost in acquisitions(ledger):
        book(customer, day, acquisition_cost=cost)
    for customer, name, cost in spread_by_hand(done, costs, periods):
        if name is not None:
            found[customer, name]["spread_cost"] += cost
    return {key: finished(row, costs) for key, row in found.items()}


def period_name(day, periods):
    for period in periods:
        if day is not None and period.first_day <= day <= period.last_day:
            return period.name
    return None


def of_line(line, costs):
    amount = exact(line["amount"])
    if line.get("cost_of_goods") is not None:
        cost, assumed = exact(line["cost_of_goods"]), 0
    elif line.get("margin") is not None:
        cost, assumed = amount - exact(line["margin"]), 0
    else:
        cost, assumed = (0 if costs.margin_rate is None else amount * (1 - exact(costs.margin_rate))), 1
    bought = amount >= 0
    discount = exact(line["discount"]) if line.get("discount") is not None and bought else 0
    return {
        "gross_revenue": amount if bought else 0,
        "refunds": 0 if bought else -amount,
        "discounts": discount,
        "cost_of_goods": cost,
        "assumed_lines": assumed,
    }


def lower(text):
    return None if text is None else text.lower()


def done_for_orders(lines, costs):
    rates = costs.orders
    for line in lines:
        back = line["amount"] < 0
        yield {
            "customer_id": line["customer_id"], "day": line["day"], "units": 1, "minutes": 0,
            "channel": lower(line.get("sales_channel")),
            "count": "returned_lines" if back else "order_lines",
            "component": "return_cost" if back else "order_cost",
            "cost": exact(rates.returned_line if back else rates.order_line),
            "drives": "returns" if back else "order_lines",
        }  # fmt: skip
    bought = [line for line in lines if line["amount"] >= 0]

    def order(line):
        loose = line.get("order_id") is None
        return (line["customer_id"], loose, line["day"].isoformat() if loose else line["order_id"])

    for (customer, *_), own in groupby(sorted(bought, key=order), order):
        own = list(own)
        channels = sorted(lower(line.get("sales_channel")) for line in own if line.get("sales_channel") is not None)
        channel = channels[0] if channels else None
        cost = exact(rates.order)
        if rates.delivery is not None:
            brought = rates.delivery.sales_channels
            if brought is None or channel in [one.lower() for one in brought]:
                cost += exact(rates.delivery.cost)
        yield {
            "customer_id": customer, "day": min(line["day"] for line in own), "units": 1, "minutes": 0,
            "channel": channel, "count": "orders", "component": "order_cost", "cost": cost, "drives": "orders",
        }  # fmt: skip


def done_for_contacts(contacts, costs):
    for contact in contacts:
        channel, kind = lower(contact["channel"]), lower(contact["kind"])
        rate = next((one for one in costs.contacts.values() if fits(one, channel, kind)), None)
        told = contact.get("duration_minutes")
        minutes = exact(told) if told is not None else exact(rate.minutes) if rate is not None else 0
        cost, unknown = 0, False
        if contact.get("cost") is not None and costs.observed:
            cost = exact(contact["cost"])
        elif rate is not None:
            cost = exact(rate.cost) + exact(rate.minute) * minutes
        else:
            unknown = True
        keeps = kind in [one.lower() for one in costs.retention_kinds]
        yield {
            "customer_id": contact["customer_id"], "day": contact["day"], "units": 1, "minutes": minutes,
            "channel": channel, "count": "contacts", "cost": cost, "drives": "contacts", "unknown": unknown,
            "component": "retention_contact_cost" if keeps else "contact_cost",
        }  # fmt: skip


def fits(rate, channel, kind):
    channels = None if rate.channels is None else [one.lower() for one in rate.channels]
    kinds = None if rate.kinds is None else [one.lower() for one in rate.kinds]
    return (channels is None or channel in channels) and (kinds is None or kind in kinds)


def of_campaign(campaign, costs):
    """What it cost, and whether nobody knows."""
    if campaign["treated"] != 1:
        return 0, False
    if campaign.get("cost") is not None and costs.observed:
        return exact(campaign["cost"]), False
    return exact(costs.campaigns.get(campaign["action"], 0)), campaign["action"] not in costs.campaigns


def acquisitions(ledger):
    for customer in ledger.get("customers", ()):
        if customer.get("acquisition_cost") is None:
            continue
        own = [line["day"] for line in ledger["transactions"] if line["customer_id"] == customer["customer_id"]]
        day = None if customer.get("acquired_at") is None else customer["acquired_at"].date()
        day = day or min(own, default=None) or customer.get("contract_start")
        yield customer["customer_id"], day, exact(customer["acquisition_cost"])


def spread_by_hand(done, costs, periods):
    for pool in costs.pools.values():
        drives = "contacts" if pool.by == "minutes" else pool.by
        channels = None if pool.channels is None else [one.lower() for one in pool.channels]
        own = [
            fact
            for fact in done
            if fact["drives"] == drives
            and pool.first_day <= fact["day"] <= pool.last_day
            and (channels is None or fact["channel"] in channels)
        ]
        weight = "minutes" if pool.by == "minutes" else "units"
        total = sum(fact[weight] for fact in own)
        for fact in own:
            if fact[weight]:
                name = period_name(fact["day"], periods)
                yield fact["customer_id"], name, exact(pool.cost) * fact[weight] / total


def finished(row, costs):
    row["net_revenue"] = row["gross_revenue"] - row["refunds"]
    row["gross_margin"] = row["net_revenue"] - row["cost_of_goods"]
    row["cost_to_serve"] = row["contact_cost"] + row["order_cost"] + row["return_cost"] + row["spread_cost"]
    row["retention_cost"] = row["campaign_cost"] + row["retention_contact_cost"]
    row["contribution"] = row["gross_margin"] - row["cost_to_serve"] - row["retention_cost"] - row["acquisition_cost"]
    deducted = row["cost_to_serve"] + row["retention_cost"] + row["acquisition_cost"]
    revenue = "revenue less costs" if deducted else "revenue"
    assumed = revenue if costs.margin_rate is None else f"assumed margin {100 * costs.margin_rate:g} %"
    lacking = ", some contacts or campaigns without" if row["facts_without_cost"] else ""
    row["basis"] = (assumed if row["assumed_lines"] else "costs known") + lacking
    return row
