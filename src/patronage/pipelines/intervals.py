"""The intervals of a training: how the model's own fared on the holdout, and what earlier origins say of them."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from patronage.evaluation.backtest import rolling_backtest
from patronage.evaluation.trust import interval_table, trust_in_words
from patronage.ledger.opening import Ledger
from patronage.pipelines.histories import covariates_on
from patronage.pipelines.recipe import Fit, Recipe

LEAST_HISTORY_DAYS = 28
"""Days of facts that an origin needs before it."""


@dataclass(frozen=True)
class Intervals:
    """Tables to keep, and what they say.

    Attributes
    ----------
    tables : dict of str to DataFrame
        ``intervals`` (`schema.INTERVALS`) and ``backtest``, one row an origin.
    words : str
    """

    tables: dict[str, pd.DataFrame]
    words: str


def judged_intervals(recipe: Recipe, ledger: Ledger, evaluated: Fit) -> Intervals:
    """Backtest the purchase model at the cut-off and at earlier origins, as the configuration says."""
    dates, settings = recipe.dates, recipe.backtest
    rng = np.random.default_rng(recipe.settings.seed)
    first = ledger.span[0] + timedelta(days=LEAST_HISTORY_DAYS)
    earlier = [day for day in settings.origins(dates.cutoff, dates.horizon_days) if day >= first]
    read, unit = evaluated.purchase.covariates, recipe.settings.time_unit
    backtest = rolling_backtest(
        ledger.transactions,
        evaluated.purchase.unfitted,
        [*earlier, dates.cutoff],
        dates.horizon_days,
        unit,
        settings.level,
        rng=rng,
        observed_until=dates.observed_until,
        covariates=(lambda day: covariates_on(ledger.tables, day, unit, read)) if read else None,
    )
    origins = backtest.table()
    table = interval_table(backtest, rng=rng)
    return Intervals(
        {"intervals": table, "backtest": origins.astype({"total_inside": int})},
        trust_in_words(table, origins["ratio"].iloc[:-1]),
    )
