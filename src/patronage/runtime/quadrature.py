r"""Integrals that cannot overflow: rules whose nodes follow the scale of the integrand, row by row.

Three rules serve all models:

- `gauss_legendre`: an integrand that falls from its left end at a known rate, in the logarithm of the distance from
  that end (`stretched`), with as many nodes as the interval needs;
- `beta_mean`: the mean of a function of a Beta-distributed probability, by the trapezoidal rule in a stretched
  :math:`\operatorname{logit} p`;
- `gamma_mean`: the same for a Gamma-distributed rate, in its stretched logarithm.

References
----------
.. [1] Trefethen (2008), Is Gauss quadrature better than Clenshaw-Curtis? SIAM Review 50(1), 67-87.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from scipy import special

from .distinct import distinct
from .histories import FloatArray, IndexArray

NODES_AT_ONCE = 8_192
"""Nodes evaluated at once: few enough that the intermediate results stay in the processor's cache."""

DIGITS = 14.0
"""Decimal digits that an integral is good for."""

_WIDEST_PANEL = 8.0
_LONGEST = 1e4
_NODE_COUNTS = np.array([2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 19, 22, 26, 31, 36, 44], dtype=np.float64)
_PANEL_KEY = 64
_KEYS = 1 << 24

_STEP = 0.25
_LEAST = -52.0
_FARTHEST = 1e6
_BISECTIONS = 14
_VALUES_AT_ONCE = 1 << 16
_FARTHEST_BEND = 32.0
_LARGEST_LOG = 600.0
_GAMMA_CORE = 8.0
_STEEP, _STEEPER = 20.0, 16.0


