"""The certificate of a fit: what was checked, what was seen, and what to do where a check fails.

A fit that converged may still be worthless: the optimum may lie at the edge of the parameter space, the data may not
tell two parameters apart, another start may lead elsewhere. Every check says in words what it found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from patronage.models.likelihood import GRADIENT_TOLERANCE, Climb, Estimate, same_maximum

LOOSEST = 2.0
"""Standard error of a logarithm above which a direction counts as not identified: a factor of e⁴ = 55 either way."""

TOTALS_TOLERANCE = 0.1
"""Largest relative gap between expected and actual totals of the data fitted."""

EDGES = (1e-4, 1e4)
"""Parameters beyond these, in units that the data have set, have run to the edge."""


@dataclass(frozen=True)
class Check:
    """One check of a fit.

    Attributes
    ----------
    name : str
    passed : bool
    value : float
        The figure that was judged; NaN if there is none.
    words : str
        What was found and, where it failed, what it means and what to do.
    """

    name: str
    passed: bool
    value: float
    words: str


@dataclass(frozen=True)
class Certificate:
    """All checks of a fit.

    Attributes
    ----------
    model : str
        Title of the model.
    checks : tuple of Check
    """

    model: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.passed)

    def words(self) -> str:
        """One sentence if all is well, else what failed and what to do."""
        if self.passed:
            return f"{self.model}: all {len(self.checks)} checks of the fit passed."
        found = " ".join(f"{check.name}: {check.words}" for check in self.failed)
        return f"{self.model}: {len(self.failed)} of {len(self.checks)} checks of the fit failed. {found}"

    def as_dict(self) -> dict[str, Any]:
        """JSON values only; a value that is not finite becomes null."""
        checks = [asdict(check) for check in self.checks]
        for check in checks:
            check["value"] = check["value"] if np.isfinite(check["value"]) else None
        return {"model": self.model, "passed": self.passed, "checks": checks}


def of_maximum(estimate: Estimate, names: Sequence[str], n: float) -> list[Check]:
    """Check that the point is a maximum, its parameters are told apart, and several starts lead there.

    Parameters
    ----------
    estimate : Estimate
    names : sequence of str
        Of the parameters, in their order.
    n : float
        Number of customers.
    """
    norm = estimate.gradient_norm
    gradient = Check(
        "gradient",
        norm <= GRADIENT_TOLERANCE,
        norm,
        f"largest derivative of the mean log-likelihood {norm:.1e}, at most {GRADIENT_TOLERANCE:.0e} is required."
        + ("" if norm <= GRADIENT_TOLERANCE else " This is no maximum: fit with engine=native."),
    )
    least = float(estimate.curvature[0])
    curvature = Check(
        "curvature",
        least > 0,
        least,
        f"smallest eigenvalue of the information per customer {least:.1e}, positive as at a maximum."
        if least > 0
        else f"smallest eigenvalue of the information per customer {least:.1e}: not a maximum but a flat ridge or a "
        f"saddle along {_direction(estimate, names)}. Standard errors do not exist; use a simpler model or priors.",
    )
    return [gradient, curvature, _identified(estimate, names, n), _starts(estimate, names)]


def _identified(estimate: Estimate, names: Sequence[str], n: float) -> Check:
    least = float(estimate.curvature[0])
    error = float(1 / np.sqrt(n * least)) if least > 0 else np.inf
    direction = _direction(estimate, names)
    if error <= LOOSEST:
        words = f"the least certain direction is {direction}, known to a factor of {np.exp(2 * error):.2g} (95 %)."
    else:
        words = (
            f"the data do not identify {direction}: the likelihood is flat along it, so that these parameters mean "
            "nothing by themselves, though predictions may be good. Use a simpler model, more data or priors."
        )
    return Check("identifiability", error <= LOOSEST, error, words)


def _direction(estimate: Estimate, names: Sequence[str]) -> str:
    """The flattest direction in words, such as 'b and beta together'."""
    direction = estimate.flattest[: len(names)]
    heavy = np.abs(direction) >= 0.3 * np.abs(direction).max()
    parts = [name for name, one in zip(names, heavy, strict=False) if one]
    if len(parts) == 1:
        return parts[0]
    signs = np.sign(direction[heavy])
    how = "together" if (signs == signs[0]).all() else "against one another"
    return f"{', '.join(parts[:-1])} and {parts[-1]} {how}"


def _starts(estimate: Estimate, names: Sequence[str]) -> Check:
    if beyond := higher_climb(estimate):
        gap, climb = beyond
        where = ", ".join(f"{name} {value:.3g}" for name, value in zip(names, climb.end, strict=False))
        words = (
            f"a start that reached no maximum ended {gap:.1e} per customer higher, at {where}: beyond this maximum the "
            "likelihood rises towards an edge of the model, as where some leave at once. Compare models that have a "
            "maximum there (MBG/NBD), or use priors."
        )
        return Check("starts", False, gap, words)
    sizes = [one.n_histories for one in estimate.climbs]
    first = [one for one in estimate.climbs if one.n_histories == sizes[0]] if sizes else []
    arrived = [one for one in first if one.gradient_norm <= GRADIENT_TOLERANCE]
    if len(arrived) < 3:
        advice = "Use a simpler model, more data or priors." if first else "Fit with engine=native."
        words = f"{len(arrived)} of {len(first)} starts reached a maximum; three must. {advice}"
        return Check("starts", False, float(len(arrived)), words)
    top = max(one.mean_log_likelihood for one in arrived)
    same = sum(same_maximum(one.mean_log_likelihood, top) for one in arrived)
    gap = top - min(one.mean_log_likelihood for one in arrived)
    where = "" if len(set(sizes)) == 1 else f" of {sizes[0]:,} histories that stand for all"
    if same >= 3:
        return Check("starts", True, gap, f"{same} of {len(first)} starts led to the same maximum{where}.")
    words = (
        f"only {same} of {len(arrived)} starts led to the highest maximum{where}; the others end lower by up to "
        f"{gap:.1e} per customer: the likelihood has several maxima or a long ridge."
    )
    return Check("starts", False, gap, words)


def higher_climb(estimate: Estimate) -> tuple[float, Climb] | None:
    """The climb over all data that ended highest, if it is above the estimate without having arrived, and by how much.

    Returns
    -------
    gap : float
        In the mean of what was maximised, per customer.
    climb : Climb
    """
    climbs = [one for one in estimate.climbs if one.n_histories == estimate.climbs[-1].n_histories]
    arrived = [one.mean_log_likelihood for one in climbs if one.gradient_norm <= GRADIENT_TOLERANCE]
    ended = [one for one in climbs if np.isfinite(one.mean_log_likelihood)]
    if not arrived:
        return None
    highest = max(ended, key=lambda one: one.mean_log_likelihood)
    if same_maximum(max(arrived), highest.mean_log_likelihood):
        return None
    return highest.mean_log_likelihood - max(arrived), highest


class Unit(NamedTuple):
    """What a parameter is measured in: its size, and what it is in words."""

    size: float
    words: str


def of_edges(params: Mapping[str, float], units: Mapping[str, Unit] | None = None) -> Check:
    """Check that no parameter has run to the edge of its range.

    Parameters
    ----------
    params : mapping of str to float
        The positive parameters.
    units : mapping of str to Unit
        Of those that have one, as the data set it.
    """
    units = units or {}
    sizes = {name: unit.size for name, unit in units.items()}
    positive = {name: value / sizes.get(name, 1.0) for name, value in params.items() if value > 0}
    low = [name for name, value in positive.items() if value < EDGES[0]]
    high = [name for name, value in positive.items() if value > EDGES[1]]
    if not low and not high:
        return Check("boundary", True, np.nan, "no parameter has run to the edge of its range.")

    def run(name: str, where: str, edge: float) -> str:
        unit = units.get(name)
        return f"{name} towards {where} (beyond {edge:g}" + (f" times {unit.words}, {unit.size:.3g})" if unit else ")")

    runs = [*(run(name, "0", EDGES[0]) for name in low), *(run(name, "infinity", EDGES[1]) for name in high)]
    meanings = [
        meaning
        for names, meaning in (
            ({"a", "s"} & set(low), "nearly nobody leaves, or the dropout is concentrated in few"),
            ({"b", "beta", "delta"} & set(low), "the dropout piles up at the edge, or a simpler model lies there"),
            ({"r", "alpha"} & set(high), "customers hardly differ in their purchase rate"),
            ({"s", "beta", "a", "b"} & set(high), "customers hardly differ in their dropout"),
        )
        if names
    ]
    words = (
        f"{'; '.join(runs)}: the optimum lies at the edge of "
        f"the model, where a simpler one would do{': ' + '; '.join(meanings) if meanings else ''}. Predictions are "
        "usable, these parameters and their errors are not to be read by themselves."
    )
    return Check("boundary", False, np.nan, words)


def of_nested(simpler: Mapping[str, float], log_likelihood: float, is_highest: bool = True) -> list[Check]:
    """Check that the likelihood is above that of each special case; if it is equal, the model has gone over into it.

    Parameters
    ----------
    simpler : mapping of str to float
        Title of each special case, and its log-likelihood of the same data.
    log_likelihood : float
        That of the model.
    is_highest : bool
        Whether no climb ended higher; see `higher_climb`.
    """
    checks = []
    for title, value in simpler.items():
        gain = log_likelihood - value
        noise = 1e-6 * abs(value)
        words = f"log-likelihood {gain:+.3f} against the special case {title}."
        if gain < -noise:
            words += " A special case cannot fit better: this is not the maximum."
        elif gain <= noise:
            words += f" The maximum lies on the ridge where the model goes over into {title}"
            words += ": use that instead." if is_highest else ", but another start ended higher: see starts."
        checks.append(Check(f"beyond {title}", bool(gain > noise), gain, words))
    return checks


def of_totals(expected: float, actual: float, what: str) -> Check:
    """Check that the model expects about as much as happened among those it was fitted to.

    Parameters
    ----------
    expected, actual : float
    what : str
        What was counted, in the plural.
    """
    gap = expected / actual - 1 if actual else np.nan
    words = f"the model expects {expected:,.1f} {what} of the customers it was fitted to; there were {actual:,.0f}."
    passed = bool(abs(gap) <= TOTALS_TOLERANCE)
    if not passed:
        words += (
            f" A gap of {gap:+.1%} shows that the model does not describe these data: look for seasons, campaigns or "
            "cohorts that differ, and compare the other models."
        )
    return Check("totals", passed, gap, words)
