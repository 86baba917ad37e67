"""Time to churn beside the yes/no model: curves for each customer, learnt and judged by what was known on each day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import Field

from patronage.errors import ConfigError, DateError, FitError, InputError
from patronage.evaluation.churn_judging import ChurnJudgement
from patronage.evaluation.churn_survival import Foretold, judge_survival, same_curve, survival_calibration
from patronage.evaluation.holdout import HoldoutEvaluation
from patronage.evaluation.judging import Judged, Resamples
from patronage.models.churn.survival.hazard import DiscreteHazard
from patronage.models.churn.survival.spells import contract_spells
from patronage.pipelines.settings import Settings, settings_from
from patronage.runtime.histories import FloatArray

MODEL, SAME_CURVE, YES_NO = "model", "same_curve", "yes_no"
"""The curves, the one of Kaplan and Meier for everybody, and the order of the yes/no model."""


NO_HAZARD = {"n_periods": 0, "period_days": 30, "trees": {}}
"""Of commands that do not ask when customers leave."""

FEWEST_PERIODS = 2
"""Curves of one period are the yes/no question again."""


E = TypeVar("E", ChurnJudgement, HoldoutEvaluation)


class Hazard(Settings):
    """How time to churn is learnt; no periods, and it is not."""

    n_periods: int = Field(ge=0)
    period_days: int = Field(ge=1)
    trees: dict[str, Any]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Hazard":
        """The group of a training; none, where a command does not have it.

        Raises
        ------
        ConfigError
            Naming the key.
        """
        found = settings_from(cls, config.get("hazard", NO_HAZARD), "hazard")
        if found.n_periods:
            found.model(("a column",))
        return found

    def model(self, features: tuple[str, ...]) -> DiscreteHazard:
        """Boosted trees for the chance of leaving in each period, not fitted yet.

        Raises
        ------
        ConfigError
            If a setting does not fit.
        """
        try:
            return DiscreteHazard(features, self.period_days, **self.trees)
        except TypeError as error:
            message = f"The settings of hazard.trees do not fit: {error}."
            raise ConfigError(message) from error


@dataclass(frozen=True)
class Stays:
    """Customers on some days, and how long each of them stayed from there on.

    Attributes
    ----------
    rows : DataFrame
        customer_id, cutoff and the features, as they were known on the cut-off.
    begins : Series of datetime64
        When the first period of each row begins.
    left : Series of datetime64
        When each left, as far as anybody knows today; missing for the others.
    told_from_start : bool
        Whether the first period says who is gone on the cut-off itself, rather than a period later.
    """

    rows: pd.DataFrame
    begins: "pd.Series[pd.Timestamp]"
    left: "pd.Series[pd.Timestamp]"
    told_from_start: bool = False

    def first_day(self, hazard: Hazard) -> int:
        """Days ahead that the first figure of a curve is told of."""
        return 0 if self.told_from_start else hazard.period_days

    def known_on(self, day: date, hazard: Hazard, rows: Iterable[int] | None = None) -> pd.DataFrame:
        """Spells of as many periods as were over on a day: the columns of `rows`, row, duration and churned.

        Raises
        ------
        DateError
            If no first period was over by then.
        """
        told = self.rows.assign(
            row=np.arange(len(self.rows)), contract_start=self.begins.to_numpy(), contract_end=self.left.to_numpy()
        )
        chosen = told if rows is None else told.iloc[list(rows)]
        spells = contract_spells(chosen, day, hazard.period_days)
        later = spells["duration"] > hazard.n_periods
        return spells.assign(
            duration=spells["duration"].clip(upper=hazard.n_periods), churned=spells["churned"].mask(later, 0)
        )


@dataclass(frozen=True)
class TimeToChurn:
    """What a training found of the time to churn.

    Attributes
    ----------
    model : DiscreteHazard
        Fitted to all that is known.
    judged : Judged
        Measures of the task ``time_to_churn``, and the model against its rivals.
    calibration : DataFrame
        `schema.SURVIVAL_CALIBRATION`.
    words : str
        What was learnt from and judged by.
    """

    model: DiscreteHazard
    judged: Judged
    calibration: pd.DataFrame
    words: str

    def beside(self, evaluation: E) -> E:
        """Set the measures and tables beside those of the yes/no model."""
        tables = (getattr(evaluation, name) for name in ("metrics", "differences"))
        own = (self.judged.metrics, self.judged.differences)
        metrics, differences = (
            pd.concat([table for table in pair if len(table)] or pair[:1], ignore_index=True)
            for pair in zip(tables, own, strict=True)
        )
        found: dict[str, pd.DataFrame] = evaluation.tables
        return replace(
            evaluation,
            metrics=metrics,
            differences=differences,
            tables=found | {"survival_calibration": self.calibration},
        )


@dataclass(frozen=True)
class JudgedDay:
    """Customers that curves are judged by.

    Attributes
    ----------
    day : date
        On which they are looked at; what was known by then is learnt from.
    rows : ndarray of int
        Numbers of their rows.
    leaving : ndarray of float64
        What the yes/no model says of each of these rows.
    """

    day: date
    rows: np.ndarray
    leaving: FloatArray


def time_to_churn(
    stays: Stays,
    features: tuple[str, ...],
    hazard: Hazard,
    tests: Sequence[JudgedDay],
    known_until: date,
    resamples: Resamples,
    rng: np.random.Generator,
) -> TimeToChurn:
    """Learn survival curves, and judge them on days that earlier ones foretell.

    Parameters
    ----------
    stays : Stays
    features : tuple of str
    hazard : Hazard
    tests : sequence of JudgedDay
    known_until : date
        Last day of which is known who left.
    resamples : Resamples
    rng : numpy.random.Generator

    Raises
    ------
    FitError
        If too few left.
    InputError
        If nothing can be judged.
    """
    parts = [part for test in tests if (part := _foretold(stays, features, hazard, test, known_until)) is not None]
    if not parts:
        message = (
            f"Time to churn cannot be judged: no day has customers who left before it in periods of "
            f"{hazard.period_days} days. Set hazard=none, shorter periods (hazard.period_days), or an earlier cut-off."
        )
        raise InputError(message)
    foretold = _pooled(parts)
    if foretold.n_periods < FEWEST_PERIODS:
        message = (
            f"Curves can be judged for one period of {hazard.period_days} days only, which is the yes/no question: too "
            f"little is known after {tests[-1].day}, or before it. Choose an earlier dates.cutoff, more cut-offs "
            "(panel.n_cutoffs), a shorter horizon, or hazard=none."
        )
        raise InputError(message)
    learnt = stays.known_on(known_until, hazard)
    model = hazard.model(features).fit(learnt)
    words = (
        f"{int(learnt['churned'].sum()):,} of {len(learnt):,} rows were seen leaving within {hazard.n_periods} periods "
        f"of {hazard.period_days} days; curves of {foretold.n_periods} periods are judged by "
        f"{int(foretold.churned.sum()):,} of {len(foretold.churned):,} who had no part in them"
    )
    return TimeToChurn(
        model=model,
        judged=judge_survival(foretold, resamples, rng=rng),
        calibration=survival_calibration(foretold, hazard.period_days, stays.first_day(hazard)),
        words=words,
    )


def _foretold(
    stays: Stays, features: tuple[str, ...], hazard: Hazard, test: JudgedDay, known_until: date
) -> tuple[Foretold, int] | None:
    """Curves of the customers of a day, and the periods that were learnt and can be seen; none if nothing was known."""
    earlier = np.flatnonzero((stays.rows["cutoff"] < pd.Timestamp(test.day)).to_numpy())
    try:
        learnt = stays.known_on(test.day, hazard, earlier)
        came = stays.known_on(known_until, hazard, test.rows)
        model = hazard.model(features).fit(learnt)
    except (DateError, FitError):
        return None
    leaving = pd.Series(test.leaving, index=test.rows)
    curve = model.survival(came, hazard.n_periods).to_numpy(np.float64)
    same = same_curve(learnt["duration"].to_numpy(np.float64), learnt["churned"].to_numpy(np.float64), hazard.n_periods)
    found = Foretold(
        customers=came["customer_id"].to_numpy(),
        duration=came["duration"].to_numpy(np.float64),
        churned=came["churned"].to_numpy(np.float64),
        curves={MODEL: curve, SAME_CURVE: np.tile(same, (len(came), 1))},
        risks={YES_NO: np.asarray(leaving[came["row"]], np.float64)},
    )
    return found, int(min(learnt["duration"].max(), came["duration"].max()))


def _pooled(parts: list[tuple[Foretold, int]]) -> Foretold:
    """Everybody who was foretold, as far as every one of the models had seen periods: further on they extrapolate."""
    seen = min(n_periods for _, n_periods in parts)
    tests = [_within(found, seen) for found, _ in parts]

    return Foretold(
        customers=np.concatenate([one.customers for one in tests]),
        duration=np.concatenate([one.duration for one in tests]),
        churned=np.concatenate([one.churned for one in tests]),
        curves={name: np.concatenate([one.curves[name] for one in tests]) for name in tests[0].curves},
        risks={name: np.concatenate([one.risks[name] for one in tests]) for name in tests[0].risks},
    )


def _within(found: Foretold, n_periods: int) -> Foretold:
    later = found.duration > n_periods
    return replace(
        found,
        duration=np.minimum(found.duration, n_periods),
        churned=np.where(later, 0.0, found.churned),
        curves={name: curve[:, :n_periods] for name, curve in found.curves.items()},
    )
