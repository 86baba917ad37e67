"""Survival curves of single customers: a table of them, and the model behind them, written beside a run."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from patronage.files import written_whole
from patronage.models.churn.survival.curves import expected_stay, leaving_time
from patronage.models.churn.survival.hazard import PERIOD, DiscreteHazard
from patronage.runtime.bundle import AnyBundle, TableBundle, read_bundle, table_bundle, write_bundle
from patronage.runtime.churn import ChurnModel
from patronage.schema import Column, TableSchema

FOLDER = "time_to_churn"
"""Of the curves and their model, among the artifacts of a run."""


def curve_table(
    model: DiscreteHazard, features: pd.DataFrame, ids: pd.Series, as_of: date, n_periods: int, first_day: int
) -> pd.DataFrame:
    """The curve of each customer, and what it says in two numbers.

    Parameters
    ----------
    model : DiscreteHazard
    features : DataFrame, n rows
    ids : Series, shape (n,)
    as_of : date
    n_periods : int
    first_day : int
        Days after `as_of` that the first figure of a curve is told of.

    Returns
    -------
    DataFrame
        customer_id, as_of, staying_D for each number of days D, median_days (missing where more than half a chance of
        staying is left at the end) and expected_days, within the days of the curve.
    """
    curves = model.survival(features, n_periods)
    days = [first_day + k * model.period_days for k in range(n_periods)]
    median = leaving_time(curves).map(dict(zip(curves.columns, days, strict=True)))
    # The time until the first figure is spent by everybody, what follows by those who stayed so far.
    expected = first_day + expected_stay(curves) * model.period_days - model.period_days
    table = curves.set_axis([f"staying_{day}" for day in days], axis=1).reset_index(drop=True)
    table.insert(0, "customer_id", ids.astype(str).to_numpy())
    table.insert(1, "as_of", as_of)
    return table.assign(median_days=median.to_numpy(np.float64), expected_days=expected.to_numpy())


def write_times(folder: Path, model: DiscreteHazard, curves: pd.DataFrame, beside: AnyBundle) -> None:
    """Write the curves as Parquet, and the model behind them as a bundle of its own, under `FOLDER`.

    Parameters
    ----------
    folder : Path
    model : DiscreteHazard
    curves : DataFrame
        From `curve_table`.
    beside : Bundle or TableBundle
        Of the yes/no model, whose columns it reads too.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    period = Column(PERIOD, "double", "periods", False, "Which period after the day of the row, from 1.")
    columns = [column for column in beside.inputs.columns if column.name in model.features]
    trees = TableBundle(
        churn=model.to_model(),
        inputs=TableSchema(beside.inputs.name, (period, *columns)),
        as_of=beside.as_of,
        horizon_days=model.period_days,
        training={"longest_period": model.longest_period_},
    )
    (folder / FOLDER).mkdir(parents=True)
    write_bundle(trees, folder / FOLDER / "model")
    with written_whole(folder / FOLDER / "curves.parquet") as unfinished:
        curves.to_parquet(unfinished, index=False)


def read_hazard(folder: Path | str) -> DiscreteHazard:
    """Read the model that `write_times` wrote, to draw curves of other customers with `DiscreteHazard.survival`.

    Parameters
    ----------
    folder : path
        ``time_to_churn`` among the artifacts of a run.

    Raises
    ------
    BundleError
        If it cannot be read.
    """
    bundle = table_bundle(read_bundle(Path(folder) / "model"), "Time to churn")
    assert isinstance(bundle.churn, ChurnModel)
    return DiscreteHazard.from_model(bundle.churn, int(bundle.training["longest_period"]))
