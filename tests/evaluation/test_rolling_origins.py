"""Splits in time: what is learnt from was known at the test, and as much of it as there is."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import ConfigError, DateError
from patronage.evaluation.rolling_origins import rolling_origins

MONTHS = [date(2023, month, 1) for month in range(1, 13)]


def test_quarters_by_hand():
    origins = rolling_origins(MONTHS, 90, validations=1, minimum_train=2)
    # 1 Dec: known up to 2 Sep, so validate on 1 Sep; known by then up to 3 Jun, so learn from January to June.
    last = origins[-1]
    assert last.test == date(2023, 12, 1)
    assert last.validations == (date(2023, 9, 1),)
    assert last.train == tuple(MONTHS[:6])
    # 1 Sep: validate on 1 June, which leaves January to March. 1 Aug: validate on 1 May, which leaves January alone.
    assert [one.test.month for one in origins] == [9, 10, 11, 12]


def test_two_validations_keep_their_distance():
    last = rolling_origins(MONTHS, 60, validations=2)[-1]
    assert last.validations == (date(2023, 8, 1), date(2023, 10, 1))
    assert last.train[-1] == date(2023, 6, 1)


def test_a_shorter_gap_before_the_validation_only():
    last = rolling_origins(MONTHS, 90, validations=1, validation_gap_days=1)[-1]
    assert last.validations == (date(2023, 9, 1),)
    assert last.train[-1] == date(2023, 8, 1)


@given(
    days=st.lists(st.integers(0, 900), min_size=1, max_size=15, unique=True),
    horizon=st.integers(1, 200),
    validations=st.integers(0, 2),
)
def test_nothing_of_the_future_is_known(days, horizon, validations):
    cut_offs = [date(2023, 1, 1) + timedelta(days=day) for day in days]
    try:
        origins = rolling_origins(cut_offs, horizon, validations=validations)
    except DateError:
        return
    gap = timedelta(days=horizon)
    for one in origins:
        assert len(one.validations) == validations
        stages = [*one.train[-1:], *one.validations, one.test]
        assert all(later - earlier >= gap for earlier, later in pairwise(stages))
        first = one.validations[0] if validations else one.test
        assert one.train == tuple(sorted(day for day in cut_offs if day <= first - gap))


def test_rows_of_a_panel():
    panel = np.array(MONTHS * 3)
    one = rolling_origins(MONTHS, 90, validations=1)[-1]
    for given_as in (panel, pd.to_datetime(panel) + pd.Timedelta(hours=5), [str(day) for day in panel]):
        train, validations, test = one.rows(given_as)
        assert set(panel[train]) == set(one.train)
        assert panel[validations[0]].tolist() == [date(2023, 9, 1)] * 3
        assert panel[test].tolist() == [date(2023, 12, 1)] * 3


def test_refusals():
    with pytest.raises(DateError, match="None of 2 cut-offs"):
        rolling_origins(MONTHS[:2], 90)
    with pytest.raises(DateError, match=r"\(none\)"):
        rolling_origins([], 90)
    with pytest.raises(ConfigError, match="must occur once"):
        rolling_origins([*MONTHS, MONTHS[0]], 90)
    with pytest.raises(ConfigError, match="got 0, 0, 1 and 0"):
        rolling_origins(MONTHS, 0)
