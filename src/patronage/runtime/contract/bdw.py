r"""Beta-discrete-Weibull (BdW): the customer's own coin changes with the tenure.

Of customers with the propensity θ ~ Beta(α, β) to leave, :math:`(1 - \theta)^{t^c}` make the t-th renewal, so that
their chance to leave at it, :math:`1 - (1-\theta)^{t^c - (t-1)^c}`, is θ at first and then grows (c above 1) or
shrinks (c below 1). Retention rates of a cohort may so fall and rise again: single customers wear out while the
patient ones remain [1]_.

References
----------
.. [1] Fader, Hardie, Liu, Davin, Steenburgh (2018), "How to project customer retention" revisited: the role of
   duration dependence. Journal of Interactive Marketing 43, 1-16.
"""

from dataclasses import dataclass
from typing import ClassVar

from .model import ContractParams


@dataclass(frozen=True)
class BetaDiscreteWeibullParams(ContractParams):
    """Parameters of the BdW model.

    Attributes
    ----------
    alpha, beta : float or ndarray, shape (n,)
        Of the beta distribution of θ, positive; their mean alpha / (alpha + beta) is the share that leaves at the
        first renewal.
    c : float
        How the customer's own chance to leave depends on the tenure, positive: not at all (1), rising (above 1) or
        falling (below 1).
    """

    kind: ClassVar[str] = "bdw"
    title: ClassVar[str] = "BdW"

    c: float

    @property
    def shape(self) -> float:
        """The parameter c."""
        return self.c
