"""Intervals of future profit for customers, groups and totals, whether customers may buy or are under contract."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from patronage.models.uncertainty import checked_rng, checked_size
from patronage.runtime.histories import FloatArray
from patronage.value.contract_draws import ContractOutlook
from patronage.value.contract_profit import ContractProfitModel, contract_profit
from patronage.value.futures import Futures, customer_intervals, group_intervals
from patronage.value.lifetime_profit import ProfitModel, future_profit
from patronage.value.profit_draws import ProfitOutlook
from patronage.value.profit_terms import ProfitTerms

AnyProfitModel: TypeAlias = ProfitModel | ContractProfitModel


def outlook_of(
    model: AnyProfitModel, frame: pd.DataFrame, terms: ProfitTerms, parameter_uncertainty: bool = True
) -> Futures:
    """What futures of the customers in a frame are drawn from."""
    if isinstance(model, ContractProfitModel):
        return ContractOutlook.of(model, frame, terms, parameter_uncertainty)
    return ProfitOutlook.of(model, frame, terms, parameter_uncertainty)


def expected_profit(model: AnyProfitModel, frame: pd.DataFrame, terms: ProfitTerms) -> pd.DataFrame:
    """The future profit that is expected of each customer: `future_profit`, or `contract_profit`."""
    if isinstance(model, ContractProfitModel):
        return contract_profit(model, frame, terms)
    return future_profit(model, frame, terms)


def profit_futures(
    model: AnyProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    size: int,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> Iterator[FloatArray]:
    """Futures of all customers, one at a time: what curves of inequality and sums of any group are made of.

    Parameters
    ----------
    model, frame, terms
        As for `expected_profit`.
    size : int
        Number of futures, each with parameters of its own.
    rng : numpy.random.Generator

    Yields
    ------
    ndarray of float64, shape (n,)
        Profit of each customer, in money of the as-of date, in the order of the frame.

    Raises
    ------
    ModelError
        If parameters count as uncertain and too few customers tell them apart.
    """
    outlook = outlook_of(model, frame, terms, parameter_uncertainty)
    for drawn in outlook.draw_parameters(checked_size(size), checked_rng(rng)):
        yield outlook.draw(drawn, rng)


def group_profit_interval(
    model: AnyProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    groups: Any = None,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Intervals in which the future profit of groups of customers, and of all together, will lie.

    Parameters
    ----------
    model, frame, terms
        As for `expected_profit`.
    groups : array-like, shape (n,), optional
        Name of each customer's group.
    level : float
    size : int
        Futures; at least 2 / (1 - level).
    rng : numpy.random.Generator
        The same state gives the same numbers.

    Returns
    -------
    DataFrame
        Indexed by group, the last one "all customers": n_customers, and expected, low, median, high in money of the
        as-of date.
    """
    outlook = outlook_of(model, frame, terms, parameter_uncertainty)
    expected = expected_profit(model, frame, terms)["future_profit"].to_numpy()
    return group_intervals(outlook, expected, groups, level, size, rng)


def profit_interval(
    model: AnyProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Interval in which the future profit of each customer will lie.

    Parameters are those of `group_profit_interval`.

    Returns
    -------
    DataFrame
        expected, low, high in money of the as-of date and loss_probability (that profit will be below 0), with the
        index of the frame.
    """
    outlook = outlook_of(model, frame, terms, parameter_uncertainty)
    low, high, loss = customer_intervals(outlook, level, size, rng)
    expected = expected_profit(model, frame, terms)["future_profit"]
    return pd.DataFrame({"expected": expected, "low": low, "high": high, "loss_probability": loss}, index=frame.index)
