"""Segments by behaviour: customers that act alike, found by k-means, their number chosen by a stated criterion.

The criterion is the mean silhouette [1]_ on a sample: how much nearer customers lie to their own cluster than to the
next one. The number of clusters with the highest is taken, among those without a cluster smaller than a stated share of
customers. Below 0.25 there is no substantial structure, and the result says so: the clusters then cut a continuum.

References
----------
.. [1] Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of cluster analysis. Journal
   of Computational and Applied Mathematics 20, 53-65. The reading of its values: Kaufman, Rousseeuw (1990), Finding
   groups in data, p. 88.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, InputError
from patronage.runtime.histories import FloatArray
from patronage.value.value_curve import DIMENSIONS

SAMPLE = 5_000
"""Customers that silhouettes are computed on; their cost grows with the square of it."""

FITTED = 200_000
"""Customers that clusters are fitted to; the others are assigned to them."""

NO_STRUCTURE = 0.25
"""Mean silhouette below which there is no substantial structure."""

FURTHEST = 3.0
"""Values further from the median, in standard deviations of a normal with the same quartiles, count as so far."""

TELLING = 0.5
"""Distance from the average, in the units of `FURTHEST`, from which on a column is part of a cluster's name."""

WORDS = {one.column: (one.low, one.high) for one in DIMENSIONS}
"""What customers below and above the average of a column do."""


@dataclass(frozen=True)
class Clusters:
    """Segments by behaviour, and how their number was chosen.

    Attributes
    ----------
    segment : Series
        Name of the cluster of every customer, with the index of the frame.
    criterion : DataFrame
        number, silhouette, smallest_share (of customers, in the smallest cluster), agreement (adjusted Rand index with
        clusters that are fitted to a random half: 1 if they are the same, 0 if by chance), chosen.
    centres : DataFrame
        Mean of every column by segment, with customers (how many).
    filled : dict of str to int
        Missing values that were replaced by the median, by column.
    reading : str
        What the criterion says.
    """

    segment: pd.Series
    criterion: pd.DataFrame
    centres: pd.DataFrame
    filled: dict[str, int]
    reading: str


