"""Bundles that earlier versions wrote still load, and still give the scores of their time."""

import json
from pathlib import Path

import numpy as np
import pytest

from patronage.runtime.bundle import FORMAT, READABLE
from patronage.runtime.scorer import load_scorer

GOLDEN = Path(__file__).parents[1] / "golden"


def as_columns(stored):
    """Numbers, missing ones as NaN; a column that holds texts as objects, missing ones as None."""
    text = {name for name, values in stored.items() if any(isinstance(value, str) for value in values)}
    return {name: np.array(values, dtype=object if name in text else np.float64) for name, values in stored.items()}


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("bundle_format_*")), ids=lambda folder: folder.name)
def test_scores_are_those_of_their_time(folder):
    stored = json.loads((folder / "rows_and_scores.json").read_text(encoding="utf-8"))
    scorer = load_scorer(folder / "bundle")
    scores = scorer.score(as_columns(stored["rows"]))
    assert tuple(scores) == scorer.bundle.outputs.names == tuple(stored["scores"])
    for name, expected in as_columns(stored["scores"]).items():
        np.testing.assert_allclose(scores[name], expected, rtol=1e-12, err_msg=name)


def test_there_is_one_for_every_format():
    assert [folder.name for folder in sorted(GOLDEN.glob("bundle_format_*"))] == [
        "bundle_format_1", "bundle_format_2", "bundle_format_3", "bundle_format_3_table",
    ]  # fmt: skip
    assert (max(READABLE), READABLE) == (FORMAT, (1, 2, 3))
