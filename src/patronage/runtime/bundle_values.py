"""Values of a bundle, each of the type and in the range that it must have: JSON would pass anything on."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args

import numpy as np

from ..schema import MODEL_INPUT, PURCHASE_OUTPUTS, Column, ColumnType, TableSchema
from .calibration import Calibration
from .churn_kinds import AnyChurnModel
from .churn_logistic import LogisticChurnModel
from .churn_stack import StackedChurnModel
from .clv import ValueTerms

LONGEST_HORIZON_DAYS = 36_525
"""A hundred years."""

MOST_PERIODS = 100_000
"""Periods in which purchases to come are counted, within the horizon."""


def whole(value: Any, what: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`.

    Raises
    ------
    ValueError
        If it is another; so for all of this file.
    """
    if type(value) is not int or not low <= value <= high:
        message = f"{what} is {value!r}, expected a whole number from {low} to {high:,}"
        raise ValueError(message)
    return value


def number(value: Any, what: str, above: float = -np.inf) -> float:
    """A finite number above a bound."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < np.inf:
        bound = "" if above == -np.inf else f" above {above:g}"
        message = f"{what} is {value!r}, expected a number{bound}"
        raise ValueError(message)
    return float(value)


def mapping(value: Any, what: str) -> dict[str, Any]:
    """An object of JSON."""
    if not isinstance(value, dict):
        message = f"{what} is {type(value).__name__}, expected an object"
        raise ValueError(message)
    return value


def horizon(value: Any) -> int:
    """How far scores look ahead, in days."""
    return whole(value, "horizon_days", 1, LONGEST_HORIZON_DAYS)


def value_terms(stored: Any, horizon_days: int) -> ValueTerms:
    """The terms of value."""
    given = mapping(stored, "value")
    known = {item.name for item in fields(ValueTerms)}
    if set(given) != known:
        message = f"value holds {', '.join(sorted(given)) or 'nothing'}, expected {', '.join(sorted(known))}"
        raise ValueError(message)
    period = number(given["period_days"], "period_days", above=0)
    if horizon_days / period > MOST_PERIODS:
        message = f"period_days is {period:g}: more than {MOST_PERIODS:,} periods in {horizon_days} days"
        raise ValueError(message)
    return ValueTerms(
        number(given["margin_rate"], "margin_rate"),
        number(given["discount_rate_yearly"], "discount_rate_yearly", above=-1),
        period,
    )


def columns(stored: Any) -> TableSchema:
    """The columns of a table, as the manifest describes them."""
    if not isinstance(stored, list):
        message = f"columns are {type(stored).__name__}, expected a list"
        raise ValueError(message)
    found = TableSchema(MODEL_INPUT.name, tuple(_column(mapping(column, "a column")) for column in stored))
    if len(set(found.names)) != len(found.names):
        message = "a column stands twice among the inputs"
        raise ValueError(message)
    return found


def _column(stored: dict[str, Any]) -> Column:
    column = Column(**stored)
    texts = (column.name, column.type, column.unit, column.meaning)
    flags = (column.nullable, column.optional)
    if not (all(isinstance(text, str) for text in texts) and all(isinstance(flag, bool) for flag in flags)):
        message = f"the column {column.name!r} is described by values of other types"
        raise ValueError(message)
    if not column.name or column.type not in get_args(ColumnType):
        message = f"the column {column.name!r} is of the type {column.type!r}"
        raise ValueError(message)
    return column


def from_fields(kind: type, stored: Mapping[str, Any]) -> Any:
    """Positive numbers and flags by name; a field that an older bundle does not know yet keeps its default."""
    known = [item for item in fields(kind) if item.name in stored or item.default is MISSING]
    return kind(**{item.name: _as_field(item.name, item.type, stored[item.name]) for item in known})


def _as_field(name: str, kind: Any, value: Any) -> float | int | bool:
    if kind not in (bool, int):
        return number(value, name, above=0)
    if type(value) is not kind:
        expected = "true or false" if kind is bool else "a whole number"
        message = f"{name} is {value!r}, expected {expected}"
        raise ValueError(message)
    return value  # type: ignore[no-any-return]


def check_churn(model: AnyChurnModel, inputs: TableSchema, told: bool, tree_features: tuple[str, ...] | None) -> None:
    """Refuse a churn model whose parts do not go together.

    Parameters
    ----------
    model : AnyChurnModel
    inputs : TableSchema
        The columns that the bundle reads.
    told : bool
        Whether a purchase model adds its own columns to them.
    tree_features : tuple of str, optional
        What the trees look at, if the model has any.
    """
    texts = {column.name for column in inputs.columns if column.type == "string"}
    known = {*inputs.names, *(PURCHASE_OUTPUTS if told else ())}
    if not model.features or len(set(model.features)) != len(model.features):
        message = f"{model.kind} looks at no features, or at one of them twice"
        raise ValueError(message)
    unknown = sorted(set(model.features) - known)
    if unknown:
        message = f"{model.kind} looks at {', '.join(unknown)}, which are no inputs"
        raise ValueError(message)
    if set(model.categories) != texts & set(model.features):
        message = f"{model.kind} takes {', '.join(sorted(model.categories)) or 'nothing'} for text"
        raise ValueError(message)
    if any(len(set(values)) != len(values) for values in model.categories.values()):
        message = f"{model.kind} knows a text twice"
        raise ValueError(message)
    if isinstance(model, LogisticChurnModel):
        _check_terms(model)
    else:
        trees = model.trees if isinstance(model, StackedChurnModel) else model
        if tree_features != trees.features:
            message = f"its trees look at {len(tree_features or ())} other features than {model.kind} states"
            raise ValueError(message)
    if isinstance(model, StackedChurnModel):
        for name in ("intercept", "trees_weight", "presence_weight"):
            number(getattr(model, name), name)
        _check_calibration(model.trees.calibration)
    _check_calibration(model.calibration)
    whole(model.horizon_days, "horizon_days of churn", 0, LONGEST_HORIZON_DAYS)


def _check_terms(model: LogisticChurnModel) -> None:
    if set(model.numbers) | set(model.levels) != set(model.features) or set(model.levels) != set(model.categories):
        message = "its terms are not those of its features"
        raise ValueError(message)
    wrong = [name for name, values in model.levels.items() if len(values) != len(model.categories[name]) + 1]
    if wrong:
        message = f"{', '.join(wrong)}: not one term for each text and one for any other"
        raise ValueError(message)
    for name, term in model.numbers.items():
        number(term.scale, f"the scale of {name}", above=0)


def _check_calibration(calibration: Calibration) -> None:
    x, y = np.asarray(calibration.knots_x), np.asarray(calibration.knots_y)
    if calibration.kind != "isotonic":
        return
    if not len(x) or (np.diff(x) < 0).any() or (np.diff(y) < 0).any() or y.min() < 0 or y.max() > 1:
        message = "the knots of its calibration do not rise from 0 to 1"
        raise ValueError(message)
