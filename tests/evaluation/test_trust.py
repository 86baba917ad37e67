"""What the intervals are worth, in words and as a table."""

import numpy as np
import pandas as pd
import pytest

from patronage.evaluation.trust import trust_in_words
from patronage.schema import INTERVALS


def table(low, high, actual, conformal=None):
    """Intervals of a made holdout; `conformal` is the corrected interval of the total."""
    inside = float(low <= actual <= high)
    rows = [
        ("customers", "model", 0.9, 0.95, 0.88, np.nan, np.nan, 2.0, 0),
        ("total", "model", 0.9, inside, np.nan, low, high, high - low, 0),
    ]
    if conformal:
        held = float(conformal[0] <= actual <= conformal[1])
        rows += [
            ("customers", "conformal", 0.9, 0.94, np.nan, np.nan, np.nan, 1.9, 3),
            ("total", "conformal", 0.5, held, np.nan, *conformal, conformal[1] - conformal[0], 3),
        ]
    made = pd.DataFrame([(*row, actual, (low + high) / 2) for row in rows], columns=list(INTERVALS.names))
    return made.assign(n_origins=made["n_origins"])


def test_a_total_that_was_held():
    words = trust_in_words(table(1500, 1900, 1882), pd.Series(dtype=float))
    assert words.startswith("The model's own 90% interval of the total, 1,500 to 1,900, holds what came (1,882).")
    assert "95.0% bought what their own 90% interval held (88.0% when ties" in words
    assert "earlier origins" not in words


@pytest.mark.parametrize(("actual", "side"), [(1882, "above"), (1200, "below")])
def test_a_total_that_was_missed_is_no_bound(actual, side):
    words = trust_in_words(table(1500, 1833, actual), pd.Series(dtype=float))
    assert f"What came ({actual:,}) lies {side} the model's own 90% interval" in words
    assert "do not read it as the bounds" in words


def test_the_corrected_interval_states_what_it_can_claim():
    words = trust_in_words(table(1500, 1833, 1882, conformal=(1600, 1950)), pd.Series([1.07, 1.25, 0.98]))
    assert "At 3 earlier origins the actual total was 0.98 to 1.25 times the expected one." in words
    assert "1,600 to 1,950, a claim of 50% only" in words
    assert words.endswith("it holds it too.")
