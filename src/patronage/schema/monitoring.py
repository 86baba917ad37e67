"""What a monitoring run leaves behind."""

from .columns import Column, TableSchema

DRIFT = TableSchema(
    "drift",
    (
        Column("part", "string", "", False, "rows, inputs or scores."),
        Column("name", "string", "", False, "The column that is compared; \"all inputs\" where it is whole rows."),
        Column("test", "string", "", False, "psi, ks, missing, new_categories or unscored."),
        Column("n_reference", "long", "customers", False, "Customers of the reference that the test counts."),
        Column("n_batch", "long", "customers", False, "Customers of the batch that the test counts."),
        Column("reference", "double", "as the column", True, "Mean, or the share where the test is of shares."),
        Column("batch", "double", "as the column", True, "The same of the batch; missing for the order of texts."),
        Column("size", "double", "as the test", False, "How far apart the two are, by the measure of the test."),
        Column("limit", "double", "as the test", False, "What size matters in practice."),
        Column("p_value", "double", "probability", False, "Of a size like this if nothing has changed."),
        Column("p_adjusted", "double", "probability", True, "The same for all tests of the run together (Holm); "
               "missing for what is reported only."),
        Column("alarm", "string", "", False, "yes, no, or ageing for what moves by nature and is reported only."),
        Column("words", "string", "", False, "The comparison in words."),
    ),
)  # fmt: skip

REALISED = TableSchema(
    "realised",
    (
        Column("grouping", "string", "", False, "all, or what the customers are told apart by."),
        Column("group", "string", "", False, "Which of its groups."),
        Column("quantity", "string", "", False, "purchases, value or churn."),
        Column("test", "string", "", False, "total, calibration or ranking."),
        Column("n_customers", "long", "customers", False, "Customers of the group."),
        Column("predicted", "double", "as the quantity", False, "What the model foretold."),
        Column("realised", "double", "as the quantity", False, "What came."),
        Column("low", "double", "as the quantity", True, "Lower control limit of what comes if the model is right."),
        Column("high", "double", "as the quantity", True, "Upper control limit."),
        Column("size", "double", "as the test", True, "How far apart: share of the total, gap in probability, area."),
        Column("limit", "double", "as the test", False, "What size matters in practice."),
        Column("p_value", "double", "probability", True, "Of a size like this if the model is right; missing for "
               "groups too small to be judged."),
        Column("p_adjusted", "double", "probability", True, "The same for all tests of the run together (Holm)."),
        Column("alarm", "string", "", False, "yes, no, or small for groups that are too small to be judged."),
        Column("words", "string", "", False, "The comparison in words."),
    ),
)  # fmt: skip

MONITORING_TABLES = {"drift": DRIFT, "realised": REALISED}
"""The files of a monitoring run by name; ``realised`` is there only once the future has come."""
