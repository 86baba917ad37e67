r"""Whether a batch of customers differs from the population that a model knows: inputs, and the scores it gives them.

An alarm needs two things: a size that matters in practice, and a difference that chance does not explain at the stated
level over *all* tests of a run. The sizes and their laws where nothing has changed:

- population stability index over k bins, with shares :math:`q_i` of the batch and :math:`p_i` of the reference [1]_,

  .. math:: \mathrm{PSI} = \sum_i (q_i - p_i) \log (q_i / p_i) \sim (1/n + 1/m) \, \chi^2_{k-1}

- Kolmogorov-Smirnov distance at the ends of the bins, by Kolmogorov's law with :math:`nm/(n+m)`; looking at the ends
  alone can only make it smaller, so the test keeps its level with ties too;
- share of missing values, by Fisher's exact test;
- share of rows that cannot be scored, by Fisher's exact test, one-sided: fewer of them are no fault;
- texts that the reference has not: a text is new by chance about as often as a text of the reference stands alone in
  it (Good-Turing [2]_), so their count is held against a binomial law.

The tests take customers of batch and reference as independent. The same customers met twice resemble themselves more
than that: then alarms are rarer than stated, not more frequent.

References
----------
.. [1] Yurdakul (2018), Statistical properties of population stability index. Western Michigan University.
.. [2] Good (1953), The population frequencies of species and the estimation of population parameters. Biometrika 40.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from patronage.errors import ConfigError, InputError
from patronage.evaluation.profile import REST, ColumnProfile, Profile, counted_in
from patronage.schema.monitoring import DRIFT

PSI_BINS = 10
"""Bins of the stability index, as the field has it."""

FEWEST_EXPECTED = 10
"""Customers that a bin must be expected to hold in the smaller population; below, the chi-square law is off."""

FEWEST_ROWS = 50
"""Customers of batch and reference below which nothing is compared."""


@dataclass(frozen=True)
class DriftSizes:
    """What size matters in practice.

    Attributes
    ----------
    psi : float
        Stability index; the field calls 0.1 a moderate shift, 0.25 a large one.
    ks : float
        Largest gap between the two distribution functions, 0 to 1.
    missing : float
        Change of the share of missing values, either way.
    new_categories : float
        Share of customers with a text that the reference has not.
    unscored : float
        Rise of the share of rows that cannot be scored.
    """

    psi: float
    ks: float
    missing: float
    new_categories: float
    unscored: float

    def __post_init__(self) -> None:
        for name in ("psi", "ks", "missing", "new_categories", "unscored"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                message = f"The limit {name} must be 0 or more, got {value}."
                raise ConfigError(message)


def drift(
    reference: Profile,
    inputs: Mapping[str, NDArray[Any]],
    scores: Mapping[str, NDArray[Any]],
    sizes: DriftSizes,
    ageing: Collection[str] = (),
    required: Collection[str] = (),
) -> pd.DataFrame:
    """Compare a batch with the reference.

    Parameters
    ----------
    reference : Profile
    inputs : mapping of str to ndarray, shape (n,)
        Of the batch; as for `profile_of`.
    scores : mapping of str to ndarray, shape (m,)
        Of the rows of the batch that can be scored. Fewer than `FEWEST_ROWS` are not compared.
    sizes : DriftSizes
    ageing : collection of str
        Patterns of the columns that move by nature: they are reported and give no alarm.
    required : collection of str
        Inputs without which a row cannot be scored: no age explains why their values are missing, so that this is
        judged even where they move by nature.

    Returns
    -------
    DataFrame
        `schema.monitoring.DRIFT`; p_adjusted is missing and alarm empty until `alarms.decide` fills them, but for
        ageing columns.

    Raises
    ------
    InputError
        If either has too few rows, or a column of the reference is missing.
    """
    given = len(next(iter(inputs.values())))
    if min(given, reference.n) < FEWEST_ROWS:
        message = (
            f"The batch has {given:,} customers and the reference {reference.n:,}: with fewer than {FEWEST_ROWS} "
            "nothing can be told apart. Take a later day, a longer acquired_within_days, or a larger table."
        )
        raise InputError(message)
    scored = min(map(len, scores.values()), default=given)
    rows: list[dict[str, Any]] = [
        {"part": "rows", "name": "all inputs", "p_adjusted": np.nan, "alarm": "",
         **_unscored(reference, given - scored, given, sizes.unscored)}
    ]  # fmt: skip
    for part, known, columns in (("inputs", reference.inputs, inputs), ("scores", reference.scores, scores)):
        lacking = [name for name in known if name not in columns]
        if lacking:
            message = f"The batch lacks {len(lacking)} {part} of the reference: {', '.join(lacking)}."
            raise InputError(message)
        if part == "scores" and min(scored, reference.n - reference.unscored) < FEWEST_ROWS:
            continue
        for name in (name for name in columns if name in known):
            one = known[name]
            by_nature = any(fnmatchcase(name, pattern) for pattern in ageing)
            compared = _text(one, columns[name], sizes) if one.is_text else _number(one, columns[name], sizes)
            for test in compared:
                judged = not by_nature or (test["test"] == "missing" and name in required)
                alarm = "" if judged else "ageing"
                rows.append({"part": part, "name": name, "p_adjusted": np.nan, "alarm": alarm, **test})
    return pd.DataFrame(rows, columns=list(DRIFT.names))


def stability_index(reference: NDArray[Any], batch: NDArray[Any]) -> tuple[float, float]:
    """The stability index of two rows of counts, and its p-value.

    Bins that are expected to hold fewer than `FEWEST_EXPECTED` are joined with the next one; a bin that one population
    leaves empty counts as half a customer.

    Parameters
    ----------
    reference, batch : array of int, shape (k,)
    """
    joined = _joined(np.asarray(reference), np.asarray(batch))
    n, m = joined.sum(axis=1)
    if joined.shape[1] < 2:
        return 0.0, 1.0
    shares = np.maximum(joined, 0.5) / np.array([[n], [m]])
    size = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    return size, float(stats.chi2.sf(size / (1 / n + 1 / m), joined.shape[1] - 1))


def distance(reference: NDArray[Any], batch: NDArray[Any]) -> tuple[float, float]:
    """The largest gap between two distribution functions at the ends of bins, and its p-value.

    Parameters
    ----------
    reference, batch : array of int, shape (k,)
    """
    n, m = int(np.sum(reference)), int(np.sum(batch))
    size = float(np.abs(np.cumsum(reference) / n - np.cumsum(batch) / m).max())
    return size, float(stats.kstwobign.sf(np.sqrt(n * m / (n + m)) * size))


def _number(one: ColumnProfile, values: NDArray[Any], sizes: DriftSizes) -> list[dict[str, Any]]:
    known = values[~np.isnan(values)].astype(np.float64)
    tests = [_missing(one, len(values) - len(known), len(values), sizes.missing)]
    if one.n and len(known):
        counts = counted_in(known, np.array(one.edges))
        means = {"reference": one.mean, "batch": float(known.mean())}
        told = f"mean {one.mean:.4g}, in the batch {means['batch']:.4g}"
        for test, limit, (size, p_value) in (
            ("psi", sizes.psi, stability_index(*_coarse(np.array(one.counts), counts))),
            ("ks", sizes.ks, distance(np.array(one.counts), counts)),
        ):
            tests.append(_row(test, one.n, len(known), means, size, limit, p_value, told))
    return tests


def _text(one: ColumnProfile, values: NDArray[Any], sizes: DriftSizes) -> list[dict[str, Any]]:
    there = pd.Series([value for value in values.tolist() if value is not None], dtype=object)
    tests = [_missing(one, len(values) - len(there), len(values), sizes.missing)]
    if not one.n or not len(there):
        return tests
    counted = there.value_counts()
    unknown = counted[~counted.index.isin(one.categories)]
    n_unknown = int(unknown.sum())
    counts = np.array([*(int(counted.get(name, 0)) for name in one.categories)])
    reference = np.array(one.counts)
    if REST in one.categories:
        # Beyond the texts that are counted by name, new ones cannot be told from rare ones.
        counts[one.categories.index(REST)] = n_unknown
    elif n_unknown:
        counts, reference = np.append(counts, n_unknown), np.append(reference, 0)
    share = n_unknown / len(there)
    size, p_value = stability_index(reference, counts)
    changes = {name: (_share(one, name), counted.get(name, 0) / len(there)) for name in one.categories}
    if REST not in one.categories and n_unknown:
        changes["new texts"] = (0.0, share)
    largest = max(changes, key=lambda name: abs(changes[name][1] - changes[name][0]))
    before, now = changes[largest]
    told = f"{largest or 'rare values'}: {before:.1%}, in the batch {now:.1%}"
    tests.append(_row("psi", one.n, len(there), {"reference": np.nan, "batch": np.nan}, size, sizes.psi, p_value, told))
    if REST not in one.categories:
        by_chance = min(1.0, (one.seen_once + 1) / (one.n + 1))
        examples = ", ".join(map(str, unknown.index[:3]))
        tests.append(
            _row("new_categories", one.n, len(there), {"reference": 0.0, "batch": share}, share, sizes.new_categories,
                 float(stats.binom.sf(n_unknown - 1, len(there), by_chance)),
                 f"{n_unknown:,} customers have {len(unknown):,} new values{f' ({examples})' if examples else ''}")
        )  # fmt: skip
    return tests


def _missing(one: ColumnProfile, missing: int, rows: int, limit: float) -> dict[str, Any]:
    before, now = one.missing / (one.n + one.missing), missing / rows
    p_value = 1.0
    if one.missing or missing:
        p_value = float(stats.fisher_exact([[one.missing, one.n], [missing, rows - missing]]).pvalue)
    told = f"missing {before:.1%}, in the batch {now:.1%}"
    shares = {"reference": before, "batch": now}
    return _row("missing", one.n + one.missing, rows, shares, abs(now - before), limit, p_value, told)


def _unscored(reference: Profile, unscored: int, rows: int, limit: float) -> dict[str, Any]:
    before, now = reference.unscored / reference.n, unscored / rows
    p_value = 1.0
    if unscored:
        counts = [[unscored, rows - unscored], [reference.unscored, reference.n - reference.unscored]]
        p_value = float(stats.fisher_exact(counts, alternative="greater").pvalue)
    told = f"rows that cannot be scored {before:.1%}, in the batch {now:.1%}"
    shares = {"reference": before, "batch": now}
    return _row("unscored", reference.n, rows, shares, max(0.0, now - before), limit, p_value, told)


def _row(
    test: str, n: int, m: int, two: Mapping[str, float | None], size: float, limit: float, p_value: float, words: str
) -> dict[str, Any]:
    return {"test": test, "n_reference": n, "n_batch": m, **two, "size": size, "limit": limit,
            "p_value": min(1.0, p_value), "words": words}  # fmt: skip


def _share(one: ColumnProfile, name: str) -> float:
    return one.counts[one.categories.index(name)] / one.n


def _coarse(reference: NDArray[Any], batch: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """About `PSI_BINS` bins of equal share of the reference."""
    share = np.cumsum(reference) / reference.sum()
    # The bin that a fine bin falls into, by the share below its middle.
    label = np.minimum(((share - reference / reference.sum() / 2) * PSI_BINS).astype(int), PSI_BINS - 1)
    starts = np.flatnonzero(np.r_[True, np.diff(label) > 0])
    return np.add.reduceat(reference, starts), np.add.reduceat(batch, starts)


def _joined(reference: NDArray[Any], batch: NDArray[Any]) -> NDArray[np.float64]:
    """The counts of both, with neighbours joined until each bin is expected to hold enough in the smaller one."""
    pair = np.vstack([reference, batch]).astype(np.float64)
    totals = pair.sum(axis=1)
    expected = pair.sum(axis=0) / totals.sum() * totals.min()
    groups: list[list[int]] = [[]]
    held = 0.0
    for at, one in enumerate(expected):
        groups[-1].append(at)
        held += one
        if held >= FEWEST_EXPECTED:
            groups.append([])
            held = 0.0
    left = groups.pop()
    if left and groups:
        groups[-1] += left
    elif left:
        groups = [left]
    return np.column_stack([pair[:, group].sum(axis=1) for group in groups])
