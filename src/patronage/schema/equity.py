"""Tables of future profit: by customer, as equity with its bridge, by acquisition, by cohort, and as a valuation."""

from .columns import Column, TableSchema

_LOW, _HIGH = "Lower end of the interval of it.", "Upper end of it."

FUTURE_PROFIT = TableSchema(
    "future_profit",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("probability_alive", "double", "probability", False, "That the customer has not left."),
        Column(
            "discounted_purchases", "double", "purchase days", False,
            "Expected purchase days, or payments, within the horizon, each with its discount.",
        ),
        Column("margin_per_purchase", "double", "money", False, "Expected, less the cost of a purchase."),
        Column("discounted_years_alive", "double", "years", False, "Expected time there, each moment discounted."),
        Column("contacts_yearly", "double", "contacts per year", False, "Expected rate while there."),
        Column("cost_per_contact", "double", "money", False, "Expected cost of a contact."),
        Column("future_margin", "double", "money", False, "Expected margin within the horizon, discounted."),
        Column("future_service_cost", "double", "money", False, "Expected cost of contacts, discounted."),
        Column("future_retention_cost", "double", "money", False, "Expected cost of keeping, discounted."),
        Column("future_profit", "double", "money", False, "future_margin less both costs."),
        Column(
            "revenue_clv", "double", "money", True, "The same purchases times expected spend: revenue, not profit.",
            optional=True,
        ),
    ),
)  # fmt: skip

CUSTOMER_EQUITY = TableSchema(
    "customer_equity",
    (
        Column("group", "string", "", False, "Group of customers; the last one is all customers."),
        Column("n_customers", "long", "customers", False, "Customers of the group."),
        Column("equity", "double", "money", False, "Expected future profit, discounted."),
        Column("equity_low", "double", "money", False, _LOW),
        Column("equity_median", "double", "money", False, "Median of the futures."),
        Column("equity_high", "double", "money", False, _HIGH),
        Column("equity_per_customer", "double", "money", False, "equity over n_customers."),
        Column("basis", "string", "", False, "What profit rests on, in words."),
    ),
)

_COMPONENTS = (
    ("acquisition", "Value of customers won, and what they brought, less what it cost to win them."),
    ("development", "What the others brought, and the change of what they are worth if there."),
    ("retention", "Change of value by the change of the chance to be there."),
    ("recovery", "Value of customers who had seemed gone and are there again."),
    ("loss", "Value of customers who were there and seem gone; negative."),
    ("realised_profit", "Profit that came and so is no longer to come; profit counts negative."),
    ("model_change", "Change of value by the new parameters."),
)

EQUITY_BRIDGE = TableSchema(
    "equity_bridge",
    (
        Column("group", "string", "", False, "Group of customers, or one column for each label."),
        Column("n_customers", "long", "customers", False, "Customers of the group at either date."),
        Column("opening", "double", "money", False, "Equity at the start."),
        *(Column(name, "double", "money", False, meaning) for name, meaning in _COMPONENTS),
        Column("closing", "double", "money", False, "Equity at the end: opening and all components."),
        Column("residual", "double", "money", False, "closing less all of these: rounding."),
    ),
)

EQUITY_WATERFALL = TableSchema(
    "equity_waterfall",
    (
        Column("step", "string", "", False, "opening, a component, or closing."),
        Column("kind", "string", "", False, "total, created, destroyed, paid out, or model."),
        Column("value", "double", "money", False, "What the step adds; of a total, the total."),
        Column("begin", "double", "money", False, "Level at which its bar begins."),
        Column("end", "double", "money", False, "Level at which it ends."),
    ),
)

COHORT_CURVES = TableSchema(
    "cohort_curves",
    (
        Column("group", "string", "", False, "Cohort, channel or campaign."),
        Column("age", "long", "periods", False, "Age period, 0 is that of the first purchase."),
        Column("age_days", "double", "days", False, "End of the period, from the first purchase."),
        Column("n_customers", "long", "customers", False, "Customers of the group."),
        Column("observed_share", "double", "share", False, "Customers observed for all of the period."),
        Column(
            "retention_actual",
            "double",
            "share",
            True,
            "Of these, who bought or had a contract in it; missing without any.",
        ),
        Column(
            "retention", "double", "share", False, "Of all, who bought or had a contract in it, or are expected to."
        ),
        Column("cumulative_actual", "double", "money", True, "Profit per customer so far, of those observed."),
        Column("cumulative_profit", "double", "money", False, "Of all, what came and what is expected."),
        Column("cumulative_low", "double", "money", False, "Lower end of its bootstrap interval."),
        Column("cumulative_high", "double", "money", False, _HIGH),
    ),
)

ACQUISITION = TableSchema(
    "acquisition",
    (
        Column("group", "string", "", False, "Channel, campaign or cohort."),
        Column("n_customers", "long", "customers", False, "Customers won."),
        Column("cost_unknown", "long", "customers", False, "Of them without a known cost."),
        Column("acquisition_cost", "double", "money", True, "What it cost to win those whose cost is known."),
        Column("cost_per_customer", "double", "money", True, "What it cost to win one of these, on average: CAC."),
        Column("realised_per_customer", "double", "money", False, "Profit so far, that cost not deducted."),
        Column("future_per_customer", "double", "money", False, "Expected future profit."),
        Column("lifetime_value_per_customer", "double", "money", False, "Both together, of all customers."),
        Column("realised_where_cost_known", "double", "money", True, "Profit so far of those whose cost is known."),
        Column("future_where_cost_known", "double", "money", True, "Expected future profit of the same."),
        Column("lifetime_value_where_cost_known", "double", "money", True, "Both together, of the same: LTV."),
        Column("value_created_per_customer", "double", "money", True, "LTV less CAC, of the same."),
        Column("ltv_to_cac", "double", "", True, "LTV over CAC; missing where that cost is 0 or unknown."),
        Column("never_breaks_even", "double", "share", True, "Of the same, who never bring what they cost."),
        Column("payback_days", "double", "days", True, "Age of break-even; missing beyond the last age, without cost."),
        Column("payback_days_low", "double", "days", True, "Lower end of its bootstrap interval."),
        Column("payback_days_high", "double", "days", True, "Upper end; missing beyond the last age."),
        Column("break_even_day", "date", "", True, "Mean first day of the same, and payback_days."),
        Column("elasticity", "double", "", True, "Marginal over mean return; missing without value."),
        Column("marginal_return", "double", "money per money", True, "Value that one more unit of spending went with."),
        Column("marginal_return_low", "double", "money per money", True, _LOW),
        Column("marginal_return_high", "double", "money per money", True, _HIGH),
        Column("marginal_return_missing", "string", "", True, "Why there is none; missing where there is one."),
        Column("next_customer_expected", "double", "money", True, "Expected value of the next one.", optional=True),
        Column("next_customer_low", "double", "money", True, _LOW, optional=True),
        Column("next_customer_high", "double", "money", True, _HIGH, optional=True),
    ),
)

VALUATION = TableSchema(
    "valuation",
    (
        Column("item", "string", "", False, "What adds to the value; the sum is last."),
        Column("expected", "double", "money", False, "In money of today; what is deducted is negative."),
        Column("low", "double", "money", False, _LOW),
        Column("median", "double", "money", False, "Median of the futures."),
        Column("high", "double", "money", False, _HIGH),
    ),
)
