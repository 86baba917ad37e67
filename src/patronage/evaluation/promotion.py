"""Whether a challenger has earned the place of the champion: a paired test on the same later customers, and guards.

The test asks for a difference that chance does not explain: customers are drawn again, both models are measured on the
same draws, and the interval of the difference must lie on the better side of 0. A model that is merely not worse stays
challenger: every change of model costs its users something.

Guards ask whether the challenger may be trusted at all: its probabilities are what they say, its totals are near what
came, it has a score for everybody, and by the other measures named it is not beyond chance worse. Where the champion
itself misses a limit, a challenger that misses it by no more is let through, because refusing it would only keep the
worse one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import ConfigError, InputError
from patronage.evaluation.candidates import TASKS, Amounts, cost_of, measure_named, measured
from patronage.evaluation.judging import Resamples
from patronage.evaluation.verdict import BETTER, NEAREST_TO_ZERO, WORSE, difference_in_words, metric_title
from patronage.runtime.histories import FloatArray

CHALLENGER, CHAMPION = "challenger", "champion"
"""Names of the two in tables."""

FEWEST_REPLICATES = 100
"""With fewer resamples the ends of a 95 % interval are a matter of two or three draws."""

FEWEST_CUSTOMERS = 30
"""Below so many customers with scores, no interval of resamples is worth its level."""


@dataclass(frozen=True)
class PromotionTerms:
    """What a challenger has to show.

    Attributes
    ----------
    metric : str
        Measure of the paired test, as ``task.measure``.
    level : float
        Of the interval that must lie on the better side of 0.
    replicates : int
        Resamples of customers, `FEWEST_REPLICATES` and above.
    max_calibration_error : float
        Of the churn probabilities: mean gap between told and observed.
    max_total_error : float
        Of purchases and of value: share by which a total may miss what came, either way.
    max_missing_share : float
        Share of customers that may be left without a score.
    not_worse : tuple of str
        Further measures, by which the challenger must not be worse beyond chance.
    """

    metric: str
    level: float
    replicates: int
    max_calibration_error: float
    max_total_error: float
    max_missing_share: float
    not_worse: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in (self.metric, *self.not_worse):
            measure_named(name)
        Resamples(self.replicates, self.level)
        if self.replicates < FEWEST_REPLICATES:
            message = f"A promotion needs {FEWEST_REPLICATES} replicates and more; got {self.replicates}."
            raise ConfigError(message)


@dataclass(frozen=True)
class Check:
    """One condition of a promotion.

    Attributes
    ----------
    name : str
    holds : bool
    words : str
        What was asked, what came.
    """

    name: str
    holds: bool
    words: str


@dataclass(frozen=True)
class Judgement:
    """Whether the challenger has earned it, and why.

    Attributes
    ----------
    checks : tuple of Check
        The test first, then the guards.
    metrics, differences : DataFrame
        `schema.METRICS` and `schema.DIFFERENCES`, by every measure; the challenger against the champion.
    n_customers : int
        Who were judged by: those with scores of both.
    """

    checks: tuple[Check, ...]
    metrics: pd.DataFrame
    differences: pd.DataFrame
    n_customers: int

    @property
    def earned(self) -> bool:
        """Whether every condition holds."""
        return all(one.holds for one in self.checks)

    @property
    def reason(self) -> str:
        """The conditions that fail, or, if none does, the test that was won."""
        told = [one.words for one in self.checks if not one.holds] or [self.checks[0].words]
        return "; ".join(told)


def judge_challenger(
    came: Amounts, challenger: Amounts, champion: Amounts, terms: PromotionTerms, *, rng: np.random.Generator
) -> Judgement:
    """Hold a challenger against the champion.

    Parameters
    ----------
    came, challenger, champion : mapping of str to ndarray of float64, shape (n,)
        By task, as `candidates.what_came` and `candidates.what_was_told` give them; NaN where there is no score.
    terms : PromotionTerms
    rng : numpy.random.Generator

    Returns
    -------
    Judgement

    Raises
    ------
    InputError
        If hardly any customer has scores of both.
    """
    scored = {name: _scored(one) for name, one in ((CHALLENGER, challenger), (CHAMPION, champion))}
    both = scored[CHALLENGER] & scored[CHAMPION]
    if both.sum() < FEWEST_CUSTOMERS:
        message = (
            f"Of {len(both):,} customers {int(both.sum()):,} have scores of both models; a promotion needs "
            f"{FEWEST_CUSTOMERS} and more. Choose an earlier cut-off or another ledger."
        )
        raise InputError(message, counts={"without scores of both": int((~both).sum())})
    seen = {task: values[both] for task, values in came.items()}
    told = {
        CHALLENGER: {task: values[both] for task, values in challenger.items()},
        CHAMPION: {task: values[both] for task, values in champion.items()},
    }
    resamples = Resamples(terms.replicates, terms.level)
    found = [measured(task, seen, told, resamples, rng=rng) for task in TASKS]
    metrics = pd.concat([one.metrics for one in found], ignore_index=True)
    differences = pd.concat([one.differences for one in found], ignore_index=True)
    missing = {name: float(1 - there.mean()) for name, there in scored.items()}
    checks = (_test(differences, terms), *_guards(metrics, missing, terms), *_not_worse(differences, terms))
    return Judgement(checks, metrics, differences, int(both.sum()))


def _scored(told: Amounts) -> NDArray[np.bool_]:
    rows: FloatArray = np.column_stack([told[task] for task in TASKS])
    return np.asarray(np.isfinite(rows).all(axis=1))


def _test(differences: pd.DataFrame, terms: PromotionTerms) -> Check:
    verdict, words = _difference(differences, terms.metric, terms.level)
    return Check(f"beats the champion by {terms.metric}", verdict == BETTER, words)


def _not_worse(differences: pd.DataFrame, terms: PromotionTerms) -> list[Check]:
    found = {name: _difference(differences, name, terms.level) for name in terms.not_worse}
    return [Check(f"not worse by {name}", verdict != WORSE, words) for name, (verdict, words) in found.items()]


def _difference(differences: pd.DataFrame, name: str, level: float) -> tuple[str, str]:
    """The verdict of a paired difference, and the same in words."""
    task, metric = measure_named(name)
    found = differences[(differences["task"] == task) & (differences["metric"] == metric)].iloc[0]
    apart, low, high = (float(found[key]) for key in ("difference", "low", "high"))
    return str(found["verdict"]), f"{task}, {difference_in_words(metric, apart, low, high, level)}"


def _guards(metrics: pd.DataFrame, missing: Mapping[str, float], terms: PromotionTerms) -> list[Check]:
    limits = {
        "churn.calibration_error": terms.max_calibration_error,
        "purchases.total_error": terms.max_total_error,
        "value.total_error": terms.max_total_error,
    }
    checks = []
    for name, limit in limits.items():
        task, metric = measure_named(name)
        rows = metrics[(metrics["task"] == task) & (metrics["metric"] == metric)].set_index("model")["value"]
        title = f"{task}, {metric_title(metric)}"
        checks.append(_guard(name, title, metric, float(rows[CHALLENGER]), float(rows[CHAMPION]), limit))
    name = "missing scores"
    checks.append(
        _guard(name, "share of customers without a score", name, missing[CHALLENGER], missing[CHAMPION],
               terms.max_missing_share)
    )  # fmt: skip
    return checks


def _guard(name: str, title: str, metric: str, challenger: float, champion: float, limit: float) -> Check:
    ours, theirs = cost_of(metric, challenger), cost_of(metric, champion)
    signed = metric in NEAREST_TO_ZERO
    came = f"{title} {_share(challenger, signed)}"
    if np.isnan(ours):
        return Check(name, False, f"{title} cannot be told, because nothing came")
    if ours <= limit:
        return Check(name, True, f"{came}, within {limit:.1%}")
    if ours <= theirs:
        return Check(name, True, f"{came}, beyond {limit:.1%}, but no further than the champion's")
    return Check(name, False, f"{came}, beyond {limit:.1%}; the champion's is {_share(champion, signed)}")


def _share(value: float, signed: bool) -> str:
    return f"{value:{'+' if signed else ''}.1%}".replace("-", "−")
