"""Lifetime value of a frame: units, terms, and agreement with the scorer's way."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

from patronage.errors import ConfigError, ModelError
from patronage.models import BetaGeoNBD, GammaGamma, ShiftedBetaGeometric
from patronage.value.lifetime import customer_lifetime_value, value_terms


@pytest.fixture(scope="module")
def sample():
    return load_cdnow_summary_data_with_monetary_value()


@pytest.fixture(scope="module")
def models(sample):
    return BetaGeoNBD().fit(sample), GammaGamma().fit(sample)


def test_undiscounted_revenue_is_purchases_times_spend(sample, models):
    purchase, spend = models
    value = customer_lifetime_value(purchase, spend, sample, 273, "week", 1.0, 0.0)
    expected = purchase.expected_purchases(sample, 39.0) * spend.expected_spend(sample)
    pd.testing.assert_series_equal(value, expected.rename("clv"), rtol=1e-10)
    # Total of the literature for the 39 weeks of holdout, BG/NBD times Gamma-Gamma on the 1/10 sample.
    assert value.sum() == pytest.approx(59_932, rel=2e-3)


def test_margin_scales_and_discounting_lowers(sample, models):
    whole, part, later = (
        customer_lifetime_value(*models, sample, 365.25, "week", margin, discount)
        for margin, discount in ((1.0, 0.0), (0.3, 0.0), (0.3, 0.15))
    )
    assert part.to_numpy() == pytest.approx(0.3 * whole.to_numpy())
    ratio = later.sum() / part.sum()
    assert 1 / 1.15 < ratio < 1 / 1.15**0.25


NO_NUMBERS = [None, "3", [1, 2], np.ones(2), 2j, True, np.nan, np.timedelta64(3, "D"), pd.NA, 10**400, Decimal("sNaN")]


@pytest.mark.parametrize("given", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("name", ["horizon_days", "margin_rate", "discount_rate_yearly", "period_days"])
def test_what_is_no_number_is_named(sample, models, name, given):
    arguments = {"horizon_days": 30, "time_unit": "week"} | {name: given}
    with pytest.raises(ConfigError, match=f"{name} must be .* got "):
        customer_lifetime_value(*models, sample, **arguments)


@pytest.mark.parametrize("unit", [np.ones(2), pd.array([1, 2], dtype="Int64"), None])
def test_time_units_that_are_none(sample, models, unit):
    with pytest.raises(ConfigError, match="time_unit must be one of day, week, year"):
        customer_lifetime_value(*models, sample, 30, unit)


def test_numbers_of_any_type_are_the_same(sample, models):
    expected = customer_lifetime_value(*models, sample.head(5), 30.0, "week", 1.0, 1.0, 7.0)
    for number in (Decimal, Fraction, np.uint8, np.float32, np.longdouble):
        given = map(number, (30, 1, 1, 7))
        horizon, margin, rate, period = given
        value = customer_lifetime_value(*models, sample.head(5), horizon, "week", margin, rate, period)
        pd.testing.assert_series_equal(value, expected, check_exact=True)


def test_models_of_another_kind(sample, models):
    purchase, spend = models
    contracts = ShiftedBetaGeometric().fit({"period": range(4), "survivors": [1000, 631, 468, 382]})
    for other in (contracts, None, "x", BetaGeoNBD, spend):
        with pytest.raises(ModelError, match="purchase must be a fitted purchase model, such as BetaGeoNBD; got"):
            customer_lifetime_value(other, spend, sample, 30, "week")
    with pytest.raises(ModelError, match="spend must be a fitted GammaGamma; got"):
        customer_lifetime_value(purchase, purchase, sample, 30, "week")


def test_all_terms_that_do_not_fit_are_named():
    with pytest.raises(ConfigError) as caught:
        value_terms(30, -2, 0)
    for name in ("margin_rate", "discount_rate_yearly", "period_days"):
        assert name in str(caught.value)
