r"""Estimation of the GGom/NBD model by maximum likelihood.

While alive a customer buys as a Poisson process with a rate λ ~ Gamma(r, α). The hazard of leaving is
:math:`\eta b e^{bt}` with η ~ Gamma(s, β), so that a lifetime exceeds t with the probability [1]_

.. math:: S(t) = \Bigl(\frac{\beta}{\beta + e^{bt} - 1}\Bigr)^{s} = \Bigl(\frac{\beta e^{-bt}}{C(t)}\Bigr)^{s},
    \qquad C(t) = 1 + (\beta - 1)\,e^{-bt}

and has the density :math:`f(t) = s b\, S(t) / C(t)`. The likelihood of a history is that of
`patronage.models.purchase.lifetime` with these two; in terms of C nothing overflows.

Where customers do not age, the likelihood has no maximum inside: it rises, ever more slowly, towards its limit with b
and β near 0, which is Pareto/NBD with its β equal to β / b here. The fit then ends on that ridge with a curvature near
0 in the direction of b and β together, and never below Pareto/NBD, whose estimates are one of its starts.

References
----------
.. [1] Bemmaor, Glady (2012), Modeling purchasing behavior with sudden "death": a flexible customer lifetime model.
   Management Science 58(5), 1012-1021.
"""

from typing import ClassVar

import numpy as np

from patronage.errors import FitError
from patronage.models.covariates import Slots
from patronage.models.likelihood import Estimate, maximise
from patronage.models.purchase.lifetime import Derivatives, LifetimeModel
from patronage.models.purchase.model import parameter_names
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.purchase.ggom_nbd import GammaGompertzParams

NEARLY_PARETO = 1e-6
"""Growth of the hazard over the mean time of observation, at the start from the estimates of Pareto/NBD."""


LARGEST_EXPONENT = 600.0
"""Exponent beyond which the exponential is not computed."""


class GammaGompertzNBD(LifetimeModel):
    """GGom/NBD: steady purchasing during a lifetime whose risk to end may grow with age.

    Parameters are r, alpha (purchase rate), b (growth of the hazard of leaving) and s, beta (its level); see
    `PurchaseModel` for the options.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> model = GammaGompertzNBD().fit(load_cdnow_summary())
    >>> round(model.params_["r"], 3), round(model.params_["s"], 2), round(model.log_likelihood_, 2)
    (0.553, 0.61, -9594.97)
    """

    params_class = GammaGompertzParams
    parameter_names = parameter_names(GammaGompertzParams)
    covariate_slots: ClassVar[Slots] = {"purchase": {"alpha": -1.0}, "dropout": {"beta": -1.0}}

    @staticmethod
    def _lifetime(params: GammaGompertzParams, y: FloatArray, dies: FloatArray) -> Derivatives:
        r"""Logarithm of :math:`(s b)^{[dies]} (\beta e^{-by})^{s} C^{-(s + [dies])}`, with derivatives by b, s and β.

        With :math:`q = e^{-by} / C`, the derivatives of :math:`\ln C` by β and b are q and :math:`(1-\beta)\,y\,q`.
        """
        b, s, beta = params.b, params.s, params.beta
        by, power = b * y, s + dies
        left = np.exp(-by)
        C = beta * left - np.expm1(-by)
        # Logarithm of C e^{by} / β, which is that of 1 + (e^{by} - 1) / β as long as the exponential is a number.
        exact = np.log1p(np.expm1(np.minimum(by, LARGEST_EXPONENT)) / beta)
        log_ratio, q = np.where(by < LARGEST_EXPONENT, exact, by + np.log(C / beta)), left / C
        yq = y * q
        log_C_by_b = (1 - beta) * yq
        value = dies * np.log(s * b / beta) - s * log_ratio - dies * (log_ratio - by)
        by_b = dies / b - s * y - power * log_C_by_b
        by_s, by_beta = dies / s - log_ratio, s / beta - power * q
        hessians = {
            (2, 2): power * log_C_by_b * (log_C_by_b + y) - dies / b**2,
            (2, 3): -y - log_C_by_b,
            (2, 4): power * yq * (1 + (1 - beta) * q),
            (3, 3): -dies / s**2,
            (3, 4): 1 / beta - q,
            (4, 4): power * q**2 - s / beta**2,
        }
        return value, [by_b, by_s, by_beta], hessians

    def _special_cases(self, histories: Histories, counts: FloatArray) -> dict[str, float]:
        """NBD, and Pareto/NBD where that has a maximum."""
        cases = super()._special_cases(histories, counts)
        try:
            pareto = ParetoNBD()._estimated(histories, counts)
        except FitError:
            return cases
        return {**cases, ParetoNBD.params_class.title: pareto.log_likelihood}

    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        """Mean rates and lifetimes are set by what was observed; hazards that hardly grow, double, or grow a lot."""
        rate = (counts @ histories.frequency) / (counts @ histories.T)
        observed = (counts @ histories.T) / counts.sum()
        guesses = (
            (0.5, 1.0, 0.5, 0.5),
            (0.5, 10.0, 0.2, 1000.0),
            (0.5, 0.1, 0.3, 1e-3),
            (1.0, 0.1, 1.0, 0.2),
            (0.5, 4.0, 1.0, 5.0),
            (2.0, 0.5, 2.0, 5.0),
        )
        return [np.array([r, r / (2 * rate), b / observed, s, beta]) for r, b, s, beta in guesses]

    def _estimated(
        self,
        histories: Histories,
        counts: FloatArray,
        encoded: FloatArray | None = None,
        starts: list[FloatArray] | None = None,
    ) -> Estimate:
        """Start from the estimates of Pareto/NBD too; climb from there again if the climbs ended below."""
        if starts is not None or self.engine == "lifetimes":
            return super()._estimated(histories, counts, encoded, starts)
        starts = self._starts(histories, counts)
        try:
            pareto = ParetoNBD()._estimated(histories, counts)
        except FitError:
            # Lifetimes that are all alike run away from Pareto/NBD.
            return super()._estimated(histories, counts, encoded, starts)
        r, alpha, s, beta = pareto.values
        b = NEARLY_PARETO * counts.sum() / (counts @ histories.T)
        limit = np.array([r, alpha, b, s, b * beta])
        try:
            found = super()._estimated(histories, counts, encoded, [limit, *starts])
            objective = self._objective(histories, counts)
            if objective.mean(found.values).value >= objective.mean(limit).value:
                return found
            return maximise(objective, [limit], found.climbs)
        except FitError as error:
            message = (
                f"{error} {ParetoNBD.params_class.title}, its limit for hazards that do not grow, has a maximum here "
                f"(log-likelihood {pareto.log_likelihood:,.1f}): use it."
            )
            raise FitError(message) from error
