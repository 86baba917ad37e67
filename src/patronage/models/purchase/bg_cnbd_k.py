r"""Estimation of the BG/CNBD-k and MBG/CNBD-k models by maximum likelihood.

The time from one purchase to the next is Erlang-k distributed with a rate λ ~ Gamma(r, α), and after every purchase (in
BG/CNBD-k every repeat purchase) the customer leaves with a probability p ~ Beta(a, b). Of a customer with given λ and p
whose x repeat purchases came after times :math:`\tau_1, \ldots, \tau_x` the likelihood is [1]_

.. math::
    \prod_{i=1}^{x} \frac{\lambda^k \tau_i^{k-1} e^{-\lambda\tau_i}}{\Gamma(k)} \; \Bigl[
    (1-p)^{x+m} \sum_{j<k} \frac{(\lambda s)^j}{j!} e^{-\lambda s} + [x+m>0]\; p (1-p)^{x+m-1} \Bigr]

where s = T - t_x is the silence since the last purchase, and m, the number of chances to leave before the first repeat
purchase, is 0 in BG/CNBD-k and 1 in MBG/CNBD-k: either the customer is alive and has completed j < k stages of the next
purchase, or left right after the last one. Over λ and p, with R = r + kx, the logarithm becomes

.. math::
    (k-1) \sum_i \ln\tau_i - x \ln\Gamma(k) + \ln\Gamma(R) - \ln\Gamma(r) + r\ln\alpha - R\ln(\alpha+T)
    + \ln B(a, b+x+m) - \ln B(a,b) + \ln\Bigl(\sum_{j<k} e^{A_j} + [x+m>0]\,e^{D}\Bigr)

    A_j = \ln\frac{\Gamma(R+j)}{\Gamma(R)\,j!} + j\ln\frac{s}{\alpha+T}, \qquad
    D = R\ln\frac{\alpha+T}{\alpha+t_x} + \ln\frac{a}{b+x+m-1}

The first two terms depend on the data and on k alone. So frequency, recency and T are enough to estimate r, α, a and b
for a given k, but to compare several k one must know the sum of the logarithms of the times between purchases, the
column `log_intervals` of `schema.SUMMARY`.

References
----------
.. [1] Reutterer, Platzer, Schröder (2021), Leveraging purchase regularity for predicting customer behavior the easy
   way. International Journal of Research in Marketing 38(1), 194-215.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.models.base import Engine, checked_weights, required_columns, unknown_estimate
from patronage.models.covariates import Slots
from patronage.models.likelihood import Estimate, trigamma
from patronage.models.purchase.bg_nbd import beta_geometric_starts
from patronage.models.purchase.model import DropoutEffect, PurchaseModel
from patronage.models.rows import Parameters, Rows, log_mixture, symmetric
from patronage.runtime.histories import FloatArray, Histories, as_numbers, refuse_rows
from patronage.runtime.purchase.bg_cnbd_k import LARGEST_K, BetaGeoCNBDParams, ModifiedBetaGeoCNBDParams
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.with_covariates import CovariateParams


class _RegularModel(PurchaseModel):
    """What both kinds share; their `params_class` tells them apart."""

    params_class: ClassVar[type[BetaGeoCNBDParams] | type[ModifiedBetaGeoCNBDParams]]
    parameter_names = ("r", "alpha", "a", "b")
    covariate_slots: ClassVar[Slots] = {"purchase": {"alpha": -1.0}, "dropout": {"a": 1.0, "b": 1.0}}
    reads_log_intervals: ClassVar[bool] = True

    def __init__(
        self,
        engine: Engine = "native",
        priors: Mapping[str, Sequence[float]] | None = None,
        *,
        k: int | None = None,
        purchase_covariates: Sequence[str] | str = (),
        dropout_covariates: Sequence[str] | str = (),
        l2: float = 0.0,
        equal: Sequence[str] = (),
        dropout_effect: DropoutEffect = "separate",
    ) -> None:
        super().__init__(
            engine,
            priors,
            purchase_covariates=purchase_covariates,
            dropout_covariates=dropout_covariates,
            l2=l2,
            equal=equal,
            dropout_effect=dropout_effect,
        )
        if k is not None and k not in range(1, LARGEST_K + 1):
            message = f"k must be a whole number of stages, 1 to {LARGEST_K}, or None to have it chosen; got {k!r}."
            raise ConfigError(message)
        self.k = k
        self.k_log_likelihoods_: dict[int, float] = {}
        self._k = k
        self._mean_log_interval: float | None = None

    @property
    def k_(self) -> int:
        """Stages between two purchases, given or chosen."""
        self.estimate_  # noqa: B018  (refuses before the fit)
        return self._stages

    @property
    def label(self) -> str:
        """Name of the model in print, with its number of stages."""
        title = self.params_class.title
        return title if self._k is None else f"{title.removesuffix('k')}{self._k}"

    @property
    def comparable_log_likelihood_(self) -> float:
        """Log-likelihood of purchase times as in all other kinds; NaN where log_intervals were not given."""
        known = self._mean_log_interval is not None or self.k_ == 1
        return self.log_likelihood_ if known else float("nan")

    @property
    def aic_(self) -> float:
        """Akaike's information criterion, 2 k - 2 LL; `ModelError` where log_intervals were not given."""
        self._refuse_incomparable("aic_")
        return super().aic_

    @property
    def bic_(self) -> float:
        """Schwarz's information criterion, k ln(n) - 2 LL; `ModelError` where log_intervals were not given."""
        self._refuse_incomparable("bic_")
        return super().bic_

    @property
    def data_digest_(self) -> str:
        """What names the histories of the fit, and their log_intervals where the likelihood depends on them."""
        mean = self._mean_log_interval
        return f"{super().data_digest_} {None if mean is None or self.k_ == 1 else round(mean, 9)}"

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Self:
        """Estimate the parameters, and k if it was not given.

        Without k models with k = 1, 2, ... are fitted until the likelihood has fallen twice, or has no maximum, and the
        likeliest one is kept; `k_log_likelihoods_` has the log-likelihood of each.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            frequency, recency and T of n customers, in one time unit; log_intervals, the sum of the logarithms of each
            customer's times between purchases in that unit, 0 if there are none (see `schema.SUMMARY`); covariates.
            log_intervals may be missing if k is given; ``log_likelihood_`` then lacks a constant that depends on k, so
            that it can be compared between fits of the same k only, and ``aic_`` and ``bic_`` are refused.
        weights : array-like, shape (n,), optional
            Customers behind each row, as `CustomerSummary.histories` counts them.

        Raises
        ------
        InputError
            If histories, log_intervals or covariates cannot be used, or log_intervals are missing and k is to be
            chosen.
        FitError
            If no customer ever came back, no maximum is reached, or a coefficient runs away.
        """
        self.k_log_likelihoods_ = {}
        self._mean_log_interval = self._known_intervals(frame, weights)
        return super().fit(frame, weights)

    @classmethod
    def from_params(cls, params: PurchaseParams) -> Self:
        """Bring back a model that can predict; its likelihood and covariance are unknown (NaN)."""
        if isinstance(params, CovariateParams):
            return super().from_params(params)
        if not isinstance(params, cls.params_class):
            message = f"{cls.__name__} needs parameters of {cls.params_class.title}; got {type(params).__name__}."
            raise ModelError(message)
        values = (params.r, params.alpha, params.a, params.b)
        return cls(k=params.k)._set_estimate(unknown_estimate(values), np.nan)

    @property
    def _stages(self) -> int:
        """The k that is being fitted, or was."""
        return self._k or 1

    def _refuse_incomparable(self, criterion: str) -> None:
        if np.isfinite(self.log_likelihood_) and np.isnan(self.comparable_log_likelihood_):
            message = (
                f"{criterion} of {self.label} is not known: the frame of the fit lacked the column log_intervals, the "
                "sum of the logarithms of each customer's times between purchases, without which it cannot be compared "
                "with other models. Fit it to a frame with the column, which a CustomerSummary has, or compare the "
                "log_likelihood_ of fits of the same k."
            )
            raise ModelError(message)

    def _plain_params(self, values: FloatArray) -> PurchaseParams:
        r, alpha, a, b = map(float, values[:4])
        return self.params_class(r, alpha, a, b, self._stages)

    def _rows(self, parameters: Parameters, histories: Histories) -> Rows:
        rows = regular_rows(parameters, histories, self._stages, self.params_class.chances_at_start)
        return rows._replace(value=rows.value + histories.frequency * self._per_interval())

    def _per_interval(self) -> float:
        """The first two terms of the likelihood, spread evenly over all times between purchases."""
        if self._mean_log_interval is None:
            return 0.0
        return (self._stages - 1) * self._mean_log_interval - float(special.gammaln(self._stages))

    def unfitted(self) -> Self:
        """The same with the number of stages that the fit chose, which needs no log_intervals."""
        twin = super().unfitted()
        twin.k = self._k
        return twin

    def _special_cases(self, histories: Histories, counts: FloatArray) -> dict[str, float]:
        """K = 1, if more was chosen; a k above 1 that was given contains none of the other models."""
        if self._stages == 1:
            return super()._special_cases(histories, counts)
        return {"k = 1": self.k_log_likelihoods_[1]} if self.k is None else {}

    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        """Those of BG/NBD with stages k times as fast as purchases."""
        return [start / [1.0, self._stages, 1.0, 1.0] for start in beta_geometric_starts(histories, counts)]

    def _estimated(
        self,
        histories: Histories,
        counts: FloatArray,
        encoded: FloatArray | None = None,
        starts: list[FloatArray] | None = None,
    ) -> Estimate:
        """The likeliest of several k; with covariates, k is that of the fit without them, which comes first."""
        if encoded is not None:
            return super()._estimated(histories, counts, encoded, starts)
        fitted: dict[int, Estimate] = {}
        for k in [self.k] if self.k else range(1, LARGEST_K + 1):
            self._k = k
            warm = [fitted[k - 1].values * [1.0, (k - 1) / k, 1.0, 1.0]] if k - 1 in fitted else []
            try:
                fitted[k] = super()._estimated(histories, counts, None, [*warm, *self._starts(histories, counts)])
            except FitError:
                if not fitted:
                    raise
                break
            last = [one.log_likelihood for one in fitted.values()][-3:]
            if len(last) == 3 and last[0] > last[1] > last[2]:
                break
        self._k = max(fitted, key=lambda k: fitted[k].log_likelihood)
        if self._mean_log_interval is not None:
            self.k_log_likelihoods_ = {k: one.log_likelihood for k, one in fitted.items()}
        return fitted[self._k]

    def _known_intervals(self, frame: Any, weights: ArrayLike | None) -> float | None:
        """Mean logarithm of the times between purchases; nothing if the frame lacks log_intervals."""
        required_columns(frame, ())
        if "log_intervals" not in frame:
            if self.k is None:
                message = (
                    "To choose k the frame must have the column log_intervals, the sum of the logarithms of each "
                    "customer's times between purchases, which a CustomerSummary has; or state k."
                )
                raise InputError(message)
            return None
        histories = self._histories(frame)
        given = as_numbers("log_intervals", frame["log_intervals"])
        x, repeat = histories.frequency, histories.frequency > 0
        # Of x times with a given sum the sum of logarithms is largest if all are equal.
        most = x * np.log(np.where(repeat, histories.recency, 1.0) / np.where(repeat, x, 1.0))
        finite = np.isfinite(given)
        failures = {
            "log_intervals missing or not finite": ~finite,
            "log_intervals other than 0 where frequency is 0": finite & ~repeat & (given != 0),
            "log_intervals above frequency * ln(recency / frequency), so of another time unit?": finite
            & repeat
            & (given > most + 1e-6 * (1 + np.abs(most))),
        }
        refuse_rows(failures, what="purchase histories", ids=getattr(frame, "index", None))
        n = checked_weights(weights, frame, len(x))
        intervals = float(n @ x)
        return float(n @ given) / intervals if intervals else 0.0


