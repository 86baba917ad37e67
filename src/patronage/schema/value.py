"""What customers are worth and what makes them so: profit of the past, whale curve, tiers, channels, segments."""

from .columns import Column, TableSchema

PERIOD = Column("period", "string", "", False, "Name of the period.")

CUSTOMER_PROFIT = TableSchema(
    "customer_profit",
    (
        Column("customer_id", "string", "", False, "Who; one row a customer and period with any fact."),
        PERIOD,
        Column("orders", "long", "orders", False, "Orders whose first line lies in the period."),
        Column("order_lines", "long", "lines", False, "Lines that are no refunds."),
        Column("returned_lines", "long", "lines", False, "Lines that were paid back."),
        Column("contacts", "long", "contacts", False, "Contacts of any kind."),
        Column("gross_revenue", "double", "money", False, "Lines that are no refunds, as paid: after discounts."),
        Column("refunds", "double", "money", False, "Money paid back, 0 or more, in the period in which it was."),
        Column("discounts", "double", "money", False, "Given away; gross_revenue is what is left after it."),
        Column("net_revenue", "double", "money", False, "gross_revenue less refunds."),
        Column("cost_of_goods", "double", "money", False, "Of the lines, less what came back into stock."),
        Column("gross_margin", "double", "money", False, "net_revenue less cost_of_goods."),
        Column("contact_cost", "double", "money", False, "Of contacts, but for those to keep the customer."),
        Column("order_cost", "double", "money", False, "Of orders, their lines and their delivery."),
        Column("return_cost", "double", "money", False, "Of taking lines back."),
        Column("spread_cost", "double", "money", False, "The customer's part of bills that are spread by activity."),
        Column("cost_to_serve", "double", "money", False, "The four before it together."),
        Column("campaign_cost", "double", "money", False, "Of campaigns; a control costs nothing."),
        Column("retention_contact_cost", "double", "money", False, "Of contacts to keep the customer."),
        Column("retention_cost", "double", "money", False, "The two before it together."),
        Column("acquisition_cost", "double", "money", False, "In the period in which the customer was won."),
        Column(
            "contribution", "double", "money", False,
            "gross_margin less cost_to_serve, retention_cost and acquisition_cost.",
        ),
        Column("assumed_lines", "long", "lines", False, "Lines whose cost of goods is not known but assumed."),
        Column(
            "facts_without_cost", "long", "facts", False,
            "Contacts and campaigns that neither the ledger nor a rate gives a cost; they cost nothing here.",
        ),
        Column(
            "basis", "string", "", False,
            "\"costs known\", or, if any line's cost of goods is not: \"assumed margin 30 %\", or \"revenue\" where "
            "none is assumed (\"revenue less costs\" where others are deducted); with \", some contacts or campaigns "
            "without\" where facts_without_cost is above 0.",
        ),
    ),
)  # fmt: skip

COST_TO_SERVE = TableSchema(
    "cost_to_serve",
    (
        Column("customer_id", "string", "", False, "Who."),
        PERIOD,
        Column(
            "activity", "string", "", False,
            "contact, retention contact, order, order line, returned line, delivery or spread.",
        ),
        Column("channel", "string", "", True, "Of the contact or of the sale; for a spread bill its name."),
        Column("kind", "string", "", True, "Of the contact."),
        Column("units", "long", "", False, "How many of them; 0 for a spread bill."),
        Column("minutes", "double", "minutes", False, "Of contacts."),
        Column("cost", "double", "money", False, "What they cost."),
        Column("basis", "string", "", False, "ledger, rate, spread, or \"no cost known\", which counts as 0."),
    ),
)  # fmt: skip

RECONCILIATION = TableSchema(
    "reconciliation",
    (
        Column("component", "string", "", False, "What is summed; contribution comes last."),
        Column("in_ledger", "double", "money", False, "Sum of all facts of the ledger as they stand."),
        Column(
            "outside_periods", "double", "money", False,
            "Of these, facts outside all periods or without a date, and bills with nothing to spread them by.",
        ),
        Column("in_result", "double", "money", False, "Sum over all customers and periods."),
        Column("difference", "double", "money", False, "What remains, computed in decimals; 0 if nothing is lost."),
        Column("facts", "long", "", False, "Number of facts."),
        Column("assumed_facts", "long", "", False, "Facts whose cost is not known but follows from a rate, or is 0."),
    ),
)  # fmt: skip

