r"""Integrals that cannot overflow: rules whose nodes follow the scale of the integrand, row by row.

Two rules serve all models:

- `gauss_legendre`: an integrand that falls from its left end at a known rate, in the logarithm of the distance from
  that end (`stretched`), with as many nodes as the interval needs;
- `beta_mean`: the mean of a function of a Beta-distributed probability, by the trapezoidal rule in a stretched
  :math:`\operatorname{logit} p`.

References
----------
.. [1] Trefethen (2008), Is Gauss quadrature better than Clenshaw-Curtis? SIAM Review 50(1), 67-87.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

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

_BETA_STEP = 0.25
_BETA_LEAST = -52.0
_BETA_FARTHEST = 1e6
_BETA_BISECTIONS = 14
_BETA_VALUES_AT_ONCE = 1 << 16


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
    function: Callable[[FloatArray, FloatArray, IndexArray], FloatArray],
    a: FloatArray,
    b: FloatArray,
    scale: FloatArray | None = None,
) -> FloatArray:
    r"""Mean of ``function(p)`` where p is Beta(a, b), row by row, to about 11 digits.

    The trapezoidal rule in t, where :math:`\operatorname{logit} p = m + w k \sinh(t / k)`: steps of equal size around
    the middle m of the distribution, of width w, and growing ones beyond k widths, where only powers of p and 1 - p
    are left. Rows with the same a and b share their nodes, and the nodes end where the density is below
    :math:`e^{-52}` of its peak.

    Parameters
    ----------
    function : callable
        ``(p, log_p, rows)`` to the function's values, shape (m, nodes), with p of that shape and the positions of the
        m rows. It must not change faster than a power of p or 1 + p / c does.
    a, b : ndarray, shape (n,)
        Parameters of the beta distributions.
    scale : ndarray, shape (n,), optional
        Where 1 / p is much larger than this, the function is constant. The nodes are the fewer the smaller it is;
        without it up to 1e14 is assumed.

    Returns
    -------
    ndarray, shape (n,)
    """
    # Steps must be short as far as the function's own bend, which lies at p = 1 / scale.
    far = np.full(len(a), 32.0) if scale is None else np.clip(np.log1p(a) - np.log1p(b) + np.log1p(scale), 4.0, 32.0)
    core = np.exp2(np.ceil(np.log2(far)))
    first, rule = distinct(a, b, core)
    rules = _BetaRules(a[first], b[first], core[first])
    nodes = rules.number[rule]
    mean = np.empty(len(a))
    for number in np.unique(nodes):
        rows = np.flatnonzero(nodes == number)
        rows = rows[np.argsort(rule[rows], kind="stable")]
        block = max(_BETA_VALUES_AT_ONCE // int(number), 1)
        for start in range(0, len(rows), block):
            some = rows[start : start + block]
            which, place = np.unique(rule[some], return_inverse=True)
            log_p, weight = rules.nodes(which, int(number))
            values = function(np.exp(log_p)[place], log_p[place], some)
            mean[some] = (weight[place] * values).sum(axis=1)
    return mean


class _BetaRules:
    """Trapezoidal rules for beta distributions, each with its own ends and step."""

    def __init__(self, a: FloatArray, b: FloatArray, core: FloatArray) -> None:
        self.a, self.b, self.core = a, b, core
        self.middle = np.log1p(a) - np.log1p(b)
        self.width = np.minimum(1.0, np.sqrt(1 / a + 1 / b))
        self.left, right = self._end(-1.0), self._end(1.0)
        # Few different numbers of nodes, so that many rules are computed together.
        self.number = (16 * np.ceil(((self.left + right) / _BETA_STEP + 1) / 16)).astype(np.intp)

    def nodes(self, which: IndexArray, number: int) -> tuple[FloatArray, FloatArray]:
        """Logarithm of the nodes, and weights that sum to 1, shapes (len(which), number)."""
        core = self.core[which, None]
        t = (np.arange(number) * _BETA_STEP - self.left[which, None]) / core
        logit = self.middle[which, None] + self.width[which, None] * core * np.sinh(t)
        log_p, log_rest = -np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)
        log_density = self.a[which, None] * log_p + self.b[which, None] * log_rest
        weight = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * np.cosh(t)
        return log_p, weight / weight.sum(axis=1, keepdims=True)

    def _end(self, side: float) -> FloatArray:
        """Distance of t from the middle to where the density has fallen far enough, by bisection."""

        def log_density(logit: FloatArray) -> FloatArray:
            return -self.a * np.logaddexp(0.0, -logit) - self.b * np.logaddexp(0.0, logit)

        least = log_density(np.log(self.a) - np.log(self.b)) + _BETA_LEAST
        reach = self.width * self.core
        inside, outside = np.zeros(len(self.a)), np.arcsinh(_BETA_FARTHEST / reach)
        for _ in range(_BETA_BISECTIONS):
            half = (inside + outside) / 2
            within = log_density(self.middle + side * reach * np.sinh(half)) > least
            inside, outside = np.where(within, half, inside), np.where(within, outside, half)
        return outside * self.core
