"""What the models refuse, and how they say it."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lifetimes.datasets import load_cdnow_summary

from patronage.errors import ConfigError, InputError, ModelError
from patronage.models import BetaGeoCNBD, BetaGeoNBD, GammaGamma, ModifiedBetaGeoNBD, ParetoNBD
from patronage.value.lifetime import customer_lifetime_value

FRAME, RNG = load_cdnow_summary(), np.random.default_rng(1)
CALLS = {
    "new, horizon below 0": (lambda m: m.expected_purchases_new(-1), "1 of 1 are not, first: -1.0"),
    "new, horizon missing": (lambda m: m.expected_purchases_new([1.0, np.nan]), "1 of 2 are not, first: nan"),
    "new, endless horizon": (lambda m: m.purchase_probabilities_new(3, np.inf), "first: inf"),
    "new, horizon as text": (lambda m: m.expected_purchases_new("x"), "a number or a flat sequence .* got 'x'"),
    "new, numbers as text": (lambda m: m.expected_purchases_new(["1", "2"]), "a number or a flat sequence"),
    "new, no horizon": (lambda m: m.expected_purchases_new(None), "a number or a flat sequence .* got None"),
    "new, table": (
        lambda m: m.expected_purchases_new([[1, 2], [3, 4]]),
        r"flat sequence .* got \[\[1, 2\], \[3, 4\]\]",
    ),
    "new, beyond never": (lambda m: m.expected_purchases_new([1, 1e20]), r"0 to 1e\+18; 1 of 2 are not, first: 1e\+20"),
    "horizon beyond never": (lambda m: m.expected_purchases(FRAME, 1e300), r"0 to 1e\+18; got 1e\+300"),
    "future beyond never": (lambda m: m.draw(FRAME, 1e20, 2, np.random.default_rng(1)), r"0 to 1e\+18; got 1e\+20"),
    "array as horizon": (lambda m: m.probability_alive(FRAME, np.array([1.0, 2.0])), "horizon must be a finite time"),
    "horizons as text": (lambda m: m.survival(FRAME, ["x"]), r"flat sequence .* got \['x'\]"),
    "quantile as text": (lambda m: m.next_purchase_quantiles(FRAME, "x"), "q must lie between 0 and 1.* got 'x'"),
    "table of quantiles": (lambda m: m.next_purchase_quantiles(FRAME, [[0.1], [0.2]]), r"q must lie .* got \[0.1\]"),
    "rate without an end": (
        lambda m: m.discounted_expected_purchases(FRAME, 1e-308),
        "above 0, 4.5e-17 or more, .* got 1e-308",
    ),
    "rate beyond never": (lambda m: m.discounted_expected_purchases(FRAME, 1e300, 3.0), r"0 to 1e\+18; got 1e\+300"),
    "horizon as text": (lambda m: m.expected_purchases(FRAME, "a"), "horizon must be a finite time"),
    "n_max below 0": (lambda m: m.purchase_probabilities(FRAME, -1, 3.0), "n_max must be a whole number"),
    "n_max beyond memory": (
        lambda m: m.purchase_probabilities(FRAME, 10**9, 3.0),
        "above the 1,000,000,000 that one call computes",
    ),
    "n_max not whole": (lambda m: m.purchase_probabilities_new(2.5, 3.0), "n_max must be a whole number"),
    "n_max of days": (
        lambda m: m.purchase_probabilities(FRAME, np.timedelta64(3, "D"), 3.0),
        "n_max must be a whole number",
    ),
    "truth as horizon": (lambda m: m.expected_purchases(FRAME, True), "horizon must be a finite time.*got True"),
    "masked horizon": (
        lambda m: m.survival(FRAME, np.ma.masked_array([1.0, 2.0], mask=[False, True])),
        "a number or a flat sequence",
    ),
    "endless draws": (lambda m: m.total_interval(FRAME, 3.0, size=10**30, rng=RNG), "at most 100,000,000 draws"),
    "futures beyond memory": (
        lambda m: m.draw(FRAME, 3.0, 10**8, RNG),
        "more than the 1,000,000,000 that one call draws",
    ),
    "draws as a duration": (lambda m: m.draw(FRAME, 3.0, np.timedelta64(3, "D"), RNG), "size must be a whole number"),
    "rate as text": (lambda m: m.discounted_expected_purchases(FRAME, "x"), "rate must be a finite discount rate"),
    "level in per cent": (lambda m: m.summary(90), "0.9 is 90 %"),
    "level as text": (lambda m: m.summary("a"), "level must lie between 0 and 1.*got 'a'"),
    "a seed for a generator": (lambda m: m.draw(FRAME, 3.0, 5, 42), r"numpy.random.default_rng\(42\)"),
}


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
@pytest.mark.parametrize("case", CALLS)
def test_questions_without_meaning(kind, case):
    ask, said = CALLS[case]
    with pytest.raises(InputError, match=said):
        ask(kind().fit(FRAME))


def test_horizons_of_another_number_of_newcomers():
    frame = FRAME.assign(age=np.arange(len(FRAME)) % 50)
    model = BetaGeoNBD(purchase_covariates=["age"]).fit(frame)
    with pytest.raises(InputError, match="one for each of the 3 rows of frame; got 2"):
        model.expected_purchases_new([1.0, 2.0], frame.head(3))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (None, "Expected a DataFrame or a mapping of columns, got NoneType"),
        (FRAME.to_numpy(), "got ndarray"),
        (FRAME.assign(frequency="x"), "frequency must hold numbers"),
        (FRAME.assign(frequency=FRAME["frequency"] + 0j), "frequency must hold real numbers; got complex ones"),
        (FRAME.assign(T=list(FRAME["T"].to_numpy() + 0j)).astype({"T": object}), "T must hold real numbers"),
        (FRAME.assign(T=np.timedelta64(5, "D")).astype({"T": object}), "T holds dates or durations"),
        (FRAME.assign(recency=pd.to_timedelta(FRAME["recency"], "D")), "recency holds dates or durations"),
        (FRAME.drop(columns="T"), "lacks the columns T; it has ID, frequency, recency"),
        (
            {**FRAME, "T": np.ma.masked_array(FRAME["T"], mask=FRAME["frequency"] > 9)},
            "T has masked places, which hold no numbers",
        ),
        (FRAME.assign(frequency=10**400), "frequency must hold numbers"),
    ],
)
def test_frames_that_are_none(frame, said):
    for model in (BetaGeoNBD(), BetaGeoCNBD(k=2)):
        with pytest.raises(InputError, match=said):
            model.fit(frame)


def test_an_arrow_table_is_a_frame():
    table = pa.Table.from_pandas(FRAME.reset_index(drop=True))
    assert BetaGeoNBD().fit(table).params_ == pytest.approx(BetaGeoNBD().fit(FRAME).params_)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(3), r"one a row; got shape \(3,\)"),
        (np.r_[-1.0, np.ones(len(FRAME) - 1)], r"negative \(1 row, first: 0\)"),
        (np.zeros(len(FRAME)), "All weights are zero"),
        (pd.Series(np.ones(len(FRAME)), index=FRAME.index[::-1]), "may belong to another row"),
    ],
)
def test_weights_that_are_none(weights, said):
    with pytest.raises(InputError, match=said):
        BetaGeoNBD().fit(FRAME, weights=weights)


def test_bad_weights_are_named_by_the_index_of_the_frame():
    frame = FRAME.set_index(FRAME["ID"].map("c{}".format))
    with pytest.raises(InputError, match=r"negative \(1 row, first: c3\)"):
        BetaGeoNBD().fit(frame, weights=pd.Series(1.0, index=frame.index).where(frame.index != "c3", -1.0))


def test_parameters_of_another_model():
    pareto = ParetoNBD().fit(FRAME).to_params()
    with pytest.raises(ModelError, match="BetaGeoNBD needs parameters of BG/NBD"):
        BetaGeoNBD.from_params(pareto)
    with pytest.raises(ModelError, match="finite and above 0"):
        ParetoNBD.from_params(type(pareto)(0.5, 10.0, np.nan, 11.0))


@pytest.mark.parametrize("prior", [1.0, ("a", "b"), (1.0, None), (1.0, (2.0, 3.0)), {1.0: 2.0}, (1.0, 2j)])
def test_priors_of_another_shape(prior):
    with pytest.raises(ConfigError, match="a needs a median and a sigma"):
        BetaGeoNBD(priors={"a": prior})


@pytest.mark.parametrize("priors", ["a", [("a", (1.0, 1.0))], 3])
def test_priors_that_are_no_mapping(priors):
    with pytest.raises(ConfigError, match=r"priors must be a mapping such as \{'r': \(median, sigma\)\}; got"):
        BetaGeoNBD(priors=priors)


def test_value_without_a_horizon():
    frame = FRAME.assign(monetary_value=10.0)
    rng = np.random.default_rng(0)
    spend = GammaGamma().fit(frame.assign(monetary_value=rng.gamma(5.0, 2.0, len(frame))))
    purchase = BetaGeoNBD().fit(frame)
    with pytest.raises(ConfigError, match="horizon_days must be a finite number"):
        customer_lifetime_value(purchase, spend, frame, -1, "week")
    with pytest.raises(ConfigError, match="time_unit must be one of day, week, year"):
        customer_lifetime_value(purchase, spend, frame, 30, "month")


def test_one_column_for_every_quantile_asked_for():
    model = ParetoNBD().fit(FRAME)
    waits = model.next_purchase_quantiles(FRAME.head(4), [0.4, 0.1, 0.4])
    assert list(waits.columns) == [0.4, 0.1, 0.4]
    assert (waits.iloc[:, 0] == waits.iloc[:, 2]).all()
    assert waits.iloc[:, 1].equals(model.next_purchase_quantiles(FRAME.head(4), 0.1)[0.1])


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
@pytest.mark.parametrize("rate", [np.uint8(4), np.float16(4), np.longdouble(4), 4])
def test_numbers_of_any_type_are_the_same_rate(kind, rate):
    model = kind().fit(FRAME)
    for horizon in (None, 30):
        expected = model.discounted_expected_purchases(FRAME.head(5), 4.0, horizon)
        assert model.discounted_expected_purchases(FRAME.head(5), rate, horizon).equals(expected)


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
@pytest.mark.parametrize("half", [Fraction(1, 2), Decimal("0.5"), np.float16(0.5)])
def test_fractions_and_decimals_are_numbers(kind, half):
    model, some = kind().fit(FRAME), FRAME.head(5)
    calls = (
        lambda m, h: m.expected_purchases(some, h),
        lambda m, h: m.survival(some, [h]),
        lambda m, h: m.draw(some, h, 3, np.random.default_rng(1)),
        lambda m, h: m.predictive_interval(some, h, rng=np.random.default_rng(1)),
        lambda m, h: m.total_interval(some, h, rng=np.random.default_rng(1)),
        lambda m, h: m.next_purchase_quantiles(some, h),
    )
    for call in calls:
        assert np.array_equal(call(model, half), call(model, 0.5))
