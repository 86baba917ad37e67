"""Which rows a stored model shows."""

import numpy as np
import pandas as pd

from patronage.tracking.example_rows import example_rows


def test_ordinary_rows_are_shown_though_the_first_are_odd():
    rows = 60
    table = pd.DataFrame({"price": np.arange(rows, dtype=float), "plan": ["basic", "gold"] * (rows // 2)})
    table.loc[:20, "price"] = np.nan
    table.loc[21, "plan"] = "never seen again"
    assert example_rows(table, {"plan": ("basic", "gold")}).index.tolist() == [22, 23, 24, 25, 26]


def test_what_nearly_every_row_lacks_does_not_count_much():
    table = pd.DataFrame({"rare": [1.0] + [np.nan] * 9, "price": [np.nan] + [1.0] * 9})
    assert example_rows(table, {}, 2).index.tolist() == [1, 2]


def test_few_rows_are_all_shown_and_none_is_none():
    table = pd.DataFrame({"price": [np.nan, 1.0]})
    assert example_rows(table, {}).index.tolist() == [0, 1]
    assert len(example_rows(table.iloc[:0], {})) == 0
