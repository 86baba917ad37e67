"""Learning of a design: which columns of a frame are covariates, and how they become numbers.

A list of columns or a formula is read into `Wanted` columns; from the data come the means and scales of numbers and the
levels of categories. The result, a `patronage.runtime.covariates.Design`, is what predictions encode with.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from patronage.errors import ConfigError, InputError
from patronage.runtime.columns import level_names, numbers
from patronage.runtime.covariates import UNKNOWN, CategoricalCovariate, Covariate, Design, NumericCovariate
from patronage.runtime.histories import FloatArray, refuse_rows

MOST_LEVELS = 200
"""Levels of a category beyond which a column is taken for an identifier and refused."""

FORMULA = "a formula is the names of columns, or C(name) for a category, joined by +, such as '~ age + C(region)'"


class Wanted(NamedTuple):
    """A column that is asked for, and whether its values are categories even if they look like numbers."""

    name: str
    categorical: bool


def wanted(columns: Sequence[str] | str) -> tuple[Wanted, ...]:
    """Read a list of columns or a formula.

    Parameters
    ----------
    columns : sequence of str, or str
        Names of columns; a single string is a formula of names joined by ``+``, with or without a ``~`` before them. In
        both ``C(name)`` makes a category of numbers. There are no interactions or transformations: make a column of
        them first.

    Raises
    ------
    ConfigError
        If a formula holds anything else, or a column is named twice.
    """
    if isinstance(columns, str):
        terms = [term.strip() for term in columns.strip().removeprefix("~").split("+")]
        if terms == [""]:
            return ()
        strange = [term for term in terms if not re.fullmatch(r"C\(\s*[^\W\d][\w.]*\s*\)|[^\W\d][\w.]*", term)]
        if strange:
            message = (
                f"The covariates {columns!r} hold {', '.join(map(repr, strange))}, but {FORMULA}. There are no "
                "interactions, transformations or intercepts: make a column of them, or give a list of names."
            )
            raise ConfigError(message)
    else:
        terms = [str(one) for one in columns]
    found = []
    for term in terms:
        match = re.fullmatch(r"C\(\s*(.+?)\s*\)", term)
        found.append(Wanted(match[1], True) if match else Wanted(term, False))
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"The covariates name {', '.join(twice)} twice; {FORMULA}."
        raise ConfigError(message)
    return tuple(found)


def learned_design(frame: Any, columns: Sequence[Wanted], weights: FloatArray) -> Design:
    """Learn means, scales and levels.

    Parameters
    ----------
    frame : DataFrame or mapping of columns
    columns : sequence of Wanted
    weights : ndarray, shape (n,)
        Customers behind each row.

    Raises
    ------
    InputError
        If a column is not there, holds values that cannot be used, or is the same for all customers.
    """
    absent = [one.name for one in columns if one.name not in frame]
    if absent:
        message = f"The frame lacks the covariates {', '.join(absent)}; it has {', '.join(map(str, frame))}."
        raise InputError(message)
    return Design(tuple(_learned(frame, one, weights) for one in columns))


def _learned(frame: Any, asked: Wanted, weights: FloatArray) -> Covariate:
    column = frame[asked.name]
    values, wrong = numbers(column, asked.name)
    if len(values) != len(weights):
        message = f"The covariate {asked.name} has {len(values):,} values for {len(weights):,} rows."
        raise InputError(message)
    categorical = asked.categorical or bool(wrong.any())
    if categorical:
        levels = [UNKNOWN if level is None else level for level in level_names(column, asked.name)]
        return _learned_category(asked.name, levels, weights)
    missing = {f"{asked.name} missing or not finite": ~np.isfinite(values)}
    refuse_rows(missing, what="rows of covariates", ids=getattr(frame, "index", None))
    return _learned_number(asked.name, values, weights)


def _learned_number(name: str, values: FloatArray, weights: FloatArray) -> NumericCovariate:
    behind = weights > 0
    if np.ptp(values[behind]) == 0:
        raise _constant(name, values[behind][0])
    if np.isin(values, (0.0, 1.0)).all():
        return NumericCovariate(name, 0.0, 1.0)
    mean = float(weights @ values / weights.sum())
    return NumericCovariate(name, mean, float(np.sqrt(weights @ (values - mean) ** 2 / weights.sum())))


def _learned_category(name: str, levels: Sequence[str], weights: FloatArray) -> CategoricalCovariate:
    customers: dict[str, float] = {}
    for level, weight in zip(levels, weights.tolist(), strict=True):
        if weight > 0:
            customers[level] = customers.get(level, 0.0) + weight
    if len(customers) == 1:
        raise _constant(name, next(iter(customers)))
    if len(customers) > MOST_LEVELS:
        message = (
            f"The covariate {name} has {len(customers):,} levels, more than {MOST_LEVELS}: it looks like an "
            "identifier. Group its levels, or leave it out."
        )
        raise InputError(message)
    reference = min(customers, key=lambda level: (-customers[level], level))
    return CategoricalCovariate(name, (reference, *sorted(set(customers) - {reference})))


def _constant(name: str, value: Any) -> InputError:
    return InputError(f"The covariate {name} is {value} for all customers, so it has no effect to estimate.")


def refuse_dependent(design: Design, encoded: FloatArray, names: Sequence[str]) -> None:
    """Refuse encoded columns that are linear combinations of others, because no data tell their effects apart.

    Raises
    ------
    InputError
        Naming the columns that could be left out.
    """
    places = [design.names.index(name) for name in names]
    with_constant = np.column_stack([np.ones(len(encoded)), encoded[:, places]])
    with_constant /= np.linalg.norm(with_constant, axis=0)
    _, triangle, order = linalg.qr(with_constant, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int((size > 1e-9 * size[0]).sum())
    surplus = [names[at - 1] for at in order[rank:] if at > 0]
    if rank < with_constant.shape[1]:
        message = (
            f"The covariates {', '.join(names)} depend on one another: "
            f"{', '.join(surplus) or 'one of them'} can be computed from the others. Leave it out, or set l2 above 0."
        )
        raise InputError(message)
