"""Spells: how long each customer stayed, as far as it is known."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import DateError, FitError, InputError
from patronage.models.base import required_columns
from patronage.models.churn.panel_rows import FIRST_IDS, checked_labels, refuse_missing


def row_keys(rows: pd.DataFrame) -> list[str]:
    """What tells spells apart: the customer and, where customers were looked at on several days, the cut-off."""
    return [name for name in ("customer_id", "cutoff") if name in rows]


def person_periods(spells: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """One row for every customer and period: the table that a hazard is learnt from.

    Singer and Willett (1993), It's about time: using discrete-time survival analysis, Journal of Educational Statistics
    18(2): the likelihood of the spells is that of a yes/no question in every period that a customer was there.

    Parameters
    ----------
    spells : DataFrame
        One row a customer: customer_id, duration (whole periods, 1 and above), churned (1 if the customer left in the
        last of these periods, 0 if still there at its end) and the features, which do not change. With a column
        cutoff, one row for each customer and cut-off, from which the periods are counted.
    features : sequence of str
        Columns to carry along.

    Returns
    -------
    DataFrame
        customer_id, cutoff if it was given, period (1, 2, ...), churned (1 in the period in which the customer left)
        and the features.

    Raises
    ------
    InputError
        If a column is missing, a customer has several rows, or durations are not whole numbers from 1.
    """
    durations = checked_durations(spells, features, whole=True).astype(int)
    repeated = np.repeat(np.arange(len(spells)), durations)
    last = np.cumsum(durations) - 1
    table = spells.iloc[repeated][[*row_keys(spells), *features]].reset_index(drop=True)
    starts = np.repeat(last - durations + 1, durations)
    churned = np.zeros(len(table), dtype=np.int8)
    churned[last] = checked_labels(spells["churned"], spells["customer_id"])
    return table.assign(period=np.arange(len(table)) - starts + 1, churned=churned)


def contract_spells(customers: pd.DataFrame, as_of: date, period_days: int) -> pd.DataFrame:
    """How many whole periods each contract has lasted, as it was known on a day.

    Only periods that were over on that day count, for those who left in them as for those who stayed: counting the end
    of a contract in a period that is still running, but not those who are still there, would make leaving look more
    frequent than it is. An end after the day is not known yet.

    Parameters
    ----------
    customers : DataFrame
        One row a customer: customer_id, contract_start, contract_end (missing while it runs), and columns to carry
        along. Who has no contract_start has no contract, and no spell.
    as_of : date
    period_days : int
        Length of a period, 1 and above.

    Returns
    -------
    DataFrame
        The columns of `customers` for those whose first period is over, with duration (whole periods, from 1) and
        churned (1 if the contract ended in the last of them).

    Raises
    ------
    InputError
        If a column is missing, or contracts end before they begin.
    DateError
        If no first period was over by then.

    Examples
    --------
    >>> table = {"customer_id": ["a", "b", "c"], "contract_start": ["2024-01-01"] * 3, "contract_end": ["2024-02-10"]}
    >>> table["contract_end"] += [None, "2024-03-20"]
    >>> spells = contract_spells(pd.DataFrame(table), date(2024, 3, 15), 30)
    >>> spells[["customer_id", "duration", "churned"]].to_numpy().tolist()
    [['a', 2, 1], ['b', 2, 0], ['c', 2, 0]]
    """
    required_columns(customers, ("customer_id", "contract_start", "contract_end"))
    start, end = (pd.to_datetime(customers[name]) for name in ("contract_start", "contract_end"))
    wrong = end < start
    if wrong.any():
        first = [str(one) for one in customers["customer_id"][wrong].head(FIRST_IDS)]
        message = (
            f"{wrong.sum():,} contracts end before they begin. The first customers are {', '.join(first)}. Correct the "
            "days, or leave these customers out."
        )
        raise InputError(message, counts={"end before start": int(wrong.sum())}, first_ids=first)
    day = pd.Timestamp(as_of)
    watched = (day - start).dt.days // period_days
    # A contract that ends on its first day ends in the first period.
    days = (end.where(end <= day) - start).dt.days.clip(lower=1)
    lasted = -(-days // period_days)
    left = lasted <= watched
    over = watched >= 1
    if not over.any():
        message = f"No contract had lasted {period_days} days, one period, on {as_of}: choose a later day."
        raise DateError(message)
    spells = customers.assign(duration=lasted.where(left, watched), churned=left.astype(np.int8))[over]
    return spells.astype({"duration": np.int64}).reset_index(drop=True)


def checked_durations(spells: pd.DataFrame, features: Sequence[str], *, whole: bool) -> Any:
    """Durations of spells as numbers.

    Parameters
    ----------
    spells : DataFrame
        customer_id, duration, churned and the features, and cutoff where customers have several rows.
    features : sequence of str
    whole : bool
        Whether they count periods.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        If a column is missing, a customer has several rows, or durations are not positive, or whole where they count.
    FitError
        If nobody left, so that there is nothing to learn of leaving.
    """
    required_columns(spells, ("customer_id", "duration", "churned", *features))
    refuse_missing(spells["customer_id"], None)
    durations = pd.to_numeric(spells["duration"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    finite = np.isfinite(durations) & (durations > 0)
    expected = "whole numbers of periods from 1" if whole else "positive numbers"
    failures = {
        f"durations that are not {expected}": ~(finite & (durations == np.floor(durations)) if whole else finite),
        "further rows of the same customer": spells.duplicated(row_keys(spells)).to_numpy(),
    }
    counts = {reason: int(rows.sum()) for reason, rows in failures.items() if rows.any()}
    if counts:
        wrong = spells["customer_id"][np.logical_or.reduce(list(failures.values()))]
        first = [str(one) for one in wrong.head(FIRST_IDS)]
        listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        message = f"Spells are one row a customer; there are {listed}. The first customers are {', '.join(first)}."
        raise InputError(message, counts=counts, first_ids=first)
    if not checked_labels(spells["churned"], spells["customer_id"]).any():
        message = f"Nobody left among {len(spells):,} customers, so there is nothing to learn of leaving."
        raise FitError(message)
    return durations
