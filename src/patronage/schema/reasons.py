"""Why customers leave: reasons of each, drivers of all, and what separates those who left from those who stayed."""

from .columns import Column, TableSchema

N_REASONS = 3
"""Reasons of a customer that a file of scores has room for."""


def _reason(place: int) -> tuple[Column, Column]:
    return (
        Column(
            f"reason_{place}", "string", "", True,
            f"What comes {'first' if place == 1 else f'as number {place}'} of all that moved churn_probability, in "
            "words. Missing where nothing further is worth telling.",
        ),
        Column(
            f"reason_{place}_effect", "double", "log odds", True,
            "What it adds to the log odds of churn before calibration: above 0 it raises the probability, below 0 it "
            "keeps the customer. Missing without a reason.",
        ),
    )  # fmt: skip


SCORE_REASONS = TableSchema(
    "score_reasons", tuple(column for place in range(1, N_REASONS + 1) for column in _reason(place))
)

DRIVERS = TableSchema(
    "drivers",
    (
        Column("segment", "string", "", False, "Which customers; all for everyone."),
        Column("driver", "string", "", False, "The topic, or the feature; strongest first within a segment."),
        Column("n_customers", "long", "customers", False, "Customers of the segment."),
        Column("strength", "double", "log odds", False, "Mean absolute contribution to the log odds of churn."),
        Column("strength_low", "double", "log odds", False, "Lower end of its interval, by resampling customers."),
        Column("strength_high", "double", "log odds", False, "Upper end of it."),
        Column("share", "double", "share", False, "strength over that of all drivers of the segment."),
        Column("mean_effect", "double", "log odds", False, "Mean contribution: above 0 where it raises churn here."),
        Column("mean_effect_low", "double", "log odds", False, "Lower end of its interval."),
        Column("mean_effect_high", "double", "log odds", False, "Upper end of it."),
        Column("share_raising", "double", "share", False, "Customers whose churn it raises."),
        Column(
            "direction", "double", "correlation", True,
            "Rank correlation of the strongest number of the driver with the driver's contribution: 1 if churn only "
            "rises with it, -1 if it only falls. Missing for text and constants.",
        ),
        Column("leading_feature", "string", "", False, "The feature of the driver that contributes most."),
    ),
)  # fmt: skip

WIN_LOSS = TableSchema(
    "win_loss",
    (
        Column("feature", "string", "", False, "The column; what separates most comes first."),
        Column("value", "string", "", True, "The value of a text column that the row is about; missing for numbers."),
        Column("n_left", "long", "customers", False, "Those who left and whose value is known."),
        Column("n_stayed", "long", "customers", False, "Those who stayed and whose value is known."),
        Column("mean_left", "double", "as the feature", True, "Mean of those who left; of text, the share with it."),
        Column("mean_stayed", "double", "as the feature", True, "The same of those who stayed."),
        Column("median_left", "double", "as the feature", True, "Median of those who left; missing for text."),
        Column("median_stayed", "double", "as the feature", True, "The same of those who stayed."),
        Column("missing_left", "double", "share", False, "Those who left and whose value is missing."),
        Column("missing_stayed", "double", "share", False, "Those who stayed and whose value is missing."),
        Column("measure", "string", "", False, "What effect is: cliffs_delta for numbers, share_difference for text."),
        Column(
            "effect", "double", "-1 to 1", False,
            "cliffs_delta: chance that one who left has more than one who stayed, less that of the reverse. "
            "share_difference: share with the value of those who left less that of those who stayed.",
        ),
        Column("effect_low", "double", "-1 to 1", False, "Lower end of its interval."),
        Column("effect_high", "double", "-1 to 1", False, "Upper end of it."),
        Column(
            "standardised_difference", "double", "standard deviations", True,
            "Cohen's d: difference of the means over the pooled standard deviation; missing for text and constants.",
        ),
    ),
)  # fmt: skip
