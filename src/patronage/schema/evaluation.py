"""What came, held against what was expected: the tables behind the report and the tracked metrics."""

from .columns import Column, TableSchema

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
        Column("low", "double", "as the metric", True, "Lower end of its interval, if it has one.", optional=True),
        Column("high", "double", "as the metric", True, "Upper end of it.", optional=True),
    ),
)

DIFFERENCES = TableSchema(
    "differences",
    (
        Column("task", "string", "", False, "purchases, value or churn."),
        Column("model", "string", "", False, "Which model."),
        Column("rival", "string", "", False, "Which baseline or other model it is compared with."),
        Column("metric", "string", "", False, "Which figure."),
        Column("difference", "double", "as the metric", True, "The model's less the rival's, on the same customers."),
        Column("low", "double", "as the metric", True, "Lower end of its interval."),
        Column("high", "double", "as the metric", True, "Upper end of it."),
        Column("p_value", "double", "probability", True, "Two-sided, from the resamples."),
        Column("verdict", "string", "", False, "The model is better, worse, or no difference can be seen: unclear."),
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
