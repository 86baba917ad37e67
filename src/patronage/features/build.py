"""The features of every customer as of a date, or as of many dates at once."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import ibis
from ibis import _

from patronage.features.customers import customer_rows
from patronage.features.group import Feature
from patronage.features.groups import available
from patronage.features.point_in_time import Known, joined
from patronage.features.transaction_days import purchase_history
from patronage.ledger.tables import LedgerTables
from patronage.schema import Column, TableSchema

KEYS = (
    Column("customer_id", "string", "", False, "Who."),
    Column("as_of", "date", "", False, "The last day whose facts are in the features."),
)


BOUGHT = "has_bought"
"""Column that is true for who has a purchase day and missing for everybody else."""


def customer_features(
    tables: LedgerTables, as_of: date | Sequence[date], groups: Sequence[str] | None = None, of: Any = None
) -> Any:
    """Compute what was known of every customer on a date, or on each of several dates in one pass.

    Parameters
    ----------
    tables : LedgerTables
        The facts; nothing that is dated after an as-of date reaches a row of that date.
    as_of : date or sequence of date
        The last day whose facts count. A window of 30 days is the as-of date and the 29 days before it.
    groups : sequence of str, optional
        Names of groups of features (see `groups.GROUPS`); all if not given. Groups and columns that the ledger lacks
        facts for are left out: `groups.available` says which.
    of : ibis.Table, optional
        customer_id and as_of, each pair once: whom to tell of, whether they have bought or not. What is told of the
        history of purchases is missing for those who have not.

    Returns
    -------
    ibis.Table
        customer_id, as_of, then the columns of `feature_schema`, all of type double but for those that are text; one
        row for every row of `of`, or for every customer with a purchase day up to that date.

    Raises
    ------
    ConfigError
        If there is no group of such a name.
    ContractError
        If an attribute of the customers is called like a feature.
    DateError
        If `as_of` is empty.
    """
    known = Known.on(tables, as_of)
    features = available(tables, groups).features
    by_facts: dict[Callable[[Known], Any], list[Feature]] = {purchase_history: []}
    for group, found in features.items():
        for feature in found:
            by_facts.setdefault(feature.facts or group.facts, []).append(feature)
    of_customers, of_history = by_facts.pop(customer_rows, []), by_facts.pop(purchase_history)
    history = _customers_with_a_purchase(known, of_history)
    table = known.on_each(history) if of is None else joined(of, [(history.mutate(**{BOUGHT: True}), known.keys)])
    parts = [(_aggregated(facts(known), known, aggregates), known.keys) for facts, aggregates in by_facts.items()]
    if of_customers:
        parts.append((customer_rows(known), ("customer_id",)))
    table = joined(table, parts)
    values = {feature: feature.value for feature in of_customers}
    may_lack = set() if of is None else set(of_history)
    return table.select(
        "customer_id",
        "as_of",
        *(
            _finished(feature, values.get(feature, _[feature.name]), feature in may_lack)
            for found in features.values()
            for feature in found
        ),
    )


def feature_schema(tables: LedgerTables, groups: Sequence[str] | None = None) -> TableSchema:
    """The columns that `customer_features` gives for a ledger.

    Raises
    ------
    ConfigError, ContractError
        As `customer_features`.
    """
    found = available(tables, groups).features
    return TableSchema("features", KEYS + tuple(feature.column for group in found.values() for feature in group))


def _customers_with_a_purchase(known: Known, features: Sequence[Feature]) -> Any:
    rows = purchase_history(known)
    aggregates = {feature.name: feature.value for feature in features}
    table = rows.group_by(*known.keys).aggregate(**aggregates, n_purchase_days=_.purchase_age.count())
    return table.filter(_.n_purchase_days > 0).drop("n_purchase_days")


def _aggregated(rows: Any, known: Known, features: Sequence[Feature]) -> Any:
    return rows.group_by(*known.keys).aggregate(**{feature.name: feature.value for feature in features})


def _finished(feature: Feature, value: Any, may_lack: bool) -> Any:
    """The column as its schema has it: of its type, and 0 where there are no facts unless it may be missing.

    Where customers may lack a history of purchases, what is told of it is missing for those who do.
    """
    value = value.cast("string" if feature.type == "string" else "float64")
    if not feature.missing:
        value = ibis.ifelse(_[BOUGHT], value.fill_null(0.0), None) if may_lack else value.fill_null(0.0)
    return value.name(feature.name)
