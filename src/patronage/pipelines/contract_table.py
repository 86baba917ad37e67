"""The contracts of a ledger as a customer table: those under contract at several cut-offs, and whose contract ended.

The rest of a training on a customer table, and of its scoring, need not know where the rows came from.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from ibis import _

from patronage.errors import ConfigError, DateError, InputError
from patronage.features.build import KEYS, feature_schema
from patronage.features.contracts import (
    contract_days_left,
    contract_ends,
    contract_features,
    contract_input,
    customers_with_contracts,
)
from patronage.ledger.customer_rows import CustomerTable
from patronage.ledger.opening import Ledger
from patronage.ledger.table_columns import ReadColumn, read_column
from patronage.pipelines import console
from patronage.pipelines.contract_silence import refuse_silence
from patronage.pipelines.opening import ledger_opener
from patronage.pipelines.settings import Dates, Features, Panel, settings_from
from patronage.pipelines.time_to_churn import Stays
from patronage.schema import TableSchema

PRICE = "price"
"""The feature that says what a customer pays in a month."""


def contract_reader(config: dict[str, Any], opened: Callable[[], Ledger] | None = None) -> Callable[[], CustomerTable]:
    """Check what a training is told of contracts now, and return what makes their table of the ledger later.

    Customers are looked at on ``dates.cutoff`` and on the earlier cut-offs of the panel; of each of these days the
    horizon ends on ``dates.observed_until`` or before, so that every label is known.

    Parameters
    ----------
    config : dict
    opened : callable, optional
        From `contract_opener`, where the ledger serves for more.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    dates = settings_from(Dates, config["dates"], "dates")
    features = settings_from(Features, config["features"], "features")
    if features.purchase_model:
        message = (
            "features.purchase_model tells of purchases, which setting=contracts does not look at: set it to false."
        )
        raise ConfigError(message)
    panel = settings_from(Panel, config["panel"], "panel")
    if panel.level != "latest":
        message = (
            "panel.level=purchase_model goes by purchases, which setting=contracts does not look at: set it to latest."
        )
        raise ConfigError(message)
    cutoffs = [dates.cutoff, *panel.cutoffs(dates.cutoff, dates.horizon_days)]
    opened = opened or contract_opener(config)

    def read() -> CustomerTable:
        ledger = opened()
        refuse_silence(ledger, dates)
        with console.step(f"Customers under contract at {len(cutoffs)} cut-offs until {dates.cutoff}"):
            table = contract_table(ledger, cutoffs, dates.horizon_days, features)
        for note in table.notes:
            console.note(note)
        return table

    return read


