"""Learning the map from the margin of the trees to a probability."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from patronage.errors import ConfigError
from patronage.runtime.churn import Calibration
from patronage.runtime.histories import FloatArray

CalibrationKind = Literal["sigmoid", "isotonic"]
KINDS: tuple[CalibrationKind, ...] = ("sigmoid", "isotonic")


def fit_calibration(kind: CalibrationKind, margin: FloatArray, churned: NDArray[np.int8]) -> Calibration:
    """Learn a calibration from margins that the trees gave to customers they had not seen.

    Parameters
    ----------
    kind : {"sigmoid", "isotonic"}
        Sigmoid has two parameters and keeps the order of customers; isotonic bends freely and needs thousands of rows.
    margin : ndarray of float64, shape (n,)
        Log odds out of the trees.
    churned : ndarray of int, shape (n,)
        1 if the customer did not buy within the horizon.

    Returns
    -------
    Calibration
    """
    if kind == "sigmoid":
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=np.inf).fit(margin[:, None], churned)
        return Calibration("sigmoid", (), (float(model.intercept_[0]), float(model.coef_[0, 0])))
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(margin, churned)
        return Calibration("isotonic", tuple(map(float, curve.X_thresholds_)), tuple(map(float, curve.y_thresholds_)))
    message = f"calibration must be one of {', '.join(KINDS)}; got {kind!r}."
    raise ConfigError(message)
