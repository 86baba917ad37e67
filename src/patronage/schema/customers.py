"""One row a customer as of a date: the summary, the features, the model's input, and the scores."""

from dataclasses import replace

from .columns import Column, TableSchema

SUMMARY = TableSchema(
    "summary",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("frequency", "long", "repeat purchase days", False, "Days with a purchase, after the first one."),
        Column("recency", "double", "time unit", False, "From the first to the last purchase day; 0 if only one."),
        Column("T", "double", "time unit", False, "From the first purchase day to the as-of date."),
        Column("monetary_value", "double", "money", False, "Mean spend of a repeat purchase day; 0 if none."),
        Column(
            "log_intervals", "double", "log time unit", False,
            "Sum of the logarithms of the times from one purchase day to the next; 0 if only one. It shows how regular "
            "purchases are: models of regularity are compared by it, and predictions do not need it.",
        ),
    ),
)  # fmt: skip

FEATURES = TableSchema(
    "features",
    (
        Column("days_since_last_purchase", "double", "days", False, "From the last purchase day to the as-of date."),
        Column("tenure_days", "double", "days", False, "From the first purchase day to the as-of date."),
        Column("purchase_days", "double", "days", False, "Number of days with a purchase, the first included."),
        Column("spend_total", "double", "money", False, "Spend of all purchase days, the first included."),
        Column("spend_per_purchase_day", "double", "money", False, "spend_total over purchase_days."),
        Column("spend_first_purchase_day", "double", "money", False, "Spend of the first purchase day."),
        Column("purchase_days_30d", "double", "days", False, "Purchase days in the 30 days up to the as-of date."),
        Column("purchase_days_90d", "double", "days", False, "Purchase days in the 90 days up to the as-of date."),
        Column("purchase_days_180d", "double", "days", False, "Purchase days in the 180 days up to the as-of date."),
        Column("spend_30d", "double", "money", False, "Spend in the 30 days up to the as-of date."),
        Column("spend_90d", "double", "money", False, "Spend in the 90 days up to the as-of date."),
        Column("spend_180d", "double", "money", False, "Spend in the 180 days up to the as-of date."),
        Column("gap_days_mean", "double", "days", True, "Mean gap between purchase days; missing below two days."),
        Column(
            "gap_days_std", "double", "days", True,
            "Sample standard deviation of the gaps; missing below three purchase days.",
        ),
        Column(
            "recency_over_mean_gap", "double", "", True,
            "days_since_last_purchase over gap_days_mean: above 1, the customer is later than usual.",
        ),
        Column(
            "purchase_trend_90d", "double", "days", False,
            "Purchase days of the last 90 days less those of the 90 days before.",
        ),
    ),
)  # fmt: skip

MODEL_INPUT = TableSchema(
    "model_input",
    tuple(
        replace(column, type="double")
        for column in SUMMARY.columns
        if column.name not in ("customer_id", "log_intervals")
    )
    + FEATURES.columns,
)
"""What a model of a ledger reads: doubles all, for a double may be missing, and MLflow takes nothing else for one."""

SCORE_VALUES = TableSchema(
    "score_values",
    (
        Column(
            "probability_alive", "double", "probability", False,
            "That the customer has not left for good. Under BG/NBD it is 1 for every customer without a repeat "
            "purchase, so it does not serve as a status: use probability_active.",
        ),
        Column("probability_active", "double", "probability", False, "Of at least one purchase within the horizon."),
        Column("expected_purchases", "double", "purchase days", False, "Expected purchase days within the horizon."),
        Column("expected_spend", "double", "money", False, "Expected spend of one purchase day."),
        Column("churn_probability", "double", "probability", False, "Of no purchase within the horizon (classifier)."),
        Column("clv", "double", "money", False, "Discounted expected margin within the horizon."),
    ),
)  # fmt: skip

PURCHASE_OUTPUTS = ("probability_alive", "probability_active", "expected_purchases")
"""Scores that a purchase model tells of a customer. The scorer gives them to the churn model too."""

MODEL_VERSION = Column(
    "model_version", "string", "", False, "Registered name and version, or the fingerprint of the bundle."
)
"""What scores of every kind of model end with."""

SCORES = TableSchema(
    "scores",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("as_of", "date", "", False, "The last day whose facts were known."),
        Column("horizon_days", "long", "days", False, "How far the scores look ahead of the as-of date."),
        *SCORE_VALUES.columns,
        MODEL_VERSION,
    ),
)

TABLE_SCORE_VALUES = TableSchema(
    "table_score_values",
    (Column("churn_probability", "double", "probability", False, "Of leaving, as the label of the table has it."),),
)
"""Scores of the model of a customer table."""

TABLE_SCORES = TableSchema(
    "table_scores",
    (
        Column("customer_id", "string", "", False, "Who; the number of the row where the table names nobody."),
        Column("as_of", "date", "", True, "The day of the row, or the one asked for, if either is known."),
        Column("horizon_days", "long", "days", True, "How far the score looks ahead of it, if the label says so."),
        *TABLE_SCORE_VALUES.columns,
        MODEL_VERSION,
    ),
)

SCORE_INTERVALS = TableSchema(
    "score_intervals",
    (
        Column(
            "purchases_low", "long", "purchase days", False, "Lower end of the interval of the purchase days to come."
        ),
        Column("purchases_high", "long", "purchase days", False, "Upper end of it."),
        Column("clv_low", "double", "money", False, "Lower end of the interval of the discounted margin to come."),
        Column("clv_high", "double", "money", False, "Upper end of it."),
    ),
)
