"""What the columns of a customer table say beside its features, and why a row cannot be used.

A table is read as it stands; here its rows get their place in the source, and each that lacks a customer, a label or a
day gets its reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import pandas as pd

from patronage.errors import ContractError
from patronage.ledger.churn_labels import Labels, read_labels
from patronage.ledger.engines.engine import Engine
from patronage.ledger.source import SOURCE_FILE, SOURCE_ROW, RawTable
from patronage.ledger.table_columns import as_texts
from patronage.ledger.table_dates import read_days


@dataclass(frozen=True)
class CustomerFacts:
    """The columns that are no features, by what they are for."""

    frame: pd.DataFrame
    roles: Mapping[str, str] = field(default_factory=dict)
    timestamp_format: str | None = None

    def labels(self, left: Sequence[str] | None, stayed: Sequence[str] | None) -> Labels:
        """Who left; see `read_labels`."""
        name = self.roles["label"]
        return read_labels(self.frame[name], left, stayed, name)

    def days(self) -> pd.Series | None:
        """The day of each row, missing where it cannot be read.

        Raises
        ------
        ContractError
            If two days may be meant.
        """
        if "snapshot" not in self.roles:
            return None
        column = self.frame[self.roles["snapshot"]]
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            return cast("pd.Series", column.dt.tz_localize(None).dt.normalize())
        texts = as_texts(column)
        texts = texts.where((texts != "").to_numpy(dtype=bool), None)
        given = read_days(texts, self.timestamp_format)
        if given is not None and given.doubt:
            message = f"The days of ledger.snapshot={self.roles['snapshot']} {given.doubt}."
            raise ContractError(message)
        read = pd.to_datetime(texts, format=self.timestamp_format or "ISO8601", errors="coerce", utc=True)
        if given is not None and read.isna().sum() > texts.isna().sum():
            return given.values
        return cast("pd.Series", read.dt.tz_localize(None).dt.normalize())

    def customers(self, place: pd.DataFrame) -> pd.Series:
        """Who each row is about: its customer, or the number of the row where the table names nobody."""
        if "customer_id" not in self.roles:
            return place["number"].astype(str)
        return as_texts(self.frame[self.roles["customer_id"]])

    def kept(self, role: str, rows: np.ndarray) -> pd.Series | None:
        """The column of a role in the rows that are used, as text; None if no column has the role."""
        if role not in self.roles:
            return None
        return as_texts(self.frame[self.roles[role]])[rows].reset_index(drop=True)


Reason = Literal["customer_id missing", "label missing", "label unreadable", "snapshot unreadable"]


def reasons_against(facts: CustomerFacts, labels: Labels | None, days: pd.Series | None) -> pd.Series:
    """Why each row cannot be used, all reasons at once; empty where it can."""
    found: dict[Reason, np.ndarray] = {}
    if "customer_id" in facts.roles:
        ids = as_texts(facts.frame[facts.roles["customer_id"]])
        found["customer_id missing"] = (ids.isna() | (ids == "")).to_numpy(dtype=bool)
    if labels is not None:
        found |= {"label missing": labels.missing, "label unreadable": labels.unreadable}
    if days is not None:
        found["snapshot unreadable"] = days.isna().to_numpy()
    reasons = np.full(len(facts.frame), "", dtype=object)
    for reason, rows in found.items():
        reasons[rows] = [f"{before}, {reason}" if before else reason for before in reasons[rows]]
    return pd.Series(reasons, dtype=object)


def as_frame(raw: RawTable, names: Sequence[str], engine: Engine) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows in the order of their places, and the places: source_file, source_row and a running number from 1."""
    import pyarrow as pa

    arrow = engine.batches(raw.table).read_all()
    for one in raw.temporary:
        engine.drop(one)
    for position, column in enumerate(arrow.schema):
        if pa.types.is_decimal(column.type):
            arrow = arrow.set_column(position, column.name, arrow.column(position).cast(pa.float64()))
    frame = arrow.to_pandas(date_as_object=False)
    frame = frame.sort_values([SOURCE_FILE, SOURCE_ROW], kind="stable", ignore_index=True)
    place = pd.DataFrame({"source_file": frame[SOURCE_FILE].astype(str), "source_row": frame[SOURCE_ROW]})
    place["number"] = np.arange(1, len(frame) + 1)
    columns = {name: frame[f"raw_{number}"] for number, name in enumerate(names)}
    return pd.DataFrame(columns, index=frame.index), place


def unreadable_lines(raw: RawTable) -> pd.DataFrame:
    """The lines that could not be split into columns, as rows that were set aside."""
    columns = ["source_file", "source_row", "reasons", "record"]
    if raw.unreadable is None:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    lines = raw.unreadable.to_pyarrow().to_pylist()
    rows = [
        (line["source_file"], line["source_line"], f"unreadable line: {line['reason']}", line["content"])
        for line in lines
    ]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def refused(frame: pd.DataFrame, place: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    """The rows of `frame` as rows that were set aside, each with its place, reasons and what it held."""
    texts = {name: as_texts(frame[name]).tolist() for name in frame.columns}
    records = [
        ", ".join(f"{name}={value}" for name, value in zip(texts, row, strict=True) if value is not None)
        for row in zip(*texts.values(), strict=True)
    ]
    source_row = place["source_row"].fillna(place["number"]).astype("int64")
    refused = {"source_file": place["source_file"].tolist(), "source_row": source_row.tolist()}
    return pd.DataFrame(refused | {"reasons": reasons.tolist(), "record": records}, dtype=object)
