"""What a backtest of several candidates leaves behind."""

from .columns import Column, TableSchema
from .evaluation import DIFFERENCES

BACKTEST_METRICS = TableSchema(
    "metrics",
    (
        Column("candidate", "string", "", False, "Which candidate."),
        Column("cutoff", "date", "", True, "The origin; missing where all origins are taken together."),
        Column("n_rows", "long", "customers by origin", False, "Customers judged by, each once an origin."),
        Column("task", "string", "", False, "purchases, value or churn."),
        Column("metric", "string", "", False, "Which figure."),
        Column("value", "double", "as the metric", True, "Its value; missing where it is undefined."),
        Column("low", "double", "as the metric", True, "Lower end of its interval, if it has one."),
        Column("high", "double", "as the metric", True, "Upper end of it."),
    ),
)

LEADERBOARD = TableSchema(
    "leaderboard",
    (
        Column("place", "long", "", False, "1 for the best by the measure that orders the board."),
        Column("candidate", "string", "", False, "Which candidate."),
        Column("measure", "string", "", False, "The measure that orders the board, as task.metric."),
        Column("value", "double", "as the metric", True, "Over all origins."),
        Column("low", "double", "as the metric", True, "Lower end of its interval."),
        Column("high", "double", "as the metric", True, "Upper end of it."),
        Column("difference", "double", "as the metric", True, "Of the best less this one; missing for the best."),
        Column("difference_low", "double", "as the metric", True, "Lower end of its interval."),
        Column("difference_high", "double", "as the metric", True, "Upper end of it."),
        Column("told_apart", "string", "", True, "Whether the best is better beyond chance: yes or no."),
    ),
)

BACKTEST_TABLES = {
    "leaderboard": LEADERBOARD,
    "metrics": BACKTEST_METRICS,
    "differences": TableSchema("differences", DIFFERENCES.columns),
}
"""The files of a backtest by name."""
