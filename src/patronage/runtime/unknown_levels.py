"""Reasons that are about categories which the fit did not see: of a row, and of many rows together.

A reason without values, such as ``channel of an unknown level``, goes with a mask of rows. `of_row` adds the one value
of a row, and `listed` the first few of several rows.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .columns import BoolArray, level_names

Failures = dict[str, BoolArray]

OF_UNKNOWN_LEVEL = "of an unknown level"
"""How such a reason ends; it begins with the column."""

MOST_SHOWN = 5
"""Values that a reason of many rows names."""


def column_of(reason: str) -> str | None:
    """The column whose unknown levels a reason without values is about; None of any other reason."""
    column = reason.removesuffix(f" {OF_UNKNOWN_LEVEL}")
    return column if column != reason else None


def listed(values: Iterable[str]) -> str:
    """The first few of some values, and how many more there are.

    Examples
    --------
    >>> listed(["fax", "post"])
    "('fax', 'post')"
    """
    all_of_them = list(values)
    more = f" and {len(all_of_them) - MOST_SHOWN} more" if len(all_of_them) > MOST_SHOWN else ""
    return f"({', '.join(map(repr, all_of_them[:MOST_SHOWN]))}{more})"


def of_row(reason: str, column: Any, name: str) -> list[str]:
    """The reason of each row of a column, with the level that this row has.

    Parameters
    ----------
    reason : str
        Without values.
    column : array-like, shape (k,)
        The values of the k rows that have this reason.
    name : str
        Of the column.
    """
    return [f"{reason} {listed([str(level)])}" for level in level_names(column, name)]


def with_levels(failures: Failures, frame: Any) -> Failures:
    """Failures of many rows, in which reasons of unknown levels name the first few of these, in alphabetical order.

    Parameters
    ----------
    failures : dict of str to boolean array, shape (n,)
        As `covariates.Effects.told` finds them, maybe among others.
    frame : mapping of columns
        The n rows.
    """
    return {_with_levels(reason, mask, frame): mask for reason, mask in failures.items()}


def _with_levels(reason: str, mask: BoolArray, frame: Any) -> str:
    name = column_of(reason)
    if name is None or not mask.any():
        return reason
    levels = level_names(frame[name], name)
    return f"{reason} {listed(sorted({str(levels[row]) for row in np.flatnonzero(mask)}))}"
