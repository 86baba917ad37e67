"""Rows that cannot be scored: found by their reasons before the model sees them, and written down instead of lost."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patronage.runtime.bundle import AnyBundle, Bundle
from patronage.runtime.histories import history_failures
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.runtime.table_input import LARGEST_HISTORY as LARGEST_HISTORY
from patronage.runtime.table_input import limits, too_large
from patronage.runtime.unknown_levels import column_of, of_row
from patronage.schema import Column, TableSchema
from patronage.scoring.feature_rows import CUSTOMER_ID, ROW_DAY

REJECTS = TableSchema(
    "score_rejects",
    (
        Column("row", "long", "", False, "Number of the row in the input, from 1."),
        Column(
            "customer_id", "string", "", True,
            "Who, as found; missing where the input says nothing. A NUL character is written as \\x00.",
        ),
        Column("reasons", "string", "", False, "Why the row cannot be scored; several are parted by semicolons."),
        Column("record", "string", "", False, "The columns that the model reads, as found: JSON."),
    ),
)  # fmt: skip

NUL = "\x00"
"""A character that databases keep in no text."""

Masks = dict[str, NDArray[np.bool_]]


def failures(bundle: AnyBundle, columns: Mapping[str, NDArray[Any]]) -> Masks:
    """Which rows cannot be scored, by reason.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    columns : mapping of str to ndarray, shape (n,)
        The bundle's inputs.

    Returns
    -------
    dict of str to ndarray of bool, shape (n,)
        Only reasons that some row has; none names values, see `unknown_levels.with_levels`.
    """
    found: Masks = {}
    largest = limits(bundle)
    for column in bundle.inputs.columns:
        values = columns[column.name]
        if column.type == "string":
            if not column.nullable:
                found[f"{column.name} missing"] = np.array([value is None for value in values.tolist()], dtype=bool)
            continue
        found[f"{column.name} infinite"] = np.isinf(values)
        found[f"{column.name} too large"] = too_large(values, largest[column.name])
        if not column.nullable:
            found[f"{column.name} missing"] = np.isnan(values)
    if isinstance(bundle, Bundle):
        found |= _history_failures(bundle, columns)
    return {reason: mask for reason, mask in found.items() if mask.any()}


def unnamed(ids: pa.ChunkedArray) -> Masks:
    """Which rows name no customer, by reason.

    Parameters
    ----------
    ids : pyarrow.ChunkedArray of string, shape (n,)
        The column customer_id. As in a ledger, what is blank is missing.

    Returns
    -------
    dict of str to ndarray of bool, shape (n,)
        Only reasons that some row has.
    """
    blank = pc.equal(pc.utf8_trim_whitespace(ids), "")
    found = {
        "customer_id missing": pc.fill_null(blank, True).to_numpy(),
        "customer_id with a NUL character": pc.fill_null(pc.match_substring(ids, NUL), False).to_numpy(),
    }
    return {reason: mask for reason, mask in found.items() if mask.any()}


def _history_failures(bundle: Bundle, columns: Mapping[str, NDArray[Any]]) -> Masks:
    x, t_x, observed = columns["frequency"], columns["recency"], columns["T"]
    found = history_failures(x, t_x, observed)
    # A missing value is told by its column already, with its name.
    found.pop("a value that is missing or not finite")
    count, _ = bundle.spend.columns
    found[f"{count} negative"] = columns[count] < 0
    # Numbers too large for the model, which have a reason of their own, may be too large for a float here.
    with np.errstate(over="ignore", invalid="ignore"):
        endless = bundle.spend.p * columns[count] + bundle.spend.q <= 1
        if isinstance(bundle.purchase, CovariateParams):
            found |= bundle.purchase.effects.told(columns)[1]
    found["no finite expected spend"] = endless & ~found[f"{count} negative"]
    return found


def reasons_of(masks: Masks, rows: NDArray[np.intp], found: pa.Table) -> list[str]:
    """The reasons of some rows, in words; those that are of a value name the row's own.

    Parameters
    ----------
    masks : dict of str to ndarray of bool, shape (n,)
    rows : ndarray of int, shape (k,)
    found : pyarrow.Table
        These k rows, as they were found.
    """
    told: list[list[str]] = [[] for _ in rows]
    for reason, mask in masks.items():
        have = np.flatnonzero(mask[rows])
        column = column_of(reason)
        words = of_row(reason, found[column].to_numpy()[have], column) if column else [reason] * len(have)
        for at, one in zip(have.tolist(), words, strict=True):
            told[at].append(one)
    return ["; ".join(reasons) for reasons in told]


def rejected(table: pa.Table, masks: Masks, first_row: int, schema: pa.Schema) -> pa.Table:
    """The rows that some mask names, as `REJECTS`.

    Parameters
    ----------
    table : pyarrow.Table
        customer_id and the bundle's inputs.
    masks : dict of str to ndarray of bool
    first_row : int
        Number of the first row of `table` in the input, from 0.
    schema : pyarrow.Schema
        Of `REJECTS`.
    """
    rows = np.flatnonzero(np.logical_or.reduce(list(masks.values())))
    found = table.take(pa.array(rows))
    records = found.drop([name for name in (CUSTOMER_ID, ROW_DAY) if name in found.column_names])
    columns = {
        "row": pa.array(rows + first_row + 1, pa.int64()),
        "customer_id": pc.replace_substring(found[CUSTOMER_ID], NUL, "\\x00"),
        "reasons": pa.array(reasons_of(masks, rows, found), pa.string()),
        "record": pa.array([_as_json(record) for record in records.to_pylist()], pa.string()),
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _as_json(record: dict[str, Any]) -> str:
    told = {
        name: str(value) if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in record.items()
    }
    return json.dumps(told, ensure_ascii=False)
