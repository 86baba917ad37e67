"""A ready table of customers with a label: the ledger of those whose churn somebody has already written down.

Any columns, from a file, a DuckDB file or a frame: one of them says who left, one may name the customer, one may hold
the day that the row describes, and all others are features unless they are left out. Every row that comes in is used or
set aside with a reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, ContractError, SourceError
from patronage.files import written_whole
from patronage.ledger.churn_labels import Labels, read_labels
from patronage.ledger.duckdb_source import DuckDbTable
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.engines.engine import Engine
from patronage.ledger.file_table import FileTable
from patronage.ledger.found_files import FORMATS, FileFormat
from patronage.ledger.source import SOURCE_FILE, SOURCE_ROW, Field, RawTable, TableSource
from patronage.ledger.table_columns import ReadColumn, Spelling, Wanted, as_texts, read_column, read_columns, said
from patronage.ledger.table_dates import check_pattern, read_days
from patronage.ledger.table_in_place import FrameTable
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray

ROW_NUMBER = "row number"
"""What stands for the customer where the table names nobody."""


@dataclass(frozen=True)
class CustomerTable:
    """The rows of a customer table that can be used, and an account of those that cannot.

    Attributes
    ----------
    features : dict of str to ReadColumn, n rows each
        Numbers and texts, by the table's own names.
    customer : Series of str, shape (n,)
        Who; the number of the row where the table names nobody.
    left : ndarray of float64, shape (n,), or None
        1 for those who left; None where the label was not asked for.
    group : Series or None
        What holds rows together beside the customer.
    day : Series of datetime64 or None
        The day that a row describes.
    price : ndarray of float64, shape (n,), or None
        What the customer pays in a month; missing as NaN.
    dates : dict of str to Series
        Columns of dates, which are no features.
    rows_in : int
        Rows that the source holds.
    set_aside : DataFrame
        source_file, source_row, reasons, record (the row as found).
    notes : tuple of str
        What was not taken as it stands.
    name, location, digest : str
        Where the rows came from, and the SHA-256 of what was read.
    """

    features: dict[str, ReadColumn]
    customer: pd.Series
    left: FloatArray | None
    group: pd.Series | None
    day: pd.Series | None
    price: FloatArray | None
    dates: dict[str, pd.Series]
    rows_in: int
    set_aside: pd.DataFrame
    notes: tuple[str, ...]
    name: str
    location: str
    digest: str
    label_words: str = ""

    def __len__(self) -> int:
        """Number of rows that are used."""
        return len(self.customer)

    @property
    def account(self) -> str:
        """The account of the rows in words."""
        counts = self.set_aside["reasons"].value_counts()
        reasons = "".join(f"; {reason}: {count:,}" for reason, count in counts.items())
        return f"{self.rows_in:,} rows in, {len(self):,} used, {len(self.set_aside):,} set aside{reasons}"

    @property
    def frame(self) -> pd.DataFrame:
        """The features side by side."""
        return pd.DataFrame({name: column.values for name, column in self.features.items()})

    def require_fit(self, max_share: float, written: Path | None = None) -> None:
        """Refuse the table if it is empty, or if too many of its rows were set aside.

        Raises
        ------
        SourceError
            If there are no rows at all.
        ContractError
            Saying how many rows were set aside, for which reasons, and the first of them.
        """
        if not self.rows_in:
            message = f"{self.location} holds no customers: a header, but no rows."
            raise SourceError(message)
        share = len(self.set_aside) / self.rows_in
        if len(self) and share <= max_share:
            return
        counts = {str(reason): int(count) for reason, count in self.set_aside["reasons"].value_counts().items()}
        first = [str(row) for row in self.set_aside["source_row"].head(FIRST_EXAMPLES)]
        message = (
            f"{len(self.set_aside):,} of {self.rows_in:,} rows of {self.location} were set aside ({share:.1%}, at most "
            f"{max_share:.1%} may be): {', '.join(f'{reason} {count:,}' for reason, count in counts.items())}. The "
            f"first are the rows {', '.join(first)}."
            + (f" They are written to {written}." if written else "")
            + " Repair the table, or raise contract.max_set_aside_share."
        )
        raise ContractError(message, counts=counts, first_ids=first)

    def write_set_aside(self, path: Path | str) -> None:
        """Write the rows that were set aside as Parquet, if there are any."""
        if len(self.set_aside):
            with written_whole(path) as unfinished:
                self.set_aside.to_parquet(unfinished, index=False)


class CustomerTableSource:
    """Where a customer table lies, and what its columns mean.

    Parameters
    ----------
    path : str, optional
        A CSV, Parquet or JSON lines file, a folder or glob of them, or with `table` or `query` a DuckDB file.
    label : str, optional
        Column that says who left; only scoring may do without it.
    left, stayed : str or sequence, optional
        Values of the label; see `churn_labels.read_labels`.
    customer_id : str, optional
        Column that names the customer; the number of the row where there is none.
    group : str, optional
        Column whose rows belong together beside those of one customer: a household, an account.
    snapshot : str, optional
        Column with the day that a row describes. Then rows are validated in the order of time.
    price : str, optional
        Column with what the customer pays in a month. It is a feature too.
    leave_out : sequence of str
        Columns that are no features.
    numbers, texts : sequence of str
        Columns that are numbers though some of their values are not, and codes that are no numbers.
    missing : sequence of str
        Texts that stand for a missing value, beside blank ones.
    timestamp_format : str, optional
        How days are written, as for strptime, where it cannot be told from them: %d/%m/%Y, %Y%m%d.
    table, query : str, optional
        Of a DuckDB file.
    file_format, delimiter, encoding, decimal, thousands
        As for `FilesSource`.
    frame : DataFrame or Arrow table, optional
        Instead of a path.
    name : str
        For messages and tracking.

    Raises
    ------
    ConfigError
        If a setting does not fit.
    """

    def __init__(
        self,
        path: str | None = None,
        label: str | None = None,
        left: str | float | Sequence[Any] | None = None,
        stayed: str | float | Sequence[Any] | None = None,
        customer_id: str | None = None,
        group: str | None = None,
        snapshot: str | None = None,
        price: str | None = None,
        leave_out: Sequence[str] = (),
        numbers: Sequence[str] = (),
        texts: Sequence[str] = (),
        missing: Sequence[str] = (),
        timestamp_format: str | None = None,
        table: str | None = None,
        query: str | None = None,
        file_format: FileFormat | None = None,
        delimiter: str | None = None,
        encoding: str = "utf-8",
        decimal: str = ".",
        thousands: str | None = None,
        frame: Any = None,
        name: str = "customer_table",
    ) -> None:
        if (path is None) == (frame is None):
            message = "A customer table needs ledger.path, or a frame instead of it."
            raise ConfigError(message)
        if file_format is not None and file_format not in FORMATS:
            message = f"ledger.file_format must be one of {', '.join(FORMATS)}, got {file_format!r}."
            raise ConfigError(message)
        if both := sorted(set(numbers) & set(texts)):
            message = f"ledger.numbers and ledger.texts both name {', '.join(both)}."
            raise ConfigError(message)
        if table and query:
            message = "ledger.table and ledger.query exclude one another."
            raise ConfigError(message)
        self.name, self.label, self.customer_id, self.group = name, label, customer_id, group
        self.snapshot, self.price = snapshot, price
        self.left, self.stayed = _listed(left), _listed(stayed)
        self.leave_out, self.numbers, self.texts = tuple(leave_out), tuple(numbers), tuple(texts)
        check_pattern(timestamp_format)
        self.spelling = Spelling(tuple(map(str, missing)), decimal, thousands, timestamp_format)
        self._place: TableSource
        if frame is not None:
            self._place = FrameTable(_of_one_type(frame), "the frame of customers")
        elif table or query:
            self._place = DuckDbTable(str(path), table, query)
        else:
            self._place = FileTable(str(path), file_format, delimiter, encoding, "ledger", decimal)
        self.location = self._place.location

    @property
    def time_zone(self) -> str:
        """Days of a table are taken as they are told."""
        return "UTC"

    @property
    def tables(self) -> Mapping[str, Any]:
        """A table of customers has no transactions, which every ledger has; see `LedgerSource`.

        Raises
        ------
        ConfigError
            Whenever it is asked for.
        """
        message = (
            f"{self.location} is a table of customers, not a ledger of transactions: patronage train, score and export "
            "work with ledger=customer_table; this command needs transactions."
        )
        raise ConfigError(message)

    def read(self, engine: Engine | None = None) -> CustomerTable:
        """Read the table with its label, to learn from it.

        Raises
        ------
        ConfigError
            If no label is named.
        SourceError, ContractError
            If the table cannot be read, lacks a column that was named, or its label is not understood.
        """
        if self.label is None:
            message = "ledger.label is not set: name the column that says who left, for example ledger.label=Churn."
            raise ConfigError(message)
        engine = engine or DuckDbEngine()
        names = self._place.names(engine)
        self._require(names)
        dropped = {self.label, self.customer_id, self.group, self.snapshot, *self.leave_out}
        features = [name for name in names if name not in dropped]
        if not features:
            message = f"{self.location} has no column left to learn from; it has {', '.join(names)}."
            raise ContractError(message)
        return self._read(engine, features, self._wanted(features), labelled=True)

    def read_unlabelled(self, types: Mapping[str, str], engine: Engine | None = None) -> CustomerTable:
        """Read the columns that a model asks for, to score them; a label is not needed, and not looked at.

        Parameters
        ----------
        types : mapping of str to str
            Columns with their types in the model: ``string``, or those of numbers.
        engine : Engine, optional

        Raises
        ------
        SourceError, ContractError
            If the table cannot be read, or lacks a column.
        """
        engine = engine or DuckDbEngine()
        self._require_inputs(self._place.names(engine), list(types))
        wanted: dict[str, Wanted] = {name: "text" if kind == "string" else "number" for name, kind in types.items()}
        return self._read(engine, list(types), wanted, labelled=False)

    def _require(self, names: Sequence[str]) -> None:
        named = {
            "label": [self.label], "customer_id": [self.customer_id], "group": [self.group], "price": [self.price],
            "snapshot": [self.snapshot], "leave_out": self.leave_out, "numbers": self.numbers, "texts": self.texts,
        }  # fmt: skip
        lacking = {setting: [one for one in given if one and one not in names] for setting, given in named.items()}
        found = [f"ledger.{setting}: {', '.join(map(str, one))}" for setting, one in lacking.items() if one]
        if found:
            message = f"{self.location} lacks columns that are named by {'; '.join(found)}. It has: {', '.join(names)}."
            raise ContractError(message)

    def _require_inputs(self, names: Sequence[str], features: Sequence[str]) -> None:
        """Refuse a table that lacks columns of the model, with those that are called nearly so."""
        asked = [(name, "the model") for name in features]
        if self.customer_id is not None:
            asked.append((self.customer_id, "ledger.customer_id"))
        lacking = [(name, by) for name, by in asked if name not in names]
        if not lacking:
            return
        listed = ", ".join(f"{name} (for {by})" for name, by in lacking)
        alike = {name: found for name, _ in lacking if (found := _nearly(str(name), [*map(str, names)]))}
        near = "; ".join(f"{name} may be {' or '.join(found)}" for name, found in alike.items())
        message = (
            f"{self.location} lacks the column{'s' if len(lacking) > 1 else ''} {listed}. It has: {', '.join(names)}."
            + (f" Nearly the same: {near}." if near else "")
            + " Columns have to be called as in training, and ledger.customer_id, snapshot, decimal and the like have "
            "to be set as they were there."
        )
        raise ContractError(message)

    def _wanted(self, features: Sequence[str]) -> dict[str, Wanted]:
        kinds: dict[str, Wanted] = dict.fromkeys(features, "whatever")
        return kinds | dict.fromkeys(self.numbers, "number") | dict.fromkeys(self.texts, "text")

    def _read(self, engine: Engine, features: list[str], wanted: Mapping[str, Wanted], labelled: bool) -> CustomerTable:
        roles = {"label": self.label if labelled else None, "customer_id": self.customer_id, "group": self.group}
        roles |= {"snapshot": self.snapshot, "price": self.price if labelled else None}
        if not labelled:
            present = self._place.names(engine)
            roles = {role: name for role, name in roles.items() if name in present or role == "customer_id"}
        asked = {name: role for role, name in roles.items() if name}
        fields = [Field(name, "the model", "any", "ledger") for name in dict.fromkeys([*features, *asked])]
        raw = self._place.read(engine, fields)
        frame, place = _as_frame(raw, [one.name for one in fields], engine)
        unreadable = _unreadable(raw)
        facts = _Facts(frame, {role: name for name, role in asked.items()}, self.spelling.timestamp_format)
        labels = facts.labels(self.left, self.stayed) if labelled else None
        days = facts.days()
        reasons = _reasons(facts, labels, days)
        used = (reasons == "").to_numpy()
        aside = pd.concat([unreadable, _refused(frame[~used], place[~used], reasons[~used])], ignore_index=True)
        kept = frame[used].reset_index(drop=True)
        columns = read_columns(kept[features], wanted, self.spelling)
        dates = {name: column.values for name, column in columns.items() if column.type == "date"}
        notes = [*said(columns)]
        notes += [
            f"{name} holds dates, which are no features: left out"
            + (f" (its days {columns[name].doubt})" if columns[name].doubt else "")
            for name in dates
        ]
        if self.customer_id is None:
            notes.append("no ledger.customer_id: customers are named by the number of their row")
        return CustomerTable(
            features={name: column for name, column in columns.items() if name not in dates},
            customer=facts.customers(place)[used].reset_index(drop=True),
            left=None if labels is None else labels.left[used],
            group=facts.kept("group", used),
            day=None if days is None else days[used].reset_index(drop=True),
            price=read_column(kept[self.price], "number", self.spelling).values.to_numpy(np.float64)
            if labelled and self.price
            else None,
            dates=dates,
            rows_in=len(frame) + len(unreadable),
            set_aside=aside,
            notes=tuple(notes),
            name=self.name,
            location=self.location,
            digest=raw.digest,
            label_words="" if labels is None else labels.words,
        )


@dataclass(frozen=True)
class _Facts:
    """The columns that are no features, by what they are for."""

    frame: pd.DataFrame
    roles: Mapping[str, str] = field(default_factory=dict)
    timestamp_format: str | None = None

    def labels(self, left: Sequence[str] | None, stayed: Sequence[str] | None) -> Labels:
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
        if "customer_id" not in self.roles:
            return place["number"].astype(str)
        return as_texts(self.frame[self.roles["customer_id"]])

    def kept(self, role: str, rows: np.ndarray) -> pd.Series | None:
        if role not in self.roles:
            return None
        return as_texts(self.frame[self.roles[role]])[rows].reset_index(drop=True)


Reason = Literal["customer_id missing", "label missing", "label unreadable", "snapshot unreadable"]


def _reasons(facts: _Facts, labels: Labels | None, days: pd.Series | None) -> pd.Series:
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


def _as_frame(raw: RawTable, names: Sequence[str], engine: Engine) -> tuple[pd.DataFrame, pd.DataFrame]:
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


def _unreadable(raw: RawTable) -> pd.DataFrame:
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


def _refused(frame: pd.DataFrame, place: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    texts = {name: as_texts(frame[name]).tolist() for name in frame.columns}
    records = [
        ", ".join(f"{name}={value}" for name, value in zip(texts, row, strict=True) if value is not None)
        for row in zip(*texts.values(), strict=True)
    ]
    source_row = place["source_row"].fillna(place["number"]).astype("int64")
    refused = {"source_file": place["source_file"].tolist(), "source_row": source_row.tolist()}
    return pd.DataFrame(refused | {"reasons": reasons.tolist(), "record": records}, dtype=object)


def _nearly(name: str, names: Sequence[str]) -> list[str]:
    """The names that differ little from one, whatever the case of their letters."""
    by_plain = {_plain(one): one for one in names}
    return [by_plain[one] for one in get_close_matches(_plain(name), by_plain, n=2)]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _listed(values: Any) -> tuple[str, ...] | None:
    """One value, or several, as texts; a truth value or a number as the table would write it."""
    if values is None:
        return None
    several = values if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    return tuple(as_texts(pd.Series(list(several), dtype=object)))


def _of_one_type(frame: Any) -> Any:
    """A pandas frame whose columns of mixed values are text, which Arrow can hold."""
    if not isinstance(frame, pd.DataFrame):
        return frame
    mixed = {
        name: as_texts(frame[name]).to_numpy()
        for name in frame.columns
        if frame[name].dtype == object and frame[name].dropna().map(type).nunique() > 1
    }
    return frame.assign(**mixed) if mixed else frame
