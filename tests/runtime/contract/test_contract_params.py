"""Predictions of the contractual models against closed forms, mpmath, and simulation."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pandas as pd
import pytest

from patronage.errors import InputError
from patronage.runtime.contract.bdw import BetaDiscreteWeibullParams
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams
from patronage.runtime.contract.tenures import Tenures, checked_tenures

DIGITS = 80


def active(*tenure):
    return Tenures(np.array(tenure, dtype=float), np.zeros(len(tenure), dtype=bool))


def close(got, want):
    """Relative error at most 1e-8, absolute 1e-12 below 1e-12."""
    return abs(float(mpmath.mpf(float(got)) - want)) <= max(1e-8 * abs(float(want)), 1e-12 * (abs(want) < 1e-12))


def exact_survival(params, t):
    a, b, c = mpmath.mpf(params.alpha), mpmath.mpf(params.beta), mpmath.mpf(params.shape)
    age = mpmath.mpf(t) ** c if t else mpmath.mpf(0)
    return mpmath.exp(
        mpmath.loggamma(b + age) - mpmath.loggamma(a + b + age) - mpmath.loggamma(b) + mpmath.loggamma(a + b)
    )


def wild(rng):
    """Parameters anywhere in 1e-3 ... 1e3, c in 1e-2 ... 10."""
    a, b = 10 ** rng.uniform(-3, 3, 2)
    return ShiftedBetaGeometricParams(a, b) if rng.random() < 0.3 else BetaDiscreteWeibullParams(
        a, b, 10 ** rng.uniform(-2, 1)
    )  # fmt: skip


def test_published_retention_rates():
    # Fader and Hardie (2007), the estimates of both segments; r(t) = (beta + t - 1) / (alpha + beta + t - 1).
    high_end, regular = ShiftedBetaGeometricParams(0.668, 3.806), ShiftedBetaGeometricParams(0.704, 1.182)
    assert high_end.retention_rate([1, 2, 3, 4]).round(3).tolist() == [0.851, 0.878, 0.897, 0.911]
    assert regular.retention_rate([1, 2, 3, 4]).round(3).tolist() == [0.627, 0.756, 0.819, 0.856]
    t = np.arange(1, 40)
    assert regular.retention_rate(t) == pytest.approx((1.182 + t - 1) / (0.704 + 1.182 + t - 1), rel=1e-14)


def test_survival_is_the_product_of_retention_rates():
    for params in (ShiftedBetaGeometricParams(0.7, 1.2), BetaDiscreteWeibullParams(0.3, 1.4, 1.7)):
        t = np.arange(1, 60)
        assert params.survival(t) == pytest.approx(np.cumprod(params.retention_rate(t)), rel=1e-12)
        assert params.churn_time_probability(t).sum() == pytest.approx(1 - params.survival(59), rel=1e-12)
        assert params.survival(0) == 1


def test_sbg_is_bdw_with_exponent_1():
    one, other = ShiftedBetaGeometricParams(0.7, 1.2), BetaDiscreteWeibullParams(0.7, 1.2, 1.0)
    seen = checked_tenures([0, 3, 4, 9], [False, False, True, True])
    assert one.probability_alive(seen, 5) == pytest.approx(other.probability_alive(seen, 5), rel=1e-14)
    assert one.expected_lifetime(seen, 50) == pytest.approx(other.expected_lifetime(seen, 50), rel=1e-13)
    assert np.array(one.propensity(seen)) == pytest.approx(np.array(other.propensity(seen)), rel=1e-12)


def test_probabilities_hold_everywhere():
    rng = np.random.default_rng(1)
    with mpmath.workdps(DIGITS):
        for _ in range(150):
            params = wild(rng)
            n, h = (int(10 ** rng.uniform(0, 4)) - int(rng.random() < 0.3) for _ in range(2))
            then = exact_survival(params, n)
            assert close(params.survival(n), then)
            assert close(params.probability_alive(active(n), h)[0], exact_survival(params, n + h) / then)
            gone = 1 - exact_survival(params, n + 1) / then
            assert close(params.churn_probability(n + 1), gone)
            assert abs(float(mpmath.mpf(float(params.churn_probability(n + 1))) / gone - 1)) < 1e-8
            assert 0 <= params.retention_rate(n + 1) <= 1


def test_sums_over_the_future_hold_everywhere():
    rng = np.random.default_rng(2)
    with mpmath.workdps(DIGITS):
        for _ in range(40):
            params, n, h = wild(rng), int(10 ** rng.uniform(-0.5, 4)), int(10 ** rng.uniform(0, 2.7))
            d = 10 ** rng.uniform(-4, 0)
            alive = [exact_survival(params, n + k) / exact_survival(params, n) for k in range(1, h + 1)]
            assert close(params.expected_lifetime(active(n), h)[0], mpmath.fsum(alive))
            worth = mpmath.fsum(s / (1 + mpmath.mpf(d)) ** (k + 0.25) for k, s in enumerate(alive))
            assert close(params.discounted_lifetime(active(n), d, h, next_payment_in=0.25)[0], worth)


def test_long_horizons_hold_everywhere():
    """Against the plain sum of 10,000 terms, each exact to 1e-13."""
    rng = np.random.default_rng(3)
    k = np.arange(1, 10_001)
    for _ in range(40):
        params, n = wild(rng), int(10 ** rng.uniform(-0.5, 4))
        alive = params.probability_alive(active(*np.full(len(k), n)), k)
        assert params.expected_lifetime(active(n), 10_000)[0] == pytest.approx(alive.sum(), rel=1e-11, abs=1e-290)


def test_discounted_residual_lifetime_is_the_published_closed_form():
    """Fader and Hardie (2010): a hypergeometric function where the payment is due at once."""
    rng = np.random.default_rng(4)
    with mpmath.workdps(40):
        for _ in range(60):
            a, b = 10 ** rng.uniform(-3, 3, 2)
            n, d = int(10 ** rng.uniform(-0.5, 4)), 10 ** rng.uniform(-4, 0)
            A, B = mpmath.mpf(a), mpmath.mpf(b)
            want = (B + n) / (A + B + n) * mpmath.hyp2f1(1, B + n + 1, A + B + n + 1, 1 / (1 + mpmath.mpf(d)))
            assert close(ShiftedBetaGeometricParams(a, b).discounted_lifetime(active(n), d)[0], want)
            new = mpmath.hyp2f1(1, B, A + B, 1 / (1 + mpmath.mpf(d)))
            assert close(ShiftedBetaGeometricParams(a, b).discounted_lifetime_new(d)[0], new)


def test_undiscounted_lifetime():
    for a in (1 + 1e-4, 1.01, 2.0, 37.0, 900.0):
        for b, n in ((1e-3, 0), (3.0, 7), (800.0, 9_000)):
            got = ShiftedBetaGeometricParams(a, b).expected_lifetime(active(n))[0]
            assert got == pytest.approx((b + n) / (a - 1), rel=1e-11)
    assert np.isinf(ShiftedBetaGeometricParams(1.0, 2.0).expected_lifetime(active(5))[0])
    assert np.isinf(BetaDiscreteWeibullParams(0.5, 2.0, 1.9).expected_lifetime(active(5))[0])


@pytest.mark.parametrize(
    ("alpha", "beta", "c", "n", "want"),
    [
        # By mpmath with 150 digits: a sum of 1,500 terms and the integral over the logarithm of time beyond.
        (1.0, 1.0, 2.0, 0, 1.0766740474685836),
        (0.3, 2.0, 5.0, 7, 13.518177743503404),
        (3.0, 10.0, 0.5, 3, 182.76124445009353),
        (2.5, 1.0, 0.41, 9_000, 396441.2602291341),
        (12.0, 4.0, 0.1, 0, 226577818.9087416),
        (150.0, 3.0, 0.02, 10, 2.829808330875869e45),
        (0.11, 500.0, 9.7, 2, 30.954180892448345),
    ],
)
def test_undiscounted_lifetime_of_bdw(alpha, beta, c, n, want):
    got = BetaDiscreteWeibullParams(alpha, beta, c).expected_lifetime(active(n))[0]
    assert got == pytest.approx(want, rel=1e-11)


def test_a_sum_that_is_known():
    """With alpha = beta = 1 and c = 2, S(t) = 1 / (1 + t^2), whose sum over t from 1 is (pi coth(pi) - 1) / 2."""
    got = BetaDiscreteWeibullParams(1.0, 1.0, 2.0).expected_lifetime(active(0))[0]
    assert got == pytest.approx((np.pi / np.tanh(np.pi) - 1) / 2, rel=1e-14)


def test_when_payments_fall_due():
    params = ShiftedBetaGeometricParams(0.7, 1.2)
    start, end = (params.discounted_lifetime_new(0.1, payment=when)[0] for when in ("start", "end"))
    assert end == pytest.approx(start / 1.1, rel=1e-14)
    first_payment_then_renewals = 1 + params.discounted_lifetime(active(0), 0.1, next_payment_in=1.0)[0]
    assert start == pytest.approx(first_payment_then_renewals, rel=1e-14)
    assert params.discounted_lifetime_new(0.1, horizon=1)[0] == 1.0
    three_periods = 1 + params.survival(1) / 1.1 + params.survival(2) / 1.21
    assert params.discounted_lifetime_new(0.1, horizon=3)[0] == pytest.approx(three_periods, rel=1e-14)


@pytest.mark.parametrize(
    ("alpha", "beta", "c"),
    [(0.3, 1.4, 1.7), (40.0, 90.0, 0.2), (0.02, 0.5, 3.0), (2.0, 2.0, 1.0), (300.0, 20.0, 0.9), (900.0, 0.002, 1.0)],
)
def test_propensity_is_that_of_a_difference_of_beta_functions(alpha, beta, c):
    params = BetaDiscreteWeibullParams(alpha, beta, c)
    seen = checked_tenures([0, 4, 1, 6], [False, False, True, True])
    found = params.propensity(seen)
    with mpmath.workdps(60):
        for place, (tenure, churned) in enumerate(zip(seen.tenure, seen.churned, strict=True)):
            u, v = mpmath.mpf(tenure - churned) ** c, mpmath.mpf(tenure) ** c

            def moment(power, u=u, v=v, churned=churned):
                stayed = mpmath.beta(alpha + power, beta + u)
                return stayed - mpmath.beta(alpha + power, beta + v) if churned else stayed

            mean = moment(1) / moment(0)
            sd = mpmath.sqrt(moment(2) / moment(0) - mean**2)
            assert found.mean[place] == pytest.approx(float(mean), rel=1e-12)
            assert found.sd[place] == pytest.approx(float(sd), rel=1e-9)


@pytest.mark.parametrize("c", [0.4, 1.0, 2.5])
def test_draws_follow_the_probabilities(c):
    params, size = BetaDiscreteWeibullParams(0.6, 2.0, c), 200_000
    drawn = params.draw(checked_tenures([0, 5, 3], [False, False, True]), 6, size, np.random.default_rng(5))
    assert drawn.shape == (size, 3)
    for place, n in enumerate((0, 5)):
        alive = np.array([params.probability_alive(active(n), k)[0] for k in range(1, 7)])
        found = (drawn[:, [place]] >= np.arange(1, 7)).mean(axis=0)
        assert np.abs(found - alive).max() < 4.5 * 0.5 / np.sqrt(size)
    assert (drawn[:, 2] == 0).all()


@pytest.mark.filterwarnings("error")
def test_draws_hold_everywhere():
    rng = np.random.default_rng(6)
    for _ in range(50):
        drawn = wild(rng).draw(active(0, 1, 100, 10_000), 100, 20, rng)
        assert ((drawn >= 0) & (drawn <= 100) & (drawn == np.floor(drawn))).all()


def test_who_has_left_has_no_future():
    gone = checked_tenures([3], [True])
    params = BetaDiscreteWeibullParams(0.6, 2.0, 1.3)
    assert params.probability_alive(gone, 0)[0] == 0
    assert params.expected_lifetime(gone, 10)[0] == 0
    assert params.discounted_lifetime(gone, 0.1)[0] == 0


def test_parameters_by_row():
    rows = BetaDiscreteWeibullParams(np.array([0.6, 2.0, 2.0]), np.array([2.0, 1.0, 1.0]), np.array([1.3, 0.8, 0.8]))
    seen = active(4, 2, 2)
    singles = [BetaDiscreteWeibullParams(0.6, 2.0, 1.3), *[BetaDiscreteWeibullParams(2.0, 1.0, 0.8)] * 2]
    for ask in (
        lambda params, who: params.probability_alive(who, 3),
        lambda params, who: params.expected_lifetime(who, 30),
        lambda params, who: params.expected_lifetime(who),
        lambda params, who: params.discounted_lifetime(who, 0.1),
        lambda params, who: params.propensity(who).mean,
    ):
        want = [ask(params, active(n))[0] for params, n in zip(singles, seen.tenure, strict=True)]
        assert ask(rows, seen) == pytest.approx(want, rel=1e-13)
    assert rows.discounted_lifetime_new(0.1)[1] == pytest.approx(singles[1].discounted_lifetime_new(0.1)[0], rel=1e-13)


def test_no_customers():
    assert ShiftedBetaGeometricParams(0.7, 1.2).expected_lifetime(active(), 5).shape == (0,)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda p: p.survival(1.5), "whole numbers of renewals"),
        (lambda p: p.retention_rate(0), "1 and above"),
        (lambda p: p.probability_alive(active(1), -1), "0 and above"),
        (lambda p: p.discounted_lifetime(active(1), 0.0), "rate must be above 0"),
        (lambda p: p.discounted_lifetime(active(1), -0.1), "0 and above; got -0.1"),
        (lambda p: p.discounted_lifetime(active(1), 0.1, next_payment_in=2), "0 to 1 periods"),
        (lambda p: p.discounted_lifetime_new(0.1, payment="middle"), "start or end"),
        (lambda p: p.survival("x"), "got 'x'"),
        (lambda p: p.survival([1, None]), r"got \[1, None\]"),
        (lambda p: p.expected_lifetime(active(1), "x"), "got 'x'"),
        (lambda p: p.expected_lifetime(active(1), 1e24), "at most 9,007,199,254,740,992; got 1e\\+24"),
        (lambda p: p.draw(active(1), 1e24, 2, np.random.default_rng(1)), "at most 9,007,199,254,740,992"),
        (lambda p: p.discounted_lifetime(active(1), "x"), "finite rate per period, 0 and above; got 'x'"),
        (lambda p: p.discounted_lifetime(active(1), 1e-22), "above 0, 5e-15 or more, .* got 1e-22"),
        (lambda p: p.discounted_lifetime_new(1e-22), "above 0, 5e-15 or more"),
        (lambda p: p.discounted_lifetime(active(1), 0.1, next_payment_in="x"), "0 to 1 periods; got 'x'"),
        (lambda p: p.survival([[1, 2], [3, 4]]), r"flat sequence .* got \[\[1, 2\], \[3, 4\]\]"),
        (lambda p: p.survival([[1], [2, 3]]), "flat sequence"),
        (lambda p: p.survival(True), "whole numbers of renewals.* got True"),
        (lambda p: p.survival([1, 2j]), "whole numbers of renewals"),
        (lambda p: p.survival(np.timedelta64(3, "D")), "whole numbers of renewals"),
        (lambda p: p.survival(Decimal("sNaN")), "whole numbers of renewals"),
        (lambda p: p.probability_alive(active(1, 2, 3), [1, 2]), "one for each of 3 customers; got 2"),
        (lambda p: p.expected_lifetime(active(1), [1, 2]), r"the same for all; got \[1, 2\]"),
        (lambda p: p.draw(active(1), np.ones(2), 2, np.random.default_rng(1)), "horizon must be one whole number"),
        (lambda p: p.discounted_lifetime_new(0.1, [3.0]), "horizon must be one whole number"),
        (lambda p: p.discounted_lifetime_new(0.1, 3, np.array(["start", "end"])), "start or end"),
        (lambda p: p.discounted_lifetime(active(1), np.timedelta64(1, "D"), 3), "finite rate per period"),
        (lambda p: p.discounted_lifetime(active(1), 10**400, 3), "finite rate per period"),
        (lambda p: p.discounted_lifetime(active(1), True, 3), "finite rate per period"),
    ],
)
@pytest.mark.parametrize("params", [ShiftedBetaGeometricParams(0.7, 1.2), BetaDiscreteWeibullParams(0.7, 1.2, 0.8)])
def test_what_is_refused(params, ask, words):
    with pytest.raises(InputError, match=words):
        ask(params)


def test_the_longest_horizon_and_the_least_rate_have_an_answer():
    params = ShiftedBetaGeometricParams(0.7, 1.2)
    longest = params.expected_lifetime(active(3), 2.0**53)[0]
    with mpmath.workdps(DIGITS):
        a, b, h = mpmath.mpf(params.alpha), mpmath.mpf(params.beta) + 3, mpmath.mpf(2.0**53)
        ratio = mpmath.gammaprod([b + h + 1, a + b], [a + b + h, b + 1])
        assert close(longest, b / (1 - a) * (ratio - 1))
    assert 0 < params.discounted_lifetime(active(3), 5e-15)[0] < longest


@pytest.mark.parametrize("number", [Decimal, Fraction, np.uint8, np.float32, np.longdouble, np.array])
def test_numbers_of_any_type_are_the_same(number):
    params = BetaDiscreteWeibullParams(0.7, 1.2, 0.8)
    assert params.survival(number(3)) == params.survival(3)
    assert params.survival([number(3), number(4)]) == pytest.approx(params.survival([3, 4]), rel=0)
    assert params.expected_lifetime(active(2), number(3)) == params.expected_lifetime(active(2), 3)
    assert params.discounted_lifetime(active(2), number(1), 3) == params.discounted_lifetime(active(2), 1.0, 3)


@pytest.mark.parametrize(
    ("tenure", "churned", "words"),
    [
        (["a", "b"], None, "tenure must hold numbers"),
        ("ab", None, "tenure must hold numbers"),
        ([[1], [2, 3]], None, "tenure must hold numbers"),
        ([1 + 1j, 2], None, "tenure must hold real numbers"),
        (np.array([1, 2], "timedelta64[D]"), None, "tenure holds dates or durations"),
        ([date(2020, 1, 1), date(2020, 1, 2)], None, "tenure holds dates or durations"),
        (pd.Series([1, None], dtype="Int64"), None, "tenure missing"),
        ([1, 1e30], None, "tenure above 9,007,199,254,740,992"),
        (3, None, r"columns of one length; got shapes \(\)"),
        ([1, 2], True, r"got shapes \(2,\), \(\)"),
        ([1, 2], [[True], [True, False]], "churned must hold truth values"),
        ([1, 2], pd.Series([True, [False]]), "neither true nor false"),
        ([1, 2], np.array([1, 0j]), "churned must hold real numbers"),
        ([1, 2], np.array([1, 0], "timedelta64[D]"), "churned holds dates or durations"),
        ([1, 2], pd.Series([True, None], dtype="boolean"), "neither true nor false"),
        ([1, 2], ["True", "False"], r"neither true nor false \(2 rows"),
    ],
)
def test_columns_that_are_none(tenure, churned, words):
    with pytest.raises(InputError, match=words):
        checked_tenures(tenure, churned)


def test_columns_of_any_type_are_the_same():
    for kind in ("uint8", "float32", "longdouble", "Int64", "object", "category"):
        seen = checked_tenures(pd.Series([2, 3], dtype=kind), pd.Series([1, 0], dtype=kind))
        assert (seen.tenure.tolist(), seen.churned.tolist()) == ([2.0, 3.0], [True, False])
    seen = checked_tenures([Decimal(2), Fraction(3)], [Decimal(1), np.False_])
    assert (seen.tenure.tolist(), seen.churned.tolist()) == ([2.0, 3.0], [True, False])


def test_bad_tenures_are_counted():
    with pytest.raises(InputError) as caught:
        checked_tenures([1.5, -1, np.nan, 0, 3, 2], [True, False, False, True, None, "yes"], ids=list("abcdef"))
    assert caught.value.counts == {
        "tenure missing or not finite": 1,
        "tenure negative or not whole": 2,
        "churned neither true nor false": 2,
        "churned with tenure 0": 1,
    }
    assert caught.value.first_ids == ("a", "b", "c", "d", "e")
