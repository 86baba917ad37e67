"""The tables that `patronage value` writes, by file name: each described, the basis of its money beside it."""

from dataclasses import replace

from . import equity, value
from .columns import Column, TableSchema

BASIS = Column(
    "basis", "string", "", False, "What the money rests on: \"costs known\", \"assumed margin 30 %\", \"revenue\", ...",
)  # fmt: skip

_BY = Column("by", "string", "", False, "What customers are grouped by; empty for all customers.")
_GROUP = Column("group", "string", "", False, "Group of customers.")
_SCHEME = Column("scheme", "string", "", False, "How customers are told apart: rules, value and risk, or behaviour.")
_VIEW = Column(
    "view", "string", "", False, "Whose profit: past, last period, future by expected values, both, or margin.",
)  # fmt: skip
_LOW = Column("low", "double", "share", True, "Lower end of the interval of a future.")
_HIGH = Column("high", "double", "share", True, "Upper end of it.")

CUSTOMER_VALUE = TableSchema(
    "customer_value",
    (
        Column("customer_id", "string", "", False, "Who; one row for every customer who has bought."),
        Column("as_of", "date", "", False, "The last day whose facts were known."),
        Column("past_revenue", "double", "money", False, "Net revenue of all periods."),
        Column("past_profit", "double", "money", False, "Contribution of all periods."),
        Column(
            "last_period_profit", "double", "money", True, "Contribution of the last period; missing without facts."
        ),
        Column("tier", "string", "", True, "top, middle or last by it; missing without facts."),
        Column("future_profit", "double", "money", False, "Expected within the horizon, discounted."),
        Column("future_profit_low", "double", "money", False, "Lower end of its interval."),
        Column("future_profit_high", "double", "money", False, "Upper end of it."),
        Column("loss_probability", "double", "probability", False, "That future profit will be below 0."),
        Column("total_profit", "double", "money", False, "past_profit and future_profit."),
        Column("revenue_clv", "double", "money", True, "Revenue within the horizon, discounted, no costs deducted."),
        Column("probability_alive", "double", "probability", False, "That the customer has not left."),
        Column("churn_probability", "double", "probability", False, "Of no purchase within the model's horizon."),
        Column("value_at_risk", "double", "money", False, "churn_probability times future_profit."),
        Column("rank_at_risk", "long", "", False, "1 for the most at risk, by value."),
        Column("segment", "string", "", False, "By the rules of conf/segments."),
        Column("value_risk", "string", "", False, "By the grid of value and risk."),
        Column("behaviour", "string", "", True, "By clusters of behaviour; missing where there are none."),
        Column("cohort", "string", "", False, "When the customer was won."),
        Column("acquisition_channel", "string", "", True, "How; missing where the ledger does not know it."),
        BASIS,
    ),
)

WHALE_SHARES_BY = TableSchema("whale_shares", (_VIEW, _BY, _GROUP, *value.WHALE_SHARES.columns, BASIS))

WHALE_CURVES = TableSchema("whale_curves", (_VIEW, *value.WHALE_CURVE.columns, BASIS))

WHALE_FUTURES = TableSchema(
    "whale_futures",
    (
        Column("customer_share", "double", "share", False, "Share of customers, the most profitable first."),
        Column("profit_share", "double", "share", True, "Mean over futures, each ranked for itself."),
        _LOW,
        _HIGH,
        Column("of_expected", "double", "share", True, "Of expected values, which understate how unequal profit is."),
        BASIS,
    ),
)

WHALE_SHARES_OF_FUTURES = TableSchema(
    "whale_shares_of_futures",
    (
        Column("measure", "string", "", False, "A column of whale_shares."),
        Column("mean", "double", "", True, "Over futures, each ranked for itself."),
        Column("low", "double", "", True, "Lower end of the interval of a future."),
        Column("high", "double", "", True, "Upper end of it."),
        Column("of_expected", "double", "", True, "Of expected values."),
        BASIS,
    ),
)

PROPOSITIONS = TableSchema(
    "propositions",
    (
        _SCHEME,
        Column("segment", "string", "", False, "Of customers."),
        Column("product", "string", "", False, "What they look for in products, read off what they do."),
        Column("price", "string", "", False, "The same of prices."),
        Column("service", "string", "", False, "The same of service after the sale."),
        Column("experience", "string", "", False, "The same of channels, satisfaction and pace."),
    ),
)

CLUSTER_CHOICE = TableSchema(
    "cluster_choice",
    (
        Column("number", "long", "clusters", False, "Of clusters."),
        Column("silhouette", "double", "", False, "Mean on a sample, -1 to 1; the highest is taken."),
        Column("smallest_share", "double", "share", False, "Customers in the smallest cluster."),
        Column("agreement", "double", "", False, "Adjusted Rand index with clusters of a random half."),
        Column("chosen", "long", "", False, "1 for the number that was taken."),
    ),
)

CHANNEL_SHIFT = TableSchema(
    "channel_shift",
    (
        value.PERIOD,
        Column("segment", "string", "", True, "Segment of the customers; missing where they have none."),
        Column("dear", "string", "", False, "Channel that contacts move from."),
        Column("cheap", "string", "", False, "Channel that they move to."),
        Column("contacts_moved", "double", "contacts", False, "How many."),
        Column("cost_dear", "double", "money", False, "A contact by the one."),
        Column("cost_cheap", "double", "money", False, "A contact by the other."),
        Column("saving", "double", "money", False, "What it would save, those who come back deducted."),
        BASIS,
    ),
)


def _of(table: TableSchema, *before: Column, basis: bool = True) -> TableSchema:
    """A table with further columns in front, and the basis of its money last."""
    after = () if not basis or "basis" in table.names else (BASIS,)
    return replace(table, columns=(*before, *table.columns, *after))


_MIGRATION = (
    Column("period_before", "string", "", False, "The earlier period."),
    Column("period_after", "string", "", False, "The later period."),
)

VALUE_TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        CUSTOMER_VALUE,
        _of(value.CUSTOMER_PROFIT),
        _of(value.COST_TO_SERVE),
        _of(value.RECONCILIATION),
        WHALE_CURVES,
        WHALE_SHARES_BY,
        WHALE_FUTURES,
        WHALE_SHARES_OF_FUTURES,
        _of(value.TIERS),
        _of(value.TIER_MIGRATION, *_MIGRATION),
        replace(value.SEGMENTS, columns=(value.SEGMENTS.columns[0], _SCHEME, value.SEGMENTS.columns[2])),
        _of(value.VALUE_CURVES, _SCHEME, basis=False),
        PROPOSITIONS,
        CLUSTER_CHOICE,
        _of(value.CONTACT_CHANNELS),
        _of(value.SALES_CHANNELS),
        _of(value.CAPACITY_USE),
        CHANNEL_SHIFT,
        _of(equity.FUTURE_PROFIT),
        _of(value.VALUE_AT_RISK),
        _of(value.SATISFACTION_LOYALTY),
        _of(equity.CUSTOMER_EQUITY, _BY),
        _of(equity.EQUITY_BRIDGE, _BY),
        _of(equity.EQUITY_WATERFALL),
        _of(equity.COHORT_CURVES, _BY),
        _of(equity.ACQUISITION, _BY),
        _of(equity.VALUATION),
    )
}
"""By the name of their file; of the optional ones those are written that the ledger has the facts for."""