def behavioural_clusters(
    frame: pd.DataFrame,
    columns: Sequence[str],
    numbers: Sequence[int] = range(2, 9),
    smallest_share: float = 0.02,
    words: Mapping[str, tuple[str, str]] = WORDS,
    *,
    seed: int,
) -> Clusters:
    """Find segments of customers that act alike.

    Parameters
    ----------
    frame : DataFrame
        One row a customer.
    columns : sequence of str
        Numbers that tell how customers act. They are taken by logarithm (with their sign), centred at the median,
        divided by the spread between the quartiles and cut at `FURTHEST`, so that no column and no customer rules.
        Constant ones are left out, and missing values are those of the median.
    numbers : sequence of int
        Numbers of clusters to choose from, 2 and above.
    smallest_share : float
        Numbers with a cluster of a smaller share of customers are not chosen, unless all have one.
    words : mapping of str to (str, str)
        What low and high values of a column mean, for names; the column's name else.
    seed : int
        The same seed gives the same clusters.

    Returns
    -------
    Clusters

    Raises
    ------
    ConfigError
        If a column is not there, or a number of clusters is below 2.
    InputError
        If there are too few customers that differ.
    """
    lacking = [name for name in columns if name not in frame.columns]
    if lacking or not columns or not numbers or min(numbers) < 2:
        message = (
            f"Expected columns of the frame and numbers of clusters of 2 and above; got numbers {list(numbers)}, and "
            f"the frame lacks {', '.join(lacking) or 'no column'}."
        )
        raise ConfigError(message)
    raw = frame[list(columns)].to_numpy(np.float64, na_value=np.nan)
    points = _points(raw)
    order = np.random.default_rng(seed).permutation(len(points))
    fitted, sampled = points[order[:FITTED]], points[order[:SAMPLE]]
    if not points.shape[1] or len(np.unique(sampled, axis=0)) <= max(numbers):
        message = f"{len(frame):,} customers do not differ enough in {', '.join(columns)} for {max(numbers)} clusters."
        raise InputError(message)
    half = fitted[: max(len(fitted) // 2, max(numbers) + 1)]
    labels = {number: _fit(fitted, number, seed).predict(points) for number in numbers}
    rows = [_judged(number, labels[number], sampled, order[: len(sampled)], half, seed) for number in numbers]
    criterion = pd.DataFrame(rows)
    fit_for_use = criterion[criterion["smallest_share"] >= smallest_share]
    considered = fit_for_use if len(fit_for_use) else criterion
    best = considered.iloc[int(considered["silhouette"].argmax())]
    criterion["chosen"] = criterion["number"] == best["number"]
    codes = labels[int(best["number"])]
    names = _names(points, codes, [name for name, kept in zip(columns, _varying(raw), strict=True) if kept], words)
    segment = pd.Series(names[codes], index=frame.index, name="segment", dtype="str")
    centres = frame[list(columns)].groupby(segment).mean()
    centres.insert(0, "customers", segment.value_counts())
    missing = {name: int(count) for name, count in zip(columns, (~np.isfinite(raw)).sum(axis=0), strict=True) if count}
    return Clusters(segment, criterion, centres, missing, _reading(best))


def _points(raw: FloatArray) -> FloatArray:
    """Columns made comparable, constant ones left out, missing values at the median."""
    values = np.where(np.isfinite(raw), raw, np.nan)[:, _varying(raw)]
    if not values.size:
        return values
    logs = np.sign(values) * np.log1p(np.abs(values))
    low, middle, high = np.nanquantile(logs, (0.25, 0.5, 0.75), axis=0)
    # Between the quartiles of a normal lie 1.349 standard deviations.
    spread = np.where(high > low, (high - low) / 1.349, np.nanstd(logs, axis=0))
    points: FloatArray = np.clip((logs - middle) / spread, -FURTHEST, FURTHEST)
    return np.where(np.isnan(points), 0.0, points)


def _varying(raw: FloatArray) -> Any:
    values = np.where(np.isfinite(raw), raw, np.nan)
    return np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in values.T], dtype=bool)


def _fit(points: FloatArray, number: int, seed: int) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(number, n_init=5, random_state=seed).fit(points)


def _judged(number: int, labels: Any, sampled: FloatArray, at: Any, half: FloatArray, seed: int) -> dict[str, float]:
    """A row of the criterion: how well so many clusters are told apart on a sample."""
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    told = len(np.unique(labels[at])) > 1
    return {
        "number": number,
        "silhouette": float(silhouette_score(sampled, labels[at])) if told else -1.0,
        "smallest_share": float(np.bincount(labels, minlength=number).min() / len(labels)),
        "agreement": float(adjusted_rand_score(labels[at], _fit(half, number, seed).predict(sampled))),
    }


def _names(points: FloatArray, codes: Any, columns: Sequence[str], words: Mapping[str, tuple[str, str]]) -> Any:
    """The one or two columns in which a cluster lies furthest from the average, in words."""
    names: list[str] = []
    average = points.mean(axis=0)
    for code in range(codes.max() + 1):
        apart = points[codes == code].mean(axis=0) - average
        telling = [at for at in np.argsort(-np.abs(apart), kind="stable")[:2] if abs(apart[at]) >= TELLING]
        parts = []
        for at in telling:
            plain = columns[at].replace("_", " ")
            low, high = words.get(columns[at], (f"low {plain}", f"high {plain}"))
            parts.append(high if apart[at] > 0 else low)
        name = ", ".join(parts) or "like the average"
        same = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return np.array(names, dtype=object)


def _reading(best: Any) -> str:
    silhouette = float(best["silhouette"])
    found = f"{int(best['number'])} clusters have the highest mean silhouette, {silhouette:.2f}"
    if silhouette < NO_STRUCTURE:
        return f"{found}: below {NO_STRUCTURE} there is no substantial structure, and the clusters cut a continuum."
    return f"{found}; a random half of the customers gives them with an agreement of {float(best['agreement']):.2f}."
