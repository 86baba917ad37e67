r"""Log-normal priors: what was known of a parameter before these data.

.. math:: \ln\theta \sim N(\ln m, \sigma^2)

With them a fit is the mode of the posterior density of the log parameters (MAP).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patronage.errors import ConfigError, InputError
from patronage.models.likelihood import Evaluation
from patronage.runtime.histories import FloatArray, as_numbers


@dataclass(frozen=True)
class LogNormalPriors:
    """Priors of the parameters of a model, in their order.

    Attributes
    ----------
    log_median, precision : ndarray, shape (k,)
        ln m, and 1 / σ² (0 for a parameter without a prior).
    """

    log_median: FloatArray
    precision: FloatArray

    @classmethod
    def checked(cls, priors: Mapping[str, Sequence[float]] | None, names: Sequence[str]) -> "LogNormalPriors | None":
        """Turn ``{parameter: (median, sigma)}`` into priors; nothing if there are none.

        Raises
        ------
        ConfigError
            If it is no mapping, a parameter is not known, or a median or sigma is not above 0.
        """
        if not priors:
            return None
        if not isinstance(priors, Mapping):
            message = f"priors must be a mapping such as {{{names[0]!r}: (median, sigma)}}; got {priors!r}."
            raise ConfigError(message)
        problems = [f"{name!r} is no parameter" for name in priors if name not in names]
        log_median, precision = np.zeros(len(names)), np.zeros(len(names))
        for place, name in enumerate(names):
            if name not in priors:
                continue
            values = _as_numbers(priors[name])
            if values.shape != (2,) or not np.isfinite(values).all() or (values <= 0).any():
                problems.append(f"{name} needs a median and a sigma of its logarithm, both above 0; got {priors[name]}")
                continue
            log_median[place], precision[place] = np.log(values[0]), values[1] ** -2
        if problems:
            message = f"priors: {'; '.join(problems)}. The parameters are {', '.join(names)}."
            raise ConfigError(message)
        return cls(log_median, precision)

    def __call__(self, values: FloatArray) -> Evaluation:
        """Minus the log density by the log parameters, without its constant, by the natural parameters."""
        k = len(self.precision)
        positive = values[:k]
        deviation, weight = np.log(positive) - self.log_median, self.precision
        gradient, hessian = np.zeros(len(values)), np.zeros((len(values), len(values)))
        gradient[:k] = weight * deviation / positive
        hessian[range(k), range(k)] = weight * (1 - deviation) / positive**2
        return Evaluation(float(weight @ deviation**2 / 2), gradient, hessian)


def _as_numbers(prior: Any) -> FloatArray:
    """A prior as numbers; none where it holds something else."""
    try:
        return as_numbers("prior", prior)
    except InputError:
        return np.empty(0)
