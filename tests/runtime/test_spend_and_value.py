"""Expected spend and lifetime value against published numbers and hand-worked sums."""

import numpy as np
import pytest

from patronage.runtime import clv, gamma_gamma
from patronage.runtime.clv import ValueTerms
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.histories import checked_histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit

BUYERS = BetaGeoParams(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPENDERS = GammaGammaParams(p=6.25, q=3.74, v=15.44)
HISTORIES = checked_histories([0, 2, 7], [0.0, 30.43, 35.0], [38.86, 38.86, 38.86])


def test_expected_spend_of_the_paper():
    # Fader and Hardie, note 025: population mean 35.2; a customer with one purchase is drawn towards it.
    population, one_purchase = gamma_gamma.expected_spend(SPENDERS, np.array([0.0, 1.0]), np.array([0.0, 22.35]))
    assert population == pytest.approx(35.22, abs=0.01)
    assert one_purchase == pytest.approx(6.25 * (15.44 + 22.35) / (6.25 + 3.74 - 1), rel=1e-12)
    assert 22.35 < one_purchase < population


def test_many_purchases_speak_for_themselves():
    assert gamma_gamma.expected_spend(SPENDERS, np.array([1e6]), np.array([80.0]))[0] == pytest.approx(80.0, rel=1e-4)


def test_mean_spend_is_ignored_without_repeat_purchases():
    values = gamma_gamma.expected_spend(SPENDERS, np.zeros(2), np.array([np.nan, 99.0]))
    assert values[0] == values[1]


def test_undiscounted_value_is_purchases_times_margin():
    terms = ValueTerms(margin_rate=0.3, discount_rate_yearly=0.0, period_days=7)
    discounted = clv.discounted_purchases(BUYERS, HISTORIES, 273, terms, TimeUnit.WEEK)
    assert discounted == pytest.approx(BUYERS.expected_purchases(HISTORIES, 39.0), rel=1e-12)
    value = clv.customer_lifetime_value(discounted, np.array([10.0, 20.0, 30.0]), terms)
    assert value == pytest.approx(discounted * [3.0, 6.0, 9.0], rel=1e-12)


def test_discounting_by_hand():
    """Two periods of 100 days and one of 50, each discounted from its middle at 15 % a year of 365.25 days."""
    terms = ValueTerms(margin_rate=1.0, discount_rate_yearly=0.15, period_days=100)
    by_end = [BUYERS.expected_purchases(HISTORIES, days / 7) for days in (0, 100, 200, 250)]
    expected = sum(
        (by_end[k + 1] - by_end[k]) / 1.15 ** (middle / DAYS_PER_YEAR) for k, middle in enumerate((50, 150, 225))
    )
    assert clv.discounted_purchases(BUYERS, HISTORIES, 250, terms, TimeUnit.WEEK) == pytest.approx(expected, rel=1e-12)


def test_the_unit_of_time_does_not_change_the_value():
    terms = ValueTerms(margin_rate=1.0, discount_rate_yearly=0.15, period_days=7)
    weekly = clv.discounted_purchases(BUYERS, HISTORIES, 365, terms, TimeUnit.WEEK)
    by_day = BetaGeoParams(BUYERS.r, BUYERS.alpha * 7, BUYERS.a, BUYERS.b)
    in_days = checked_histories(HISTORIES.frequency, HISTORIES.recency * 7, HISTORIES.T * 7)
    assert clv.discounted_purchases(by_day, in_days, 365, terms, TimeUnit.DAY) == pytest.approx(weekly, rel=1e-10)


def test_a_year_has_365_and_a_quarter_days_and_a_week_seven():
    assert TimeUnit.YEAR.from_days(365.25) == 1.0
    assert TimeUnit("week").from_days(364) == 52.0


def test_a_negative_mean_counts_as_zero():
    refunded, nothing = gamma_gamma.expected_spend(SPENDERS, np.array([3.0, 3.0]), np.array([-50.0, 0.0]))
    assert refunded == nothing > 0
