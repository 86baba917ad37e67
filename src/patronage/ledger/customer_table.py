"""A ready table of customers with a label: the ledger of those whose churn somebody has already written down.

Any columns, from a file, a DuckDB file or a frame: one of them says who left, one may name the customer, one may hold
the day that the row describes, and all others are features unless they are left out. Every row that comes in is used or
set aside with a reason.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, ContractError
from patronage.ledger.customer_facts import CustomerFacts, as_frame, reasons_against, refused, unreadable_lines
from patronage.ledger.customer_rows import CustomerTable
from patronage.ledger.duckdb_source import DuckDbTable
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.engines.engine import Engine
from patronage.ledger.file_table import FileTable, one_path
from patronage.ledger.found_files import FORMATS, FileFormat
from patronage.ledger.source import Field, TableSource
from patronage.ledger.table_columns import Spelling, Wanted, as_texts, read_column, read_columns, said
from patronage.ledger.table_dates import check_pattern
from patronage.ledger.table_in_place import FrameTable


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
            self._place = FileTable(one_path(path, "ledger"), file_format, delimiter, encoding, "ledger", decimal)
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
        frame, place = as_frame(raw, [one.name for one in fields], engine)
        unreadable = unreadable_lines(raw)
        facts = CustomerFacts(frame, {role: name for name, role in asked.items()}, self.spelling.timestamp_format)
        labels = facts.labels(self.left, self.stayed) if labelled else None
        days = facts.days()
        reasons = reasons_against(facts, labels, days)
        used = (reasons == "").to_numpy()
        aside = pd.concat([unreadable, refused(frame[~used], place[~used], reasons[~used])], ignore_index=True)
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
