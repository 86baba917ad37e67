"""Models with an independent lifetime by their defining integrals over calendar time, with 40 digits.

Nothing is shared with the package: survival and density are those of the papers, as functions of the age, and integrals
are sums over intervals that widen geometrically from the left, with 36 Gauss-Legendre nodes each.
"""

from functools import cache
from itertools import pairwise

import mpmath as mp

DIGITS = 40
NODES = 36


@cache
def unit_rule():
    """Nodes and weights on [0, 1], by Newton's method on the Legendre polynomial."""
    rule = []
    for k in range(NODES):
        x = mp.cos(mp.pi * (k + mp.mpf(3) / 4) / (NODES + mp.mpf(1) / 2))
        for _ in range(8):
            below, here = mp.mpf(1), x
            for j in range(2, NODES + 1):
                below, here = here, ((2 * j - 1) * x * here - (j - 1) * below) / j
            slope = NODES * (x * here - below) / (x * x - 1)
            x -= here / slope
        rule.append(((x + 1) / 2, 1 / ((1 - x * x) * slope * slope)))
    return rule


def integral(function, start, end, scale, ratio=3):
    """Integral of a function that is smooth on `scale` at the start, and on the distance from the start later."""
    cuts, width = [start], scale
    while start + width < end:
        cuts.append(start + width)
        width *= ratio
    cuts.append(end)
    total = mp.mpf(0)
    for low, high in pairwise(cuts):
        total += (high - low) * mp.fsum(weight * function(low + (high - low) * x) for x, weight in unit_rule())
        if high - start > 1000 * scale and function(high) * (end - high) < total * mp.mpf(10) ** -30:
            break
    return total


class Exact:
    """A customer with a history, at parameters with or without `b` (GGom/NBD, Pareto/NBD)."""

    def __init__(self, params, x, t_x, T):
        with mp.workdps(DIGITS):
            self.r, self.alpha, self.s, self.beta = (mp.mpf(v) for v in (params.r, params.alpha, params.s, params.beta))
            self.b = mp.mpf(params.b) if hasattr(params, "b") else None
            self.x, self.t_x, self.T = mp.mpf(x), mp.mpf(t_x), mp.mpf(T)

    def survival(self, t):
        grown = t if self.b is None else mp.expm1(self.b * t)
        return (self.beta / (self.beta + grown)) ** self.s

    def density(self, t):
        if self.b is None:
            return self.survival(t) * self.s / (self.beta + t)
        return self.survival(t) * self.s * self.b * mp.exp(self.b * t) / (self.beta + mp.expm1(self.b * t))

    def scale(self, t, power):
        fall = (power + 1) / (self.alpha + t)
        if self.b is None:
            return 1 / (fall + (self.s + 1) / (self.beta + t))
        beta = 1 + (self.beta - 1) * mp.exp(-self.b * t)
        return 1 / (fall + (self.s + 1) * self.b / beta + self.b)

    def log_odds_of_death(self):
        with mp.workdps(DIGITS):
            if self.t_x == self.T:
                return -mp.inf
            power, since = self.r + self.x, self.alpha + self.t_x
            scale = self.scale(self.t_x, power)
            died = integral(lambda y: self.density(y) * (since / (self.alpha + y)) ** power, self.t_x, self.T, scale)
            return mp.log(died / self.survival(self.T)) + power * mp.log((self.alpha + self.T) / since)

    def probability_alive(self, horizon=0):
        with mp.workdps(DIGITS):
            now = 1 / (1 + mp.exp(self.log_odds_of_death()))
            return now * self.survival(self.T + mp.mpf(horizon)) / self.survival(self.T)

    def expected_purchases(self, horizon, discount=0):
        with mp.workdps(DIGITS):
            h, rate = mp.mpf(horizon), (self.r + self.x) / (self.alpha + self.T)
            lived = integral(
                lambda u: self.survival(self.T + u) * mp.exp(-discount * u),
                mp.mpf(0),
                h,
                1 / (1 / self.scale(self.T, 0) + discount),
            )
            return self.probability_alive() * rate * lived / self.survival(self.T)

    def probability_active(self, horizon):
        with mp.workdps(DIGITS):
            rate, power = self.alpha + self.T, self.r + self.x

            def first(u):
                return self.survival(self.T + u) * power / rate * (1 + u / rate) ** (-power - 1)

            some = integral(first, mp.mpf(0), mp.mpf(horizon), self.scale(self.T, power))
            return self.probability_alive() * some / self.survival(self.T)

    def purchase_probability(self, n, horizon):
        with mp.workdps(DIGITS):
            h, rate, power = mp.mpf(horizon), self.alpha + self.T, self.r + self.x
            combinations = mp.exp(mp.loggamma(power + n) - mp.loggamma(power) - mp.loggamma(n + 1))

            def events(u):
                return combinations * (u / (rate + u)) ** n * (1 + u / rate) ** -power

            bought = integral(
                lambda u: self.density(self.T + u) * events(u),
                mp.mpf(0),
                h,
                self.scale(self.T, power),
                ratio=1 + 2 / mp.sqrt(1 + n),
            )
            of_living = (bought + self.survival(self.T + h) * events(h)) / self.survival(self.T)
            alive = self.probability_alive()
            return alive * of_living + ((1 - alive) if n == 0 else 0)


def quantities(params, x, t_x, T, h, n):
    """What is predicted of one customer, by the name of the method, each as a float."""
    exact = Exact(params, x, t_x, T)
    return {
        "log_odds_of_death": float(exact.log_odds_of_death()),
        "probability_alive": float(exact.probability_alive()),
        "probability_alive_later": float(exact.probability_alive(h)),
        "expected_purchases": float(exact.expected_purchases(h)),
        "expected_purchases_new": float(Exact(params, 0, 0, 0).expected_purchases(h)),
        "probability_active": float(exact.probability_active(h)),
        "discounted_purchases": float(exact.expected_purchases(h, discount=mp.mpf(0.01))),
        "probability_of_0": float(exact.purchase_probability(0, h)),
        "probability_of_n": float(exact.purchase_probability(n, h)),
    }


def predicted(params, histories, h, n):
    """The same quantities by the package, for one history."""
    probabilities = params.purchase_probabilities(histories, n, h)[0]
    return {
        "log_odds_of_death": params.log_odds_of_death(histories)[0],
        "probability_alive": params.probability_alive(histories)[0],
        "probability_alive_later": params.probability_alive(histories, h)[0],
        "expected_purchases": params.expected_purchases(histories, h)[0],
        "expected_purchases_new": params.expected_purchases_new([h])[0],
        "probability_active": params.probability_active(histories, h)[0],
        "discounted_purchases": params.discounted_purchases(histories, 0.01, h)[0],
        "probability_of_0": probabilities[0],
        "probability_of_n": probabilities[n],
    }
