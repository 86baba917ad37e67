"""The features and the label of the churn classifier, of a ledger that holds transactions alone."""

from datetime import date
from typing import Any

from patronage.features.build import customer_features
from patronage.features.labels import labels
from patronage.ledger.tables import LedgerTables
from patronage.schema import FEATURES

BEHAVIOUR_GROUPS = ("purchases", "purchase_windows", "gaps", "trend")
"""The groups that the columns of `schema.FEATURES` belong to."""


def behaviour_features(transactions: Any, as_of: date) -> Any:
    """Compute the behavioural features of every customer.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    as_of : date
        The last day whose facts count. A window of 30 days is the as-of date and the 29 days before it.

    Returns
    -------
    ibis.Table
        customer_id and the columns of `schema.FEATURES`, one row for every customer with a purchase up to `as_of`.
    """
    table = customer_features(LedgerTables(transactions), as_of, BEHAVIOUR_GROUPS)
    return table.select("customer_id", *FEATURES.names)


def churn_labels(transactions: Any, as_of: date, horizon_days: int) -> Any:
    """Who did not come back: the label that belongs to `behaviour_features` of the same date.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    as_of : date
        The last day whose facts are known; the label looks at the `horizon_days` days that follow.
    horizon_days : int
        Length of the look ahead, in days.

    Returns
    -------
    ibis.Table
        customer_id, churned (int8: 1 if there is no purchase within the horizon), one row for every customer with a
        purchase up to `as_of`.
    """
    table = labels(LedgerTables(transactions), as_of, horizon_days)
    return table.select("customer_id", churned=table.churned.cast("int8"))
