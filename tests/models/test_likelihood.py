"""The climb: known maxima, ridges and walls."""

import numpy as np
import pytest

from patronage.errors import FitError
from patronage.models.likelihood import Evaluation, Objective, climb, estimate_at, maximise


def gaussian(centre, curvature):
    """A log-likelihood that is a parabola in the logarithms of two parameters."""
    centre, curvature = np.log(np.asarray(centre)), np.asarray(curvature)

    def evaluate(values):
        gap = np.log(values) - centre
        by_log = -curvature @ gap
        hessian = (-curvature - np.diag(by_log)) / np.outer(values, values)
        return Evaluation(float(-gap @ curvature @ gap / 2), by_log / values, hessian)

    return evaluate


def test_a_parabola_is_climbed_to_its_top():
    objective = Objective(gaussian([3.0, 0.01], [[2.0, 0.5], [0.5, 1.0]]), 1.0)
    estimate = maximise(objective, [np.array([1.0, 1.0])])
    assert estimate.values == pytest.approx([3.0, 0.01], rel=1e-8)
    by_log = np.linalg.inv([[2.0, 0.5], [0.5, 1.0]])
    assert estimate.covariance == pytest.approx(by_log * np.outer([3.0, 0.01], [3.0, 0.01]), rel=1e-6)


def test_free_parameters_may_be_negative():
    def evaluate(values):
        a, b = values
        gradient = np.array([(1 - np.log(a)) / a, -(b + 2)])
        return Evaluation(
            float(-((np.log(a) - 1) ** 2) / 2 - (b + 2) ** 2 / 2),
            gradient,
            np.diag([(np.log(a) - 2) / a**2, -1.0]),
        )

    objective = Objective(evaluate, 1.0, positive=np.array([True, False]))
    assert maximise(objective, [np.array([1.0, 5.0])]).values == pytest.approx([np.e, -2.0])


def test_a_saddle_is_left():
    """A saddle at (1, 1), with a hill on either side of it in the second parameter."""

    def evaluate(values):
        u, v = np.log(values)
        value = -(u**2) / 2 + v**2 / 2 - v**4 / 4
        gradient = np.array([-u, v - v**3])
        by_log = np.diag([-1.0, 1 - 3 * v**2])
        hessian = (by_log - np.diag(gradient)) / np.outer(values, values)
        return Evaluation(float(value), gradient / values, hessian)

    found, _ = climb(Objective(evaluate, 1.0), np.array([1.5, 1.0 + 1e-9]))
    assert abs(np.log(found.end[1])) == pytest.approx(1.0, rel=1e-6)


def test_a_wall_of_nan_is_no_way():
    def evaluate(values):
        inner = gaussian([2.0, 2.0], np.eye(2))(values)
        return Evaluation(np.nan, *inner[1:]) if values[0] > 2.5 else inner

    assert maximise(Objective(evaluate, 1.0), [np.array([0.1, 0.1])]).values == pytest.approx([2.0, 2.0], rel=1e-7)


def test_no_maximum_is_an_error():
    def evaluate(values):
        return Evaluation(float(np.log(values).sum()), 1 / values, -np.diag(values**-2.0))

    with pytest.raises(FitError, match="no maximum that could be reached"):
        maximise(Objective(evaluate, 1.0), [np.array([1.0, 1.0])])


def test_starts_go_on_until_enough_agree():
    """Two hills of different height: the low one does not count as agreement."""

    def evaluate(values):
        (u,) = np.log(values)
        value = -((u**2 - 1) ** 2) + 0.5 * u
        gradient = -4 * u * (u**2 - 1) + 0.5
        second = -12 * u**2 + 4
        return Evaluation(float(value), np.array([gradient]) / values, np.array([[second - gradient]]) / values**2)

    starts = [np.array([np.exp(u)]) for u in (-1.2, 1.2, -0.9, 0.8, 1.5)]
    estimate = maximise(Objective(evaluate, 1.0), starts, n_starts=3)
    assert len(estimate.climbs) == 5
    assert estimate.values[0] > 1


def test_a_point_is_described_wherever_it_comes_from():
    objective = Objective(gaussian([3.0, 0.01], np.eye(2)), 1.0)
    described = estimate_at(objective, np.array([3.0, 0.02]))
    assert described.gradient_norm == pytest.approx(np.log(2))
    assert described.log_likelihood == pytest.approx(-(np.log(2) ** 2) / 2)
