r"""NBD: customers buy at steady rates and nobody ever leaves; the special case of all models in which somebody may.

The rates are λ ~ Gamma(r, α), and the log-likelihood of x purchases in T, at whatever times, is

.. math:: \ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha - (r+x)\ln(\alpha+T)

References
----------
.. [1] Ehrenberg (1959), The pattern of consumer purchases. Applied Statistics 8(1), 26-41.
"""

import numpy as np

from patronage.models.likelihood import Evaluation, Objective, maximise
from patronage.runtime.gamma_ratio import digamma_rise, log_rising, trigamma_rise
from patronage.runtime.histories import FloatArray, Histories


def nbd_log_likelihood(histories: Histories, counts: FloatArray) -> float:
    """Highest log-likelihood of the model in which nobody leaves.

    Parameters
    ----------
    histories : Histories
        Distinct histories, m of them.
    counts : ndarray, shape (m,)
        Customers behind each.
    """
    x, T, n = histories.frequency, histories.T, counts

    def evaluate(values: FloatArray) -> Evaluation:
        r, alpha = values
        until, grown = alpha + T, np.log1p(T / alpha)
        value = n @ (log_rising(r, x) - r * grown - x * np.log(until))
        by_r, by_alpha = n @ (digamma_rise(r, x) - grown), n @ (r / alpha - (r + x) / until)
        cross = n @ (T / (alpha * until))
        by_alpha_twice = n @ (-r / alpha**2 + (r + x) / until**2)
        hessian = np.array([[n @ trigamma_rise(r, x), cross], [cross, by_alpha_twice]])
        return Evaluation(float(value), np.array([by_r, by_alpha]), hessian)

    rate = (n @ x) / (n @ T)
    starts = [np.array([r, r / rate]) for r in (0.5, 1.0, 0.2, 5.0)]
    return maximise(Objective(evaluate, float(n.sum())), starts).log_likelihood
