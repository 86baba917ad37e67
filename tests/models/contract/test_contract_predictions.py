"""What fitted contractual models say of customers and cohorts, and how sure they are."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
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


FRAME = pd.DataFrame({"tenure": [0, 5, 2], "churned": [False, False, True]}, index=["new", "old", "gone"])
COHORT = {"period": range(8), "survivors": REGULAR}


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.survival([[1, 2], [3, 4]]), "flat sequence"),
        (lambda m: m.survival([1.5], FRAME), r"whole numbers of renewals.* got \[1.5\]"),
        (lambda m: m.survival("1", FRAME), "whole numbers of renewals.* got '1'"),
        (lambda m: m.survival(None, FRAME), "whole numbers of renewals.* got None"),
        (lambda m: m.survival(1, [1, 2]), "Expected a DataFrame or a mapping of columns, got list"),
        (lambda m: m.survival(1, "text"), "Expected a DataFrame or a mapping of columns, got str"),
        (lambda m: m.survival(1, {}), "columns of one length"),
        (lambda m: m.survival(1, FRAME["tenure"]), "got Series"),
        (lambda m: m.survival(1, {"a": [1], "b": [1, 2]}), r"columns of one length; got \{'a': 1, 'b': 2\}"),
        (lambda m: m.probability_alive(None, 2), "got NoneType"),
        (lambda m: m.probability_alive(FRAME, [1, 2]), "one for each of 3 customers; got 2"),
        (lambda m: m.draw(FRAME, 3, 4, "x"), r"rng must be a numpy.random.Generator.* got 'x'"),
        (lambda m: m.draw(FRAME, 3, 4, 1.5, parameter_uncertainty=False), "rng must be a numpy.random.Generator"),
        (lambda m: m.draw(FRAME, [1, 2], 4, np.random.default_rng(1)), "horizon must be one whole number"),
        (lambda m: m.draw(FRAME, 3, 2.5, np.random.default_rng(1)), "size must be a whole number of draws"),
        (lambda m: m.draw(FRAME, 3, -1, np.random.default_rng(1)), "size must be a whole number of draws"),
        (
            lambda m: m.draw({"tenure": [1] * 12}, 3, 10**8, np.random.default_rng(1)),
            "futures of 12 customers are 1,200,000,000 numbers, more than the 1,000",
        ),
        (lambda m: m.draw({"tenure": [1]}, 3, 10**9, np.random.default_rng(1)), "Choose a smaller size"),
        (lambda m: m.project_survivors(COHORT, 3, 42), r"numpy.random.default_rng\(42\)"),
        (lambda m: m.project_survivors(COHORT, 10**15, np.random.default_rng(1)), "more than the 1,000,000,000"),
        (lambda m: m.project_survivors(COHORT, 3, np.random.default_rng(1), size=10**12), "Choose a smaller size"),
        (lambda m: m.project_survivors(COHORT, np.timedelta64(3, "D"), np.random.default_rng(1)), "whole numbers"),
        (lambda m: m.lifetime_value("10", 0.1), "margin must be one finite number.* got '10'"),
        (lambda m: m.lifetime_value(None, 0.1), "margin must be one finite number.* got None"),
        (lambda m: m.lifetime_value(np.nan, 0.1), "margin must be one finite number.* got nan"),
        (lambda m: m.lifetime_value([1, 2], 0.1), "multiply the values of a margin of 1"),
        (lambda m: m.lifetime_value(10, 0.1, [1, 2]), "horizon must be one whole number"),
        (lambda m: m.lifetime_value(10, "x"), "discount_rate must be a finite rate"),
    ],
)
def test_questions_without_meaning(model, ask, words):
    with pytest.raises(InputError, match=words):
        ask(model)


def test_decimal_numbers_are_numbers(model):
    assert model.lifetime_value(Decimal(25), Decimal(1), Decimal(5)) == model.lifetime_value(25.0, 1.0, 5)
    assert model.survival([Decimal(1), Decimal(2)]).equals(model.survival([1, 2]))
    rng = np.random.default_rng
    assert model.draw(FRAME, Decimal(3), 4, rng(1)).equals(model.draw(FRAME, 3, 4, rng(1)))


def test_a_level_may_be_a_fraction(model):
    half, exact = (project(model, 400, 3, level=level, size=50) for level in (0.5, Fraction(1, 2)))
    assert exact.equals(half)


def test_an_arrow_table_is_a_frame(model):
    table, plain = pa.Table.from_pandas(FRAME, preserve_index=False), FRAME.reset_index(drop=True)
    assert model.probability_alive(table, 3).equals(model.probability_alive(plain, 3))
    assert model.survival([1, 2], table).equals(model.survival([1, 2], plain))
    cohorts = pd.DataFrame({"cohort": ["a"] * 8, "period": range(8), "survivors": REGULAR})
    ask = {"horizon": 2, "size": 50}
    from_arrow = model.project_survivors(pa.Table.from_pandas(cohorts), rng=np.random.default_rng(1), **ask)
    assert from_arrow.equals(model.project_survivors(cohorts, rng=np.random.default_rng(1), **ask))


def test_new_customers_who_are_all_alike_have_one_value(model):
    values = model.lifetime_value(25.0, 0.08, 5, frame=FRAME)
    assert values.to_dict() == dict.fromkeys(FRAME.index, model.lifetime_value(25.0, 0.08, 5))


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
        (lambda m: project(m, 1e19, 2), "at most 9,007,199,254,740,992"),
        (lambda m: project(m, 4, 0), "1 and above"),
        (lambda m: project(m, 4, 2, level=2), "0.9 is"),
    ],
)
def test_what_is_refused(model, ask, words):
    with pytest.raises(InputError, match=words):
        ask(model)
