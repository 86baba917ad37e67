"""Time to churn without contracts: on which of the days ahead the silence begins that counts as having left.

Every `period_days` from a cut-off on it is asked again whether the horizon that follows brings a purchase. The first
day on which it does not is the one on which the customer has left. The first answer is the label of the yes/no model.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.features.labels import labels
from patronage.features.model_input import model_input
from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.recipe import Fit, Recipe
from patronage.pipelines.settings import Dates, Panel
from patronage.pipelines.time_curves import curve_table, write_times
from patronage.pipelines.time_to_churn import FEWEST_PERIODS, Hazard, JudgedDay, Stays, TimeToChurn, time_to_churn
from patronage.runtime.bundle import Bundle
from patronage.runtime.scorer import Scorer
from patronage.schema import PURCHASE_OUTPUTS

SAME_LEVEL = 0.02
"""Share of customers that the curves and the scores may differ by before it is said."""


def lapse_times(recipe: Recipe, ledger: Ledger, evaluated: Fit, holdout: pd.DataFrame) -> TimeToChurn | None:
    """Survival curves beside the yes/no model, judged at the cut-off, if they are asked for.

    Parameters
    ----------
    recipe : Recipe
    ledger : Ledger
    evaluated : Fit
        What was fitted at the cut-off.
    holdout : DataFrame
        Customers as of the cut-off, from `holdout_table`.

    Raises
    ------
    InputError
        If nothing can be judged.
    """
    if not recipe.hazard.n_periods:
        return None
    dates, hazard = recipe.dates, recipe.hazard
    features = tuple(name for name in evaluated.bundle.churn.features if name not in PURCHASE_OUTPUTS)
    cutoffs = cutoffs_learnt(dates, recipe.panel)
    rows = recipe.learning.rows(ledger, cutoffs, evaluated.inputs, features).reset_index(drop=True)
    stays = lapse_stays(ledger, rows, dates.horizon_days, hazard.period_days, dates.observed_until)
    at_cutoff = np.flatnonzero((rows["cutoff"] == pd.Timestamp(dates.cutoff)).to_numpy())
    leaving = pd.Series(Scorer(evaluated.bundle).score(holdout)["churn_probability"], index=holdout["customer_id"])
    test = JudgedDay(dates.cutoff, at_cutoff, np.asarray(leaving[rows["customer_id"].iloc[at_cutoff]], np.float64))
    rng = np.random.default_rng(recipe.settings.seed)
    with console.step(f"Learn when they leave, and foretell it on {dates.cutoff}"):
        times = time_to_churn(
            stays, features, hazard, [test], dates.observed_until, recipe.evaluation.judging.resamples, rng
        )
    console.note(times.words)
    return times


def refuse_single_periods(dates: Dates, panel: Panel, hazard: Hazard) -> None:
    """Say before anything is fitted that the dates leave no curve to judge; with the ones that would.

    Parameters
    ----------
    dates : Dates
    panel : Panel
    hazard : Hazard

    Raises
    ------
    InputError
        If fewer than two periods can be seen after the cut-off, or learnt before it.
    """
    if not hazard.n_periods:
        return
    horizon, period = dates.horizon_days, hazard.period_days
    further = timedelta(days=horizon + (FEWEST_PERIODS - 1) * period)
    earliest = min(panel.cutoffs(dates.cutoff, horizon))
    problems, remedies = [], []
    if len(_asked_on(dates.cutoff, horizon, period, dates.observed_until)) < FEWEST_PERIODS:
        problems.append(
            f"after {dates.cutoff} a horizon of {horizon} days leaves one, because the ledger is known until "
            f"{dates.observed_until}"
        )
        remedies.append(f"dates.cutoff={dates.observed_until - further} or earlier, or a shorter dates.horizon_days")
    if len(_asked_on(earliest, horizon, period, dates.cutoff)) < FEWEST_PERIODS:
        enough = 1 + math.ceil((FEWEST_PERIODS - 1) * period / panel.step_days)
        problems.append(f"the cut-offs before it reach back to {earliest}, which is one")
        remedies.append(f"panel.n_cutoffs={enough} or more")
    if problems:
        message = (
            f"Time to churn needs {FEWEST_PERIODS} periods of {period} days at least, for one is the yes/no question: "
            f"{'; '.join(problems)}. Set {'; and '.join(remedies)}; or hazard=none."
        )
        raise InputError(message)


def lapse_stays(ledger: Ledger, rows: pd.DataFrame, horizon_days: int, period_days: int, known_until: date) -> Stays:
    """How long customers stayed after their cut-offs, asked every so many days, as far as anybody knows.

    Parameters
    ----------
    ledger : Ledger
    rows : DataFrame
        customer_id, cutoff and the features.
    horizon_days, period_days : int
    known_until : date
    """
    begins = rows["cutoff"] + timedelta(days=horizon_days - period_days)
    left = pd.Series(pd.NaT, index=rows.index, dtype=begins.dtype)
    for cutoff, part in rows.groupby("cutoff", sort=False):
        asked = _asked_on(pd.Timestamp(str(cutoff)).date(), horizon_days, period_days, known_until)
        gone = labels(ledger.tables, asked, horizon_days).filter(_.churned == 1)
        first: pd.DataFrame = gone.group_by("customer_id").aggregate(day=_.as_of.min()).execute()
        day = pd.to_datetime(first.set_index("customer_id")["day"]).reindex(part["customer_id"])
        left.loc[part.index] = (day + timedelta(days=horizon_days)).to_numpy()
    return Stays(rows, begins, left, told_from_start=True)


def write_lapse_times(recipe: Recipe, ledger: Ledger, bundle: Bundle, times: TimeToChurn, folder: Path) -> None:
    """Write the curves of all customers as of the end of observation, and the model that draws them."""
    day, hazard = recipe.dates.observed_until, recipe.hazard
    known: pd.DataFrame = model_input(ledger.tables, day, bundle.time_unit, bundle.inputs).execute()
    curves = curve_table(times.model, known, known["customer_id"], day, hazard.n_periods, 0)
    apart = levels_apart(1 - curves["staying_0"], Scorer(bundle).score(known)["churn_probability"], day)
    if apart:
        console.warn(apart)
    write_times(folder, times.model, curves, bundle)


def levels_apart(gone: ArrayLike, churn_probability: ArrayLike, day: date) -> str:
    """What to say where curves and scores tell different shares of leavers; nothing where they agree.

    Parameters
    ----------
    gone : array-like, shape (n,)
        1 less the first figure of each curve.
    churn_probability : array-like, shape (n,)
        What the yes/no model says of the same customers.
    day : date
        Of both.
    """
    told, scored = np.asarray(gone, np.float64), np.asarray(churn_probability, np.float64)
    if not len(told) or abs(told.mean() - scored.mean()) <= SAME_LEVEL:
        return ""
    return (
        f"One question, two levels: of {len(told):,} customers on {day} the curves say that {100 * told.mean():.1f} % "
        f"are gone on that day (mean of 1 - staying_0), the scores that {100 * scored.mean():.1f} % are (mean "
        "churn_probability). The curves learn from all of their cut-offs alike, the scores take the level of their "
        "latest one; the two part where the share of leavers moves on. Ask churn_probability whether, and the curves "
        "when."
    )


def cutoffs_learnt(dates: Dates, panel: Panel) -> list[date]:
    """Cut-offs of the curves: that of the judgement, those before it, and those that the scores learn from.

    Curves are judged by what was known on the cut-off, which later ones have no part in.
    """
    before, latest = (panel.cutoffs(day, dates.horizon_days) for day in (dates.cutoff, dates.observed_until))
    return sorted({dates.cutoff, *before, *latest}, reverse=True)


def _asked_on(cutoff: date, horizon_days: int, period_days: int, known_until: date) -> Sequence[date]:
    """The cut-off and the days after it of which the answer is known."""
    further = max(0, (known_until - cutoff).days - horizon_days) // period_days
    return [cutoff + timedelta(days=k * period_days) for k in range(further + 1)]