def contract_opener(config: dict[str, Any]) -> Callable[[], Ledger]:
    """Check the settings of the ledger now, and return what opens it later, once, however often it is called.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    dates = settings_from(Dates, config["dates"], "dates")
    return cache(ledger_opener(config, linked_until=dates.cutoff))


def contract_stays(ledger: Ledger, table: CustomerTable, rows: pd.DataFrame) -> Stays:
    """How long the contracts of a table lasted after its cut-offs, as far as anybody knows.

    Parameters
    ----------
    ledger : Ledger
    table : CustomerTable
        From `contract_table`.
    rows : DataFrame
        customer_id, cutoff and the features, row by row as the table.
    """
    assert table.day is not None
    cutoffs = sorted(set(table.day.dt.date))
    told: pd.DataFrame = contract_days_left(ledger.tables, cutoffs).execute()
    told["as_of"] = pd.to_datetime(told["as_of"])
    asked = pd.DataFrame({"customer_id": table.customer.to_numpy(), "as_of": table.day.to_numpy()})
    days = asked.merge(told, how="left", on=["customer_id", "as_of"], validate="one_to_one")["days_left"]
    begins = pd.Series(table.day.to_numpy(), index=rows.index)
    left = begins + pd.to_timedelta(days.astype("float64").to_numpy(), unit="D")
    return Stays(rows, begins, left)


def contract_table(ledger: Ledger, cutoffs: Sequence[date], horizon_days: int, features: Features) -> CustomerTable:
    """Make a labelled table of everybody under contract at some cut-offs.

    Parameters
    ----------
    ledger : Ledger
        Its contracts are known until `horizon_days` after the latest cut-off.
    cutoffs : sequence of date
    horizon_days : int
        Who left: the contract ended within so many days after the cut-off.
    features : Features

    Returns
    -------
    CustomerTable
        One row for each cut-off (its `day`) and customer under contract, by cut-off and customer.

    Raises
    ------
    ContractError
        If the customers have no contracts.
    DateError
        If nobody was under contract at the latest cut-off.
    InputError
        If all contracts ended within the horizon, or none did.
    """
    customers_with_contracts(ledger.tables)
    offered = feature_schema(ledger.tables, features.groups)
    told = contract_features(ledger.tables, cutoffs, features.groups)
    ends = contract_ends(ledger.tables, cutoffs, horizon_days)
    frame: pd.DataFrame = told.inner_join(ends, ["customer_id", "as_of"]).order_by("as_of", "customer_id").execute()
    day = pd.to_datetime(frame["as_of"])
    _refuse_nobody(ledger, frame, max(cutoffs))
    left = frame["left"].to_numpy(np.float64)
    words = f"left is who was under contract at the cut-off, and whose contract ended within {horizon_days} days"
    _refuse_one_outcome(ledger, left, cutoffs, horizon_days)
    used = TableSchema(offered.name, tuple(one for one in _beside_keys(offered) if one.name not in features.leave_out))
    columns = _columns(frame, used)
    has_price = PRICE in columns and columns[PRICE].type is not None
    return CustomerTable(
        features=columns,
        customer=frame["customer_id"].astype(object),
        left=left,
        group=None,
        day=day,
        price=columns[PRICE].values.to_numpy(np.float64) if has_price else None,
        dates={},
        rows_in=len(frame),
        set_aside=pd.DataFrame({"reasons": []}),
        notes=(*_of_days(day, left, cutoffs), *_of_nobody(ledger)),
        name=ledger.name,
        location=ledger.location,
        digest=ledger.digest,
        label_words=words,
    )


def contracts_to_score(ledger: Ledger, as_of: date, inputs: TableSchema) -> CustomerTable:
    """Make a table of everybody under contract on a date, with the columns that a model reads.

    Raises
    ------
    ContractError
        If the customers have no contracts, or the ledger lacks facts for some of the columns.
    DateError
        If nobody was under contract on that date.
    """
    frame: pd.DataFrame = contract_input(ledger.tables, as_of, inputs).order_by("customer_id").execute()
    _refuse_nobody(ledger, frame, as_of)
    others = int(customers_with_contracts(ledger.tables).count().execute()) - len(frame)
    notes = (f"{others:,} customers are not under contract on {as_of}: not scored",) if others else ()
    return CustomerTable(
        features=_columns(frame, inputs),
        customer=frame["customer_id"].astype(object),
        left=None,
        group=None,
        day=pd.to_datetime(frame["as_of"]),
        price=None,
        dates={},
        rows_in=len(frame),
        set_aside=pd.DataFrame({"reasons": []}),
        notes=notes,
        name=ledger.name,
        location=ledger.location,
        digest=ledger.digest,
    )


def _beside_keys(schema: TableSchema) -> Sequence[Any]:
    return schema.columns[len(KEYS) :]


def _columns(frame: pd.DataFrame, schema: TableSchema) -> dict[str, ReadColumn]:
    """The features as a customer table has them; on another day any of them may be missing, so none is whole."""
    read = {
        one.name: read_column(frame[one.name], "text" if one.type == "string" else "number") for one in schema.columns
    }
    return {
        name: ReadColumn(column.values, "double" if column.type == "long" else column.type, {})
        for name, column in read.items()
    }


def _refuse_nobody(ledger: Ledger, frame: pd.DataFrame, day: date) -> None:
    if len(frame) and frame["as_of"].astype(str).max() == day.isoformat():
        return
    customers = customers_with_contracts(ledger.tables)
    span = customers.aggregate(
        n=_.contract_start.count(), first=_.contract_start.min(), last=_.contract_end.max()
    ).execute()
    n, first, last = span.iloc[0]
    message = (
        f"Nobody is under contract on {day}: {int(n):,} customers have a contract"
        + (f", the first from {str(first)[:10]}" if n else "")
        + (f", the last known end is {str(last)[:10]}" if n and not pd.isna(last) else "")
        + ". Choose a date at which contracts run."
    )
    raise DateError(message)


def _refuse_one_outcome(ledger: Ledger, left: np.ndarray, cutoffs: Sequence[date], horizon_days: int) -> None:
    gone, n = int(left.sum()), len(left)
    if 0 < gone < n:
        return
    ended = int(customers_with_contracts(ledger.tables).contract_end.count().execute())
    told = "None" if not gone else "All"
    message = (
        f"{told} of the {n:,} contracts that ran at the cut-offs {min(cutoffs)} to {max(cutoffs)} ended within "
        f"{horizon_days} days, so there is nothing to learn from; {ended:,} of the ledger's customers have a "
        "contract_end. Choose other dates (dates.cutoff, dates.horizon_days, panel), or map customers.contract_end."
    )
    raise InputError(message, counts={"left": gone, "stayed": n - gone})


def _of_days(day: pd.Series, left: np.ndarray, cutoffs: Sequence[date]) -> list[str]:
    counts = pd.DataFrame({"day": day.dt.date, "left": left}).groupby("day")["left"].agg(["size", "sum"])
    listed = "; ".join(
        f"{one}: {int(row['size']):,}, of whom {int(row['sum']):,} left" for one, row in counts.iterrows()
    )
    empty = sorted(set(cutoffs) - set(counts.index))
    notes = [f"under contract at {listed}"]
    if empty:
        notes.append(f"nobody was under contract at the cut-offs {', '.join(map(str, empty))}: left out")
    return notes


def _of_nobody(ledger: Ledger) -> list[str]:
    lacking = int(customers_with_contracts(ledger.tables).contract_start.isnull().sum().execute() or 0)
    return [f"{lacking:,} customers have no contract_start, so no contract: left out"] if lacking else []
