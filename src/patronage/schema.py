"""The tables that the stages hand to one another: columns, types, units, and what may be missing.

Every stage produces or consumes one of the tables below, so this file is the contract between them, the source of
the model's signature and of the documentation. It knows no dataframe library.
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "timestamp", "date", "double", "long"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name, the field's own term where there is one.
    type : {"string", "timestamp", "date", "double", "long"}
        What its values are.
    unit : str
        The unit of its values, ``""`` if it has none.
    nullable : bool
        Whether values may be missing.
    meaning : str
        One sentence, with the rule for missing values where there may be any.
    """

    name: str
    type: ColumnType
    unit: str
    nullable: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A named, ordered set of columns."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)


TRANSACTIONS = TableSchema(
    "transactions",
    (
        Column("customer_id", "string", "", False, "Who bought."),
        Column("timestamp", "timestamp", "", False, "When; without a time zone."),
        Column("amount", "double", "money", False, "Value of the line; refunds are negative, gifts zero."),
    ),
)

SUMMARY = TableSchema(
    "summary",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("frequency", "long", "repeat purchase days", False, "Days with a purchase, after the first one."),
        Column("recency", "double", "time unit", False, "From the first to the last purchase day; 0 if only one."),
        Column("T", "double", "time unit", False, "From the first purchase day to the as-of date."),
        Column("monetary_value", "double", "money", False, "Mean spend of a repeat purchase day; 0 if none."),
    ),
)

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
    tuple(column for column in SUMMARY.columns if column.name != "customer_id") + FEATURES.columns,
)

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

SCORES = TableSchema(
    "scores",
    (
        Column("customer_id", "string", "", False, "Who."),
        Column("as_of", "date", "", False, "The last day whose facts were known."),
        Column("horizon_days", "long", "days", False, "How far the scores look ahead of the as-of date."),
        *SCORE_VALUES.columns,
        Column(
            "model_version",
            "string",
            "",
            False,
            "Registered name and version, or the fingerprint of the bundle.",
        ),
    ),
)

TRACKING_CURVE = TableSchema(
    "tracking_curve",
    (
        Column("period_end", "date", "", False, "Last day of the period."),
        Column("is_holdout", "long", "0 or 1", False, "1 if the period lies after the cut-off."),
        Column("actual_incremental", "double", "purchase days", False, "Repeat purchase days within the period."),
        Column("expected_incremental", "double", "purchase days", False, "The same, as the model expects them."),
        Column("actual_cumulative", "double", "purchase days", False, "Repeat purchase days since the beginning."),
        Column("expected_cumulative", "double", "purchase days", False, "The same, as the model expects them."),
    ),
)

FREQUENCY_HISTOGRAM = TableSchema(
    "frequency_histogram",
    (
        Column(
            "frequency",
            "string",
            "repeat purchase days",
            False,
            "Number of repeats; the last class is open, '7+'.",
        ),
        Column("actual", "double", "customers", False, "Customers with that many repeats up to the cut-off."),
        Column("expected", "double", "customers", False, "The same, as the model expects them."),
    ),
)

CHURN_CALIBRATION = TableSchema(
    "churn_calibration",
    (
        Column("model", "string", "", False, "Which model or baseline."),
        Column("bin", "long", "", False, "1 for the lowest predicted probabilities."),
        Column("n_customers", "long", "customers", False, "Customers of the bin."),
        Column("predicted", "double", "probability", False, "Mean predicted churn probability."),
        Column("observed", "double", "share", False, "Share that did not buy within the horizon."),
        Column("observed_low", "double", "share", False, "Lower end of the 95 % Wilson interval of the share."),
        Column("observed_high", "double", "share", False, "Upper end of it."),
    ),
)

CHURN_GAIN = TableSchema(
    "churn_gain",
    (
        Column("model", "string", "", False, "Which model or baseline."),
        Column("share_contacted", "double", "share", False, "Share of customers, the riskiest first."),
        Column("share_of_churners", "double", "share", False, "Share of all churners among them."),
    ),
)

DECILES = TableSchema(
    "deciles",
    (
        Column("decile", "long", "", False, "1 holds the customers with the highest predictions."),
        Column("n_customers", "long", "customers", False, "Customers of the decile."),
        Column("predicted_mean", "double", "as predicted", False, "Mean prediction."),
        Column("actual_mean", "double", "as predicted", False, "Mean of what came."),
        Column("predicted_total", "double", "as predicted", False, "Sum of the predictions."),
        Column("actual_total", "double", "as predicted", False, "Sum of what came."),
    ),
)

METRICS = TableSchema(
    "metrics",
    (
        Column("task", "string", "", False, "purchases, value or churn."),
        Column("model", "string", "", False, "Which model or baseline."),
        Column("metric", "string", "", False, "Which figure."),
        Column("value", "double", "as the metric", True, "Its value; missing where it is undefined."),
    ),
)
