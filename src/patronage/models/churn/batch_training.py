"""Growing XGBoost's trees on a panel that comes in batches."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from patronage.models.churn.batches import STOPPING, TRAINING, BatchedPanel
from patronage.runtime.churn import feature_types


def grown_in_batches(
    panel: BatchedPanel,
    settings: Mapping[str, Any],
    n_trees: int,
    early_stopping_rounds: int | None,
    churner_weight: float,
    cache: Path | None,
) -> xgboost.Booster:
    """Grow trees on the training rows of a panel; what is held of each feature is the number of its bin.

    Parameters
    ----------
    panel : BatchedPanel
    settings : mapping
        As `xgboost.train` takes them.
    n_trees : int
        The most of them, if growing may stop early.
    early_stopping_rounds : int, optional
        Growing stops when so many more trees brought nothing to the rows left out for it.
    churner_weight : float
        How many times a churner counts as much as another customer.
    cache : Path, optional
        Folder for the bins, where they shall not be in memory.

    Returns
    -------
    Booster
        With the trees up to the best one.
    """
    types = feature_types(panel.features, panel.categories)
    described = {"feature_names": list(panel.features), "feature_types": types}

    def weight(churned: NDArray[np.int8]) -> NDArray[np.float32] | None:
        return None if churner_weight == 1 else np.where(churned == 1, churner_weight, 1.0).astype(np.float32)

    def trained(data: xgboost.DMatrix) -> xgboost.Booster:
        if early_stopping_rounds is None:
            return xgboost.train(settings, data, n_trees)
        matrix, churned = panel.gathered(STOPPING)
        judged = xgboost.DMatrix(matrix, churned, weight=weight(churned), enable_categorical=True, **described)
        stop = xgboost.callback.EarlyStopping(rounds=early_stopping_rounds, save_best=True)
        return xgboost.train(
            settings, data, n_trees, evals=[(judged, "left_out")], verbose_eval=False, callbacks=[stop]
        )

    def rows() -> Iterator[dict[str, Any]]:
        for matrix, churned in panel.rows(TRAINING):
            yield {"data": matrix, "label": churned, "weight": weight(churned), **described}

    threads = settings.get("nthread")
    if cache is None:
        return trained(xgboost.QuantileDMatrix(_Rows(rows), nthread=threads, enable_categorical=True))
    with tempfile.TemporaryDirectory(dir=cache, prefix="bins.") as folder:
        source = _Rows(rows, str(Path(folder) / "rows"))
        return trained(xgboost.ExtMemQuantileDMatrix(source, nthread=threads, enable_categorical=True))


class _Rows(xgboost.DataIter):
    """Batches, as XGBoost asks for them: several times from the beginning."""

    def __init__(self, rows: Callable[[], Iterator[dict[str, Any]]], cache_prefix: str | None = None) -> None:
        super().__init__(cache_prefix=cache_prefix)
        self._rows = rows
        self._left = rows()

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over one batch; False when there is none left."""
        batch = next(self._left, None)
        if batch is None:
            return False
        input_data(**batch)
        return True

    def reset(self) -> None:
        """Begin again."""
        self._left = self._rows()
