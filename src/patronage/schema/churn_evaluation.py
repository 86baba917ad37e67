"""How a churn model was judged: by rank, by probability, by money, in parts of the customers and over time."""

from .columns import Column, TableSchema

CHURN_LIFT = TableSchema(
    "churn_lift",
    (
        Column("model", "string", "", False, "Which model or baseline."),
        Column("share", "double", "share", False, "Share of customers, the riskiest first."),
        Column("n_contacted", "long", "customers", False, "So many customers."),
        Column("threshold", "double", "probability", False, "The lowest prediction among them."),
        Column("churn_rate", "double", "share", False, "Share of them that left."),
        Column("lift", "double", "", False, "The same over the share of all that left; 1 is chance."),
        Column("lift_low", "double", "", True, "Lower end of its interval; missing without resamples."),
        Column("lift_high", "double", "", True, "Upper end of it."),
        Column("gain", "double", "share", False, "Share of all who left that is among them."),
        Column("gain_low", "double", "share", True, "Lower end of its interval; missing without resamples."),
        Column("gain_high", "double", "share", True, "Upper end of it."),
    ),
)

CHURN_SLICES = TableSchema(
    "churn_slices",
    (
        Column("kind", "string", "", False, "What customers are told apart by: segment, cohort, or an attribute."),
        Column("group", "string", "", False, "Its value; missing is a group of its own."),
        Column("n_customers", "long", "customers", False, "Customers of the group."),
        Column("n_left", "long", "customers", False, "Those of them that left."),
        Column("mean_predicted", "double", "probability", False, "Mean churn probability that the model gave."),
        Column("mean_observed", "double", "share", False, "Share that left."),
        Column("metric", "string", "", False, "Which figure."),
        Column("value", "double", "as the metric", True, "Missing where fewer than ten left or stayed."),
        Column("low", "double", "as the metric", True, "Lower end of its interval."),
        Column("high", "double", "as the metric", True, "Upper end of it."),
    ),
)

CHURN_STABILITY = TableSchema(
    "churn_stability",
    (
        Column("cutoff", "date", "", False, "The last day that the models knew."),
        Column("model", "string", "", False, "Which model or baseline, fitted to what was known on that day."),
        Column("n_customers", "long", "customers", False, "Customers acquired by then."),
        Column("n_left", "long", "customers", False, "Those who did not buy within the horizon after it."),
        Column("metric", "string", "", False, "Which figure."),
        Column("value", "double", "as the metric", True, "Its value; missing where it is undefined."),
        Column("low", "double", "as the metric", True, "Lower end of its interval; missing without resamples."),
        Column("high", "double", "as the metric", True, "Upper end of it."),
    ),
)

BRIER_PARTS = TableSchema(
    "brier_parts",
    (
        Column("model", "string", "", False, "Which model or baseline."),
        Column("brier", "double", "", False, "reliability - resolution + uncertainty + variance - covariance."),
        Column("reliability", "double", "", False, "Mean squared gap between predicted and observed; 0 is best."),
        Column("resolution", "double", "", False, "How far apart the bins' shares lie; the larger the better."),
        Column("uncertainty", "double", "", False, "Variance of the outcome, which no model can change."),
        Column("within_bin_variance", "double", "", False, "Of the probabilities within bins."),
        Column("within_bin_covariance", "double", "", False, "Of probabilities and outcomes within bins, twice."),
        Column("skill", "double", "share", True, "1 - brier / uncertainty; missing where all left or all stayed."),
        Column("error_by_chance", "double", "probability", True, "Calibration error a perfect model shows, 95 of 100."),
    ),
)

PROFIT_CURVE = TableSchema(
    "profit_curve",
    (
        Column("ranking", "string", "", False, "In which order customers are contacted."),
        Column("share", "double", "share", False, "Share of customers contacted."),
        Column("n_contacted", "long", "customers", False, "So many customers."),
        Column("threshold", "double", "as the ranking", False, "Contact those who score at least this."),
        Column("profit", "double", "money", False, "Of the whole campaign, knowing who left."),
        Column("profit_low", "double", "money", True, "Lower end of its interval; missing without resamples."),
        Column("profit_high", "double", "money", True, "Upper end of it."),
    ),
)

CAMPAIGN_PROFIT = TableSchema(
    "campaign_profit",
    (
        Column("ranking", "string", "", False, "In which order customers are contacted."),
        Column("share", "double", "share", False, "Share of customers at which profit is highest."),
        Column("share_low", "double", "share", True, "Lower end of its interval."),
        Column("share_high", "double", "share", True, "Upper end of it."),
        Column("n_contacted", "long", "customers", False, "So many customers."),
        Column("threshold", "double", "as the ranking", True, "Lowest score to contact; missing: contact nobody."),
        Column("profit", "double", "money", False, "Of the campaign at that share."),
        Column("profit_low", "double", "money", True, "Lower end of its interval."),
        Column("profit_high", "double", "money", True, "Upper end of it."),
        Column("profit_corrected", "double", "money", True, "Less what choosing the share with hindsight adds."),
    ),
)

CAMPAIGN_SAVINGS = TableSchema(
    "campaign_savings",
    (
        Column(
            "model", "string", "", False, "By whose probabilities it is decided, for each customer, what costs less."
        ),
        Column("n_contacted", "long", "customers", False, "Customers whom it contacts."),
        Column("cost", "double", "money", False, "Of these decisions, knowing who left."),
        Column("cost_of_nobody", "double", "money", False, "Of contacting nobody."),
        Column("cost_of_everybody", "double", "money", False, "Of contacting everybody."),
        Column(
            "savings", "double", "share", True, "Saved of the cheaper of the two; missing where that costs nothing."
        ),
        Column("savings_low", "double", "share", True, "Lower end of its interval; missing without resamples."),
        Column("savings_high", "double", "share", True, "Upper end of it."),
        Column("difference", "double", "share", True, "Savings of the first model less these; missing for itself."),
        Column("difference_low", "double", "share", True, "Lower end of its interval."),
        Column("difference_high", "double", "share", True, "Upper end of it."),
    ),
)

SURVIVAL_CALIBRATION = TableSchema(
    "survival_calibration",
    (
        Column("model", "string", "", False, "Whose curves."),
        Column("days", "long", "days", False, "After the day from which they look ahead."),
        Column("group", "long", "", False, "Tenth by predicted chance, 1 the lowest; 0 is everybody."),
        Column("n_customers", "long", "customers", False, "In the group."),
        Column("predicted", "double", "probability", False, "Mean predicted chance of staying so long."),
        Column("observed", "double", "share", True, "Share that stayed, by Kaplan and Meier."),
        Column("observed_low", "double", "share", True, "Lower end of its 95 % interval (Greenwood)."),
        Column("observed_high", "double", "share", True, "Upper end of it."),
    ),
)

LEAKS = TableSchema(
    "leaks",
    (
        Column("column", "string", "", False, "A feature that looks as if it gave the answer away."),
        Column("kind", "string", "", False, "The sign: see `evaluation.leakage`."),
        Column("figure", "double", "", False, "An area under the curve or a share."),
        Column("n_rows", "long", "rows", False, "Rows that it rests on."),
        Column("words", "string", "", False, "What was seen."),
    ),
)
