"""The model's input: summary and features side by side, one row a customer."""

from datetime import date
from typing import Any

from patronage.features.behaviour import behaviour_features
from patronage.schema import MODEL_INPUT


def model_input(transactions: Any, summary_table: Any, as_of: date) -> Any:
    """Join a summary with the behavioural features of the same date.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    summary_table : ibis.Table
        As described in `schema.SUMMARY`, as of the same date.
    as_of : date
        The last day whose facts count.

    Returns
    -------
    ibis.Table
        customer_id, then the columns of `schema.MODEL_INPUT`, all of type double.
    """
    features = behaviour_features(transactions, as_of)
    joined = summary_table.inner_join(features, "customer_id")
    return joined.select("customer_id", **{name: joined[name].cast("float64") for name in MODEL_INPUT.names})
