r"""Estimation of the shifted beta-geometric model by maximum likelihood.

Customers leave at each renewal with a probability θ of their own, θ ~ Beta(α, β). The shares of [1]_ who make n
renewals, and who leave at the next one, are

.. math::
    S(n) = \frac{B(\alpha, \beta + n)}{B(\alpha, \beta)}, \qquad
    P(T = n + 1) = S(n)\,\frac{\alpha}{\alpha + \beta + n}

so that the log-likelihood of a customer who made n renewals is

.. math::
    \ln B(\alpha, \beta + n) - \ln B(\alpha, \beta) + [\text{churned}]\,\bigl(\ln\alpha - \ln(\alpha+\beta+n)\bigr)

References
----------
.. [1] Fader, Hardie (2007), How to project customer retention. Journal of Interactive Marketing 21(1), 76-90.
"""

import numpy as np

from patronage.models.contract.model import ContractModel
from patronage.models.rows import Parameters, Rows, symmetric
from patronage.runtime.contract.gamma_differences import digamma_gap, log_beta_drop, trigamma_gap
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.histories import FloatArray


class ShiftedBetaGeometric(ContractModel):
    """sBG: customers under contract, each with a churn probability of their own that never changes.

    Parameters are alpha and beta, of the beta distribution of these probabilities; see `ContractFit` for options.

    Examples
    --------
    The "regular" customers of Fader and Hardie (2007), table 1:

    >>> survivors = [1000, 631, 468, 382, 326, 289, 262, 241]
    >>> model = ShiftedBetaGeometric().fit({"period": range(8), "survivors": survivors})
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'alpha': 0.704, 'beta': 1.182}
    >>> round(float(model.survival(12)), 3)
    0.17
    """

    params_class = ShiftedBetaGeometricParams
    parameter_names = ("alpha", "beta")

    def _rows(self, parameters: Parameters, tenures: Tenures) -> Rows:
        return shifted_beta_geometric_rows(parameters, tenures)

    def _starts(self, first_churn: float) -> list[FloatArray]:
        return [np.array([a, a * (1 - first_churn) / first_churn]) for a in (1.0, 0.3, 4.0, 0.05, 30.0)]


def shifted_beta_geometric_rows(parameters: Parameters, tenures: Tenures) -> Rows:
    """Log-likelihood of each customer by (alpha, beta), which may differ by row.

    Parameters
    ----------
    parameters : sequence of 2 floats or ndarrays, shape (n,)
    tenures : Tenures
        n of them.
    """
    alpha, beta = (np.broadcast_to(value, len(tenures)) for value in parameters)
    n, left = tenures.renewed, tenures.churned.astype(np.float64)
    total = alpha + beta + n
    value = -log_beta_drop(beta, alpha, n) + left * (np.log(alpha) - np.log(total))
    by_sum = -digamma_gap(alpha + beta, n)
    gradient = np.array([by_sum + left * (1 / alpha - 1 / total), by_sum + digamma_gap(beta, n) - left / total])
    by_sum_twice = trigamma_gap(alpha + beta, n) + left / total**2
    entries = {
        (0, 0): by_sum_twice - left / alpha**2,
        (0, 1): by_sum_twice,
        (1, 1): by_sum_twice - trigamma_gap(beta, n),
    }
    return Rows(value, gradient, symmetric(2, len(n), entries))
