"""Which columns of a customer table a model may learn from: those that differ, and give no answer away."""

import numpy as np
import pandas as pd

from patronage.errors import ContractError, InputError
from patronage.evaluation.leakage import find_leaks
from patronage.ledger.customer_rows import CustomerTable
from patronage.pipelines import console
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray, IndexArray
from patronage.runtime.table_input import LARGEST, too_large
from patronage.schema import Column, TableSchema

PANEL_COLUMNS = ("customer_id", "cutoff", "churned")
"""What a panel needs beside the features, which may not be called so."""

IDLE = {
    "has no value at all": "have no value at all",
    "is the same in every row": "are the same in every row",
}
"""Why a column teaches nothing, of one and of several."""

MOST_LEVELS = 6
"""Values of a text column that the description of an input names."""


def learnable(table: CustomerTable, left: FloatArray, policy: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The features that a model may learn from, and the columns that may give the answer away.

    Parameters
    ----------
    table : CustomerTable
    left : ndarray of float64
    policy : {"warn", "leave_out", "refuse"}
        What of columns that may give the answer away.
    seed : int

    Returns
    -------
    features, leaks : DataFrame
        Those of `informative` that the policy lets through, and `schema.LEAKS`.

    Raises
    ------
    ContractError
        As `informative` and `leaking`.
    """
    frame = informative(table)
    leaks = leaking(table, frame, left, policy, seed)
    if policy == "leave_out":
        frame = frame.drop(columns=[name for name in leaks["column"].unique() if name in frame])
    return frame, leaks


def panel_of(table: CustomerTable, frame: pd.DataFrame, groups: IndexArray, left: FloatArray) -> pd.DataFrame:
    """The rows as the candidates learn from them; rows of one group are one customer to their inner folds too.

    Returns
    -------
    DataFrame
        The features, customer_id (number of the group), cutoff (the day of the row, or 0) and churned.
    """
    cutoff = np.zeros(len(table), dtype=np.int64) if table.day is None else table.day.to_numpy()
    return frame.assign(customer_id=groups, cutoff=cutoff, churned=left.astype(np.int8))


def informative(table: CustomerTable) -> pd.DataFrame:
    """The features that differ between rows; the others are named and left out.

    Raises
    ------
    ContractError
        If there is none, or one has a name that the models cannot work with.
    InputError
        If one holds numbers too large to score by; infinite ones are missing by now.
    """
    frame = table.frame
    idle = {name: "has no value at all" for name, column in table.features.items() if column.type is None}
    for name in frame:
        if name not in idle and frame[name].nunique(dropna=False) < 2:
            idle[str(name)] = "is the same in every row"
    for why, of_several in IDLE.items():
        if names := [name for name, found in idle.items() if found == why]:
            console.note(f"{', '.join(names)} {why if len(names) == 1 else of_several}: left out")
    kept = frame.drop(columns=list(idle))
    if kept.empty:
        message = f"{table.location} has no column that differs between customers: there is nothing to learn from."
        raise ContractError(message)
    _refuse_names(tuple(map(str, kept.columns)))
    _refuse_too_large(table, kept)
    return kept


def leaking(table: CustomerTable, frame: pd.DataFrame, left: FloatArray, policy: str, seed: int) -> pd.DataFrame:
    """Name the columns that give the answer away, and do with them what the policy says.

    Parameters
    ----------
    table : CustomerTable
    frame : DataFrame
        The features.
    left : ndarray of float64
    policy : {"warn", "leave_out", "refuse"}
    seed : int

    Returns
    -------
    DataFrame
        `schema.LEAKS`.

    Raises
    ------
    ContractError
        If the policy is to refuse them, or nothing would be left.
    """
    with console.step("Look for columns that give the answer away"):
        leaks = find_leaks(frame.assign(**table.dates), left, rng=np.random.default_rng(seed), cut_off=table.day)
    if not len(leaks):
        console.note("none of them gives the answer away")
        return leaks
    rows = [[str(row.column), str(row.kind), str(row.words)] for row in leaks.itertuples()]
    console.results("Columns that may give the answer away: when were they recorded?", ["column", "sign", "seen"], rows)
    names = ", ".join(leaks["column"].unique())
    if policy == "refuse":
        message = (
            f"{leaks['column'].nunique()} columns may give the answer away: {names}. Name those that were recorded "
            "after the fact in ledger.leave_out, or set validation.leaks=warn."
        )
        raise ContractError(message)
    if policy == "leave_out":
        if not set(frame) - set(leaks["column"]):
            message = f"All columns may give the answer away ({names}): there is nothing left to learn from."
            raise ContractError(message)
        console.note(f"left out: {names}")
    elif used := [name for name in leaks["column"].unique() if name in frame]:
        them = f"{', '.join(used)} {'is' if len(used) == 1 else 'are'}"
        console.warn(f"{them} used all the same; ledger.leave_out leaves out some, validation.leaks=leave_out all")
    return leaks


def inputs_of(table: CustomerTable, frame: pd.DataFrame, features: tuple[str, ...]) -> TableSchema:
    """The columns that a model reads, described by what was met in training."""
    return TableSchema("model_input", tuple(_input(table, frame, name) for name in features))


def _input(table: CustomerTable, frame: pd.DataFrame, name: str) -> Column:
    column, values = table.features[name], frame[name]
    missing = f"; {values.isna().mean():.1%} missing in training" if values.isna().any() else ""
    if column.type == "string":
        levels = values.value_counts().index
        others = f" and {len(levels) - MOST_LEVELS:,} others" if len(levels) > MOST_LEVELS else ""
        return Column(name, "string", "", True, f"{', '.join(levels[:MOST_LEVELS])}{others}{missing}.")
    meaning = f"From {values.min():.6g} to {values.max():.6g} in training{missing}."
    return Column(name, column.type or "double", "", True, meaning)


def _refuse_too_large(table: CustomerTable, frame: pd.DataFrame) -> None:
    """Refuse numbers that no row could be scored by, before folds and parts of the table are told apart."""
    beyond = {
        str(name): too_large(values.to_numpy(np.float64), LARGEST)
        for name, values in frame.items()
        if table.features[str(name)].type != "string"
    }
    counts = {name: int(rows.sum()) for name, rows in beyond.items() if rows.any()}
    if counts:
        listed = "; ".join(f"{name} in {count:,} of {len(frame):,} rows" for name, count in counts.items())
        rows = np.logical_or.reduce([beyond[name] for name in counts])
        first = tuple(table.customer[rows].head(FIRST_EXAMPLES).astype(str))
        message = (
            f"Numbers beyond {LARGEST:.2g}, the largest in single precision, which the models see, cannot be learnt "
            f"from: {listed} (first customers: {', '.join(first)}). Correct them, write the column in larger units, or "
            "leave it out (ledger.leave_out, with setting=contracts features.leave_out)."
        )
        raise InputError(message, counts=counts, first_ids=first)


def _refuse_names(features: tuple[str, ...]) -> None:
    wrong = [name for name in features if name in PANEL_COLUMNS or set(name) & set("[]<") or not name.strip()]
    if wrong:
        message = (
            f"Features may not be called {', '.join(map(repr, wrong))}: {', '.join(PANEL_COLUMNS)} mean something else "
            "here, and trees know no names with [, ] or <. Rename them in the table, or name them in ledger.leave_out."
        )
        raise ContractError(message)