WHALE_CURVE = TableSchema(
    "whale_curve",
    (
        Column("customer_share", "double", "share", False, "Share of customers, the most profitable first."),
        Column("customers", "long", "customers", False, "How many they are."),
        Column("profit", "double", "money", False, "Their profit together."),
        Column("profit_share", "double", "share", True, "Over the total; missing where that is not above 0."),
    ),
)  # fmt: skip

WHALE_SHARES = TableSchema(
    "whale_shares",
    (
        Column("customers", "long", "customers", False, "How many."),
        Column("unprofitable", "long", "customers", False, "Those whose profit is below 0."),
        Column("total", "double", "money", False, "Profit of all."),
        Column("top_share", "double", "share", True, "Of the total, earned by the best 20 %."),
        Column("middle_share", "double", "share", True, "Of the total, earned by the middle 70 %."),
        Column("last_share", "double", "share", True, "Of the total, earned by the last 10 %."),
        Column("peak_share", "double", "share", True, "Of the total, earned by all profitable customers together."),
        Column("gini", "double", "", True, "Gini coefficient over the mean; above 1 is possible with losses."),
        Column("gini_normalised", "double", "", True, "Gini coefficient between 0 and 1, losses or not."),
    ),
)  # fmt: skip
"""Shares of the total are missing where it is not above 0."""

TIERS = TableSchema(
    "tiers",
    (
        Column("customer_id", "string", "", False, "Who."),
        PERIOD,
        Column("contribution", "double", "money", False, "What the customer is ranked by."),
        Column("rank", "long", "", False, "1 for the most profitable; equal ones by customer_id."),
        Column("tier", "string", "", False, "top, middle or last."),
    ),
)  # fmt: skip

TIER_MIGRATION = TableSchema(
    "tier_migration",
    (
        Column("before", "string", "", False, "Tier in the earlier period; \"not there\" without any fact in it."),
        Column("after", "string", "", False, "Tier in the later period; \"not there\" without any fact in it."),
        Column("customers", "long", "customers", False, "How many went that way."),
        Column("share", "double", "share", False, "Of those of the earlier tier."),
        Column("contribution_before", "double", "money", False, "Theirs in the earlier period."),
        Column("contribution_after", "double", "money", False, "Theirs in the later period."),
    ),
)  # fmt: skip

CONTACT_CHANNELS = TableSchema(
    "contact_channels",
    (
        PERIOD,
        Column("segment", "string", "", True, "Segment of the customers; missing where they have none."),
        Column("channel", "string", "", True, "Channel of the contacts."),
        Column("customers", "long", "customers", False, "Who used it."),
        Column("contacts", "long", "contacts", False, "How many."),
        Column("minutes", "double", "minutes", False, "How long they took together."),
        Column("cost", "double", "money", False, "What they cost, without spread bills."),
        Column("cost_per_contact", "double", "money", True, "cost over contacts."),
        Column("contact_share", "double", "share", True, "Of the contacts of the period and segment."),
        Column("cost_share", "double", "share", True, "Of the cost of contacts of the period and segment."),
        Column("assumed_contacts", "long", "contacts", False, "Contacts whose cost is from a rate or not known."),
    ),
)  # fmt: skip

SALES_CHANNELS = TableSchema(
    "sales_channels",
    (
        PERIOD,
        Column("segment", "string", "", True, "Segment of the customers; missing where they have none."),
        Column("channel", "string", "", True, "Sales channel of the lines."),
        Column("customers", "long", "customers", False, "Who bought there."),
        Column("net_revenue", "double", "money", False, "Of the lines, refunds taken off."),
        Column("cost_of_goods", "double", "money", False, "Of the lines."),
        Column("gross_margin", "double", "money", False, "net_revenue less cost_of_goods."),
        Column("order_cost", "double", "money", False, "Of orders, lines, deliveries and returns."),
        Column("margin_after_orders", "double", "money", False, "gross_margin less order_cost."),
        Column("margin_rate", "double", "share", True, "gross_margin over net_revenue."),
        Column("assumed_lines", "long", "lines", False, "Lines whose cost of goods is assumed."),
    ),
)  # fmt: skip

