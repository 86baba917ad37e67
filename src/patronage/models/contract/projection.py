"""Cohorts projected into the future, with the interval that chance and unknown parameters leave open."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from patronage.errors import InputError
from patronage.models.uncertainty import quantiles_of
from patronage.runtime.contract.model import ContractParams
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.summation import MOST_PERIODS


class Projection(NamedTuple):
    """A cohort as it stands, and the parameters that it may follow.

    Attributes
    ----------
    estimate : ContractParams
    drawn : ContractParams
        With arrays of shape (size, 1): one row a draw.
    tenure : float
        Renewals made so far.
    survivors : float
        Customers who made them, whole.
    """

    estimate: ContractParams
    drawn: ContractParams
    tenure: float
    survivors: float


def projected(cohort: Projection, horizon: int, level: float, rng: np.random.Generator) -> pd.DataFrame:
    """Expected survivors of a cohort, and the interval that they will be in, period by period.

    Under given parameters the customers of a cohort are independent, and each of those due for a renewal makes it with
    the retention rate of the cohort. So the survivors of one period are binomial, given those of the period before.

    Returns
    -------
    DataFrame
        period, expected, lower, upper; `horizon` rows.

    Raises
    ------
    InputError
        If the survivors are not whole, or above `MOST_PERIODS`, where whole numbers end to be told apart.
    """
    if cohort.survivors != np.floor(cohort.survivors) or cohort.survivors > MOST_PERIODS:
        message = (
            f"Only whole survivors, at most {MOST_PERIODS:,.0f}, can be projected with an interval; got "
            f"{cohort.survivors}."
        )
        raise InputError(message)
    ahead = np.arange(1.0, horizon + 1)
    now = Tenures(np.full(len(ahead), cohort.tenure), np.zeros(len(ahead), dtype=bool))
    retention = cohort.drawn.retention_rate(cohort.tenure + ahead)
    futures = np.empty(retention.shape)
    there = np.full(len(retention), int(cohort.survivors))
    for step in range(len(ahead)):
        there = rng.binomial(there, retention[:, step])
        futures[:, step] = there
    low, _, high = quantiles_of(futures, level)
    return pd.DataFrame(
        {
            "period": (cohort.tenure + ahead).astype(np.int64),
            "expected": cohort.survivors * cohort.estimate.probability_alive(now, ahead),
            "lower": low,
            "upper": high,
        }
    )
