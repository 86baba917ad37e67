r"""How often customers are in touch with the business while they are there: a Poisson process of each one's own rate.

.. math:: c_i \sim \mathrm{Poisson}(\kappa_i e_i), \qquad \kappa_i \sim \mathrm{Gamma}(s,\; s / M_g)

with c contacts over the time e for which a customer was there. M is the mean rate of the customer's segment g, the
shape s says how alike customers are. Of a customer we then know

.. math:: \kappa_i \mid c_i \sim \mathrm{Gamma}(s + c_i,\; s / M_g + e_i)

whose mean lies between the segment's and the customer's own rate, the nearer to it the longer the customer has been
there. The counts are negative binomial, and the estimates maximise their likelihood [1]_ times weak priors, which keep
segments without any contact, and data without differences between customers, from running away.

Nobody sees when customers leave. To the estimates each one counts twice: as a customer who is there and was for all the
time under observation, and as one who left, each with its probability. Costs are to come from those who are there only,
so their rates are those of customers who were there all along: with the mean time instead, rates would be too high.
A short time must not stand against many contacts, though: see `lifetime_profit` for models that let customers leave at
their first purchase.

References
----------
.. [1] Ehrenberg (1959), The pattern of consumer purchases. Applied Statistics 8(1), 26-41.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from patronage.errors import InputError
from patronage.models.likelihood import Estimate, Evaluation, Objective, maximise, trigamma
from patronage.models.priors import LogNormalPriors
from patronage.runtime.histories import FloatArray, IndexArray, refuse_rows
from patronage.runtime.posterior import laplace_posterior

PRIOR_SPREAD = 2.0
"""Standard deviation of the logarithms of shape and means in their priors: a factor of 7, which data soon outweigh."""


@dataclass(frozen=True, slots=True)
class Contacted:
    """Contacts of n customers.

    Attributes
    ----------
    number : ndarray of float64, shape (n,)
        Whole, 0 and above.
    exposure : ndarray of float64, shape (n,)
        Time for which the customer was there, 0 and above.
    segment : ndarray of int, shape (n,)
        Position of the customer's segment.
    """

    number: FloatArray
    exposure: FloatArray
    segment: IndexArray

    @classmethod
    def checked(cls, number: FloatArray, exposure: FloatArray, segment: IndexArray) -> "Contacted":
        """Check columns.

        Raises
        ------
        InputError
            If numbers are negative or not whole, or times missing or negative.
        """
        refuse_rows(
            {
                "a number of contacts that is missing, not finite, negative or not whole": ~(
                    np.isfinite(number) & (number >= 0)
                )
                | (number != np.floor(number)),
                "a time that is missing, negative or not finite": ~(np.isfinite(exposure) & (exposure >= 0)),
            },
            what="customers",
        )
        return cls(number, exposure, segment)

    def __len__(self) -> int:
        return len(self.number)

    def take(self, index: IndexArray) -> "Contacted":
        """The customers at the positions `index`."""
        return Contacted(self.number[index], self.exposure[index], self.segment[index])


@dataclass(frozen=True)
class ContactRates:
    """The distribution of contact rates.

    Attributes
    ----------
    shape : float
        s; the smaller, the more customers differ.
    mean : ndarray of float64, shape (g,)
        M of each segment, per time unit; 0 where nobody is ever in touch.
    """

    shape: float
    mean: FloatArray

    def expected(self, seen: Contacted) -> FloatArray:
        """Expected rate of each customer, per time unit, shape (n,)."""
        mean = self.mean[seen.segment]
        rates: FloatArray = mean * (self.shape + seen.number) / (self.shape + mean * seen.exposure)
        return rates

    def draw(self, seen: Contacted, time: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Random numbers of contacts within times to come, the customers' own rates drawn with them, shape (n,)."""
        numbers = np.zeros(len(seen))
        rows = np.flatnonzero((time > 0) & (self.mean[seen.segment] > 0))
        some = seen.take(rows)
        mean = self.mean[some.segment]
        rate = rng.gamma(self.shape + some.number) * mean / (self.shape + mean * some.exposure)
        numbers[rows] = rng.poisson(rate * time[rows])
        return numbers


