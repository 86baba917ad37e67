"""Folds: every row tested once, nothing straddles, and the classes are spread evenly."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import ConfigError, InputError
from patronage.evaluation.duplicates import duplicate_groups, joined_groups, straddling_groups
from patronage.evaluation.folds import repeated_stratified_folds


@given(seed=st.integers(0, 10_000), folds=st.integers(2, 5), grouped=st.booleans())
def test_promises_of_every_split(seed, folds, grouped):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 200))
    y = (rng.random(n) < 0.4).astype(float)
    groups = rng.integers(0, n // 2, n) if grouped else None
    splits = list(repeated_stratified_folds(y, groups, folds=folds, repeats=3, rng=rng))
    assert len(splits) == 3 * folds
    for repeat in range(3):
        tests = [split.test for split in splits if split.repeat == repeat]
        assert sorted(np.concatenate(tests).tolist()) == list(range(n))
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(n))
        if grouped:
            assert len(straddling_groups(groups, split.train, split.test)) == 0
        else:
            assert abs(y[split.test].sum() - y.sum() / folds) < 1
            assert abs((1 - y[split.test]).sum() - (1 - y).sum() / folds) < 1


def test_groups_of_all_sizes_are_spread_evenly():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(2000), rng.geometric(0.3, 2000))
    y = (rng.random(len(groups)) < 0.2).astype(float)
    for split in repeated_stratified_folds(y, groups, folds=5, repeats=2, rng=rng):
        assert len(split.test) / len(y) == pytest.approx(0.2, abs=0.005)
        assert y[split.test].mean() == pytest.approx(y.mean(), abs=0.005)


def test_five_by_two_by_default_and_each_repeat_is_another():
    y = np.tile([0, 0, 1], 40)
    splits = list(repeated_stratified_folds(y, rng=np.random.default_rng(1)))
    assert [(split.repeat, split.fold) for split in splits] == [(r, f) for r in range(5) for f in range(2)]
    assert len({tuple(split.test) for split in splits}) == 10
    again = list(repeated_stratified_folds(y, rng=np.random.default_rng(1)))
    assert all((a.test == b.test).all() for a, b in zip(splits, again, strict=True))


def test_each_row_is_as_likely_in_either_fold():
    y = np.tile([0, 0, 1], 5)
    splits = repeated_stratified_folds(y, repeats=600, rng=np.random.default_rng(2))
    share = np.bincount(np.concatenate([one.test for one in splits if one.fold == 0]), minlength=15) / 600
    np.testing.assert_allclose(share, 0.5, atol=0.09)


def test_a_planted_duplicate_does_not_straddle():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"customer": np.arange(300), "x": rng.normal(size=300), "z": rng.normal(size=300)})
    frame.loc[200:249, ["x", "z"]] = frame.loc[0:49, ["x", "z"]].to_numpy()
    frame.loc[299, "customer"] = 250
    y = (rng.random(300) < 0.3).astype(float)
    groups = joined_groups(frame["customer"], duplicate_groups(frame, ["x", "z"]))
    torn = 0
    for split in repeated_stratified_folds(y, groups, rng=rng):
        in_test = np.isin(np.arange(300), split.test)
        assert (in_test[:50] == in_test[200:250]).all()
        assert in_test[299] == in_test[250]
    for split in repeated_stratified_folds(y, rng=rng):
        in_test = np.isin(np.arange(300), split.test)
        torn += (in_test[:50] != in_test[200:250]).sum()
    assert torn > 0


def test_a_million_rows_are_no_matter():
    rng = np.random.default_rng(4)
    groups = rng.integers(0, 300_000, 1_000_000)
    y = (rng.random(1_000_000) < 0.1).astype(float)
    split = next(iter(repeated_stratified_folds(y, groups, rng=rng)))
    assert len(split.test) == pytest.approx(500_000, rel=1e-3)


def test_refusals():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="two folds or more"):
        repeated_stratified_folds([0, 1], folds=1, rng=rng)
    with pytest.raises(InputError, match="Of 2 customers 0 left"):
        repeated_stratified_folds([0, 0], rng=rng)
    with pytest.raises(InputError, match="each of 4 rows"):
        repeated_stratified_folds([0, 1, 0, 1], [1, 2], rng=rng)
    with pytest.raises(InputError, match="do not fill 2 folds with both"):
        list(repeated_stratified_folds([0, 0, 1, 1], [0, 1, 2, 2], rng=rng))
