r"""Estimation of models in which a customer's lifetime does not depend on the purchases.

While alive a customer buys as a Poisson process with a rate λ ~ Gamma(r, α); the lifetime has the survival function S
and the density f, whatever the purchases. The likelihood of a history (x, t_x, T) is that of a customer alive at T, or
of one who died at some y between t_x and T:

.. math::
    \frac{\Gamma(r+x)\,\alpha^r}{\Gamma(r)} \Bigl[
    \frac{S(T)}{(\alpha+T)^{r+x}} + \int_{t_x}^{T} \frac{f(y)\,dy}{(\alpha+y)^{r+x}} \Bigr]

The integral is a sum over the nodes that predictions use too (`IndependentLifetime.nodes`), all of whose terms are
positive. So the bracket is a mixture of a living customer and of dead ones, and its derivatives follow from those of
its terms (`log_mixture`). A kind states S and f with their derivatives (`LifetimeModel._lifetime`).
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from patronage.models.likelihood import Evaluation, LogLikelihood
from patronage.models.purchase.model import PurchaseModel
from patronage.models.rows import Parameters, Rows, log_mixture, symmetric, total
from patronage.runtime.blocks import THREADS, on_all_processors
from patronage.runtime.distinct import distinct
from patronage.runtime.gamma_ratio import digamma_rise, log_rising, trigamma_rise
from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.lifetime import IndependentLifetimeParams

DIGITS = 10.0
"""Digits that the integral of one history is good for at least; sums over histories are mostly good for 14."""

ROWS_A_THREAD = 2_000
"""Fewer histories are not worth a second thread."""

Derivatives = tuple[FloatArray, list[FloatArray], dict[tuple[int, int], FloatArray]]
"""Logarithms, their first derivatives, and their second derivatives that are not 0, as `log_mixture` takes them."""

Lifetime = Callable[[Any, FloatArray, FloatArray], Derivatives]


class LifetimeModel(PurchaseModel):
    """Base of the models; the parameters of a kind are r, alpha, then those of the lifetime."""

    params_class: ClassVar[type[IndependentLifetimeParams]]

    @staticmethod
    @abstractmethod
    def _lifetime(params: Any, y: FloatArray, dies: FloatArray) -> Derivatives:
        """Log density of dying at y where `dies` is 1, log probability to survive y where it is 0.

        Parameters
        ----------
        params : instance of `params_class`
            Of numbers, or of arrays of shape (n,).
        y : ndarray, shape (J, n)
        dies : ndarray, shape (J, 1)

        Returns
        -------
        Derivatives
            By the parameters after alpha; the second derivatives at their positions among all parameters.
        """

    def _rows(self, parameters: Parameters, histories: Histories) -> Rows:
        k, n = len(parameters), len(histories)
        every: list[Any] = [np.broadcast_to(value, n) for value in parameters]
        r, alpha = every[:2]
        value, by_r, by_r_twice = _rises(r, histories.frequency)
        gradient = np.zeros((k, n))
        gradient[:2] = by_r + np.log(alpha), r / alpha
        hessian = symmetric(k, n, {(0, 0): by_r_twice, (0, 1): 1 / alpha, (1, 1): -r / alpha**2})
        bracket = Rows(np.empty(n), np.empty((k, n)), np.empty((k, k, n)))
        for some, part in brackets(self.params_class(*every), histories, self._lifetime):
            bracket.value[some], bracket.gradient[:, some], bracket.hessian[:, :, some] = part
        return bracket + Rows(value + r * np.log(alpha), gradient, hessian)

    def _likelihood(self, histories: Histories, counts: FloatArray) -> LogLikelihood:
        return LifetimeLikelihood(self.params_class, self._lifetime, histories, counts)


class LifetimeLikelihood:
    """Log-likelihood summed over distinct histories whose parameters are the same for all.

    Parameters
    ----------
    params_class : type
    lifetime : callable
        As `LifetimeModel._lifetime`.
    histories : Histories
        Distinct histories.
    counts : ndarray, shape (n,)
        Customers behind each.
    """

    def __init__(
        self,
        params_class: type[IndependentLifetimeParams],
        lifetime: Lifetime,
        histories: Histories,
        counts: FloatArray,
    ) -> None:
        self.params_class, self.lifetime, self.customers = params_class, lifetime, float(counts.sum())
        # Functions of the number of purchases are dear, and these numbers few.
        first, inverse = distinct(histories.frequency)
        self.x, self.customers_of_x = histories.frequency[first], np.bincount(inverse, counts)
        shares = THREADS if len(counts) > ROWS_A_THREAD else 1
        places = [np.arange(start, len(counts), shares) for start in range(shares)]
        self.parts = [(histories.take(index), counts[index]) for index in places]

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at natural parameters, shape (k,)."""
        k = len(values)
        params = self.params_class(*np.asarray(values, dtype=np.float64))

        def bracket(part: tuple[Histories, FloatArray]) -> Evaluation:
            histories, counts = part
            value, gradient, hessian = 0.0, np.zeros(k), np.zeros((k, k))
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                for some, rows in brackets(params, histories, self.lifetime):
                    n = counts[some]
                    value += float(rows.value @ n)
                    gradient += rows.gradient @ n
                    hessian += rows.hessian @ n
            return Evaluation(value, gradient, hessian)

        value, gradient, hessian = total(on_all_processors(bracket, self.parts))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            r, alpha = values[:2]
            rises, by_r, by_r_twice = (rise @ self.customers_of_x for rise in _rises(r, self.x))
            value += float(rises + self.customers * r * np.log(alpha))
            gradient[:2] += by_r + self.customers * np.log(alpha), self.customers * r / alpha
            hessian[0, 0] += by_r_twice
            hessian[[0, 1], [1, 0]] += self.customers / alpha
            hessian[1, 1] -= self.customers * r / alpha**2
        return Evaluation(value, gradient, hessian)


def brackets(
    params: IndependentLifetimeParams, histories: Histories, lifetime: Lifetime
) -> Iterator[tuple[IndexArray, Rows]]:
    """Logarithms of the bracket of the likelihood, some rows at a time.

    Yields
    ------
    some : ndarray of int, shape (m,)
        Positions of the rows.
    rows : Rows
        Of these.
    """
    then, silence = params.last_seen(histories)
    for some, u, du in then.nodes(then.faded(silence, then.shape), then.shape, digits=DIGITS):
        # The last term is that of the living.
        u = np.concatenate([u, silence[None, some]])
        weights = np.concatenate([du, np.ones((1, len(some)))])
        dies = np.ones((len(u), 1))
        dies[-1] = 0
        terms, gradients, hessians = lifetime(params.at(some), histories.recency[some] + u, dies)
        power, until = then.shape[some], then.rate[some] + u
        log_until, slope = np.log(until), power / until
        terms -= power * log_until
        value, gradient, hessian = log_mixture(weights, terms, [-log_until, -slope, *gradients], hessians)
        # The second derivatives by r and alpha follow from the first ones.
        curve = gradient[1] / power, (hessian[1, 1] + gradient[1] ** 2) / power
        hessian[0, 1] += curve[0]
        hessian[1, 0] += curve[0]
        hessian[1, 1] += curve[1]
        yield some, Rows(value, gradient, hessian)


def _rises(r: FloatArray | float, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Logarithm of :math:`\Gamma(r+x) / \Gamma(r)` and its first two derivatives by r."""
    return log_rising(r, x), digamma_rise(r, x), trigamma_rise(r, x)
