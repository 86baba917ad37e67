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
from patronage.models.contract.fitting import ContractFit
from patronage.models.purchase.model import PurchaseModel
from patronage.runtime.covariates import Design, NumericCovariate
from patronage.runtime.distinct import distinct
from patronage.runtime.histories import FloatArray, Histories

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
        special case of the other (``full.special_cases``). Both fitted to the same customers, with the same values of
        the covariates that both read.

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
    _refuse_other_covariates(restricted, full)
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
    words = _words(restricted.parameter_names, full.parameter_names, gain, p_value)
    return LikelihoodRatio(float(statistic), freedom, p_value, words)


def _refuse_penalised(model: LikelihoodModel) -> None:
    if not np.isfinite(model.log_likelihood_):
        message = f"{model!r} was brought back from its parameters and has no likelihood: fit it to the data."
        raise ModelError(message)
    if model.is_penalised:
        message = f"{model!r} was fitted with priors or a ridge, so it is not at the maximum of the likelihood."
        raise ModelError(message)


def _refuse_other_covariates(restricted: LikelihoodModel, full: LikelihoodModel) -> None:
    """Refuse models of the same customers whose values of the covariates that both read differ."""
    kinds = (PurchaseModel, ContractFit)
    if not isinstance(restricted, kinds) or not isinstance(full, kinds):
        return
    if restricted._design is None or full._design is None:
        return
    shared = [name for name in full._design.columns if name in restricted._design.columns]
    one, other = _cases(restricted, restricted._design, shared), _cases(full, full._design, shared)
    if one.shape != other.shape or not np.allclose(one, other, rtol=1e-9, atol=1e-9):
        message = (
            "The two models were fitted to different data: what customers did is the same, but not their values "
            f"of {', '.join(shared)}, which both read. Fit both to the same frame and weights."
        )
        raise ModelError(message)


def _cases(model: PurchaseModel | ContractFit, design: Design, columns: list[str]) -> FloatArray:
    """What was seen with the values of some covariates, and the customers behind each: a sorted column for every case.

    Values are those of the frame, for the standardised ones differ by rounding in the means of the two fits.
    """
    cases, counts = model.fitted_data_
    seen = cases.columns if isinstance(cases, Histories) else (cases.tenure, cases.churned.astype(np.float64))
    values = dict(zip(design.names, (model._encoded * design.scales).T, strict=True))
    by_column = {one.name: one for one in design.covariates}
    rows = list(np.round(seen, 9))
    for one in map(by_column.__getitem__, columns):
        mean = one.mean if isinstance(one, NumericCovariate) else 0.0
        rows += [values[name] + mean for name in one.names]
    table = np.stack(rows)
    first, inverse = distinct(*table)
    table = np.concatenate([table[:, first], [np.bincount(inverse, counts)]])
    return table[:, np.lexsort(table[-2::-1])]


def _words(restricted: tuple[str, ...], full: tuple[str, ...], gain: float, p_value: float) -> str:
    chance = f"{p_value:.2g}" if p_value >= 1e-4 else "less than 0.0001"
    verdict = (
        "more than chance would: the restricted model misses something"
        if p_value < 0.05
        else "no more than chance may: the restricted model is good enough for these data"
    )
    further = [name for name in full if name not in restricted]
    replaced = [name for name in restricted if name not in full]
    several = len(further) > 1
    subject = f"{len(further)} {'' if replaced else 'further '}parameter{'s' if several else ''} ({', '.join(further)})"
    if replaced:
        subject += f" in place of {len(replaced)} ({', '.join(replaced)})"
    return f"{subject} raise{'' if several else 's'} the log-likelihood by {gain:.2f}, {verdict} (p = {chance})."
