r"""Metrics in parts of the customers, by segment, cohort or cut-off, and whether parts differ by more than chance.

With values :math:`x_k` at K cut-offs and their standard errors :math:`s_k`, Cochran's statistic
:math:`Q = \sum_k (x_k - \bar x)^2 / s_k^2` around the mean weighted by :math:`1 / s_k^2` follows a chi-squared
distribution with K - 1 degrees of freedom if nothing but sampling makes them differ [1]_. Cut-offs of the same
customers are alike rather than independent, so a large Q says more than it claims, a small one less.

References
----------
.. [1] Cochran (1954), The combination of estimates from different experiments. Biometrics 10(1), 101-129.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from patronage.errors import InputError
from patronage.evaluation.bootstrap import REPLICATES, bootstrap
from patronage.evaluation.counted_metrics import CHURN_METRICS, Metric
from patronage.evaluation.outcomes import outcomes

FEWEST_OF_EACH = 10
"""Customers of either class that a part must have; metrics of fewer are told as missing, not as figures."""


def metrics_by_group(
    happened: ArrayLike,
    score: ArrayLike,
    groups: ArrayLike,
    metrics: Mapping[str, Metric] = CHURN_METRICS,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
) -> pd.DataFrame:
    """Metrics in each group of customers, with intervals.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    score : array-like, shape (n,)
        Probabilities, or other scores where no metric needs probabilities.
    groups : array-like, shape (n,)
        Segment, cohort or cut-off of each row; missing is a group of its own.
    metrics : mapping of str to Metric
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    replicates : int
    level : float

    Returns
    -------
    DataFrame
        One row a group and metric, groups in order: group, n_rows, n_left, mean_predicted, mean_observed, metric,
        value, low, high, standard_error, n_undefined. Value and interval are NaN where fewer than 10 left or stayed.

    Raises
    ------
    InputError, ConfigError
    """
    y, p = outcomes(happened, score)
    labels, ids = np.asarray(groups), None if customers is None else np.asarray(customers)
    if labels.shape != y.shape or (ids is not None and ids.shape != y.shape):
        message = f"Expected a group (and a customer id, if any) for each of {len(y):,} rows; got {labels.shape}."
        raise InputError(message)
    codes, names = pd.factorize(labels, use_na_sentinel=False, sort=True)
    tables = []
    for code, name in enumerate(names):
        rows = codes == code
        left = int(y[rows].sum())
        found = bootstrap(
            y[rows],
            {"": p[rows]},
            metrics,
            rng=rng,
            customers=None if ids is None else ids[rows],
            replicates=replicates,
        ).intervals(level)
        if min(left, rows.sum() - left) < FEWEST_OF_EACH:
            found[["value", "low", "high", "standard_error"]] = np.nan
        about = {
            "group": name,
            "n_rows": int(rows.sum()),
            "n_left": left,
            "mean_predicted": p[rows].mean(),
            "mean_observed": y[rows].mean(),
        }
        tables.append(found.drop(columns="candidate").assign(**about)[[*about, *found.columns.drop("candidate")]])
    return pd.concat(tables, ignore_index=True)


def stability(by_group: pd.DataFrame) -> pd.DataFrame:
    """Say for each metric how far groups, such as cut-offs, lie apart, and whether chance explains it.

    Parameters
    ----------
    by_group : DataFrame
        As `metrics_by_group` returns it.

    Returns
    -------
    DataFrame
        One row a metric: metric, n_groups (with a value and an interval), mean (weighted by precision), lowest,
        highest, spread (standard deviation between groups), spread_by_chance (root mean square of their standard
        errors), p_value of Cochran's Q (NaN for fewer than two groups), and words.
    """
    rows = []
    for metric, part in by_group.groupby("metric", sort=False):
        told = part.loc[part["standard_error"] > 0]
        x, error = told["value"].to_numpy(np.float64), told["standard_error"].to_numpy(np.float64)
        row = {"metric": metric, "n_groups": len(x)}
        if len(x) < 2:
            nothing = dict.fromkeys(("mean", "lowest", "highest", "spread", "spread_by_chance", "p_value"), np.nan)
            rows.append(row | nothing | {"words": "Fewer than two groups have enough customers to compare."})
            continue
        weight = error**-2
        mean = float(weight @ x / weight.sum())
        p_value = float(stats.chi2.sf(weight @ (x - mean) ** 2, len(x) - 1))
        apart = "by more than chance would" if p_value < 0.05 else "no more than chance would"
        words = f"{metric} lies between {x.min():.3f} and {x.max():.3f}, apart {apart} (p = {p_value:.2g})."
        rows.append(
            row
            | {"mean": mean, "lowest": x.min(), "highest": x.max(), "spread": x.std(ddof=1)}
            | {"spread_by_chance": float(np.sqrt(np.mean(error**2))), "p_value": p_value, "words": words}
        )
    return pd.DataFrame(rows)