CAPACITY_USE = TableSchema(
    "capacity_use",
    (
        PERIOD,
        Column("rate", "string", "", False, "Rate of contacts whose capacity is known."),
        Column("minutes_supplied", "double", "minutes", False, "Practical capacity of the period."),
        Column("minutes_used", "double", "minutes", False, "Of contacts."),
        Column("cost_supplied", "double", "money", False, "What the capacity costs."),
        Column("cost_used", "double", "money", False, "Minutes used at the cost of a minute."),
        Column("cost_unused", "double", "money", False, "The rest, charged to no customer; below 0 where overused."),
    ),
)  # fmt: skip

VALUE_CURVES = TableSchema(
    "value_curves",
    (
        Column("segment", "string", "", False, "Of customers."),
        Column("dimension", "string", "", False, "What is compared."),
        Column("proposition", "string", "", False, "product, price, after-sales service or experience."),
        Column("unit", "string", "", False, "Of the mean."),
        Column("customers", "long", "customers", False, "Of the segment whose value is known."),
        Column("mean", "double", "as unit", True, "Of these; missing if there are none."),
        Column("average", "double", "as unit", True, "Of all customers whose value is known."),
        Column("difference", "double", "standard deviations", True, "mean less average, over the spread of all."),
        Column("low", "double", "standard deviations", True, "Lower end of the interval of the difference."),
        Column("high", "double", "standard deviations", True, "Upper end of it."),
        Column("reading", "string", "", True, "The difference in words; missing where it may be none."),
    ),
)  # fmt: skip

VALUE_AT_RISK = TableSchema(
    "value_at_risk",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("churn_probability", "double", "probability", False, "Of leaving within the horizon."),
        Column("future_profit", "double", "money", False, "Expected within the horizon."),
        Column("value_at_risk", "double", "money", False, "Their product; below 0 where the customer costs money."),
        Column("rank", "long", "", False, "1 for the most at risk, by value."),
        Column("rank_by_risk", "long", "", False, "1 for the most likely to leave, for comparison."),
        Column("cumulative_share", "double", "share", True, "Of all value at risk above 0, up to this customer."),
    ),
)  # fmt: skip

SATISFACTION_LOYALTY = TableSchema(
    "satisfaction_loyalty",
    (
        Column("by", "string", "", False, "level or change."),
        Column("group", "string", "", False, "The level of satisfaction, or whether it fell, stayed or rose."),
        Column("customers", "long", "customers", False, "How many."),
        Column("churn_rate", "double", "share", True, "Of them, who left."),
        Column("churn_low", "double", "share", True, "Lower end of its interval."),
        Column("churn_high", "double", "share", True, "Upper end of it."),
        Column("value_mean", "double", "money", True, "Mean value of a customer."),
        Column("value_low", "double", "money", True, "Lower end of its interval."),
        Column("value_high", "double", "money", True, "Upper end of it."),
    ),
)  # fmt: skip

SEGMENTS = TableSchema(
    "segments",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("scheme", "string", "", False, "How customers are told apart: rfm, value_risk, behaviour, rules."),
        Column("segment", "string", "", False, "In words for a manager."),
    ),
)  # fmt: skip

SCORE_PROFIT = TableSchema(
    "score_profit",
    (
        Column("past_profit", "double", "money", False, "Contribution of the customer up to the as-of date."),
        Column("profit_tier", "string", "", False, "top 20 %, middle 70 % or last 10 % of the customers by it."),
        Column("expected_profit", "double", "money", False, "Expected within the horizon, discounted, costs deducted."),
        Column("profit_at_risk", "double", "money", False, "churn_probability times expected_profit."),
        Column("profit_basis", "string", "", False, "What they rest on: \"costs known\", \"assumed margin 30 %\", ..."),
    ),
)  # fmt: skip
"""What scores say of profit, beside `SCORES`."""
