r"""Estimation of the beta-discrete-Weibull model by maximum likelihood.

Customers with the propensity θ ~ Beta(α, β) make their t-th renewal with the probability :math:`(1-\theta)^{t^c}`, as
in [1]_. The share of a population that does is

.. math:: S(t) = e^{A(t^c)}, \qquad A(q) = \ln B(\alpha, \beta + q) - \ln B(\alpha, \beta)

and the log-likelihood of a customer who made n renewals, with :math:`u = n^c` and :math:`v = (n+1)^c`,

.. math:: A(u) + [\text{churned}]\,\ln\bigl(1 - e^{-G}\bigr), \qquad G = A(u) - A(v)

Derivatives of A by (α, β, c) follow from digamma functions; those of the second term are

.. math:: \frac{\nabla G}{e^G - 1}, \qquad
    \frac{\nabla^2 G}{e^G - 1} - \frac{e^{-G}\,\nabla G\,\nabla G^\top}{(1 - e^{-G})^2}

References
----------
.. [1] Fader, Hardie, Liu, Davin, Steenburgh (2018), "How to project customer retention" revisited: the role of
   duration dependence. Journal of Interactive Marketing 43, 1-16.
"""

import numpy as np
from scipy import special

from patronage.models.contract.model import ContractModel
from patronage.models.rows import Parameters, Rows, symmetric
from patronage.runtime.contract.ages import aged, log_lost
from patronage.runtime.contract.bdw import BetaDiscreteWeibullParams
from patronage.runtime.contract.gamma_differences import digamma_gap, trigamma_gap
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.histories import FloatArray


class BetaDiscreteWeibull(ContractModel):
    """BdW: customers under contract, each with a propensity to leave that grows or shrinks with the tenure.

    Parameters are alpha and beta, of the beta distribution of propensities, and c, the exponent of time: 1 is sBG; see
    `ContractFit` for options. At least three renewals must have been seen.

    Examples
    --------
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> model = BetaDiscreteWeibull().fit({"period": range(8), "survivors": survivors})
    >>> bool(model.params_["c"] > 1)
    True
    """

    params_class = BetaDiscreteWeibullParams
    parameter_names = ("alpha", "beta", "c")
    special_cases = ("ShiftedBetaGeometric",)

    def _rows(self, parameters: Parameters, tenures: Tenures) -> Rows:
        return beta_discrete_weibull_rows(parameters, tenures)

    def _starts(self, first_churn: float) -> list[FloatArray]:
        guesses = ((1.0, 1.0), (0.3, 1.5), (4.0, 0.7), (0.05, 3.0), (30.0, 1.0))
        return [np.array([a, a * (1 - first_churn) / first_churn, c]) for a, c in guesses]


def beta_discrete_weibull_rows(parameters: Parameters, tenures: Tenures) -> Rows:
    """Log-likelihood of each customer by (alpha, beta, c), which may differ by row.

    Parameters
    ----------
    parameters : sequence of 3 floats or ndarrays, shape (n,)
    tenures : Tenures
        n of them.
    """
    alpha, beta, c = (np.broadcast_to(value, len(tenures)) for value in parameters)
    rows = _survival_rows(alpha, beta, c, tenures.renewed)
    left = np.flatnonzero(tenures.churned)
    alpha, beta, c, n = alpha[left], beta[left], c[left], tenures.renewed[left]
    later = _survival_rows(alpha, beta, c, n + 1)
    # Of A(u) - A(v) the value and the first derivative are differenced on paper, so that a small one keeps its digits.
    u, more, beyond = ageing = aged(n, np.ones_like(n), c)
    lost = log_lost(alpha, beta, ageing)
    slope = rows.gradient[:, left] - later.gradient
    slope[0] = digamma_gap(alpha + beta + u, more) + beyond
    curve = rows.hessian[:, :, left] - later.hessian
    stay, leave = np.exp(-lost), -np.expm1(-lost)
    odds, spread = stay / leave, stay / leave**2
    rows.value[left] += np.log(leave)
    rows.gradient[:, left] += slope * odds
    rows.hessian[:, :, left] += curve * odds - slope[:, None, :] * slope[None, :, :] * spread
    return rows


def _survival_rows(alpha: FloatArray, beta: FloatArray, c: FloatArray, t: FloatArray) -> Rows:
    """A(t^c) with its derivatives."""
    log_t = np.log(np.maximum(t, 1.0))
    age, more, beyond = ageing = aged(np.zeros(()), t, c)
    q = age + more
    by_c, by_c_twice = q * log_t, q * log_t**2
    by_q, by_q_twice = -digamma_gap(beta + q, alpha), trigamma_gap(beta + q, alpha)
    by_sum, by_sum_twice = -digamma_gap(alpha + beta, q) - beyond, trigamma_gap(alpha + beta, q)
    gradient = np.array([by_sum, by_q + digamma_gap(beta, alpha), by_q * by_c])
    entries = {
        (0, 0): by_sum_twice,
        (0, 1): by_sum_twice,
        (0, 2): -special.polygamma(1, alpha + beta + q) * by_c,
        (1, 1): by_q_twice - trigamma_gap(beta, alpha),
        (1, 2): by_q_twice * by_c,
        (2, 2): by_q_twice * by_c**2 + by_q * by_c_twice,
    }
    return Rows(-log_lost(alpha, beta, ageing), gradient, symmetric(3, len(t), entries))
