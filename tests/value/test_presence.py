"""Who is there by purchases and contacts: against integrals worked out elsewhere, at limits, in simulated lives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.runtime.time_unit import TimeUnit
from patronage.value.contact_fit import fit_contacts
from patronage.value.contact_rates import Contacted, ContactRates
from patronage.value.presence import Leaving, Touch, hastened, presence_of, tells_presence, there_with

PARAMS = ParetoParams(0.8, 9.0, 0.7, 40.0)
RATES = ContactRates(0.4, np.array([0.09]))


def touch(number, last, exposure):
    columns = [np.atleast_1d(np.asarray(one, dtype=float)) for one in (number, last, exposure)]
    number, last, exposure = columns
    contacts = Contacted.checked(number, exposure, np.zeros(len(number), dtype=np.intp))
    return Touch(contacts, last, np.ones(len(number)))


def histories(*rows):
    return Histories(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))


def by_hand(x, t_x, end, contacts, last, leaving):
    """P(there) of one customer: both likelihoods by quadrature over the time of leaving and the rate of contacts."""
    r, alpha, s, beta = 0.8, 9.0, 0.7, 40.0
    shape, scale = 0.4, 0.4 / 0.09

    def of_contacts(time, strain, leaves):
        """Mean over the rate of contacts of the chance to see these contacts, and to leave or not."""

        def integrand(kappa):
            gamma = kappa ** (shape + contacts - 1) * np.exp(-kappa * (scale + time))
            hazard = leaving.base + leaving.by_contact * kappa
            return gamma * np.exp(-hazard * strain) * (hazard if leaves else 1.0)

        return sum(integrate.quad(integrand, *span, limit=200)[0] for span in ((0, 0.5), (0.5, 30)))

    def strain(time):
        return s * np.log((beta + time) / beta)

    def silent(time):
        return (alpha + time) ** -(r + x)

    def left(time):
        return s / (beta + time) * silent(time) * of_contacts(time, strain(time), leaves=True)

    gone = integrate.quad(left, max(t_x, last), end)[0]
    there = silent(end) * of_contacts(end, strain(end), leaves=False)
    return there / (there + gone)


@pytest.mark.parametrize("leaving", [Leaving(1.0, 0.0), Leaving(0.9, 1.5)])
@pytest.mark.parametrize(
    ("x", "t_x", "end", "contacts", "last"),
    [(2, 30.0, 80.0, 6, 55.0), (0, 0.0, 60.0, 3, 10.0), (4, 50.0, 90.0, 0, 0.0), (1, 20.0, 100.0, 9, 21.0)],
)
def test_probability_to_be_there_is_the_ratio_of_two_integrals(x, t_x, end, contacts, last, leaving):
    told = presence_of(PARAMS, histories((x, t_x, end)), touch(contacts, last, end), RATES, leaving)
    assert told.there[0] == pytest.approx(by_hand(x, t_x, end, contacts, last, leaving), rel=1e-5, abs=1e-8)
    odds = PARAMS.log_odds_of_death(histories((x, t_x, end)))
    assert there_with(odds, told.evidence) == pytest.approx(told.there)


def test_without_contacts_to_speak_of_purchases_alone_tell():
    known = histories((2, 30.0, 80.0), (0, 0.0, 10.0))
    told = presence_of(PARAMS, known, touch([0, 0], [0, 0], [80, 10]), ContactRates(0.4, np.zeros(1)), Leaving())
    assert told.there == pytest.approx(PARAMS.probability_alive(known))
    assert told.evidence == pytest.approx(0.0, abs=1e-9)


def test_who_is_in_touch_today_is_there_and_who_fell_silent_is_not():
    known = histories((2, 30.0, 80.0), (2, 30.0, 80.0), (2, 80.0, 80.0))
    told = presence_of(PARAMS, known, touch([5, 40, 0], [80, 31, 0], [80, 80, 80]), RATES, Leaving())
    assert told.there[0] == 1
    assert np.isneginf(told.evidence[0])
    assert told.there[1] < 0.01
    assert told.left_at[1] == pytest.approx(32, abs=1.5)
    assert told.there[2] == 1


@settings(max_examples=50)
@given(st.integers(0, 300), st.floats(0, 99), st.floats(0, 99), st.floats(0, 3))
def test_a_later_contact_never_speaks_for_having_left(number, one, other, by_contact):
    early, late = sorted((one, other))
    known = histories((3, 20.0, 100.0), (3, 20.0, 100.0))
    told = presence_of(PARAMS, known, touch([number] * 2, [early, late], [100, 100]), RATES, Leaving(1.0, by_contact))
    assert told.there[1] >= told.there[0] - 1e-9
    assert ((told.there >= 0) & (told.there <= 1)).all()


def test_the_hazard_is_so_many_times_as_high():
    newcomer = histories((0, 0.0, 0.0))
    living = PARAMS.living(newcomer), hastened(PARAMS, np.array([2.5])).living(newcomer)
    assert living[1].log_survival(np.array([30.0])) == pytest.approx(2.5 * living[0].log_survival(np.array([30.0])))


def lives(n, seed, by_contact):
    """Customers who leave with a hazard that goes with their contacts, as the world and not the model has it."""
    rng = np.random.default_rng(seed)
    end = rng.uniform(20, 150, n)
    rate, own = rng.gamma(0.8, 1 / 9.0, n), rng.gamma(0.4, 0.09 / 0.4, n)
    # Lomax lifetimes, of a hazard that is 1 + b κ times as high.
    life = 40.0 * np.expm1(rng.standard_exponential(n) / (0.7 * (1 + by_contact * own)))
    there = np.minimum(life, end)
    bought, contacts = rng.poisson(rate * there), rng.poisson(own * there)
    last_bought = np.where(bought > 0, there * rng.random(n) ** (1 / np.maximum(bought, 1)), 0.0)
    last = np.where(contacts > 0, there * rng.random(n) ** (1 / np.maximum(contacts, 1)), 0.0)
    known = Histories(bought.astype(float), last_bought, end)
    return known, touch(contacts, last, end), life > end, own


@pytest.mark.parametrize("by_contact", [0.0, 4.0])
def test_rates_and_what_they_go_with_are_found_again(by_contact):
    known, seen, alive, own = lives(6_000, 5, by_contact)
    fitted, leaving = fit_contacts(PARAMS, known, seen, 1, TimeUnit.WEEK)
    assert fitted.model.mean[0] == pytest.approx(own.mean(), rel=0.06)
    assert leaving.factor(own).mean() == pytest.approx(1 + by_contact * own.mean(), rel=0.06)
    assert leaving.by_contact == pytest.approx(by_contact, abs=1.2)
    told = presence_of(PARAMS, known, seen, fitted.model, leaving)
    each = seen.contacts.number / known.T
    for low, high in ((-1, 0), (0, 0.1), (0.1, 1e9)):
        group = (each > low) & (each <= high)
        error = np.sqrt((told.there * (1 - told.there))[group].sum())
        assert abs(told.there[group].sum() - alive[group].sum()) < 3.5 * error


def test_by_purchases_alone_those_who_are_often_in_touch_seem_to_be_gone():
    known, seen, alive, _ = lives(6_000, 5, 0.0)
    often = seen.contacts.number / known.T > 0.1
    assert PARAMS.probability_alive(known)[often].sum() < 0.95 * alive[often].sum()


def test_where_customers_leave_at_purchases_contacts_tell_nothing():
    params = BetaGeoParams(0.8, 9.0, 0.8, 2.5)
    assert not tells_presence(params)
    known, seen, _, _ = lives(500, 5, 0.0)
    _, leaving = fit_contacts(params, known, seen, 1, TimeUnit.WEEK)
    assert leaving == Leaving()


def test_by_the_clock_of_a_season_nothing_changes_where_it_runs_evenly():
    """The same customers with a clock that runs at half the pace."""
    known, seen, _, _ = lives(200, 6, 0.0)
    half = Histories(known.frequency, known.recency / 2, known.T / 2)
    slower = replace(PARAMS, alpha=PARAMS.alpha / 2, beta=PARAMS.beta / 2)
    one = presence_of(PARAMS, known, seen, RATES, Leaving(1.0, 1.0))
    two = presence_of(slower, half, Touch(seen.contacts, seen.last, np.full(200, 2.0)), RATES, Leaving(1.0, 1.0))
    assert two.there == pytest.approx(one.there)
    assert two.left_at == pytest.approx(one.left_at)
