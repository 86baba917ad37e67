"""BG/BB estimates against the paper, an independent package, and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_donations

from patronage.errors import ConfigError, FitError, InputError
from patronage.models.purchase.bg_bb import BetaGeoBetaBinomial
from patronage.models.rows import SummedLikelihood
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_bb import BetaGeoBetaBinomialParams


@pytest.fixture(scope="module")
def donations():
    """11,104 supporters of a charity, acquired in 1995, and the years of 1996-2001 in which they gave."""
    return load_donations().rename(columns={"periods": "n_periods"})


@pytest.mark.parametrize("engine", ["native", "lifetimes"])
def test_published_estimates(donations, engine):
    # Fader, Hardie, Shang (2010): 1.204, .750, .657, 2.783; log-likelihood -33,225.6.
    model = BetaGeoBetaBinomial(engine).fit(donations, weights=donations["weights"])
    published = {"alpha": 1.203522, "beta": 0.749716, "gamma": 0.656718, "delta": 2.783442}
    assert model.params_ == pytest.approx(published, abs=2e-6 if engine == "native" else 2e-4)
    assert model.log_likelihood_ == pytest.approx(-33225.581, abs=6e-4)
    assert model.n_customers_ == 11_104


def test_forecast_of_the_paper(donations):
    # The authors' spreadsheet expects 12,884.2 donations in 2002-2006, and these numbers of donors in the data fitted.
    model = BetaGeoBetaBinomial().fit(donations, weights=donations["weights"])
    assert model.expected_purchases(donations, 5) @ donations["weights"] == pytest.approx(12_884.16, abs=0.01)
    distribution = 11_104 * model.purchase_probabilities_new(6, 6)[0]
    assert distribution[[0, 6]] == pytest.approx([3454.9, 1253.1], abs=0.05)
    by_history = donations.assign(alive=model.probability_alive(donations, 1)).set_index(["frequency", "recency"])
    for history, alive in (((0, 0), 0.11), ((2, 4), 0.59), ((6, 6), 0.93)):
        assert by_history.loc[history, "alive"] == pytest.approx(alive, abs=0.005)


def test_standard_errors_of_the_engines_agree(donations):
    native, peer = (
        BetaGeoBetaBinomial(engine).fit(donations, weights=donations["weights"]) for engine in ("native", "lifetimes")
    )
    assert native.standard_errors_ == pytest.approx(peer.standard_errors_, rel=1e-4)
    assert native.log_likelihood_ >= peer.log_likelihood_ - 1e-6


def test_gradient_and_hessian_by_differences():
    x, t_x, n = (
        np.array(column, dtype=float) for column in ([0, 0, 1, 3, 2, 9], [0, 0, 1, 5, 7, 9], [0, 8, 1, 30, 7, 9])
    )
    histories, point = Histories(x, t_x, n), np.array([0.8, 1.7, 0.4, 3.1])
    model = BetaGeoBetaBinomial()
    whole = SummedLikelihood(model._rows, histories, np.arange(1.0, 7.0))
    at = whole(point)
    step = 1e-6
    for k in range(4):
        ahead, behind = (whole(point + sign * step * np.eye(4)[k]) for sign in (1, -1))
        assert at.gradient[k] == pytest.approx((ahead.value - behind.value) / (2 * step), rel=1e-7, abs=1e-7)
        assert at.hessian[k] == pytest.approx((ahead.gradient - behind.gradient) / (2 * step), rel=1e-6, abs=1e-6)


def test_likelihood_is_the_probability_of_all_that_can_happen():
    """The likelihoods of all orders of purchases in five periods add up to 1."""
    orders = np.array(np.meshgrid(*[[0, 1]] * 5)).reshape(5, -1).T
    x = orders.sum(axis=1).astype(float)
    t_x = np.where(x > 0, 5 - orders[:, ::-1].argmax(axis=1), 0).astype(float)
    rows = BetaGeoBetaBinomial()._rows((1.2, 0.7, 0.6, 2.8), Histories(x, t_x, np.full(32, 5.0)))
    assert np.exp(rows.value).sum() == pytest.approx(1.0, rel=1e-13)


def test_rows_with_parameters_of_their_own_equal_rows_alone():
    rng = np.random.default_rng(2)
    n = rng.integers(0, 70, 200).astype(float)
    t_x = np.floor(rng.random(200) * (n + 1))
    x = np.where(t_x > 0, 1 + np.floor(rng.random(200) * t_x), 0)
    values = 10 ** rng.uniform(-2, 2, (4, 200))
    model = BetaGeoBetaBinomial()
    together = model._rows(list(values), Histories(x, t_x, n))
    for row in range(0, 200, 7):
        one = Histories(x[[row]], t_x[[row]], n[[row]])
        alone = model._rows([float(v) for v in values[:, row]], one)
        assert together.value[row] == pytest.approx(alone.value[0], rel=1e-12)
        assert together.gradient[:, row] == pytest.approx(alone.gradient[:, 0], rel=1e-9, abs=1e-12)
        assert together.hessian[:, :, row] == pytest.approx(alone.hessian[:, :, 0], rel=1e-9, abs=1e-12)


def simulated(params, n, rng):
    p, theta = rng.beta(params.alpha, params.beta, len(n)), rng.beta(params.gamma, params.delta, len(n))
    periods = np.arange(1, n.max() + 1)
    lived = np.minimum(rng.geometric(theta) - 1, n)
    buys = (rng.random((len(n), len(periods))) < p[:, None]) & (periods <= lived[:, None])
    return pd.DataFrame({"frequency": buys.sum(axis=1), "recency": (buys * periods).max(axis=1), "n_periods": n})


def test_truth_is_recovered():
    rng = np.random.default_rng(4)
    truth = BetaGeoBetaBinomialParams(1.2, 0.75, 0.66, 9.0)
    model = BetaGeoBetaBinomial().fit(simulated(truth, rng.integers(5, 40, 60_000), rng))
    for name, error in model.standard_errors_.items():
        assert abs(model.params_[name] - getattr(truth, name)) < 3 * error
        assert error < 0.1 * getattr(truth, name)


def test_priors_are_weighed_against_the_data(donations):
    free = BetaGeoBetaBinomial().fit(donations, weights=donations["weights"])
    weak, strong = (
        BetaGeoBetaBinomial(priors={"gamma": (2.0, sigma)}).fit(donations, weights=donations["weights"])
        for sigma in (10.0, 1e-3)
    )
    assert weak.params_ == pytest.approx(free.params_, rel=1e-3)
    assert strong.params_["gamma"] == pytest.approx(2.0, rel=0.01)
    assert strong.log_likelihood_ < free.log_likelihood_


def test_all_that_is_wrong_is_said_at_once():
    frame = pd.DataFrame(
        {
            "frequency": [1, 3, 1.5, 0, 1, np.nan],
            "recency": [2, 2, 2, 2, 9, 1],
            "n_periods": [6.5, 6, 6, 6, 6, 6],
        },
        index=list("abcdef"),
    )
    with pytest.raises(InputError) as caught:
        BetaGeoBetaBinomial().fit(frame)
    assert caught.value.counts == {
        "a value that is missing or not finite": 1,
        "frequency negative or not whole": 1,
        "n_periods negative or not whole": 1,
        "frequency above recency": 1,
        "recency above n_periods": 1,
        "frequency 0 with recency above 0": 1,
    }
    with pytest.raises(InputError, match="n_periods"):
        BetaGeoBetaBinomial().fit(frame[["frequency", "recency"]])
    with pytest.raises(InputError, match="one length"):
        BetaGeoBetaBinomial().fit({"frequency": [1], "recency": [1, 2], "n_periods": [3]})


def test_nobody_came_back():
    with pytest.raises(FitError, match="repeat purchase"):
        BetaGeoBetaBinomial().fit({"frequency": [0, 0], "recency": [0, 0], "n_periods": [3, 4]})


def test_bad_priors():
    with pytest.raises(ConfigError, match="'r' is no parameter"):
        BetaGeoBetaBinomial(priors={"r": (1.0, 1.0)})


def test_questions_without_meaning():
    model = BetaGeoBetaBinomial.from_params(BetaGeoBetaBinomialParams(1.2, 0.75, 0.66, 2.78))
    frame = pd.DataFrame({"frequency": [4], "recency": [6], "n_periods": [6]})
    periods = "horizon must be a whole number of periods, 0 to 9,007,199,254,740,992; got"
    for ask, said in (
        (lambda: model.expected_lifetime(frame, None), f"{periods} None"),
        (lambda: model.expected_lifetime(frame, "x"), f"{periods} 'x'"),
        (lambda: model.expected_purchases(frame, 1e24), periods),
        (lambda: model.discounted_expected_purchases(frame, 0.1, "x"), f"{periods} 'x'"),
        (lambda: model.discounted_expected_purchases(frame, 1e-308), "5e-15 or more, .* got 1e-308"),
        (lambda: model.draw(frame, 1e24, 2, np.random.default_rng(1), parameter_uncertainty=False), periods),
        (lambda: model.expected_purchases_new([1, 2.5]), "9,007,199,254,740,992; 1 of 2 are not, first: 2.5"),
        (lambda: model.expected_purchases_new("x"), "flat sequence of numbers, each a whole number of periods"),
    ):
        with pytest.raises(InputError, match=said):
            ask()


def test_a_stored_model_predicts_alike(donations):
    model = BetaGeoBetaBinomial().fit(donations, weights=donations["weights"])
    back = BetaGeoBetaBinomial.from_params(model.to_params())
    pd.testing.assert_series_equal(back.expected_purchases(donations, 5), model.expected_purchases(donations, 5))
    assert model.survival(donations, [0, 1, 2]).shape == (22, 3)
    assert (model.posterior(donations) > 0).all(axis=None)


def test_text_is_refused_with_the_name_of_the_column(donations):
    with pytest.raises(InputError, match="recency must hold numbers"):
        BetaGeoBetaBinomial().fit(donations.assign(recency="late"))
