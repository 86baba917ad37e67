r"""Estimation with covariates that do not change over time.

Parameters of a customer are those of the model, times the exponential of a weighted sum of the customer's standardised
covariates z (after [1]_):

.. math:: \theta_{ij} = \theta_j \exp\Bigl(\sum_q s_{jq}\,\gamma_q\,z_{i,c(q)}\Bigr)

where coefficient q belongs to the encoded column c(q) and moves parameter j with the sign s. In the logarithms of the
parameters this is linear, so the derivatives by the coefficients follow from those that a model gives for one row
(`patronage.models.rows.Rows`), and every model with row derivatives can have covariates.

Numbers are standardised, so that the fit, and a ridge on the coefficients, do not depend on the unit of a column; what
is reported is per unit of the column. Columns of only 0 and 1 and the levels of categories are left as they are.

References
----------
.. [1] Fader, Hardie (2007), Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models. Note 019,
   brucehardie.com.
"""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

from patronage.errors import ConfigError
from patronage.models.design import Wanted, learned_design, refuse_dependent, wanted
from patronage.models.likelihood import Evaluation, Penalty
from patronage.models.rows import ROWS_AT_ONCE, Parameters, Rows, total
from patronage.runtime.blocks import on_all_processors
from patronage.runtime.covariates import Coefficient, Design
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.plain_numbers import one_number

Slots = Mapping[str, Mapping[str, float]]
"""For each process the parameters that its covariates move, each with the sign of the exponent."""


@dataclass(frozen=True)
class Loadings:
    """Which coefficient moves which parameter through which encoded column.

    Attributes
    ----------
    coefficients : tuple of Coefficient
        q of them.
    array : ndarray, shape (k, c, q)
        The sign s of coefficient q at its column c for parameter k; zeros elsewhere.
    scales : ndarray, shape (q,)
        Units of the frame in a standardised unit of each coefficient's column.
    """

    coefficients: tuple[Coefficient, ...]
    array: FloatArray
    scales: FloatArray

    @classmethod
    def of(cls, coefficients: Sequence[Coefficient], design: Design, parameters: Sequence[str]) -> Self:
        """Lay out coefficients over the columns of a design and the parameters of a model."""
        columns, parameters = design.names, list(parameters)
        array = np.zeros((len(parameters), len(columns), len(coefficients)))
        for q, one in enumerate(coefficients):
            for parameter, sign in one.moves:
                array[parameters.index(parameter), columns.index(one.column), q] = sign
        scales = np.array([design.scales[columns.index(one.column)] for one in coefficients], dtype=np.float64)
        return cls(tuple(coefficients), array, scales)

    def span(self, others: "Loadings") -> bool:
        """Whether every effect that the coefficients of `others` can have is one that these can have."""

        def directions(loadings: Loadings) -> list[dict[tuple[str, str], float]]:
            return [{(one.column, name): sign for name, sign in one.moves} for one in loadings.coefficients]

        own, more = directions(self), directions(others)
        places = sorted({place for one in own + more for place in one})
        array = np.array([[one.get(place, 0.0) for place in places] for one in own + more])
        return bool(np.linalg.matrix_rank(array) == np.linalg.matrix_rank(array[: len(own)]))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(one.name for one in self.coefficients)

    def valued(self, values: Sequence[float] | FloatArray) -> tuple[Coefficient, ...]:
        """The coefficients with values, per unit of the frame's columns."""
        return tuple(replace(one, value=float(value)) for one, value in zip(self.coefficients, values, strict=True))


class RowData(Protocol):
    """Data of n rows, such as `Histories`."""

    def __len__(self) -> int: ...

    def take(self, index: IndexArray) -> Any:
        """The rows at the positions `index`."""
        ...


