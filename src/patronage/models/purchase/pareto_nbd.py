r"""Estimation of the Pareto/NBD model by maximum likelihood.

While alive a customer buys as a Poisson process with a rate λ ~ Gamma(r, α); the lifetime is exponential with a rate
μ ~ Gamma(s, β). A history (x, t_x, T) is that of a customer alive at T, or of one who died at some y between t_x and T;
before the integral over y is solved, the likelihood is (equation (17) of [1]_)

.. math::
    \frac{\Gamma(r+x)\,\alpha^r \beta^s}{\Gamma(r)} \Bigl[
    \frac{1}{(\alpha+T)^{r+x}(\beta+T)^{s}} + \int_{t_x}^{T} \frac{s\,dy}{(\alpha+y)^{r+x}(\beta+y)^{s+1}} \Bigr]

The textbook goes on to two Gaussian hypergeometric functions (equation (19)), whose difference cancels and overflows.
A quadrature rule instead turns the integral into a sum over times of death, all terms of which are positive, and the
whole into a mixture whose derivatives follow from those of its terms (`patronage.models.purchase.lifetime`).

References
----------
.. [1] Fader, Hardie (2005), A note on deriving the Pareto/NBD model and related expressions. Note 009,
   brucehardie.com.
"""

from typing import ClassVar

import numpy as np

from patronage.models import lifetimes_engine
from patronage.models.covariates import Slots
from patronage.models.purchase.lifetime import Derivatives, LifetimeModel
from patronage.models.purchase.model import parameter_names
from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.purchase.pareto_nbd import ParetoParams

STARTS = (
    (0.5, 2, 0.5, 0.5),
    (0.3, 2, 0.05, 1.0),
    (0.5, 2, 0.2, 1e-3),
    (0.5, 6, 0.5, 0.05),
    (1.0, 6, 0.1, 0.01),
    (1.0, 2, 0.1, 1e-4),
    (0.2, 2, 0.5, 10.0),
    (10.0, 2, 0.3, 0.3),
    (5.0, 2, 5.0, 50.0),
)
"""r, the mean rate of purchases r / alpha over the observed one, s, and beta in mean lengths of observation.

A small table may have one maximum where some die at once (beta near 0) and another where death rates hardly differ. In
237 simulated worlds of 40 to 4,000 customers climbs in this order, until three of them agree, missed none.
"""


class ParetoNBD(LifetimeModel):
    """Pareto/NBD: steady purchasing during a lifetime that ends at any moment, unnoticed.

    Parameters are r, alpha (purchase rate) and s, beta (death rate); see `PurchaseModel` for the options.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> model = ParetoNBD().fit(load_cdnow_summary())
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.553, 'alpha': 10.578, 's': 0.606, 'beta': 11.668}
    """

    params_class = ParetoParams
    parameter_names = parameter_names(ParetoParams)
    covariate_slots: ClassVar[Slots] = {"purchase": {"alpha": -1.0}, "dropout": {"beta": -1.0}}

    @staticmethod
    def _lifetime(params: ParetoParams, y: FloatArray, dies: FloatArray) -> Derivatives:
        r"""Logarithm of :math:`(s/\beta)^{[dies]} (1 + y/\beta)^{-(s + [dies])}`, with derivatives by s and β."""
        s, beta = params.s, params.beta
        log_growth, grown = np.log1p(y / beta), y / (beta + y)
        # In terms of y / (β + y) nothing cancels where β is beyond all y.
        by_s, by_beta = dies / s - log_growth, ((s + dies) * grown - dies) / beta
        curve = (dies - (s + dies) * grown * (2 - grown)) / beta**2
        hessians = {(2, 2): -dies / s**2, (2, 3): grown / beta, (3, 3): curve}
        return dies * np.log(s / beta) - (s + dies) * log_growth, [by_s, by_beta], hessians

    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        """Rates and lifetimes in units of what was observed."""
        rate = (counts @ histories.frequency) / (counts @ histories.T)
        observed = (counts @ histories.T) / counts.sum()
        return [np.array([r, r / (faster * rate), s, beta * observed]) for r, faster, s, beta in STARTS]

    def _fit_by_lifetimes(self, histories: Histories, counts: FloatArray) -> FloatArray:
        return lifetimes_engine.fit_purchase("ParetoNBDFitter", self.parameter_names, histories, counts)
