r"""Choosing among purchase models: all candidates are fitted to the same histories and ranked.

Their log-likelihoods are those of the same data, the times of the purchases, so they can be compared, less what a model
pays for its parameters: Akaike's criterion :math:`2k - 2\,LL`, or Schwarz's :math:`k \ln n - 2\,LL`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import ArrayLike

from patronage.errors import ConfigError, FitError
from patronage.models.base import Engine
from patronage.models.purchase.kinds import MODELS
from patronage.models.purchase.model import PurchaseModel

Criterion = Literal["aic", "bic"]
CRITERIA: Mapping[str, str] = {"aic": "AIC", "bic": "BIC"}


@dataclass(frozen=True)
class Candidates:
    """Purchase models fitted to the same data.

    Attributes
    ----------
    fitted : tuple of PurchaseModel
        The best by the criterion first.
    failed : dict of str to str
        Title of each candidate that could not be fitted, and why.
    criterion : {"aic", "bic"}
    """

    fitted: tuple[PurchaseModel, ...]
    failed: Mapping[str, str]
    criterion: Criterion

    @property
    def best(self) -> PurchaseModel:
        """The candidate with the lowest criterion."""
        return self.fitted[0]

    def score(self, model: PurchaseModel) -> float:
        """The criterion of a candidate; lower is better."""
        return model.aic_ if self.criterion == "aic" else model.bic_


class PurchaseModelChoice:
    """Fits several purchase models and ranks them.

    Parameters
    ----------
    candidates : sequence of str
        Kinds, such as ``["bg_nbd", "pareto_nbd"]``.
    criterion : {"aic", "bic"}
        What ranks them.
    engine : {"native", "lifetimes"}
        Who finds the maxima; lifetimes has three of the kinds.
    purchase_covariates, dropout_covariates, l2
        Of every candidate; see `PurchaseModel`.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> choice = PurchaseModelChoice(["bg_nbd", "mbg_nbd", "pareto_nbd"]).fit(load_cdnow_summary())
    >>> [model.label for model in choice.fitted]
    ['MBG/NBD', 'BG/NBD', 'Pareto/NBD']
    """

    def __init__(
        self,
        candidates: Sequence[str],
        criterion: Criterion = "aic",
        engine: Engine = "native",
        *,
        purchase_covariates: Sequence[str] | str = (),
        dropout_covariates: Sequence[str] | str = (),
        l2: float = 0.0,
    ) -> None:
        comparable = [kind for kind, model in MODELS.items() if not model.params_class.discrete]
        unknown = [kind for kind in candidates if kind not in comparable]
        if unknown or not candidates:
            message = f"candidates must be some of {', '.join(comparable)}; got {', '.join(unknown) or 'none'}."
            raise ConfigError(message)
        if len(set(candidates)) < len(candidates):
            message = f"candidates names a model twice: {', '.join(candidates)}."
            raise ConfigError(message)
        if criterion not in CRITERIA:
            message = f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}."
            raise ConfigError(message)
        self.models = [
            MODELS[kind](
                engine=engine, purchase_covariates=purchase_covariates, dropout_covariates=dropout_covariates, l2=l2
            )
            for kind in candidates
        ]
        self.criterion = criterion

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of a frame beside the history that the candidates read."""
        return tuple(dict.fromkeys(name for model in self.models for name in model.covariates))

    @property
    def reads_log_intervals(self) -> bool:
        """Whether any candidate's fit reads the column log_intervals (see `schema.SUMMARY`)."""
        return any(model.reads_log_intervals for model in self.models)

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Candidates:
        """Fit every candidate.

        Parameters
        ----------
        frame, weights
            As for `PurchaseModel.fit`.

        Raises
        ------
        InputError
            If histories cannot be used.
        FitError
            If no candidate can be fitted.
        """
        fitted: list[PurchaseModel] = []
        failed: dict[str, str] = {}
        for model in self.models:
            try:
                fitted.append(model.fit(frame, weights=weights))
            except FitError as error:
                failed[model.params_class.title] = str(error)
        if not fitted:
            reasons = " ".join(f"{title}: {reason}" for title, reason in failed.items())
            message = f"None of {len(failed)} purchase models could be fitted. {reasons}"
            raise FitError(message)
        candidates = Candidates(tuple(fitted), failed, self.criterion)
        # Rounded, so that models that are one (BG/CNBD-1 is BG/NBD) keep the order in which they were named.
        ranked = sorted(fitted, key=lambda model: round(candidates.score(model), 4))
        return Candidates(tuple(ranked), failed, self.criterion)
