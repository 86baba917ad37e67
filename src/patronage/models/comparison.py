r"""Likelihood-ratio test of nested models.

Where a restricted model is a full one with q parameters fixed, and the restriction is true, twice the difference of the
log-likelihoods follows a chi-squared distribution with q degrees of freedom if customers are many (Wilks' theorem). It
holds for parameters fixed inside their range, such as a coefficient of a covariate at 0; where the restricted model
lies at the edge of the full one, or beyond it at infinity, it does not.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from patronage.errors import ModelError
from patronage.models.base import LikelihoodModel

TOLERANCE = 1e-6
"""Relative shortfall of the full model's log-likelihood that is put down to rounding."""


@dataclass(frozen=True)
class LikelihoodRatio:
    """Result of a likelihood-ratio test.

    Attributes
    ----------
    statistic : float
        Twice the gain in log-likelihood, 0 and above.
    degrees_of_freedom : int
        Parameters that the full model has and the restricted one has not.
    p_value : float
        Probability of a statistic at least as large if the restricted model is true.
    words : str
        The same in a sentence.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    words: str


def likelihood_ratio_test(restricted: LikelihoodModel, full: LikelihoodModel) -> LikelihoodRatio:
    """Test whether a full model describes the data better than a special case of it.

    Parameters
    ----------
    restricted, full : fitted models
        Of one kind, where the covariates of `restricted` are among those of `full`; or of kinds of which one is a
        special case of the other (``full.special_cases``). Both fitted to the same customers.

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    ModelError
        If a model is not fitted by maximum likelihood (priors, ridge, or brought back from parameters), if they are not
        nested, if they were fitted to different data, or if the full model fits worse, which shows that it is not at
        its maximum.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> from patronage.models import BetaGeoNBD
    >>> frame = load_cdnow_summary().assign(late=lambda customers: customers["T"] < 33)
    >>> with_late = BetaGeoNBD(purchase_covariates=["late"]).fit(frame)
    >>> likelihood_ratio_test(BetaGeoNBD().fit(frame), with_late).degrees_of_freedom
    1
    """
    for model in (restricted, full):
        _refuse_penalised(model)
    further = tuple(name for name in full.parameter_names if name not in restricted.parameter_names)
    if not full.nests(restricted):
        message = (
            f"{restricted!r} is no special case of {full!r}, so their likelihoods cannot be tested against each other. "
            "Nested are models of one kind where the covariates of the first are among those of the second; compare "
            "others by aic_ or bic_."
        )
        raise ModelError(message)
    if restricted.data_digest_ != full.data_digest_:
        message = (
            "The two models were fitted to different data: "
            f"{restricted.n_customers_:,.0f} and {full.n_customers_:,.0f} customers, or other histories. "
            "Fit both to the same frame and weights."
        )
        raise ModelError(message)
    gain = full.log_likelihood_ - restricted.log_likelihood_
    if gain < -TOLERANCE * abs(full.log_likelihood_):
        message = (
            f"The full model's log-likelihood is {-gain:.3g} below that of its special case, so it is not at its "
            "maximum. Fit it again."
        )
        raise ModelError(message)
    statistic = 2 * max(gain, 0.0)
    freedom = len(full.parameter_names) - len(restricted.parameter_names)
    p_value = float(stats.chi2.sf(statistic, freedom))
    return LikelihoodRatio(float(statistic), freedom, p_value, _words(further, freedom, gain, p_value))


def _refuse_penalised(model: LikelihoodModel) -> None:
    if not np.isfinite(model.log_likelihood_):
        message = f"{model!r} was brought back from its parameters and has no likelihood: fit it to the data."
        raise ModelError(message)
    if model.is_penalised:
        message = f"{model!r} was fitted with priors or a ridge, so it is not at the maximum of the likelihood."
        raise ModelError(message)


def _words(further: tuple[str, ...], freedom: int, gain: float, p_value: float) -> str:
    chance = f"{p_value:.2g}" if p_value >= 1e-4 else "less than 0.0001"
    verdict = (
        "more than chance would: the restricted model misses something"
        if p_value < 0.05
        else "no more than chance may: the restricted model is good enough for these data"
    )
    many = f"{freedom} further parameter{'s' if freedom > 1 else ''}"
    named = f" ({', '.join(further)})" if further else ""
    return (
        f"{many}{named} raise{'' if freedom > 1 else 's'} the log-likelihood by {gain:.2f}, {verdict} (p = {chance})."
    )
