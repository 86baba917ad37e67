"""Expected spend and lifetime value against published numbers and hand-worked sums."""

import numpy as np
import pytest

from patronage.errors import ConfigError
from patronage.runtime import clv, gamma_gamma
from patronage.runtime.clv import ValueTerms
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.histories import checked_histories
from patronage.runtime.purchase.bg_bb import BetaGeoBetaBinomialParams
from patronage.runtime.purchase.bg_cnbd_k import BetaGeoCNBDParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.ggom_nbd import GammaGompertzParams
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit

BUYERS = BetaGeoParams(r=0.243, alpha=4.414, a=0.793, b=2.426)
REGULAR_BUYERS = BetaGeoCNBDParams(r=0.243, alpha=4.414, a=0.793, b=2.426, k=2)
MORTAL_BUYERS = GammaGompertzParams(r=0.55, alpha=10.5, b=0.01, s=0.6, beta=50.0)
WHOLE_PERIODS = BetaGeoBetaBinomialParams(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
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


@pytest.mark.parametrize("rate", [0.15, 0.001, 0.0, -0.05])
@pytest.mark.parametrize("params", [BUYERS, REGULAR_BUYERS, MORTAL_BUYERS])
def test_many_periods_are_summed_as_if_each_was_visited(params, rate):
    terms = ValueTerms(margin_rate=1.0, discount_rate_yearly=rate, period_days=7)
    ends = np.append(np.arange(7.0, 13_997.5, 7), 13_997.5)
    middles = (np.append(0.0, ends[:-1]) + ends) / 2
    expected = params.weighted_purchases(HISTORIES, ends / 7, (1 + rate) ** -(middles / DAYS_PER_YEAR))
    found = clv.discounted_purchases(params, HISTORIES, ends[-1], terms, TimeUnit.WEEK)
    assert found == pytest.approx(expected, rel=1e-12)


def test_what_the_discount_makes_worthless_is_left_out():
    terms = ValueTerms(margin_rate=1.0, discount_rate_yearly=0.15, period_days=7)
    long, endless = (clv.discounted_purchases(BUYERS, HISTORIES, days, terms, TimeUnit.WEEK) for days in (2e5, 1e15))
    assert endless == pytest.approx(long, rel=1e-12)


@pytest.mark.parametrize(
    ("params", "days", "rate", "period", "words"),
    [
        (BUYERS, 30, 0.1, 1e-300, "3e[+]301 periods, more than the 9.0072e[+]15 that BG/NBD can sum"),
        (BUYERS, 1e6, -0.99, 7, "money of 1e[+]06 days from now is worth more than any number"),
        (WHOLE_PERIODS, 30, 0.1, 7, "BG/BB counts time in whole periods .* 4.28571 and 1 units"),
        (WHOLE_PERIODS, 28, 0.1, 1, "BG/BB counts time in whole periods .* 4 and 0.142857 units"),
        (WHOLE_PERIODS, 7e6, 0.0, 7, "1e[+]06 periods, more than the 100000 that BG/BB can sum"),
    ],
)
def test_terms_that_do_not_fit_together(params, days, rate, period, words):
    with pytest.raises(ConfigError, match=words):
        clv.discounted_purchases(params, HISTORIES, days, ValueTerms(1.0, rate, period), TimeUnit.WEEK)


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
