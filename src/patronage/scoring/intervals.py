"""Intervals of the scores: in which each customer's purchases and value within the horizon will lie.

They come from the stored parameters and their stored covariance (see `patronage.models.uncertainty` and
`patronage.value.interval`). A block of customers is drawn from a seed of its own, so that a file that is scored again
holds the same numbers.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from patronage.models.purchase.kinds import model_of
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.bundle import Bundle
from patronage.runtime.histories import FloatArray
from patronage.value.interval import value_interval

SEED = 20_050_401


class ScoreIntervals:
    """Computes the columns of `schema.SCORE_INTERVALS` with the models of a bundle.

    Parameters
    ----------
    bundle : Bundle
    level : float
        Coverage, between 0 and 1.

    Raises
    ------
    ModelError
        If the bundle holds no covariance of its parameters, or one that is not positive definite.
    """

    def __init__(self, bundle: Bundle, level: float) -> None:
        self.bundle, self.level = bundle, level
        stored = bundle.training.get("covariance") or {}
        self.purchase = model_of(bundle.purchase).with_covariance(stored.get("purchase"))
        self.spend = GammaGamma.from_params(bundle.spend).with_covariance(stored.get("spend"))

    def of(self, columns: dict[str, Any], block: int) -> dict[str, FloatArray]:
        """Intervals of the customers of one block.

        Parameters
        ----------
        columns : dict of str to ndarray, shape (n,)
            The bundle's inputs.
        block : int
            Number of the block within its file, which seeds the draws.
        """
        rng, bundle = np.random.default_rng([SEED, block]), self.bundle
        horizon = bundle.time_unit.from_days(bundle.horizon_days)
        purchases = self.purchase.predictive_interval(columns, horizon, self.level, rng=rng)
        value = value_interval(
            self.purchase,
            self.spend,
            columns,
            bundle.horizon_days,
            bundle.time_unit,
            **asdict(bundle.value),
            level=self.level,
            rng=rng,
        )
        return {
            "purchases_low": purchases["low"].to_numpy(),
            "purchases_high": purchases["high"].to_numpy(),
            "clv_low": value["low"].to_numpy(),
            "clv_high": value["high"].to_numpy(),
        }
