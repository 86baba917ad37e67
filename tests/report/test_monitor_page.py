"""The page of a monitoring run: alarms all, of the rest what moved furthest, and where everything is."""

import re

import pandas as pd

from patronage.evaluation.alarms import Verdict
from patronage.report.monitor_page import SHOWN_ROWS, write_monitor_page


def drift_of(n: int, alarms: int) -> pd.DataFrame:
    """Columns c000, c001, ... of which each moved a little further than the one before; the first ones are alarms."""
    return pd.DataFrame({
        "part": "inputs", "name": [f"c{at:03d}" for at in range(n)], "test": "psi", "n_reference": 100, "n_batch": 100,
        "reference": 1.0, "batch": 1.0, "size": [at / 1000 for at in range(n)], "limit": 0.1, "p_value": 0.5,
        "p_adjusted": 1.0, "alarm": ["yes"] * alarms + ["no"] * (n - alarms), "words": "as before",
    })  # fmt: skip


def test_a_table_shows_all_alarms_and_of_the_rest_what_moved_furthest(tmp_path):
    path = tmp_path / "monitoring.html"
    write_monitor_page({"drift": drift_of(200, alarms=40)}, {"Model": "m/1"}, Verdict("watch", 40, ("Mind.",)), path)
    told = re.findall(r"<td>(c\d{3})</td>", path.read_text())
    assert told[:40] == [f"c{at:03d}" for at in reversed(range(40))]
    assert told[40:] == [f"c{at:03d}" for at in reversed(range(200 - SHOWN_ROWS, 200))]
    assert (
        f"{200 - 40 - SHOWN_ROWS} more tests without an alarm are in drift.parquet and drift.csv." in path.read_text()
    )


def test_a_short_table_is_shown_whole(tmp_path):
    path = tmp_path / "monitoring.html"
    write_monitor_page({"drift": drift_of(5, alarms=1)}, {"Model": "m/1"}, Verdict("watch", 1, ("Mind.",)), path)
    assert re.findall(r"<td>(c\d{3})</td>", path.read_text()) == ["c000", "c004", "c003", "c002", "c001"]
    assert "The same is in drift.parquet and drift.csv." in path.read_text()
