"""Calendar and discounting against figures worked by hand."""

from datetime import date

import numpy as np
import pytest

from patronage.errors import ConfigError
from patronage.value.calendar import DAYS_PER_MONTH, Periods, cohort_of, worth_today


def test_twelve_months_are_a_year_and_not_360_days():
    year = Periods.of(12)
    assert year.ends[-1] == 365.25
    assert DAYS_PER_MONTH == 30.4375
    assert year.starts[0] == 0.0
    assert year.middles[:2].tolist() == [15.21875, 45.65625]
    assert len(year) == 12


def test_discount_factors_of_a_spreadsheet():
    # 21 % a year: a year away 1 / 1.21, half a year away 1 / 1.1, two years ago 1.4641.
    assert worth_today([365.25, 182.625, -730.5], 0.21) == pytest.approx([0.8264462810, 0.9090909091, 1.4641])
    # Four quarters of 100 at 10 %, from their middles, 1/8, 3/8, 5/8 and 7/8 of a year: the eighth root of 1.1 is
    # 1.0119848, so 98.8157 + 96.4890 + 94.2171 + 91.9987.
    quarters = Periods.of(4, 365.25 / 4)
    assert 100 * worth_today(quarters.middles, 0.1).sum() == pytest.approx(
        98.8157 + 96.4890 + 94.2171 + 91.9987, abs=3e-4
    )


def test_the_mid_period_convention_is_as_close_as_stated():
    delta = np.log(1.1)
    evenly = -np.expm1(-delta) / delta
    assert evenly / worth_today(365.25 / 2, 0.1) - 1 == pytest.approx(0.00038, abs=1e-5)


def test_cohorts_are_labels_of_the_calendar():
    assert [cohort_of(date(2024, 12, 31), by) for by in ("month", "quarter", "year")] == ["2024-12", "2024-Q4", "2024"]
    assert cohort_of(date(2024, 4, 1), "quarter") == "2024-Q2"


@pytest.mark.parametrize("call", [
    lambda: cohort_of(date(2024, 1, 1), "week"), lambda: Periods.of(0), lambda: Periods.of(True),
    lambda: Periods.of(3, 0.0), lambda: worth_today(1.0, -0.1), lambda: worth_today(1.0, float("nan")),
])  # fmt: skip
def test_what_is_no_calendar_is_refused(call):
    with pytest.raises(ConfigError):
        call()