@dataclass(frozen=True)
class FittedRates:
    """Estimated `ContactRates`, and what the estimate leaves open; no estimate where nobody was ever in touch."""

    model: ContactRates
    estimate: Estimate | None

    def draw_models(self, size: int, rng: np.random.Generator) -> list[ContactRates]:
        """Random models, by Laplace's approximation."""
        if self.estimate is None:
            return [self.model] * size
        drawn = laplace_posterior(self.estimate.values, self.estimate.covariance).draw(size, rng)
        return [ContactRates(float(values[0]), values[1:]) for values in drawn]


def fit_contact_rates(seen: Contacted, n_segments: int, weights: FloatArray | None = None) -> FittedRates:
    """Estimate the distribution of contact rates.

    Parameters
    ----------
    seen : Contacted
    n_segments : int
    weights : ndarray of float64, shape (n,), optional
        Customers behind each row; 1 each if there are none.

    Raises
    ------
    InputError
        If a segment is not among them, or there are contacts in no time at all.
    FitError
        If no maximum is reached.
    """
    if len(seen) and not 0 <= seen.segment.min() <= seen.segment.max() < n_segments:
        message = f"Segments must be numbered 0 to {n_segments - 1}."
        raise InputError(message)
    weights = np.ones(len(seen)) if weights is None else weights
    total, time = float(weights @ seen.number), float(weights @ seen.exposure)
    if total == 0:
        return FittedRates(ContactRates(1.0, np.zeros(n_segments)), None)
    if time <= 0:
        message = f"There are {total:,.0f} contacts of customers who were there for no time: the rate has no meaning."
        raise InputError(message)
    rows = np.flatnonzero((weights > 0) & (seen.exposure > 0))
    overall = total / time
    names = ("shape", *(f"mean_{place}" for place in range(n_segments)))
    medians = {"shape": (1.0, PRIOR_SPREAD)} | dict.fromkeys(names[1:], (overall, PRIOR_SPREAD))
    objective = Objective(
        _NegativeBinomial(seen.take(rows), weights[rows], n_segments),
        float(weights[rows].sum()),
        penalty=LogNormalPriors.checked(medians, names),
        n_histories=len(rows),
    )
    starts = (np.append(shape, np.full(n_segments, overall)) for shape in (1.0, 0.2, 5.0))
    estimate = maximise(objective, starts, n_starts=2)
    return FittedRates(ContactRates(float(estimate.values[0]), estimate.values[1:]), estimate)


class _NegativeBinomial:
    """Log-likelihood of the counts by (s, M_1, ..., M_g), without terms that do not depend on them."""

    def __init__(self, seen: Contacted, weights: FloatArray, n_segments: int) -> None:
        self.seen, self.weights, self.n_segments = seen, weights, n_segments

    def __call__(self, values: FloatArray) -> Evaluation:
        c, e, segment = self.seen.number, self.seen.exposure, self.seen.segment
        s, mean = values[0], values[1:][segment]
        expected = mean * e
        both = s + expected
        value = special.gammaln(s + c) - special.gammaln(s) + s * np.log(s) - (s + c) * np.log(both) + c * np.log(mean)
        by_shape = special.psi(s + c) - special.psi(s) + np.log(s) + 1 - np.log(both) - (s + c) / both
        by_mean = c / mean - (s + c) * e / both
        twice_shape = trigamma(s + c) - trigamma(s) + 1 / s - 1 / both - (expected - c) / both**2
        mixed = e * (c - expected) / both**2
        twice_mean = (s + c) * (e / both) ** 2 - c / mean**2
        hessian = np.zeros((len(values), len(values)))
        hessian[0, 0] = self.weights @ twice_shape
        hessian[0, 1:] = hessian[1:, 0] = self._summed(mixed)
        hessian[range(1, len(values)), range(1, len(values))] = self._summed(twice_mean)
        gradient = np.append(self.weights @ by_shape, self._summed(by_mean))
        return Evaluation(float(self.weights @ value), gradient, hessian)

    def _summed(self, rows: FloatArray) -> FloatArray:
        return np.bincount(self.seen.segment, self.weights * rows, minlength=self.n_segments).astype(np.float64)
