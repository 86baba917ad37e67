"""Measures of survival curves, against scikit-survival 0.28.0 and against counts by hand."""

import numpy as np
import pytest

from patronage.errors import InputError
from patronage.evaluation.survival_metrics import (
    brier_scores,
    censoring,
    harrell_concordance,
    integrated_brier_score,
    kaplan_meier,
    uno_concordance,
)

NUMBER = np.arange(1, 41)
DURATION = np.round(10 * np.modf(NUMBER * 0.61803398875)[0] + 0.5 + NUMBER * 0.001, 6)
CHURNED = (NUMBER % 3 != 0).astype(int)
RISK = np.round(np.modf(NUMBER * 0.41421356)[0] - 0.15 * DURATION, 6)
RISK[5] = RISK[7]
TIMES = np.array([1.0, 2.5, 4.0, 5.5, 7.0])
STAYING = np.exp(-np.outer(np.exp(RISK) * 0.2, TIMES))
OBSERVED = censoring(np.round(11 * np.modf(NUMBER * 0.7320508)[0] + 0.4 + NUMBER * 0.0013, 6), NUMBER % 4 != 0)


def test_measures_equal_those_of_scikit_survival():
    """concordance_index_censored, concordance_index_ipcw, brier_score and integrated_brier_score, on the same rows."""
    assert harrell_concordance(DURATION, CHURNED, RISK) == pytest.approx(0.8178438661710037, abs=1e-14)
    assert uno_concordance(DURATION, CHURNED, RISK, OBSERVED) == pytest.approx(0.8030424734305096, abs=1e-12)
    assert uno_concordance(DURATION, CHURNED, RISK, OBSERVED, 7.0) == pytest.approx(0.8151287598305904, abs=1e-12)
    scores = [0.05576777, 0.12452783, 0.1371091, 0.13896428, 0.14949204]
    assert brier_scores(DURATION, CHURNED, STAYING, TIMES, OBSERVED) == pytest.approx(scores, abs=1e-8)
    integrated = integrated_brier_score(DURATION, CHURNED, STAYING, TIMES, OBSERVED)
    assert integrated == pytest.approx(0.12580777922948908, abs=1e-14)


def test_kaplan_meier_by_hand():
    """Of five, one leaves at 1; one of four leaves at 2 and one goes out of sight; of two, one leaves at 3."""
    curve = kaplan_meier([1, 2, 2, 3, 4], [1, 1, 0, 1, 0])
    assert curve.after([0.5, 1, 2, 3, 9]) == pytest.approx([1, 4 / 5, 3 / 5, 3 / 10, 3 / 10])
    assert curve.until([1, 2, 3, 4]) == pytest.approx([1, 4 / 5, 3 / 5, 3 / 10])
    watched = censoring([1, 2, 2, 3, 4], [1, 1, 0, 1, 0])
    assert watched.after([1, 2, 3, 4]) == pytest.approx([1, 2 / 3, 2 / 3, 0])


def test_concordance_by_hand():
    """Three pairs count: (a, b) right, (a, c) tied, (b, c) not known, as b was still there; d equals a in time."""
    duration, churned, risk = [1, 2, 3, 1], [1, 0, 1, 0], [0.9, 0.1, 0.9, 0.5]
    assert harrell_concordance(duration, churned, risk) == pytest.approx((1 + 0.5 + 1) / 3)
    assert np.isnan(harrell_concordance([1, 2], [0, 0], [1, 2]))


def test_weights_undo_the_censoring():
    """Half the customers are lost at random; the weighted score is that of all customers, where nobody is lost."""
    rng = np.random.default_rng(0)
    risk = rng.normal(size=6000)
    time = rng.exponential(np.exp(-risk))
    lost = rng.exponential(1.0, 6000)
    staying = np.exp(-np.outer(np.exp(risk), [0.3, 0.6]))
    nobody_lost = brier_scores(time, np.ones(6000), staying, [0.3, 0.6], censoring(time, np.ones(6000)))
    assert nobody_lost == pytest.approx(
        [((time > t) - s) @ ((time > t) - s) / 6000 for t, s in zip((0.3, 0.6), staying.T, strict=True)]
    )
    duration, churned = np.minimum(time, lost), (time <= lost).astype(int)
    weighted = brier_scores(duration, churned, staying, [0.3, 0.6], censoring(duration, churned))
    assert weighted == pytest.approx(nobody_lost, abs=0.01)
    full = harrell_concordance(time, np.ones(6000), risk)
    assert uno_concordance(duration, churned, risk, censoring(duration, churned), 2.0) == pytest.approx(full, abs=0.02)


def test_in_whole_periods_everyone_may_be_lost_at_the_end():
    """Customers who stay to the last period are lost there; those who leave in it still count with finite weights."""
    duration, churned = [1, 2, 3, 3], [1, 1, 1, 0]
    scores = brier_scores(duration, churned, np.full((4, 2), 0.5), [1, 2], censoring(duration, churned))
    assert scores == pytest.approx([0.25, 0.25])
    with pytest.raises(InputError, match="nobody is observed any more"):
        brier_scores(duration, churned, np.full((4, 1), 0.5), [3], censoring(duration, churned))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [0.1, 0.2]), "as long as each other"),
        (([1, -2], [1, 0], [0.1, 0.2]), "0 or more"),
        (([1, 2], [1, 2], [0.1, 0.2]), "0 or 1"),
        (([1, 2], [1, 0], [0.1]), "2 numbers, one a customer"),
        (([1, 2], [1, 0], [0.1, np.nan]), "none missing"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        harrell_concordance(*arguments)


def test_shapes_and_times_are_checked():
    with pytest.raises(InputError, match=r"must have shape \(40, 2\)"):
        brier_scores(DURATION, CHURNED, STAYING, [1.0, 2.0], OBSERVED)
    with pytest.raises(InputError, match="two or more, in ascending order"):
        integrated_brier_score(DURATION, CHURNED, STAYING, TIMES[::-1], OBSERVED)
