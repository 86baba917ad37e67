"""Customers under contract on a date, what was known of them then, and whose contract ended soon after."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis
from ibis import _

from patronage.errors import ContractError
from patronage.features.build import KEYS, customer_features
from patronage.features.model_input import groups_of, refuse_lacking
from patronage.features.point_in_time import Known
from patronage.ledger.tables import LedgerTables
from patronage.schema import Column, TableSchema

CONTRACT_ENDS = TableSchema(
    "contract_ends",
    (
        *KEYS,
        Column("left", "long", "0 or 1", False, "1 if the contract ended within the horizon after the as-of date."),
    ),
)

NEEDED = ("contract_start", "contract_end")
"""Columns of the customers without which nobody can say who was under contract, and until when."""


def contract_ends(tables: LedgerTables, as_of: date | Sequence[date], horizon_days: int) -> Any:
    """Say of everybody under contract on a date, or on each of several, whether the contract ended soon after.

    Who has a contract that began on the as-of date or before, and had not come to its last day by then, is under
    contract; whether they ever bought does not matter.

    Parameters
    ----------
    tables : LedgerTables
        The facts; contracts that ended within `horizon_days` after the latest date have to be known.
    as_of : date or sequence of date
    horizon_days : int
        The so many days that follow an as-of date.

    Returns
    -------
    ibis.Table
        As described in `CONTRACT_ENDS`, one row for each as-of date and customer under contract on it.

    Raises
    ------
    ContractError
        If the ledger has no contracts.
    DateError
        If `as_of` is empty.
    """
    rows = _under_contract(tables, as_of).mutate(days_left=_.contract_end.delta(_.as_of, unit="day"))
    ends = (rows.days_left <= horizon_days).fill_null(False)
    return rows.select("customer_id", "as_of", left=ibis.ifelse(ends, 1, 0).cast("int64"))


def contract_days_left(tables: LedgerTables, as_of: date | Sequence[date]) -> Any:
    """Say of everybody under contract on a date, or on each of several, how many days later the contract ended.

    Returns
    -------
    ibis.Table
        customer_id, as_of and days_left (missing where no end is known), the rows of `contract_ends`.

    Raises
    ------
    ContractError, DateError
        As `contract_ends`.
    """
    return _under_contract(tables, as_of).select(
        "customer_id", "as_of", days_left=_.contract_end.delta(_.as_of, unit="day").cast("int64")
    )


def contract_features(tables: LedgerTables, as_of: date | Sequence[date], groups: Sequence[str] | None = None) -> Any:
    """Tell what was known of everybody under contract on a date, or on each of several.

    Returns
    -------
    ibis.Table
        The columns of `build.customer_features`, the rows of `contract_ends`. Who has not bought by then lacks what is
        told of the history of purchases.

    Raises
    ------
    ConfigError, ContractError, DateError
        As `contract_ends` and `build.customer_features`.
    """
    rows = _under_contract(tables, as_of).select("customer_id", "as_of")
    return customer_features(tables, as_of, groups, of=rows)


def contract_input(tables: LedgerTables, as_of: date, inputs: TableSchema) -> Any:
    """Compute the columns that a model reads, for everybody under contract on a date.

    Returns
    -------
    ibis.Table
        customer_id, as_of, then the columns of `inputs`.

    Raises
    ------
    ContractError
        If the ledger has no contracts, or lacks the facts for some of the columns.
    """
    customers_with_contracts(tables)
    groups = groups_of(inputs)
    refuse_lacking(tables, inputs, groups)
    return contract_features(tables, as_of, groups).select("customer_id", "as_of", *inputs.names)


def customers_with_contracts(tables: LedgerTables) -> Any:
    """The customers of a ledger that knows their contracts.

    Returns
    -------
    ibis.Table

    Raises
    ------
    ContractError
        Naming the columns that are not there.
    """
    there = () if tables.customers is None else tables.customers.columns
    lacking = [name for name in NEEDED if name not in there]
    if lacking:
        what = "no such table" if tables.customers is None else f"no {' and no '.join(lacking)} there"
        message = (
            f"Churn from contracts needs a table customers with {' and '.join(NEEDED)}; this ledger has {what}. Map "
            "them (ledger.customers.columns), or leave setting=purchases."
        )
        raise ContractError(message)
    return tables.customers


def _under_contract(tables: LedgerTables, as_of: date | Sequence[date]) -> Any:
    """customer_id, as_of and contract_end (which may lie after it) of everybody under contract on the dates."""
    customers = customers_with_contracts(tables)
    start, end = (customers[name].cast("date") for name in NEEDED)
    contracts = customers.select("customer_id", day=start, contract_end=end).filter(_.day.notnull())
    rows = Known.on(tables, as_of).up_to(contracts)
    return rows.filter(rows.contract_end.isnull() | (rows.contract_end > rows.as_of))
