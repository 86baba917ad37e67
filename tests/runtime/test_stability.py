"""Predictions of every purchase model at extreme parameters and histories, against 60 digits.

The values of `benchmarks/stability.py` are kept in tests/oracles; all of them are compared, and some computed afresh.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patronage.runtime.purchase.kinds import KINDS

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
import oracles
import stability

AFRESH = {"ggom_nbd": 2, "bg_bb": 6}
"""Fewer where a point takes long."""


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request):
    return request.param


def test_all_quantities_have_eight_digits(kind):
    points, true = stability.known(kind)
    predicted = stability.predictions(kind, points)[true.columns]
    errors = stability.errors(predicted, true)
    wrong = errors[(errors > stability.TOLERANCE).any(axis=1)]
    assert wrong.empty, points.loc[wrong.index].join(wrong).head(3).T.to_string()


def test_nothing_leaves_its_range(kind):
    points = stability.draw_points(kind, 4000, seed=7)
    predicted = stability.predictions(kind, points)
    assert not stability.out_of_range(predicted).any()
    chances = predicted.filter(regex="^probability_of_[0-9]+$").sum(axis=1)
    assert (chances <= 1 + 1e-9).all()


def test_the_kept_values_are_right(kind):
    points, true = stability.known(kind)
    some = np.random.default_rng(1).choice(len(points), AFRESH.get(kind, 20), replace=False)
    afresh = pd.DataFrame([oracles.exact(kind, points.iloc[i].to_dict()) for i in some], index=some)
    errors = stability.errors(afresh, true.iloc[some])
    assert (errors < 1e-10).all(axis=None)
