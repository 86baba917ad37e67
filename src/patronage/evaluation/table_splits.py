"""How the rows of a customer table are split: dealt into folds, or by their days where they have any."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.evaluation.duplicates import duplicate_groups, joined_groups
from patronage.evaluation.folds import repeated_stratified_folds
from patronage.evaluation.out_of_fold import Split
from patronage.evaluation.rolling_origins import rolling_origins
from patronage.runtime.histories import FloatArray, IndexArray


def kept_together(
    features: pd.DataFrame, customer: Sequence[str], group: Sequence[str] | None, duplicates: bool
) -> IndexArray:
    """Number the groups of rows that no fold may tear apart.

    Parameters
    ----------
    features : DataFrame, n rows
    customer : sequence of str, shape (n,)
        Rows of one customer stay together.
    group : sequence of str, shape (n,), optional
        So do those of one group, such as a household; rows without one stand alone.
    duplicates : bool
        So do rows that agree in all features.

    Returns
    -------
    ndarray of int, shape (n,)
        From 0.
    """
    holding = [pd.factorize(np.asarray(customer, dtype=object))[0]]
    if group is not None:
        codes = pd.factorize(np.asarray(group, dtype=object))[0]
        holding.append(np.where(codes < 0, codes.max(initial=-1) + 1 + np.arange(len(codes)), codes))
    if duplicates:
        holding.append(duplicate_groups(features))
    return joined_groups(*holding)


def fold_splits(
    left: FloatArray, groups: IndexArray, folds: int, repeats: int, rng: np.random.Generator
) -> list[Split]:
    """Repeated stratified folds that keep groups together; see `repeated_stratified_folds`.

    Raises
    ------
    InputError
        If a fold would lack one of the outcomes.
    """
    return [
        Split(f"repeat {fold.repeat + 1}, fold {fold.fold + 1}", fold.train, fold.test)
        for fold in repeated_stratified_folds(left, groups, folds=folds, repeats=repeats, rng=rng)
    ]


def day_splits(day: pd.Series, left: FloatArray, horizon_days: int | None) -> list[Split]:
    """Every day that earlier ones can foretell, by those whose outcome was known by then.

    Days are left out as tests whose rows, or whose past, all left or all stayed.

    Raises
    ------
    ConfigError
        If the horizon is not known.
    DateError
        If no day is late enough.
    """
    if horizon_days is None:
        message = (
            "Rows with days (ledger.snapshot) are validated in the order of time, for which dates.horizon_days has to "
            "say how many days after a row its label is known."
        )
        raise ConfigError(message)
    days: list[date] = sorted(day.dt.date.unique())
    splits = []
    for origin in rolling_origins(days, horizon_days):
        train, _, test = origin.rows(day)
        if 0 < left[train].mean() < 1 and 0 < left[test].mean() < 1:
            splits.append(Split(origin.test.isoformat(), train, test))
    return splits
