"""The clock of the season: a calendar's own properties, a known season recovered, and what it does to a forecast."""

from datetime import date

import numpy as np
import pytest

from patronage.errors import DateError
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.value.profit_facts import profit_facts
from patronage.value.season import Season, fit_season
from value_ledgers import by_hand, retailer


def test_a_year_is_a_year_by_any_clock():
    season, start = Season(np.array([[0.3], [-0.2]])), date(2024, 3, 7)
    assert season.horizon_days(start, 365.25) == pytest.approx(365.25)
    assert season.horizon_days(start, 3 * 365.25) == pytest.approx(3 * 365.25)
    every = np.arange(738_000.0, 738_000 + 1_461)
    assert season.activity(every).mean() == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(season.clock(every)) > 0).all()
    assert Season.none().clock(every) == pytest.approx(every)


def test_the_clock_is_the_integral_of_the_waves():
    """ln f = 0.4 cos + c: over the half year around the peak e^{0.4 cos} integrates to I0(0.4) + L0(0.4) of it."""
    from scipy import special

    season = Season(np.array([[0.4], [0.0]]))
    year = np.floor(738_000 / 365.25) * 365.25
    half = season.clock(year + 365.25 * 1.25) - season.clock(year + 365.25 * 0.75)
    by_hand = (special.i0(0.4) + special.modstruve(0, 0.4)) / (2 * special.i0(0.4))
    assert half / 365.25 == pytest.approx(by_hand, abs=1e-5)


def test_a_known_season_is_recovered_and_mends_the_forecast():
    """The retailer's activity is 1 + 0.3 cos(2 pi (day - 345) / 365.25); its ledger ends near the peak."""
    settings, ledger, drawn = retailer(4_000, 1, campaigns={})
    facts = profit_facts(ledger, settings.observed_until)
    found = fit_season(ParetoNBD(), facts.frame, ledger.transactions, settings.observed_until, "week")
    days = np.arange(date(2023, 1, 1).toordinal(), date(2024, 1, 1).toordinal())
    wave = 1 + 0.3 * np.cos(2 * np.pi * (np.arange(1, 366) - 345) / 365.25)
    assert np.abs(found.season.activity(days) - wave).max() < 0.06
    truth = drawn["truth"].to_pandas()["expected_orders"].sum()
    with_season = found.purchase.expected_purchases(found.frame, 365 / 7).sum()
    without = ParetoNBD().fit(facts.frame).expected_purchases(facts.frame, 365 / 7).sum()
    assert abs(with_season / truth - 1) < 0.04 < without / truth - 1
    assert found.frame["T_calendar"].equals(facts.frame["T"].rename("T_calendar"))


def test_a_short_ledger_has_no_season():
    tables = by_hand()
    frame = profit_facts(tables, date(2024, 1, 28)).frame
    with pytest.raises(DateError, match="two years"):
        fit_season(ParetoNBD(), frame, tables.transactions, date(2024, 1, 28), "week")


def test_covariates_tell_customers_apart_and_not_days():
    settings, ledger, _ = retailer(1_000, 2, campaigns={})
    facts = profit_facts(ledger, settings.observed_until)
    channel = ["acquisition_channel"]
    asked = (facts.frame, ledger.transactions, settings.observed_until, "week")
    plain, told = fit_season(ParetoNBD(), *asked), fit_season(ParetoNBD(purchase_covariates=channel), *asked)
    assert told.season.waves == pytest.approx(plain.season.waves)
    assert told.purchase.to_params().at_rows(told.frame).alpha.shape == (len(facts.frame),)
    # 30 % above the mean at the peak, and what a thousand customers leave open.
    assert plain.season.extent == pytest.approx(0.3, abs=0.1)
