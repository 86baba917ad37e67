"""What purchase models predict, with 60 digits and by other formulas than the package uses.

For each kind there are the log odds of death and the future of the living, from closed forms with 60 digits where
mpmath computes them, and else from the defining sum, or the defining integral to some 15 digits. A hypergeometric
function is taken at two arguments, z and z / (z - 1); where the two disagree, because mpmath's function fails as well,
the integral decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count, pairwise

import mpmath as mp
from mpmath.calculus.quadrature import GaussLegendre

DIGITS = 60
INTEGRAL_DIGITS = 30
AGREEMENT = mp.mpf(10) ** -20
SMALLEST_TERM = mp.mpf(10) ** -25
COUNTS = (0, 1, 10)
"""Numbers of purchases whose probabilities are compared."""

Number = mp.mpf
Point = Mapping[str, float]


@dataclass(frozen=True)
class Future:
    """Of a living customer within the horizon."""

    expected: Number
    stays: Number
    active: Number
    probabilities: dict[int, Number]


def exact(kind: str, point: Point) -> dict[str, float]:
    """All quantities of a point: the parameters of the kind by name, and x, t_x, T, h."""
    with mp.workdps(DIGITS):
        log_odds, future = ORACLES[kind]
        p = {name: mp.mpf(float(value)) for name, value in point.items()}
        death = log_odds(p, p["x"], p["t_x"], p["T"])
        alive = 1 / (1 + mp.exp(death))
        living = future(p, p["x"], p["T"], p["t_x"], p["h"])
        new_alive = 1 / (1 + mp.exp(log_odds(p, mp.mpf(0), mp.mpf(0), mp.mpf(0))))
        new = future(p, mp.mpf(0), mp.mpf(0), mp.mpf(0), p["h"])
        values = {
            "log_odds_of_death": death,
            "probability_alive": alive,
            "probability_alive_later": alive * living.stays,
            "probability_active": alive * living.active,
            "expected_purchases": alive * living.expected,
            "expected_purchases_new": new_alive * new.expected,
        }
        for n in COUNTS:
            values[f"probability_of_{n}"] = alive * living.probabilities[n] + ((1 - alive) if n == 0 else 0)
        values["probability_of_1_new"] = new_alive * new.probabilities[1]
        return {name: float(value) for name, value in values.items()}


def beta_geometric(chances_at_start: int) -> tuple[Callable[..., Number], Callable[..., Future]]:
    """BG/NBD (0 chances to leave at the start) and MBG/NBD (1)."""

    def log_odds(p: Mapping[str, Number], x: Number, t_x: Number, T: Number) -> Number:
        chances = x + chances_at_start
        if chances == 0:
            return -mp.inf
        odds = p["a"] / (p["b"] + chances - 1) * ((p["alpha"] + T) / (p["alpha"] + t_x)) ** (p["r"] + x)
        return mp.log(odds)

    def future(p: Mapping[str, Number], x: Number, T: Number, t_x: Number, h: Number) -> Future:
        del t_x
        n, rate, a, b = p["r"] + x, p["alpha"] + T, p["a"], p["b"] + x + chances_at_start
        rho = h / rate
        return Future(
            expected=_beta_geometric_mean(n, rho, a, b),
            stays=_beta_geometric_stays(n, rho, a, b),
            active=1 - (1 + rho) ** -n,
            probabilities={k: _beta_geometric_probability(k, n, rho, a, b) for k in COUNTS},
        )

    return log_odds, future


def _beta_geometric_mean(n: Number, rho: Number, a: Number, b: Number) -> Number:
    """Equation (10) of Fader, Hardie and Lee (2005) without the denominator; E[(1 - (1 + p rho)^-n) / p]."""
    z, c = rho / (1 + rho), a + b - 1
    forms = [
        lambda: c / (a - 1) * (1 - (1 + rho) ** -n * mp.hyp2f1(n, b, c, z)),
        lambda: c / (a - 1) * (1 - mp.hyp2f1(n, a - 1, c, -rho)),
    ]
    known = forms if a != 1 and c != 0 else []
    return _agreed(known, lambda: _beta_mean(lambda p: -mp.expm1(-n * mp.log1p(p * rho)) / p, n * rho, a, b))


def _beta_geometric_stays(n: Number, rho: Number, a: Number, b: Number) -> Number:
    """E[(1 + p rho)^-n]."""
    z = rho / (1 + rho)
    forms = [
        lambda: (1 + rho) ** -n * mp.hyp2f1(n, b, a + b, z),
        lambda: mp.hyp2f1(n, a, a + b, -rho),
    ]
    return _agreed(forms, lambda: _beta_mean(lambda p: (1 + p * rho) ** -n, n * rho, a, b))


def _beta_geometric_probability(k: int, n: Number, rho: Number, a: Number, b: Number) -> Number:
    """Equation (8) of Fader, Hardie and Lee (2005)."""
    z = rho / (1 + rho)
    events = [mp.rf(n, j) / mp.factorial(j) * z**j * (1 + rho) ** -n for j in range(k + 1)]
    stayed = mp.rf(b, k) / mp.rf(a + b, k) * events[k]
    if k == 0:
        return stayed
    left = a / (a + b) * mp.rf(b, k - 1) / mp.rf(a + b + 1, k - 1)
    return stayed + left * (1 - mp.fsum(events[:k]))


def regular(chances_at_start: int) -> tuple[Callable[..., Number], Callable[..., Future]]:
    """BG/CNBD-k (0 chances to leave at the start) and MBG/CNBD-k (1); direct sums, for not too many stages."""

    def phases(p: Mapping[str, Number], x: Number, t_x: Number, T: Number) -> list[Number]:
        share = (T - t_x) / (p["alpha"] + T)
        return [mp.rf(p["r"] + p["k"] * x, j) / mp.factorial(j) * share**j for j in range(int(p["k"]))]

    def log_odds(p: Mapping[str, Number], x: Number, t_x: Number, T: Number) -> Number:
        chances = x + chances_at_start
        if chances == 0:
            return -mp.inf
        odds = p["a"] / (p["b"] + chances - 1) * ((p["alpha"] + T) / (p["alpha"] + t_x)) ** (p["r"] + p["k"] * x)
        return mp.log(odds / mp.fsum(phases(p, x, t_x, T)))

    def future(p: Mapping[str, Number], x: Number, T: Number, t_x: Number, h: Number) -> Future:
        weights, shape = phases(p, x, t_x, T), p["r"] + p["k"] * x
        total = mp.fsum(weights)
        futures = [
            (
                weight / total,
                _regular_phase(j, shape + j, h / (p["alpha"] + T), p["a"], p["b"] + x + chances_at_start, p),
            )
            for j, weight in enumerate(weights)
            if weight > 0
        ]

        def mixed(quantity: Callable[[Future], Number]) -> Number:
            return mp.fsum(weight * quantity(one) for weight, one in futures)

        return Future(
            mixed(lambda one: one.expected),
            mixed(lambda one: one.stays),
            mixed(lambda one: one.active),
            {n: mixed(lambda one, n=n: one.probabilities[n]) for n in COUNTS},
        )

    return log_odds, future


def _regular_phase(j: int, shape: Number, rho: Number, a: Number, b: Number, p: Mapping[str, Number]) -> Future:
    """Sum over the number of stages N: every k-th one completes a purchase, of which the first is due after k - j."""
    k, z = int(p["k"]), rho / (1 + rho)
    probability, purchases = (1 + rho) ** -shape, 0
    stays, made = mp.mpf(1), mp.mpf(0)
    expected = survival = silent = mp.mpf(0)
    exactly, fewer = dict.fromkeys(COUNTS, mp.mpf(0)), dict.fromkeys(COUNTS, mp.mpf(0))
    for stages in count():
        if (j + stages) // k > purchases:
            made += stays
            stays *= (b + purchases) / (a + b + purchases)
            purchases += 1
        expected += probability * made
        survival += probability * stays
        silent += probability if purchases == 0 else 0
        for n in COUNTS:
            exactly[n] += probability if purchases == n else 0
            fewer[n] += probability if purchases < n else 0
        ratio = z * (shape + stages) / (stages + 1)
        probability *= ratio
        if ratio < 1 and purchases > max(COUNTS) and probability * (made + 1) < SMALLEST_TERM * (1 - ratio) * expected:
            break
    probabilities = {}
    for n in COUNTS:
        stayed = mp.rf(b, n) / mp.rf(a + b, n)
        left = a / (a + b) * mp.rf(b, n - 1) / mp.rf(a + b + 1, n - 1) if n else mp.mpf(0)
        probabilities[n] = stayed * exactly[n] + left * (1 - fewer[n])
    return Future(expected, survival, 1 - silent, probabilities)


def pareto_log_odds(p: Mapping[str, Number], x: Number, t_x: Number, T: Number) -> Number:
    """The integral over the time of death in the likelihood, over its first term (Fader and Hardie 2005, note 009)."""
    if t_x == T:
        return -mp.inf
    shape, s, since, until = p["r"] + x, p["s"], p["alpha"] + t_x, p["beta"] + t_x

    def ratio(u: Number) -> list[Number]:
        alive = ((p["alpha"] + T) / (since + u)) ** shape * ((p["beta"] + T) / (until + u)) ** s
        return [s / (until + u) * alive]

    return mp.log(_stretched(ratio, T - t_x, (shape + 1) / since + (s + 1) / until)[0])


def pareto_future(p: Mapping[str, Number], x: Number, T: Number, t_x: Number, h: Number) -> Future:
    """Gamma(r + x, alpha + T) purchases until a Lomax(s, beta + T) lifetime ends."""
    del t_x
    n, rate, s, beta = p["r"] + x, p["alpha"] + T, p["s"], p["beta"] + T
    lived = beta * mp.log1p(h / beta) if s == 1 else beta / (s - 1) * (1 - (beta / (beta + h)) ** (s - 1))

    def parts(u: Number) -> list[Number]:
        """Buying first at u, and dying at u after each number of purchases."""
        lives, silent = (1 + u / beta) ** -s, (1 + u / rate) ** -n
        dies = lives * s / (beta + u)
        return [lives * silent * n / (rate + u), *(dies * events(k, u, silent) for k in COUNTS)]

    def events(k: int, u: Number, silent: Number) -> Number:
        return mp.rf(n, k) / mp.factorial(k) * (u / (rate + u)) ** k * silent

    active, *deaths = _stretched(parts, h, (n + 1) / rate + (s + 1) / beta)
    last, silent = (1 + h / beta) ** -s, (1 + h / rate) ** -n
    probabilities = {k: last * events(k, h, silent) + death for k, death in zip(COUNTS, deaths, strict=True)}
    return Future(n / rate * lived, last, active, probabilities)


def gompertz_log_odds(p: Mapping[str, Number], x: Number, t_x: Number, T: Number) -> Number:
    """Integral over the time of death of its density and the chance to see the history, over that of living on."""
    if t_x == T:
        return -mp.inf
    r, alpha, b, s, beta = (p[name] for name in ("r", "alpha", "b", "s", "beta"))

    def ratio(u: Number) -> list[Number]:
        y = t_x + u
        grown = beta + mp.expm1(b * y)
        silent = ((alpha + T) / (alpha + y)) ** (r + x)
        return [s * b * mp.exp(b * y) / grown * ((beta + mp.expm1(b * T)) / grown) ** s * silent]

    return mp.log(_scaled(ratio, T - t_x, *_gompertz_scales(p, x, t_x))[0])


def gompertz_future(p: Mapping[str, Number], x: Number, T: Number, t_x: Number, h: Number) -> Future:
    """Gamma(r + x, alpha + T) purchases until a gamma-Gompertz lifetime ends; all by integrals over the time left."""
    del t_x
    n, rate, b, s, beta = p["r"] + x, p["alpha"] + T, p["b"], p["s"], p["beta"]
    now, scales = beta + mp.expm1(b * T), _gompertz_scales(p, x, T)

    def survives(u: Number) -> Number:
        return (now / (beta + mp.expm1(b * (T + u)))) ** s

    def parts(u: Number) -> list[Number]:
        """Living at u, buying first at u, and dying at u after each number of purchases."""
        lives, log_ratio = survives(u), mp.log1p(u / rate)
        silent = mp.exp(-n * log_ratio)
        dies = lives * s * b / (1 + (beta - 1) * mp.exp(-b * (T + u)))
        return [lives, lives * silent * n / (rate + u), *(dies * events(k, u, silent) for k in COUNTS)]

    def events(k: int, u: Number, silent: Number) -> Number:
        return mp.rf(n, k) / mp.factorial(k) * (u / (rate + u)) ** k * silent

    lived, active, *deaths = _scaled(parts, h, *scales)
    last, silent = survives(h), (1 + h / rate) ** -n
    probabilities = {k: last * events(k, h, silent) + death for k, death in zip(COUNTS, deaths, strict=True)}
    return Future(n / rate * lived, last, active, probabilities)


def _gompertz_scales(p: Mapping[str, Number], x: Number, begin: Number) -> tuple[Number, Number]:
    """Where the hazard outgrows beta, counted from `begin`, and the shortest time in which anything changes."""
    bend = mp.log1p(p["beta"]) / p["b"] - begin
    return bend, 1 / ((p["r"] + x + 1) / (p["alpha"] + begin) + (p["s"] + 1) * p["b"] * (1 + 1 / p["beta"]))


def discrete_log_odds(p: Mapping[str, Number], x: Number, t_x: Number, n: Number) -> Number:
    """The likelihood of BG/BB for a death after each period since the last purchase, over that of living on."""
    alpha, beta, gamma, delta = (p[name] for name in ("alpha", "beta", "gamma", "delta"))
    if t_x == n:
        return -mp.inf
    term, total = mp.beta(alpha + x, beta + t_x - x) * mp.beta(gamma + 1, delta + t_x), mp.mpf(0)
    for i in range(int(t_x), int(n)):
        total += term
        term *= (beta + i - x) / (alpha + beta + i) * (delta + i) / (gamma + 1 + delta + i)
    return mp.log(total / (mp.beta(alpha + x, beta + n - x) * mp.beta(gamma, delta + n)))


def discrete_future(p: Mapping[str, Number], x: Number, n: Number, t_x: Number, h: Number) -> Future:
    """Sums over the periods lived, by recurrences."""
    del t_x
    a, b, gamma, delta = p["alpha"] + x, p["beta"] + n - x, p["gamma"], p["delta"] + n
    periods = int(h)
    stays, lived, dies = mp.mpf(1), mp.mpf(0), []
    for i in range(periods):
        dies.append(stays * gamma / (gamma + delta + i))
        stays *= (delta + i) / (gamma + delta + i)
        lived += stays

    def probability(k: int) -> Number:
        if k > periods:
            return mp.mpf(0)
        chance, total = mp.rf(a, k) / mp.rf(a + b, k), mp.mpf(0)
        for i in range(k, periods):
            total += chance * dies[i]
            chance *= mp.mpf(i + 1) / (i + 1 - k) * (b + i - k) / (a + b + i)
        return total + chance * stays

    silent, active = mp.mpf(1), mp.mpf(0)
    alive = mp.mpf(1)
    for i in range(periods):
        alive *= (delta + i) / (gamma + delta + i)
        active += alive * silent * a / (a + b + i)
        silent *= (b + i) / (a + b + i)
    return Future(a / (a + b) * lived, stays, active, {k: probability(k) for k in COUNTS})


def _agreed(forms: list[Callable[[], Number]], integral: Callable[[], Number]) -> Number:
    """The first of two positive values if they agree, else the integral."""
    try:
        values = [form() for form in forms]
    except ValueError:  # mpmath found no precision at which its sum converges
        values = []
    if len(values) == 2 and values[0] > 0 and abs(values[0] - values[1]) <= AGREEMENT * values[0]:
        return values[0]
    return integral()


def _beta_mean(function: Callable[[Number], Number], scale: Number, a: Number, b: Number) -> Number:
    """Mean over p ~ Beta(a, b), in the logit of p, split where the density or the function bends."""
    middle = mp.log(a / b)

    def density(logit: Number) -> Number:
        return mp.exp(-a * _softplus(middle, -logit) - b * _softplus(-middle, logit))

    def integrand(logit: Number) -> Number:
        return density(logit) * function(1 / (1 + mp.exp(-logit)))

    width = min(mp.mpf(1), mp.sqrt(1 / a + 1 / b))
    bends = sorted({-mp.log1p(scale), mp.log1p(a) - mp.log1p(b), middle, mp.mpf(0)})
    steps = (0, 1, 3, 8, 20)
    places = {bend + side * width * step for bend in bends for step in steps for side in (-1, 1)}
    places |= {end for tail in (8, 20, 40, 80) for end in (bends[0] - tail / a, bends[-1] + tail / b)}
    nodes = sorted(places)
    return _gauss(integrand, nodes) / _gauss(density, nodes)


def _softplus(middle: Number, value: Number) -> Number:
    """log(1 + exp(value)) relative to its value at -middle."""
    return mp.log1p(mp.exp(value)) - mp.log1p(mp.exp(-middle))


def _stretched(function: Callable[[Number], list[Number]], h: Number, decay: Number) -> list[Number]:
    """Integrals from 0 to h of functions that change at a rate of about `decay` at 0, and slower later."""
    end = mp.log1p(h * decay)
    parts = max(int(mp.ceil(end / 2)), 1)

    def stretched(v: Number) -> list[Number]:
        return [value * mp.exp(v) / decay for value in function(mp.expm1(v) / decay)]

    return _gauss_each(stretched, [end * i / parts for i in range(parts + 1)])


def _scaled(function: Callable[[Number], list[Number]], h: Number, bend: Number, scale: Number) -> list[Number]:
    """Integrals from 0 to h of functions that change at a bend, and by themselves within multiples of `scale`."""
    steps = [scale * mp.mpf(4) ** j for j in range(-1, max(int(mp.ceil(mp.log(h / scale, 4))), 0) + 1)]
    places = set(steps) | {bend + side * step for step in (mp.mpf(0), *steps) for side in (-1, 1)}
    return _gauss_each(function, sorted({mp.mpf(0), h} | {place for place in places if 0 < place < h}))


def _gauss(function: Callable[[Number], Number], nodes: list[Number]) -> Number:
    """Integral over intervals in each of which a Gauss-Legendre rule of 24 nodes is exact to some 15 digits."""
    return _gauss_each(lambda place: [function(place)], nodes)[0]


def _gauss_each(function: Callable[[Number], list[Number]], nodes: list[Number]) -> list[Number]:
    with mp.workdps(INTEGRAL_DIGITS):
        terms: list[list[Number]] = []
        for left, right in pairwise(nodes):
            half, middle = (right - left) / 2, (right + left) / 2
            terms += [[half * weight * value for value in function(middle + half * place)] for place, weight in _rule()]
        return [mp.fsum(column) for column in zip(*terms, strict=True)]


@cache
def _rule() -> list[tuple[Number, Number]]:
    return GaussLegendre(mp.mp).calc_nodes(4, mp.mp.prec)


ORACLES: dict[str, tuple[Callable[..., Number], Callable[..., Future]]] = {
    "bg_nbd": beta_geometric(0),
    "mbg_nbd": beta_geometric(1),
    "bg_cnbd_k": regular(0),
    "mbg_cnbd_k": regular(1),
    "pareto_nbd": (pareto_log_odds, pareto_future),
    "ggom_nbd": (gompertz_log_odds, gompertz_future),
    "bg_bb": (discrete_log_odds, discrete_future),
}
