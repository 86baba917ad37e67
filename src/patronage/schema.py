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
    tuple(column for column in SUMMARY.columns if column.name not in ("customer_id", "log_intervals"))
    + FEATURES.columns,
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

CONDITIONAL_EXPECTATION = TableSchema(
    "conditional_expectation",
    (
        Column("frequency", "string", "repeat purchase days", False, "Repeats by the cut-off; the last class is open."),
        Column("n_customers", "long", "customers", False, "Customers of the class."),
        Column("actual_mean", "double", "purchase days", False, "Mean number of purchases in the holdout."),
        Column("expected_mean", "double", "purchase days", False, "The same, as the model expects it."),
    ),
)  # fmt: skip

FREQUENCY_RECENCY = TableSchema(
    "frequency_recency",
    (
        Column("frequency", "long", "repeat purchase days", False, "Repeats of a customer."),
        Column("recency_low", "double", "time unit", False, "Begin of the cell; recency is 0 where frequency is 0."),
        Column("recency_high", "double", "time unit", False, "End of the cell; its middle is what is predicted for."),
        Column("T", "double", "time unit", False, "Time under observation, the same for all cells."),
        Column("horizon", "double", "time unit", False, "How far the expectation looks ahead."),
        Column("time_unit", "string", "", False, "Unit of the times: day, week or year."),
        Column("expected_purchases", "double", "purchase days", False, "Expected purchases within the horizon."),
        Column("probability_alive", "double", "probability", False, "That the customer has not left."),
    ),
)

MIXING_DISTRIBUTIONS = TableSchema(
    "mixing_distributions",
    (
        Column("quantity", "string", "", False, "What differs between customers, with its unit."),
        Column("value", "double", "as the quantity", False, "Middle of a class of its values, on a logarithmic scale."),
        Column("density", "double", "share", False, "Share of customers in the class over its width in logarithms."),
        Column("cumulative", "double", "share", False, "Share of customers below the end of the class."),
        Column("mean", "double", "as the quantity", False, "Mean of the whole distribution."),
    ),
)

SPEND_FIT = TableSchema(
    "spend_fit",
    (
        Column("spend_low", "double", "money", False, "Begin of a class of mean spends, inclusive."),
        Column("spend_high", "double", "money", False, "Its end, exclusive but for the last class."),
        Column("actual", "double", "customers", False, "Customers whose mean spend lies in the class."),
        Column("expected", "double", "customers", False, "The same, as the model expects them."),
    ),
)

PARAMETERS = TableSchema(
    "parameters",
    (
        Column("model", "string", "", False, "Which model."),
        Column("parameter", "string", "", False, "Its name in the literature."),
        Column("estimate", "double", "as the parameter", False, "Where the likelihood is highest."),
        Column("standard_error", "double", "as the parameter", True, "Missing where the data do not identify it."),
        Column("lower", "double", "as the parameter", True, "Lower end of the 95 % interval."),
        Column("upper", "double", "as the parameter", True, "Upper end of it."),
    ),
)

ALIVE_HISTORY = TableSchema(
    "alive_history",
    (
        Column("day", "date", "", False, "The day."),
        Column("frequency", "long", "repeat purchase days", False, "Repeats up to the end of the day."),
        Column("is_purchase", "long", "0 or 1", False, "1 on a purchase day."),
        Column("probability_alive", "double", "probability", False, "As the model sees it at the end of the day."),
    ),
)

MODEL_CHOICE = TableSchema(
    "model_choice",
    (
        Column("model", "string", "", False, "Title of the purchase model; the chosen one first."),
        Column("n_parameters", "long", "", False, "Parameters that were estimated."),
        Column("log_likelihood", "double", "", False, "Of the purchase times up to the cut-off."),
        Column("aic", "double", "", False, "Akaike's criterion; lower is better."),
        Column("bic", "double", "", False, "Schwarz's criterion; lower is better."),
        Column("certificate_passed", "long", "0 or 1", False, "1 if every check of the fit passed."),
        Column(
            "holdout_total_error", "double", "share", True, "Expected over actual purchases of the holdout, less 1."
        ),
        Column("holdout_mae", "double", "purchase days", True, "Mean absolute error by customer."),
        Column("holdout_correlation", "double", "", True, "Correlation of expected and actual purchases."),
        Column("holdout_log_score", "double", "", True, "Mean log probability given to what came; higher is better."),
    ),
)

INTERVALS = TableSchema(
    "intervals",
    (
        Column("what", "string", "", False, "customers (each by itself) or total."),
        Column("interval", "string", "", False, "model: its own; conformal: corrected by earlier origins."),
        Column("level", "double", "probability", False, "Coverage that the interval claims."),
        Column("coverage", "double", "share", False, "Share of customers it held; 1 or 0 for the total."),
        Column("randomised_coverage", "double", "share", True, "The same with ties of whole counts broken at random."),
        Column("low", "double", "purchase days", True, "Lower end of the interval of the total."),
        Column("high", "double", "purchase days", True, "Upper end of it."),
        Column("mean_width", "double", "purchase days", False, "Mean width."),
        Column("n_origins", "long", "", False, "Earlier origins that the interval learnt from."),
        Column("actual", "double", "purchase days", False, "Purchases of all customers that came."),
        Column("expected", "double", "purchase days", False, "Purchases of all customers that the model expected."),
    ),
)

BACKTEST = TableSchema(
    "backtest",
    (
        Column("cutoff", "date", "", False, "The last day that the model knew."),
        Column("n_customers", "long", "customers", False, "Customers acquired by then."),
        Column("actual", "double", "purchase days", False, "Purchases of all of them that came within the horizon."),
        Column("expected", "double", "purchase days", False, "The same, as the model expected them."),
        Column("ratio", "double", "", True, "actual over expected."),
        Column("total_low", "double", "purchase days", False, "Lower end of the interval of the total."),
        Column("total_high", "double", "purchase days", False, "Upper end of it."),
        Column("total_inside", "long", "0 or 1", False, "1 if the actual total lies in it."),
        Column("customer_coverage", "double", "share", False, "Customers whose purchases lay in their own interval."),
        Column("randomised_coverage", "double", "share", False, "The same with ties broken at random."),
    ),
)
