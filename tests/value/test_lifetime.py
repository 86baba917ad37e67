"""Lifetime value of a frame: units, terms, and agreement with the scorer's way."""

import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

from patronage.errors import ConfigError
from patronage.models import BetaGeoNBD, GammaGamma
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


def test_all_terms_that_do_not_fit_are_named():
    with pytest.raises(ConfigError) as caught:
        value_terms(30, -2, 0)
    for name in ("margin_rate", "discount_rate_yearly", "period_days"):
        assert name in str(caught.value)