class BetaGeoCNBD(_RegularModel):
    """BG/CNBD-k: regular purchasing until the customer, after some repeat purchase, leaves unnoticed.

    Parameters are r, alpha (rate of stages) and a, b (dropout); see `PurchaseModel` for the other options.

    Parameters
    ----------
    k : int, optional
        Stages from one purchase to the next, 1 (random, as in BG/NBD) to 12 (almost like a clock); chosen by the
        likelihood if it is not given. It is taken as known in standard errors and counts as no parameter.

    Attributes
    ----------
    k_ : int
        k of the fit.
    k_log_likelihoods_ : dict of int to float
        Log-likelihood of each k that was fitted; empty if the frame had no log_intervals.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> model = BetaGeoCNBD(k=2).fit(load_cdnow_summary())
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.227, 'alpha': 1.463, 'a': 0.944, 'b': 2.074}
    """

    params_class = BetaGeoCNBDParams


class ModifiedBetaGeoCNBD(_RegularModel):
    """MBG/CNBD-k: regular purchasing until the customer, after any purchase, leaves unnoticed.

    Parameters are r, alpha (rate of stages) and a, b (dropout); see `PurchaseModel` for the other options.

    Parameters
    ----------
    k : int, optional
        Stages from one purchase to the next, 1 (random, as in MBG/NBD) to 12 (almost like a clock); chosen by the
        likelihood if it is not given. It is taken as known in standard errors and counts as no parameter.

    Attributes
    ----------
    k_ : int
        k of the fit.
    k_log_likelihoods_ : dict of int to float
        Log-likelihood of each k that was fitted; empty if the frame had no log_intervals.
    """

    params_class = ModifiedBetaGeoCNBDParams