def gauss_legendre(
    *spans: FloatArray, detail: float = 1.0, digits: float = DIGITS
) -> Iterator[tuple[IndexArray, list[tuple[FloatArray, FloatArray]]]]:
    r"""Gauss-Legendre rules on [0, span], each with as many nodes as its span needs; rows with the same rules together.

    The integrand must be analytic and bounded within a distance of :math:`\pi / 2` over `detail` from the interval, as
    a power of 1 + distance is as a function of the logarithm of 1 + distance. Then the error of n nodes falls as
    :math:`\rho^{-2n}` with :math:`\ln\rho = \operatorname{arsinh}(\pi / (\mathrm{span} \cdot \mathrm{detail}))` [1]_,
    which gives n. The bound is cautious: integrals are mostly good for more.

    Parameters
    ----------
    *spans : ndarray, shape (n,)
        Lengths of the intervals of each row, one or several, 0 and above.
    detail : float
        1 and above; how much finer than a function of a logarithm the integrand is.
    digits : float
        Decimal digits that are aimed at; mostly there are more.

    Yields
    ------
    rows : ndarray of int, shape (m,)
        Positions of the rows that share their rules.
    rules : list of (ndarray, ndarray), each of shape (nodes, m)
        Nodes and weights for each of the spans. Nodes run along the first axis, so that whatever has one value a row
        broadcasts against them.
    """
    keys = [_rule_keys(span, detail, digits) for span in spans]
    shared = keys[0] if len(keys) == 1 else keys[0] * _KEYS + keys[1]
    order = np.argsort(shared, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(shared[order])) + 1) if len(order) else ():
        units = [_unit_rule(int(key[group[0]])) for key in keys]
        block = max(NODES_AT_ONCE // max(sum(len(point) for point, _ in units), 1), 1)
        for start in range(0, len(group), block):
            rows = group[start : start + block]
            yield (
                rows,
                [(point * span[rows], weight * span[rows]) for (point, weight), span in zip(units, spans, strict=True)],
            )


def _rule_keys(span: FloatArray, detail: float, digits: float) -> IndexArray:
    """Number of panels and of nodes in each, as one number; 0 for an empty interval."""
    extent = np.fmin(span * detail, _LONGEST)
    panels = np.maximum(np.ceil(extent / _WIDEST_PANEL), 1.0)
    with np.errstate(divide="ignore"):
        nodes = np.ceil(digits * np.log(10) / 2 / np.arcsinh(np.pi * panels / extent))
    coarse = _NODE_COUNTS[np.searchsorted(_NODE_COUNTS, nodes)]
    return np.where(span > 0, panels * _PANEL_KEY + coarse, 0.0).astype(np.intp)


@lru_cache(maxsize=1024)
def _unit_rule(key: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on [0, 1], each of shape (nodes, 1)."""
    panels, nodes = divmod(key, _PANEL_KEY)
    if not panels:
        return np.empty((0, 1)), np.empty((0, 1))
    point, weight = np.polynomial.legendre.leggauss(nodes)
    places = ((np.arange(panels)[:, None] + (point + 1) / 2) / panels).reshape(-1, 1)
    return places, np.tile(weight / (2 * panels), panels)[:, None]


def stretched(rule: tuple[FloatArray, FloatArray], scale: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""From a rule in :math:`v = \ln(1 + u/\mathrm{scale})` to u and du."""
    v, weight = rule
    u = scale * np.expm1(v)
    return u, weight * (scale + u)


def beta_mean(
    function: Callable[[FloatArray, IndexArray], FloatArray],
    a: FloatArray,
    b: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    r"""Mean of ``function(p)`` where p is Beta(a, b), row by row, to about 11 digits.

    The trapezoidal rule in t, where :math:`\operatorname{logit} p = m + w k \sinh(t / k)`: steps of equal size around
    the middle m of the distribution, of width w, and growing ones beyond k widths, where only powers of p and 1 - p
    are left. Rows with the same a and b share their nodes, and the nodes end where the density is below
    :math:`e^{-52}` of its peak.

    Parameters
    ----------
    function : callable
        ``(p, rows)`` to the function's values, shape (m, nodes), with p of that shape and the positions of the m rows.
        It must not change faster than a power of p or 1 + p / c does.
    a, b : ndarray, shape (n,)
        Parameters of the beta distributions.
    scale : ndarray, shape (n,)
        Where 1 / p is much larger than this, the function is constant; elsewhere it may grow as 1 / p. The nodes are
        the fewer the smaller it is.

    Returns
    -------
    ndarray, shape (n,)
    """
    # Steps must be short as far as the function's own bend, which lies at p = 1 / scale.
    log_scale = np.log1p(scale)
    core = _core(np.log1p(a) - np.log1p(b) + log_scale)
    # What the function may grow by before the density ends: few different ones, so that rows share their rules.
    grown = _STEEPER * np.ceil(np.maximum(log_scale - _STEEP, 0.0) / _STEEPER)
    first, rule = distinct(a, b, core, grown)
    rules = _BetaRules(a[first], b[first], core[first], grown[first])
    mean = np.empty(len(a))
    for rows, which, place, number in _groups(rules, rule):
        logit, weight = rules.nodes(which, number)
        mean[rows] = (weight[place] * function(special.expit(logit)[place], rows)).sum(axis=1)
    return mean


def gamma_mean(
    function: Callable[[FloatArray, IndexArray], FloatArray], shape: FloatArray, power: float, bend: FloatArray
) -> FloatArray:
    """Mean of ``function(x)`` where x is Gamma(shape), with a rate of 1, row by row, to about 11 digits.

    By the rule of `beta_mean`, with the logarithm of x in the place of logit p.

    Parameters
    ----------
    function : callable
        ``(x, rows)`` to the function's values, shape (m, nodes), with x of that shape and the positions of the m rows.
        It must not change faster than a power of x or 1 + x / c does.
    shape : ndarray, shape (n,)
    power : float
        1 and above: where x is large, the function grows no faster than this power of it.
    bend : ndarray, shape (n,)
        Where x is much smaller than this, the function is a power of x.

    Returns
    -------
    ndarray, shape (n,)
    """
    # Where the function is a high power, its mean comes from a narrower part of the line than the density's.
    width = 1 / np.sqrt(np.maximum(shape + power, 1.0))
    core = np.maximum(_core((np.log1p(shape) - np.log(bend)) * np.sqrt((shape + power) / (shape + 1))), _GAMMA_CORE)
    first, rule = distinct(shape, core)
    rules = _GammaRules(shape[first], width[first], core[first])
    mean = np.empty(len(shape))
    for rows, which, place, number in _groups(rules, rule):
        log_x, weight = rules.nodes(which, number)
        mean[rows] = (weight[place] * function(np.exp(np.maximum(log_x, -_LARGEST_LOG))[place], rows)).sum(axis=1)
    return mean


def _core(far: FloatArray) -> FloatArray:
    """Distance up to which steps are of equal size: few different ones, so that rows share their rules."""
    return np.exp2(np.ceil(np.log2(np.clip(far, 4.0, _FARTHEST_BEND))))


def _groups(rules: "_StretchedRules", rule: IndexArray) -> Iterator[tuple[IndexArray, IndexArray, IndexArray, int]]:
    """Rows with as many nodes, then their rules, the place of each row's rule among them, and the number of nodes."""
    nodes = rules.number[rule]
    for number in np.unique(nodes):
        rows = np.flatnonzero(nodes == number)
        rows = rows[np.argsort(rule[rows], kind="stable")]
        block = max(_VALUES_AT_ONCE // int(number), 1)
        for start in range(0, len(rows), block):
            some = rows[start : start + block]
            which, place = np.unique(rule[some], return_inverse=True)
            yield some, which, place, int(number)


class _StretchedRules(ABC):
    """Trapezoidal rules in t, where a location on the line is m + w k sinh(t / k), each with its own ends.

    Parameters
    ----------
    middle, width, core : ndarray, shape (n,)
        m, w and k.
    peak : ndarray, shape (n,)
        Where the density is largest.
    grown : ndarray, shape (n,), or float
        Logarithm of what the function may grow by where the density falls.
    """

    def __init__(
        self, middle: FloatArray, width: FloatArray, core: FloatArray, peak: FloatArray, grown: FloatArray | float = 0.0
    ) -> None:
        self.middle, self.width, self.core = middle, np.minimum(1.0, width), core
        self._least = self._log_density(peak[:, None])[:, 0] + _LEAST - grown
        self._left, right = self._end(-1.0), self._end(1.0)
        # Few different numbers of nodes, so that many rules are computed together.
        self.number = (16 * np.ceil(((self._left + right) / _STEP + 1) / 16)).astype(np.intp)

    @abstractmethod
    def _log_density(self, location: FloatArray, which: IndexArray | slice = slice(None)) -> FloatArray:
        """Log density at locations of shape (m, nodes), but for a constant, for the rules `which`."""

    def nodes(self, which: IndexArray, number: int) -> tuple[FloatArray, FloatArray]:
        """Locations of the nodes, and weights that sum to 1, shapes (len(which), number)."""
        core = self.core[which, None]
        t = (np.arange(number) * _STEP - self._left[which, None]) / core
        location = self.middle[which, None] + self.width[which, None] * core * np.sinh(t)
        log_density = self._log_density(location, which)
        weight = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * np.cosh(t)
        return location, weight / weight.sum(axis=1, keepdims=True)

    def _end(self, side: float) -> FloatArray:
        """Distance of t from the middle to where the density has fallen far enough, by bisection."""
        reach = self.width * self.core
        inside, outside = np.zeros(len(reach)), np.arcsinh(_FARTHEST / reach)
        for _ in range(_BISECTIONS):
            half = (inside + outside) / 2
            location = self.middle + side * reach * np.sinh(half)
            within = self._log_density(location[:, None])[:, 0] > self._least
            inside, outside = np.where(within, half, inside), np.where(within, outside, half)
        return outside * self.core


class _BetaRules(_StretchedRules):
    """Rules for logit p where p is Beta(a, b)."""

    def __init__(self, a: FloatArray, b: FloatArray, core: FloatArray, grown: FloatArray) -> None:
        self.a, self.b = a, b
        super().__init__(np.log1p(a) - np.log1p(b), np.sqrt(1 / a + 1 / b), core, np.log(a) - np.log(b), grown)

    def _log_density(self, location: FloatArray, which: IndexArray | slice = slice(None)) -> FloatArray:
        a, b = self.a[which, None], self.b[which, None]
        return -a * np.logaddexp(0.0, -location) - b * np.logaddexp(0.0, location)


class _GammaRules(_StretchedRules):
    """Rules for the logarithm of x where x is Gamma(shape)."""

    def __init__(self, shape: FloatArray, width: FloatArray, core: FloatArray) -> None:
        self.shape = shape
        super().__init__(np.log1p(shape), width, core, np.log(shape))

    def _log_density(self, location: FloatArray, which: IndexArray | slice = slice(None)) -> FloatArray:
        return self.shape[which, None] * location - np.exp(np.minimum(location, _LARGEST_LOG))
