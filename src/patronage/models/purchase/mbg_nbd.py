r"""Estimation of the MBG/NBD model by maximum likelihood.

As in BG/NBD a customer buys as a Poisson process with a rate λ ~ Gamma(r, α) and leaves after a purchase with a
probability p ~ Beta(a, b), but the first purchase counts too. So of a customer with x repeat purchases either x + 1
chances to leave passed, or x passed and the last one was taken [1]_:

.. math::
    \ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + \ln B(a, b+x+1) - \ln B(a,b) - (r+x)\ln(\alpha+T)
    + \ln\bigl(1 + e^{D}\bigr)

    D = (r+x)\ln\frac{\alpha+T}{\alpha+t_x} + \ln\frac{a}{b+x}

This is `beta_geometric_rows` of `bg_nbd` with one chance to leave at the start.

References
----------
.. [1] Batislam, Denizel, Filiztekin (2007), Empirical validation and comparison of models for customer base analysis.
   International Journal of Research in Marketing 24(3), 201-209.
"""

from typing import ClassVar

from patronage.models import lifetimes_engine
from patronage.models.covariates import Slots
from patronage.models.likelihood import LogLikelihood
from patronage.models.purchase.beta_geometric_sums import BetaGeoLikelihood
from patronage.models.purchase.bg_nbd import beta_geometric_rows, beta_geometric_starts
from patronage.models.purchase.model import PurchaseModel, parameter_names
from patronage.models.rows import Parameters, Rows
from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams


class ModifiedBetaGeoNBD(PurchaseModel):
    """MBG/NBD: steady purchasing until the customer, after any purchase, leaves unnoticed.

    Parameters are r, alpha (purchase rate) and a, b (dropout); see `PurchaseModel` for the options.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> model = ModifiedBetaGeoNBD().fit(load_cdnow_summary())
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.525, 'alpha': 6.183, 'a': 0.891, 'b': 1.614}
    """

    params_class = ModifiedBetaGeoParams
    parameter_names = parameter_names(ModifiedBetaGeoParams)
    covariate_slots: ClassVar[Slots] = {"purchase": {"alpha": -1.0}, "dropout": {"a": 1.0, "b": 1.0}}

    def _rows(self, parameters: Parameters, histories: Histories) -> Rows:
        return beta_geometric_rows(parameters, histories, chances_at_start=1)

    def _likelihood(self, histories: Histories, counts: FloatArray) -> LogLikelihood:
        return BetaGeoLikelihood(histories, counts, chances_at_start=1)

    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        return beta_geometric_starts(histories, counts)

    def _fit_by_lifetimes(self, histories: Histories, counts: FloatArray) -> FloatArray:
        return lifetimes_engine.fit_purchase("ModifiedBetaGeoFitter", self.parameter_names, histories, counts)
