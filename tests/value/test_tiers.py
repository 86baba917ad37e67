"""Tiers equal the whale curve's, and migration counts every customer once."""

import ibis
import numpy as np
import pandas as pd
import pytest

from engines_under_test import engine_under_test
from patronage.errors import ConfigError
from patronage.schema import TIER_MIGRATION, TIERS
from patronage.value.tiers import tier_migration, tiers
from patronage.value.whale import whale_shares


def table(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "period", "contribution"])
    return ibis.memtable(frame, schema={"customer_id": "string", "period": "string", "contribution": "float64"})


def test_five_customers_by_hand():
    """The best of five is the top fifth; a tenth of five is half a customer, which rounds up to the last one."""
    ranked = tiers(table([(who, "2024", money) for who, money in zip("abcde", (5, 9, 1, -3, 1), strict=True)]))
    assert list(ranked.columns) == list(TIERS.names)
    found = ranked.order_by("rank").execute()
    assert found["customer_id"].tolist() == ["b", "a", "c", "e", "d"]
    assert found["tier"].tolist() == ["top", "middle", "middle", "middle", "last"]


def test_tiers_earn_what_the_whale_curve_says():
    rng = np.random.default_rng(5)
    rows = [(f"c{n}", period, money) for period in ("a", "b") for n, money in enumerate(rng.normal(1, 5, 793).round(2))]
    found = tiers(table(rows)).execute()
    for period, part in found.groupby("period"):
        shares = whale_shares([money for _, one, money in rows if one == period])
        earned = part.groupby("tier")["contribution"].sum() / part["contribution"].sum()
        assert earned[["top", "middle", "last"]].tolist() == pytest.approx(
            [shares["top_share"], shares["middle_share"], shares["last_share"]]
        )


def test_migration_by_hand():
    """Of ten customers of each year, nine stay; the best of the first year falls, one is lost, one is new."""
    first = {f"c{n}": float(100 - n) for n in range(10)}
    second = {name: money for name, money in first.items() if name != "c5"} | {"c0": -50.0, "new": 200.0}
    ranked = tiers(table([(who, "1", m) for who, m in first.items()] + [(who, "2", m) for who, m in second.items()]))
    found = tier_migration(ranked, "1", "2")
    assert list(found.columns) == list(TIER_MIGRATION.names)
    counts = {(row.before, row.after): row.customers for row in found.itertuples()}
    assert counts == {
        ("top", "top"): 1,
        ("top", "last"): 1,
        ("middle", "middle"): 6,
        ("middle", "not there"): 1,
        ("last", "middle"): 1,
        ("not there", "top"): 1,
    }
    assert found["before"].tolist() == ["top", "top", "middle", "middle", "last", "not there"]
    assert found["contribution_before"].sum() == pytest.approx(sum(first.values()))
    assert found["contribution_after"].sum() == pytest.approx(sum(second.values()))
    assert found.groupby("before")["share"].sum().tolist() == pytest.approx([1, 1, 1, 1])


def test_a_period_without_customers_is_refused():
    ranked = tiers(table([("a", "1", 1.0)]))
    with pytest.raises(ConfigError, match="No customer has a tier in the period '2'"):
        tier_migration(ranked, "1", "2")


def test_tiers_that_overlap_are_refused():
    with pytest.raises(ConfigError, match="together at most 1"):
        tiers(table([("a", "1", 1.0)]), top=0.9, last=0.2)


@pytest.mark.parametrize("name", ["postgres", pytest.param("spark", marks=pytest.mark.slow)])
def test_every_engine_gives_the_same(name):
    import pyarrow as pa

    rng = np.random.default_rng(7)
    rows = pa.table(
        {
            "customer_id": [f"c{n:03d}" for n in range(60)] * 2,
            "period": ["1"] * 60 + ["2"] * 60,
            "contribution": rng.integers(-5, 9, 120).astype(float),
        }
    )
    expected = tier_migration(tiers(ibis.memtable(rows)), "1", "2")
    engine = engine_under_test(name)
    found = tier_migration(tiers(engine.load(rows, "profit_of_tiers")), "1", "2")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
