"""Segments of customers in words for a manager: by rules, by recency, frequency and money, by value and risk."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from patronage.errors import ConfigError, InputError
from patronage.models.base import required_columns
from patronage.paths import conf_folder
from patronage.runtime.histories import FloatArray
from patronage.value.activity_costs import STRICT, Name
from patronage.value.whale import TOP

GRID = {
    ("high", "low"): "keep close",
    ("high", "high"): "rescue first",
    ("middle", "low"): "grow",
    ("middle", "high"): "win back if cheap",
    ("loss", "low"): "serve for less or reprice",
    ("loss", "high"): "let go",
}
"""What to do with customers of a value and a risk."""


@dataclass(frozen=True, config=STRICT)
class Bounds:
    """What a value must be: at least, below, or one of; all that are given. A missing value never is."""

    at_least: float | None = None
    below: float | None = None
    one_of: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.below is None and self.one_of is None:
            message = "give at_least, below or one_of"
            raise ValueError(message)


@dataclass(frozen=True, config=STRICT)
class SegmentRules:
    """Segments by name, each with bounds by column; a customer belongs to the first whose bounds all hold.

    Attributes
    ----------
    rules : dict of str to dict of str to Bounds
        In order.
    otherwise : str
        Name of the segment of all others.
    """

    rules: Annotated[dict[Name, dict[Name, Bounds]], Field(min_length=1)]
    otherwise: Name = field(default="others")


def segment_rules(values: Mapping[str, Any]) -> SegmentRules:
    """Check rules that are given as plain values, as in ``conf/segments/*.yaml``.

    Raises
    ------
    ConfigError
        Naming every setting that is unknown, of the wrong type or out of range.
    """
    try:
        return TypeAdapter(SegmentRules).validate_python(dict(values))
    except ValidationError as error:
        problems = [
            f"{'.'.join(('segments', *map(str, problem['loc'])))}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise ConfigError("; ".join(problems) + ".") from error


def named_rules(name: str) -> SegmentRules:
    """One of the sets of rules that come along, by the name of its file in ``conf/segments/``.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    from omegaconf import OmegaConf

    folder = conf_folder() / "segments"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        message = f"There are no segments {name!r}; there are {', '.join(known)}."
        raise ConfigError(message)
    values = OmegaConf.to_container(OmegaConf.load(folder / f"{name}.yaml"), resolve=True)
    assert isinstance(values, dict)
    return segment_rules({str(key): value for key, value in values.items()})


def segments_by_rules(frame: pd.DataFrame, rules: SegmentRules) -> pd.Series:
    """The segment of every customer.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with the columns that the rules name.
    rules : SegmentRules

    Returns
    -------
    Series
        segment (string), with the index of the frame.

    Raises
    ------
    ConfigError
        If a column is not there, or bounds on numbers are set on text.
    """
    named = {column for bounds in rules.rules.values() for column in bounds}
    lacking = sorted(named - set(frame.columns))
    if lacking:
        message = (
            f"The rules name columns that are not there: {', '.join(lacking)}. There are {', '.join(frame.columns)}."
        )
        raise ConfigError(message)
    found = np.full(len(frame), rules.otherwise, dtype=object)
    open_still = np.ones(len(frame), bool)
    for name, bounds in rules.rules.items():
        fits = open_still.copy()
        for column, bound in bounds.items():
            fits &= _within(frame[column], bound)
        found[fits] = name
        open_still &= ~fits
    return pd.Series(found, index=frame.index, name="segment", dtype="str")


def rfm_scores(summary: pd.DataFrame, levels: int = 5) -> pd.DataFrame:
    """Scores of recency, frequency and money, from 1 to `levels`, the best highest.

    A score tells in which of `levels` equal parts of all customers one ranks; equal ones share their mean rank, so
    that scores do not depend on the order of the rows, and parts are unequal where many are equal.

    Parameters
    ----------
    summary : DataFrame
        frequency, recency, T and monetary_value (see `schema.SUMMARY`).
    levels : int

    Returns
    -------
    DataFrame
        recency_score (of the time since the last purchase, the shorter the better), frequency_score, monetary_score,
        with the index of the summary.
    """
    frequency, recency, age, money = required_columns(summary, ("frequency", "recency", "T", "monetary_value"))
    parts = {"recency_score": recency - age, "frequency_score": frequency, "monetary_score": money}
    return pd.DataFrame({name: _score(np.asarray(part, float), levels) for name, part in parts.items()}, summary.index)


def value_risk_grid(value: pd.Series, risk: pd.Series, top: float = TOP, risky_from: float = 0.5) -> pd.Series:
    """Segments by what customers are worth and how likely they are to leave.

    Parameters
    ----------
    value : Series
        Expected future profit, in money: high for the best `top` of all customers if above 0, a loss at 0 and below.
    risk : Series
        Probability of leaving: high from `risky_from` on.
    top : float
        Share of customers, 0 to 1.
    risky_from : float
        Probability.

    Returns
    -------
    Series
        segment: one of `GRID`, with the index of `value`.

    Raises
    ------
    InputError
        If a value or a risk is missing, or a risk is no probability.
    """
    worth, chance = value.to_numpy(np.float64), risk.to_numpy(np.float64)
    bad = ~np.isfinite(worth) | ~((chance >= 0) & (chance <= 1))
    if bad.any():
        message = (
            f"{bad.sum():,} of {len(bad):,} customers have no finite value or no risk between 0 and 1 "
            f"(first: {', '.join(map(str, value.index[bad][:5]))}). Fill them or leave these customers out."
        )
        raise InputError(message, counts={"value or risk": int(bad.sum())}, first_ids=[str(value.index[bad][0])])
    rank = pd.Series(-worth).rank(method="min").to_numpy()
    high = (rank <= np.floor(top * len(worth) + 0.5)) & (worth > 0)
    level = np.where(high, "high", np.where(worth > 0, "middle", "loss"))
    names = [GRID[one, "high" if risky else "low"] for one, risky in zip(level, chance >= risky_from, strict=True)]
    return pd.Series(names, index=value.index, name="segment", dtype="str")


def _within(values: pd.Series, bound: Bounds) -> Any:
    fits = values.notna().to_numpy()
    if bound.one_of is not None:
        fits = fits & values.astype("str").isin(bound.one_of).to_numpy()
    if bound.at_least is None and bound.below is None:
        return fits
    if not pd.api.types.is_numeric_dtype(values):
        message = f"The column {values.name!r} is text: give one_of, not at_least or below."
        raise ConfigError(message)
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    if bound.at_least is not None:
        fits = fits & (numbers >= bound.at_least)
    if bound.below is not None:
        fits = fits & (numbers < bound.below)
    return fits


def _score(values: FloatArray, levels: int) -> Any:
    rank = pd.Series(values).rank(method="average").to_numpy() - 0.5
    return np.minimum(np.floor(rank / len(values) * levels).astype(np.int64) + 1, levels)
