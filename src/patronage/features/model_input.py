"""The model's input: the summary and the features of every customer side by side, as of a date or of several."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ibis import _

from patronage.errors import ContractError
from patronage.features.build import KEYS, customer_features, feature_schema
from patronage.features.customers import ATTRIBUTES
from patronage.features.groups import GROUPS, available
from patronage.features.purchases import PURCHASES
from patronage.ledger.tables import LedgerTables
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import MODEL_INPUT, SUMMARY, TableSchema

_SUMMARY = tuple(column for column in MODEL_INPUT.columns if column.name in SUMMARY.names)


def input_schema(tables: LedgerTables, groups: Sequence[str] | None = None) -> TableSchema:
    """The columns that a model can be given from a ledger: frequency, recency, T, monetary_value, then the features.

    Parameters
    ----------
    tables : LedgerTables
    groups : sequence of str, optional
        Names of groups of features, all if not given; the group ``purchases`` is always among them.

    Raises
    ------
    ConfigError, ContractError
        As `feature_schema`.
    """
    wanted = None if groups is None else sorted({*groups, PURCHASES.name})
    features = feature_schema(tables, wanted).columns
    return TableSchema(MODEL_INPUT.name, _SUMMARY + features[len(KEYS) :])


def model_input(
    tables: LedgerTables, as_of: date | Sequence[date], time_unit: TimeUnit | str, inputs: TableSchema
) -> Any:
    """Compute the columns that a model reads, for every customer with a purchase up to the date.

    Parameters
    ----------
    tables : LedgerTables
        The facts.
    as_of : date or sequence of date
        The last day whose facts count; of several dates each gives a row.
    time_unit : {"day", "week", "year"}
        Unit of recency and T.
    inputs : TableSchema
        Which columns, as `input_schema` names them.

    Returns
    -------
    ibis.Table
        customer_id, as_of, then the columns of `inputs`: text, or numbers as double.

    Raises
    ------
    ContractError
        If the ledger lacks the facts for some of them.
    """
    unit = TimeUnit(time_unit)
    groups = groups_of(inputs)
    refuse_lacking(tables, inputs, groups)
    features = customer_features(tables, as_of, groups)
    table = features.mutate(
        frequency=_.purchase_days - 1,
        recency=_.purchase_span_days / unit.days,
        T=_.tenure_days / unit.days,
        monetary_value=_.spend_per_repeat_purchase_day.fill_null(0.0),
    )
    return table.select("customer_id", "as_of", *inputs.names)


def groups_of(inputs: TableSchema) -> list[str]:
    """The groups that hold these columns; what no group names is an attribute of the customers."""
    named = {feature.name: name for name, group in GROUPS.items() for feature in group.features}
    summary = {column.name for column in _SUMMARY}
    holding = {named.get(name, ATTRIBUTES.name) for name in inputs.names if name not in summary}
    return sorted(holding | {PURCHASES.name})


def refuse_lacking(tables: LedgerTables, inputs: TableSchema, groups: list[str]) -> None:
    """Refuse a ledger that cannot give all the columns that a model reads.

    Raises
    ------
    ContractError
        Naming the columns, and what the ledger lacks for them.
    """
    there = set(input_schema(tables, groups).names)
    lacking = [name for name in inputs.names if name not in there]
    if lacking:
        why = available(tables, groups).left_out
        named = {feature.name: name for name, group in GROUPS.items() for feature in group.features}
        reasons = [f"{name} ({_reason(why, name, named)})" for name in lacking]
        message = (
            f"The model reads {len(lacking)} columns that this ledger cannot give: {', '.join(reasons)}. "
            "Map the tables and columns it was trained with, or use a model that was trained without them."
        )
        raise ContractError(message)


def _reason(left_out: dict[str, str], name: str, groups: dict[str, str]) -> str:
    lacks = left_out.get(name) or left_out.get(groups.get(name, ""))
    return f"no {lacks}" if lacks else "no such attribute of the customers"