def regular_rows(parameters: Parameters, histories: Histories, k: int, chances_at_start: int) -> Rows:
    """Log-likelihood of each history by (r, alpha, a, b), which may differ by row, without its first two terms.

    Parameters
    ----------
    parameters : sequence of 4 floats or ndarrays, shape (n,)
    histories : Histories
        n of them.
    k : int
        Stages from one purchase to the next.
    chances_at_start : {0, 1}
        m, chances to leave before the first repeat purchase: 0 for BG/CNBD-k, 1 for MBG/CNBD-k.
    """
    r, alpha, a, b = (np.broadcast_to(value, len(histories)) for value in parameters)
    x, t_x, T = histories.frequency, histories.recency, histories.T
    n, shape, chances = len(x), r + k * x, x + chances_at_start
    until, since = alpha + T, alpha + t_x
    psi, psi_1, log_gamma, log_beta = special.psi, trigamma, special.gammaln, special.betaln

    front = log_gamma(shape) - log_gamma(r) + r * np.log(alpha) - shape * np.log(until)
    front += log_beta(a, b + chances) - log_beta(a, b)
    by_total = psi(a + b) - psi(a + b + chances)
    gradient = np.array(
        [
            psi(shape) - psi(r) + np.log(alpha) - np.log(until),
            r / alpha - shape / until,
            by_total,
            by_total + psi(b + chances) - psi(b),
        ]
    )
    by_total_twice = psi_1(a + b) - psi_1(a + b + chances)
    entries = {
        (0, 0): psi_1(shape) - psi_1(r),
        (0, 1): 1 / alpha - 1 / until,
        (1, 1): -r / alpha**2 + shape / until**2,
        (2, 2): by_total_twice,
        (2, 3): by_total_twice,
        (3, 3): by_total_twice + psi_1(b + chances) - psi_1(b),
    }
    rows = Rows(front, gradient, symmetric(4, n, entries))

    # The living in phase j = 0 ... k - 1, and last those who left.
    terms, gradients = np.zeros((k + 1, n)), np.zeros((4, k + 1, n))
    second = {place: np.zeros((k + 1, n)) for place in ((0, 0), (0, 1), (1, 1), (2, 2), (3, 3))}
    with np.errstate(divide="ignore"):
        log_share = np.log(T - t_x) - np.log(until)
    for j in range(1, k):
        factor = shape + j - 1
        terms[j] = terms[j - 1] + np.log(factor / j) + log_share
        gradients[0, j] = gradients[0, j - 1] + 1 / factor
        gradients[1, j] = -j / until
        second[0, 0][j] = second[0, 0][j - 1] - factor**-2
        second[1, 1][j] = j / until**2
    stays = np.where(chances > 0, b + chances - 1, 1.0)
    gap = (t_x - T) / (until * since)
    silence = np.log1p((T - t_x) / since)
    terms[k] = np.where(chances > 0, shape * silence + np.log(a / stays), -np.inf)
    gradients[:, k] = silence, shape * gap, 1 / a, -1 / stays
    second[0, 1][k] = gap
    second[1, 1][k] = -shape * gap * (1 / since + 1 / until)
    second[2, 2][k] = -1 / a**2
    second[3, 3][k] = 1 / stays**2
    return rows + log_mixture(np.ones((k + 1, 1)), terms, list(gradients), second)
