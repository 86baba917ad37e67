"""Customer-based valuation against a hand-worked spreadsheet, and its interval against what goes into it."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, InputError
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.schema.equity import VALUATION
from patronage.value.lifetime_profit import fit_profit, future_profit
from patronage.value.newcomers import Newcomers, newcomer_frame
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_terms import ProfitTerms
from patronage.value.valuation import AcquisitionForecast, customer_based_valuation, value_of_acquisition
from value_ledgers import retailer


@pytest.fixture(scope="module")
def business():
    settings, ledger, _ = retailer(1_500, 7, campaigns={}, season=None)
    frame = profit_facts(ledger, settings.observed_until).frame
    return frame, fit_profit(ParetoNBD().fit(frame), frame, "week")


def test_a_spreadsheet_of_two_years():
    """Years of 365.25 days at 10 %, from their middles: factors 1.1^-0.5 = 0.953463 and 1.1^-1.5 = 0.866784.

    Won 1,000 and 1,200 at 30 and 35 each, worth 80 each: 76,277.03 + 83,211.31 = 159,488.3 of value and
    28,603.88 + 36,404.94 = 65,008.8 of cost.
    """
    forecast = AcquisitionForecast.of([1_000, 1_200], [30.0, 35.0], period_days=365.25)
    assert forecast.worth(0.1) == pytest.approx([0.953463, 0.866784], abs=1e-6)
    value, cost = value_of_acquisition(forecast, 80.0, 0.1)
    assert value == pytest.approx(159_488.3, abs=0.2)
    assert cost == pytest.approx(65_008.8, abs=0.2)


def test_twelve_months_of_forecast_are_a_year():
    forecast = AcquisitionForecast.of([10] * 12, 1.0)
    assert forecast.periods.ends[-1] == 365.25
    assert forecast.worth(0.21)[0] == pytest.approx(1.21 ** -(1 / 24))


def test_items_are_what_they_are_made_of(business):
    frame, model = business
    terms = ProfitTerms(None, 0.12)
    forecast = AcquisitionForecast.of([50] * 24, 12.0, relative_error=0.1)
    table = customer_based_valuation(
        model, frame, terms, forecast, fixed_costs=100.0, tax_rate=0.25, net_debt=500.0, size=80,
        rng=np.random.default_rng(1),
    ).set_index("item")  # fmt: skip
    assert ("item", *table.columns) == VALUATION.names
    expected = table["expected"]
    assert expected["customers of today"] == pytest.approx(future_profit(model, frame, terms)["future_profit"].sum())
    worth = 1.12 ** -((np.arange(24) + 0.5) / 12)
    newcomer = Newcomers(model, newcomer_frame(model)).expected(terms)[0]
    assert expected["customers to be won"] == pytest.approx(50 * worth.sum() * newcomer)
    assert expected["cost of winning them"] == pytest.approx(-600 * worth.sum())
    assert expected["fixed costs"] == pytest.approx(-100 * worth.sum())
    before = expected.iloc[:4].sum()
    assert expected["taxes"] == pytest.approx(-0.25 * before)
    assert expected["value"] == pytest.approx(0.75 * before - 500)
    assert (table["low"] <= table["median"] + 1e-9).all()
    assert table.loc["value", "low"] < expected["value"] < table.loc["value", "high"]
    # A forecast that may be off by 10 % either way: its cost by 1.645 times that.
    spread = table.loc["cost of winning them", "high"] / expected["cost of winning them"]
    assert 0.8 < spread < 0.93


def test_an_error_of_the_forecast_widens_the_value(business):
    frame, model = business
    widths = []
    for error in (0.0, 0.5):
        forecast = AcquisitionForecast.of([400] * 12, 0.0, relative_error=error)
        row = customer_based_valuation(
            model, frame, ProfitTerms(365.25, 0.1), forecast, size=60, rng=np.random.default_rng(2)
        ).iloc[-1]
        widths.append(row["high"] - row["low"])
    assert widths[1] > widths[0]


def test_the_mix_of_newcomers_counts(business):
    frame, _ = business
    purchase = ParetoNBD(purchase_covariates=["acquisition_channel"], dropout_covariates=["acquisition_channel"])
    model = fit_profit(purchase.fit(frame), frame, "week", "acquisition_channel")
    forecast, terms = AcquisitionForecast.of([100], 0.0), ProfitTerms(365.25, 0.1)
    values = {}
    for channel in ("referral", "marketplace"):
        mix = pd.Series(0.0, index=model.segments)
        mix[channel] = 1.0
        table = customer_based_valuation(
            model, frame, terms, forecast, mix, size=20, rng=np.random.default_rng(3)
        ).set_index("item")  # fmt: skip
        values[channel] = table.loc["customers to be won", "expected"]
    assert values["referral"] > values["marketplace"]
    with pytest.raises(InputError, match="sum to 1"):
        customer_based_valuation(model, frame, terms, forecast, mix * 2, size=20, rng=np.random.default_rng(3))


def test_forecasts_that_cannot_be_are_refused(business):
    for customers, cost in (([-1], 3.0), ([1], -3.0), ([1, 2], [3.0, -0.5]), ([1], float("inf"))):
        with pytest.raises(ConfigError, match="a cost of winning one and an error that are finite and 0 or above; got"):
            AcquisitionForecast.of(customers, cost)
    with pytest.raises(ConfigError, match="one cost, or one for each"):
        AcquisitionForecast.of([1, 2], [3.0])
    frame, model = business
    with pytest.raises(ConfigError, match="tax_rate"):
        customer_based_valuation(model, frame, ProfitTerms(), AcquisitionForecast.of([1], 1.0), tax_rate=25.0,
                                 rng=np.random.default_rng(0))  # fmt: skip