class CovariateLikelihood:
    """Log-likelihood of rows whose parameters differ by covariates, by parameters and coefficients.

    A callable of k natural parameters followed by q coefficients (of standardised columns) to an `Evaluation`.

    Parameters
    ----------
    rows : callable
        ``(parameters, data)`` to `Rows`, where each parameter is an array with one value a row.
    data : Histories or any other data with a length and ``take(index)``
        n distinct rows.
    counts : ndarray, shape (n,)
        Customers behind each.
    encoded : ndarray, shape (n, c)
        Encoded covariates.
    loadings : ndarray, shape (k, c, q)
        See `Loadings`.
    """

    def __init__(
        self,
        rows: Callable[[Parameters, Any], Rows],
        data: RowData,
        counts: FloatArray,
        encoded: FloatArray,
        loadings: FloatArray,
    ) -> None:
        self.rows, self.loadings = rows, loadings
        blocks = [np.arange(at, min(at + ROWS_AT_ONCE, len(counts))) for at in range(0, len(counts), ROWS_AT_ONCE)]
        self.blocks = [(data.take(block), counts[block], encoded[block]) for block in blocks]
        self.moved = [j for j in range(len(loadings)) if loadings[j].any()]

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at natural parameters and coefficients, shape (k + q,)."""
        k = len(self.loadings)
        base, slopes = values[:k], self.loadings @ values[k:]

        def evaluate(block: tuple[Any, FloatArray, FloatArray]) -> Evaluation:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return self._summed(base, slopes, *block)

        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value, gradient, hessian = total(on_all_processors(evaluate, self.blocks))
            # From logarithms of the parameters to the parameters.
            hessian[range(k), range(k)] -= gradient[:k]
            slope = np.concatenate([1 / base, np.ones(len(values) - k)])
            return Evaluation(value, gradient * slope, hessian * np.outer(slope, slope))

    def _summed(
        self, base: FloatArray, slopes: FloatArray, data: Any, counts: FloatArray, encoded: FloatArray
    ) -> Evaluation:
        """The sum over one block, with derivatives by the logarithms of the parameters and the coefficients."""
        k, q = len(base), self.loadings.shape[2]
        own = base[:, None] * np.exp(slopes @ encoded.T)
        # A parameter that is the same for all is given as a number, for which models have shorter ways.
        parameters = [own[j] if j in self.moved else float(base[j]) for j in range(k)]
        value, by_own, by_own_twice = self.rows(parameters, data)
        weighted = counts * own * by_own
        curves = counts * own[:, None, :] * own[None, :, :] * by_own_twice
        curves[range(k), range(k)] += weighted
        gradient, hessian = np.zeros(k + q), np.zeros((k + q, k + q))
        gradient[:k], hessian[:k, :k] = weighted.sum(axis=1), curves.sum(axis=2)
        for j in self.moved:
            gradient[k:] += (weighted[j] @ encoded) @ self.loadings[j]
            cross = (curves[:, j, :] @ encoded) @ self.loadings[j]
            hessian[:k, k:] += cross
            hessian[k:, :k] += cross.T
            for other in self.moved:
                pair = (encoded * curves[j, other][:, None]).T @ encoded
                hessian[k:, k:] += self.loadings[j].T @ pair @ self.loadings[other]
        return Evaluation(float(value @ counts), gradient, hessian)


@dataclass(frozen=True)
class Ridge:
    r"""A penalty on coefficients, :math:`\tfrac{l_2}{2} \sum_q \gamma_q^2`: a normal prior of variance 1 / l2.

    Attributes
    ----------
    l2 : float
        Its strength, in customers' log-likelihood: not divided by their number.
    k : int
        Parameters before the coefficients; they are not penalised.
    """

    l2: float
    k: int

    def __call__(self, values: FloatArray) -> Evaluation:
        """Value and derivatives at k parameters and the coefficients of standardised columns."""
        coefficients = np.where(np.arange(len(values)) < self.k, 0.0, values)
        curve = np.diag(np.where(np.arange(len(values)) < self.k, 0.0, self.l2))
        return Evaluation(float(self.l2 / 2 * coefficients @ coefficients), self.l2 * coefficients, curve)


@dataclass(frozen=True)
class Penalties:
    """The sum of several penalties."""

    parts: tuple[Penalty, ...]

    def __call__(self, values: FloatArray) -> Evaluation:
        """Value and derivatives."""
        parts = [part(values) for part in self.parts]
        value, gradient, hessian = parts[0]
        for part in parts[1:]:
            value, gradient, hessian = value + part.value, gradient + part.gradient, hessian + part.hessian
        return Evaluation(value, gradient, hessian)


@dataclass(frozen=True)
class CovariatePlan:
    """Which covariates move which parameters of a model; the data are still to come.

    Attributes
    ----------
    columns : mapping of str to tuple of Wanted
        Covariates of each process, such as "purchase".
    slots : mapping of str to mapping of str to float
        For each process the parameters that its covariates move, each with the sign of the exponent.
    separate : bool
        Whether each parameter of a process has coefficients of its own (named ``dropout_a.age``); otherwise one
        coefficient moves them all (``dropout.age``).
    equal : tuple of str
        Columns whose coefficients are the same in all processes (named ``both.age``).
    l2 : float
        Strength of the ridge on coefficients, see `Ridge`.
    """

    columns: Mapping[str, tuple[Wanted, ...]]
    slots: Slots
    separate: bool = True
    equal: tuple[str, ...] = ()
    l2: float = 0.0

    @classmethod
    def checked(
        cls,
        columns: Mapping[str, Sequence[str] | str],
        slots: Slots,
        separate: bool = True,
        equal: Sequence[str] = (),
        l2: float = 0.0,
        reserved: Sequence[str] = (),
    ) -> Self:
        """Read lists of columns or formulas (see `wanted`), and refuse what cannot be.

        Raises
        ------
        ConfigError
            All problems at once.
        """
        found = {process: wanted(some) for process, some in columns.items()}
        asked = [one for some in found.values() for one in some]
        problems = [
            f"this model has no parameter that {process}_covariates could move"
            for process, some in found.items()
            if some and process not in slots
        ]
        if taken := sorted({one.name for one in asked} & set(reserved)):
            problems.append(f"{', '.join(taken)} cannot be covariates: they are what the model explains")
        if torn := sorted({one.name for one in asked if (one.name, not one.categorical) in asked}):
            problems.append(f"{', '.join(torn)} should be a category, C(name), in all processes or in none")
        ridge = one_number(l2)
        if ridge is None or not 0 <= ridge < np.inf:
            problems.append(f"l2 must be a finite number, 0 and above; got {reprlib.repr(l2)}")
        if isinstance(equal, str):
            problems.append(f"equal must be a list of names of covariates, got the string {equal!r}")
        elif equal:
            lonely = [name for name in equal if not all(name in {one.name for one in some} for some in found.values())]
            if lonely:
                problems.append(f"equal names {', '.join(lonely)}, which must be among the covariates of all processes")
            if separate and any(len(moved) > 1 for moved in slots.values()):
                problems.append(
                    "equal needs one dropout coefficient a covariate: set dropout_effect to 'same' or 'opposite'"
                )
        if ridge is None or problems:
            message = f"Covariates: {'; '.join(problems)}."
            raise ConfigError(message)
        return cls(found, slots, separate, tuple(equal), ridge)

    def __bool__(self) -> bool:
        return any(self.columns.values())

    def design(self, frame: Any, weights: FloatArray) -> Design:
        """Learn how the columns of all processes are encoded."""
        return learned_design(
            frame, tuple(dict.fromkeys(one for some in self.columns.values() for one in some)), weights
        )

    def coefficients(self, design: Design) -> list[Coefficient]:
        """All coefficients, process by process; those of several processes come last."""
        found = []
        for process, columns in self.columns.items():
            names = encoded_names(design, [one.name for one in columns if one.name not in self.equal])
            slots = tuple(self.slots.get(process, {}).items())
            if self.separate and len(slots) > 1:
                found += [Coefficient(f"{process}_{slot[0]}.{name}", name, (slot,)) for slot in slots for name in names]
            else:
                found += [Coefficient(f"{process}.{name}", name, slots) for name in names]
        everywhere = tuple(slot for slots in self.slots.values() for slot in slots.items())
        return found + [Coefficient(f"both.{name}", name, everywhere) for name in encoded_names(design, self.equal)]

    def refuse_dependent(self, design: Design, encoded: FloatArray) -> None:
        """Refuse covariates that can be computed from others of their process, unless a ridge tells them apart."""
        for columns in self.columns.values():
            if columns and not self.l2:
                refuse_dependent(design, encoded, encoded_names(design, [one.name for one in columns]))


def encoded_names(design: Design, columns: Sequence[str]) -> list[str]:
    """Names of the encoded columns that belong to some columns of the frame."""
    return [name for one in design.covariates if one.name in columns for name in one.names]
