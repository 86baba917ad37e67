"""What fitted contractual models say of customers and cohorts, and how sure they are."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.errors import InputError
from patronage.models.contract.bdw import BetaDiscreteWeibull
from patronage.models.contract.sbg import ShiftedBetaGeometric
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


@pytest.fixture(scope="module")
def model():
    return ShiftedBetaGeometric().fit({"period": range(8), "survivors": REGULAR})


def test_customers_in_the_place_of_periods_are_told(model):
    with pytest.raises(InputError, match="survival takes the periods first"):
        model.survival(pd.DataFrame({"tenure": [1, 2]}), [1, 2])


def test_predictions_keep_the_index(model):
    frame = pd.DataFrame({"tenure": [0, 5, 2], "churned": [False, False, True]}, index=["new", "old", "gone"])
    table = pd.DataFrame(
        {
            "alive": model.probability_alive(frame, 3),
            "renewals": model.expected_residual_lifetime(frame, 10),
            "worth": model.discounted_expected_residual_lifetime(frame, 0.1),
        }
    ).join(model.posterior(frame))
    assert table.index.tolist() == ["new", "old", "gone"]
    assert table.loc["gone", ["alive", "renewals", "worth"]].tolist() == [0, 0, 0]
    assert (table.loc["old"] > table.loc["new"])[["alive", "renewals", "worth"]].all()
    a, b = model.params_.values()
    assert table.loc["old", "churn_propensity"] == pytest.approx(a / (a + b + 5))
    assert table.loc["gone", "churn_propensity"] == pytest.approx((a + 1) / (a + b + 2))


def test_curves(model):
    curve = model.survival([0, 1, 12])
    assert curve.index.name == "period"
    assert curve.tolist() == pytest.approx([1.0, 0.62671, 0.17004], abs=1e-5)
    assert isinstance(model.retention_rate(3), float)
    assert model.churn_probability(3) == pytest.approx(1 - model.retention_rate(3))
    assert model.churn_time_probability([1, 2]).sum() == pytest.approx(1 - model.survival(2))


def test_lifetime_value_is_margin_times_discounted_periods(model):
    by_hand = sum(25.0 * model.survival(t) / 1.08**t for t in range(5))
    assert model.lifetime_value(25.0, 0.08, horizon=5) == pytest.approx(by_hand)
    assert model.lifetime_value(25.0, 0.08, horizon=5, payment="end") == pytest.approx(by_hand / 1.08)


@pytest.mark.parametrize("fitted", [ShiftedBetaGeometric, BetaDiscreteWeibull])
def test_draws_have_the_mean_of_the_forecast(fitted):
    model = fitted().fit({"period": range(8), "survivors": REGULAR})
    frame = pd.DataFrame({"tenure": np.repeat([0, 7], 400)})
    drawn = model.draw(frame, 6, 300, np.random.default_rng(0), parameter_uncertainty=False)
    assert drawn.shape == (800, 300)
    means = drawn.to_numpy().reshape(2, -1).mean(axis=1)
    assert means == pytest.approx(model.expected_residual_lifetime(frame, 6)[[0, 400]].to_numpy(), rel=0.01)
    wider = model.draw(frame, 6, 300, np.random.default_rng(0))
    assert wider.sum().std() > drawn.sum().std()
    pd.testing.assert_frame_equal(wider, model.draw(frame, 6, 300, np.random.default_rng(0)))


def test_projection_of_cohorts(model):
    columns = {"cohort": [1] * 8 + [2] * 3, "period": [*range(8), *range(3)], "survivors": [*REGULAR, 500, 300, 230]}
    cohorts = pd.DataFrame(columns)
    table = model.project_survivors(cohorts, 4, np.random.default_rng(1))
    assert table[["cohort", "period"]].to_numpy().tolist() == [[1, t] for t in range(8, 12)] + [
        [2, t] for t in range(3, 7)
    ]
    old = table[table["cohort"] == 1]
    expected = 241 * model.survival(np.arange(8, 12)) / model.survival(7)
    assert old["expected"].to_numpy() == pytest.approx(expected.to_numpy())
    assert (table["lower"] < table["expected"]).all()
    assert (table["upper"] > table["expected"]).all()
    certain = model.project_survivors(cohorts, 4, np.random.default_rng(1), parameter_uncertainty=False)
    assert (certain["upper"] - certain["lower"]).sum() < (table["upper"] - table["lower"]).sum()


def test_projection_with_known_parameters_is_binomial():
    model = ShiftedBetaGeometric().fit({"period": range(8), "survivors": REGULAR})
    table = model.project_survivors(
        {"period": [0], "survivors": [400]}, 3, np.random.default_rng(2), size=40_000, parameter_uncertainty=False
    )
    exact = stats.binom(400, model.survival(3)).ppf([0.025, 0.975])
    assert table.loc[2, ["lower", "upper"]].to_numpy() == pytest.approx(exact, abs=1.01)


def test_projected_intervals_cover_what_comes():
    """Parameters fitted to small cohorts; their own future lies in the 90 % interval about nine times in ten."""
    truth, rng, held = ShiftedBetaGeometricParams(1.0, 3.0), np.random.default_rng(3), []
    for _ in range(60):
        survivors = [400]
        for rate in truth.retention_rate(np.arange(1, 13)):
            survivors.append(rng.binomial(survivors[-1], rate))
        seen = {"period": range(8), "survivors": survivors[:8]}
        table = ShiftedBetaGeometric().fit(seen).project_survivors(seen, 5, rng, level=0.9, size=400)
        held.append(((table["lower"] <= survivors[8:]) & (table["upper"] >= survivors[8:])).to_numpy())
    assert 0.82 < np.mean(held) < 0.98


def project(model, survivors, horizon, **options):
    return model.project_survivors(
        {"period": [0], "survivors": [survivors]}, horizon, np.random.default_rng(0), **options
    )


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.probability_alive({"periods": [1]}, 2), "lacks the columns tenure"),
        (lambda m: project(m, 4.5, 2), "whole"),
        (lambda m: project(m, 4, 0), "1 and above"),
        (lambda m: project(m, 4, 2, level=2), "0.9 is"),
    ],
)
def test_what_is_refused(model, ask, words):
    with pytest.raises(InputError, match=words):
        ask(model)
