"""Learning the map from a classifier's margin to a probability, and choosing what kind of map it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from patronage.errors import ConfigError
from patronage.runtime.calibration import Calibration, CalibrationKind
from patronage.runtime.histories import FloatArray

AUTO: Final = "auto"
CHOOSABLE: tuple[CalibrationKind, ...] = ("sigmoid", "beta", "isotonic")
"""Kinds that `choose_calibration` compares, the simplest first."""

NEAREST_TO_CERTAIN = 1e-6
"""Probabilities are kept so far from 0 and 1 when their log loss is taken, as in the figures of an evaluation."""


def fit_calibration(kind: CalibrationKind, margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:
    """Learn a calibration from margins that a classifier gave to customers it had not seen.

    Parameters
    ----------
    kind : {"none", "temperature", "sigmoid", "beta", "isotonic"}
        Temperature has one parameter and only widens or narrows; sigmoid has two, beta three, which lets both ends bend
        by themselves; isotonic bends freely and needs thousands of rows. All but isotonic keep the order of customers.
    margin : ndarray of float64, shape (n,)
        Log odds.
    churned : ndarray of int, shape (n,)
        1 if the customer did not buy within the horizon.

    Returns
    -------
    Calibration

    Raises
    ------
    ConfigError
        If the kind is not known.
    """
    if kind not in _FITS:
        message = f"calibration must be one of {', '.join((*_FITS, AUTO))}; got {kind!r}."
        raise ConfigError(message)
    return _FITS[kind](np.asarray(margin, dtype=np.float64), churned)


def choose_calibration(
    margin: FloatArray, churned: NDArray[np.int8], fold: NDArray[np.intp]
) -> tuple[CalibrationKind, pd.DataFrame]:
    """Choose the kind of calibration by its log loss on customers that neither it nor the classifier has seen.

    Each kind is learnt without one fold after the other and judged on what was left out. The simplest kind stays,
    unless another is better by more than one standard error of the difference (Breiman et al. 1984, section 3.4.3).

    Parameters
    ----------
    margin : ndarray of float64, shape (n,)
        Log odds that the classifier gave to customers it had not seen.
    churned : ndarray of int, shape (n,)
    fold : ndarray of int, shape (n,)
        From 0; customers in one fold are left out together.

    Returns
    -------
    kind : str
        One of `CHOOSABLE`.
    table : DataFrame
        kind, log_loss (mean a customer), better_than_simplest (mean difference), standard_error (of that), chosen.
    """
    losses = {kind: np.empty(len(margin)) for kind in CHOOSABLE}
    for number in np.unique(fold):
        inside, outside = fold != number, fold == number
        for kind, loss in losses.items():
            learnt = fit_calibration(kind, margin[inside], churned[inside])
            loss[outside] = log_losses(churned[outside], learnt.probability(margin[outside]))
    simplest = CHOOSABLE[0]
    rows = []
    for kind, loss in losses.items():
        gain = losses[simplest] - loss
        error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
        rows.append((kind, float(loss.mean()), float(gain.mean()), error))
    table = pd.DataFrame(rows, columns=["kind", "log_loss", "better_than_simplest", "standard_error"])
    convincing = table["better_than_simplest"] > table["standard_error"]
    chosen = CHOOSABLE[int(table["log_loss"].where(convincing, np.inf).to_numpy().argmin())]
    return chosen, table.assign(chosen=table["kind"] == chosen)


def with_population_rate(calibration: Calibration, training_rate: float, population_rate: float) -> Calibration:
    """Correct a calibration that was learnt where sampling had changed the share of churners.

    The log odds move by ``logit(population_rate) - logit(training_rate)``: King and Zeng (2001), Logistic regression in
    rare events data, equation (7); the same as equation (4) of Saerens, Latinne and Decaestecker (2002). It holds if
    churners, and all others, were sampled at random among themselves.

    Parameters
    ----------
    calibration : Calibration
    training_rate : float
        Share of churners where the calibration was learnt.
    population_rate : float
        Share of churners among all customers.
    """
    shift = float(special.logit(population_rate) - special.logit(training_rate))
    return replace(calibration, offset=calibration.offset + shift)


def estimate_population_rate(
    probability: FloatArray, training_rate: float, tolerance: float = 1e-9, most_rounds: int = 10_000
) -> float:
    """The share of churners among customers whose labels are unknown, by expectation maximisation.

    Saerens, Latinne and Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities,
    Neural Computation 14(1), equations (9) to (12): correct the probabilities by the rate, take their mean for the
    rate, and so on until nothing moves.

    Parameters
    ----------
    probability : ndarray of float64, shape (n,)
        Calibrated for a population with `training_rate`.
    training_rate : float
    tolerance : float
        The rate is found when it moves by less.
    most_rounds : int

    Returns
    -------
    float
        Between 0 and 1.
    """
    log_odds = special.logit(np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN))
    rate = training_rate
    for _ in range(most_rounds):
        shift = special.logit(rate) - special.logit(training_rate)
        moved = float(special.expit(log_odds + shift).mean())
        if abs(moved - rate) < tolerance:
            return moved
        rate = moved
    return rate


def log_losses(churned: NDArray[np.int8], probability: FloatArray) -> FloatArray:
    """Log loss of each customer, shape (n,)."""
    kept_inside = np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    return -np.where(churned == 1, np.log(kept_inside), np.log1p(-kept_inside))


def _none(margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:  # noqa: ARG001
    return Calibration("none", (), ())


def _temperature(margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:
    slope, _ = _logistic(margin[:, None], churned, intercept=False)
    return Calibration("temperature", (), (float(slope[0]),))


def _sigmoid(margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:
    slope, intercept = _logistic(margin[:, None], churned)
    return Calibration("sigmoid", (), (intercept, float(slope[0])))


def _beta(margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:
    """Kull, Silva Filho and Flach (2017), algorithm 1; a slope that comes out negative is set to 0: the map rises."""
    both = np.column_stack([special.log_expit(margin), -special.log_expit(-margin)])
    slope, intercept = _logistic(both, churned)
    if slope.min() < 0:
        kept = int(np.argmax(slope))
        alone, intercept = _logistic(both[:, [kept]], churned)
        slope = np.zeros(2)
        slope[kept] = max(float(alone[0]), 0.0)
    return Calibration("beta", (), (intercept, float(slope[0]), float(slope[1])))


def _isotonic(margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(margin, churned)
    return Calibration("isotonic", tuple(map(float, curve.X_thresholds_)), tuple(map(float, curve.y_thresholds_)))


_FITS: dict[CalibrationKind, Callable[[FloatArray, NDArray[np.int8]], Calibration]] = {
    "none": _none,
    "temperature": _temperature,
    "sigmoid": _sigmoid,
    "beta": _beta,
    "isotonic": _isotonic,
}

KINDS: tuple[CalibrationKind, ...] = tuple(_FITS)


def _logistic(columns: FloatArray, churned: NDArray[np.int8], intercept: bool = True) -> tuple[FloatArray, float]:
    """Slopes and intercept of a logistic regression without a penalty."""
    from sklearn.linear_model import LogisticRegression

    model: Any = LogisticRegression(C=np.inf, fit_intercept=intercept, max_iter=1000).fit(columns, churned)
    return np.asarray(model.coef_[0]), float(model.intercept_[0]) if intercept else 0.0
