"""What the purchase models of a pipeline are fitted to: the histories of a ledger, counted, with their covariates."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

import pandas as pd

from patronage.errors import ConfigError, InputError
from patronage.features.model_input import input_schema, model_input
from patronage.ledger.tables import LedgerTables
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import SUMMARY, TableSchema
from patronage.summary.customer_summary import summarise


class FittedToHistories(Protocol):
    """What a model, or a choice among several, says of the columns that it reads."""

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns beside the history."""
        ...

    @property
    def reads_log_intervals(self) -> bool:
        """Whether the sums of log intervals are read too."""
        ...


def purchase_histories(
    tables: LedgerTables, as_of: date, time_unit: TimeUnit, model: FittedToHistories
) -> pd.DataFrame:
    """Distinct histories as of a day, counted on the engine.

    Parameters
    ----------
    tables : LedgerTables
    as_of : date
    time_unit : TimeUnit
    model : PurchaseModel or PurchaseModelChoice
        Says which columns it reads.

    Returns
    -------
    DataFrame
        As `CustomerSummary.histories`, with the covariates among what is distinct.

    Raises
    ------
    ConfigError
        If a covariate is no column that the ledger offers of its customers.
    InputError
        If a covariate that is a number is missing for some of them.
    """
    summary = summarise(tables.transactions, as_of, time_unit, log_intervals=model.reads_log_intervals)
    if not model.covariates:
        return summary.histories()
    inputs = covariate_schema(tables, model.covariates)
    known = model_input(tables, as_of, time_unit, inputs).drop("as_of")
    _refuse_missing(known, inputs)
    joined = summary.table.inner_join(known, "customer_id")
    return replace(summary, table=joined).histories(by=inputs.names)


def covariate_schema(tables: LedgerTables, covariates: Sequence[str]) -> TableSchema:
    """The columns of a ledger that purchase models may have as covariates, of those that are asked for.

    Raises
    ------
    ConfigError
        If some are none; what a model explains, its history, is none either.
    """
    offered = {column.name: column for column in input_schema(tables).columns if column.name not in SUMMARY.names}
    unknown = [name for name in covariates if name not in offered]
    if unknown:
        message = (
            f"purchase: the covariates {', '.join(unknown)} are no columns of this ledger's customers. It offers "
            f"{', '.join(offered)}; take what was known from the beginning, such as acquisition_channel or an "
            "attribute of the table of customers."
        )
        raise ConfigError(message)
    return TableSchema("covariates", tuple(offered[name] for name in covariates))


def with_covariates(inputs: TableSchema, tables: LedgerTables, covariates: Sequence[str]) -> TableSchema:
    """The columns of a schema and, behind them, the covariates that are not among them."""
    further = [name for name in covariates if name not in inputs.names]
    return TableSchema(inputs.name, inputs.columns + covariate_schema(tables, further).columns)


def covariates_on(tables: LedgerTables, day: date, time_unit: TimeUnit, covariates: Sequence[str]) -> pd.DataFrame:
    """The covariates of every customer as of a day, indexed by customer_id."""
    inputs = covariate_schema(tables, covariates)
    frame: pd.DataFrame = model_input(tables, day, time_unit, inputs).drop("as_of").execute()
    return frame.set_index("customer_id")


def _refuse_missing(known: Any, inputs: TableSchema) -> None:
    """Numbers must be there; a missing text is the level "unknown" of its covariate."""
    for column in inputs.columns:
        if column.type == "string":
            continue
        lacking = known.filter(known[column.name].isnull())
        n_lacking = int(lacking.count().to_pyarrow().as_py())
        if not n_lacking:
            continue
        first = lacking.order_by("customer_id").limit(FIRST_EXAMPLES).customer_id.to_pyarrow().to_pylist()
        message = (
            f"purchase: the covariate {column.name} is missing for {n_lacking:,} customers (first: "
            f"{', '.join(map(str, first))}). Fill it in the source, or leave it out."
        )
        raise InputError(message, counts={f"{column.name} missing": n_lacking}, first_ids=first)
