r"""Shifted beta-geometric (sBG): every renewal is a toss of the customer's own coin.

A customer leaves at each renewal with the same probability θ, and these vary across customers as Beta(α, β). No
customer ever becomes more loyal, and yet the retention rate of a cohort

.. math:: r(t) = \frac{\beta + t - 1}{\alpha + \beta + t - 1}

rises with time: those with a large θ leave first, and the patient remain [1]_.

References
----------
.. [1] Fader, Hardie (2007), How to project customer retention. Journal of Interactive Marketing 21(1), 76-90.
"""

from dataclasses import dataclass
from typing import ClassVar

from .model import ContractParams


@dataclass(frozen=True)
class ShiftedBetaGeometricParams(ContractParams):
    """Parameters of the sBG model.

    Attributes
    ----------
    alpha, beta : float or ndarray, shape (n,)
        Of the beta distribution of churn probabilities, positive; their mean is alpha / (alpha + beta).
    """

    kind: ClassVar[str] = "sbg"
    title: ClassVar[str] = "sBG"

    @property
    def shape(self) -> float:
        """1: a customer's own chance to leave does not depend on the tenure."""
        return 1.0
