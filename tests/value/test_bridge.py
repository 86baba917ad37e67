"""The equity bridge: residual zero and components equal to a recomputation in plain Python, on random customers."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.errors import ConfigError, InputError
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.schema.equity import EQUITY_BRIDGE, EQUITY_WATERFALL
from patronage.value.bridge import COMPONENTS, equity_bridge

MONEY = st.floats(-1e5, 1e5, allow_nan=False, width=32)
CHANCE = st.one_of(st.just(0.0), st.just(0.5), st.just(1.0), st.floats(1e-6, 1.0))


@st.composite
def histories(draw):
    """Customers who are there at the start, at the end, or at both; with values, chances and profits."""
    rows = draw(st.lists(st.tuples(st.booleans(), st.booleans(), MONEY, MONEY, MONEY, CHANCE, CHANCE, MONEY,
                                   st.sampled_from("NS"), st.sampled_from(("2023", "2024"))),
                         min_size=1, max_size=25))  # fmt: skip
    return [(f"C{k}", before or not after, after, *rest) for k, (before, after, *rest) in enumerate(rows)]


def frames(rows):
    def frame(which):
        return pd.DataFrame(which, columns=["customer_id", "future_profit", "probability_alive"]).set_index(
            "customer_id"
        )

    def worth(value, chance):
        return value if chance > 0 else 0.0

    opening = frame([(r[0], worth(r[3], r[6]), r[6]) for r in rows if r[1]])
    old = frame([(r[0], worth(r[4], r[7]), r[7]) for r in rows if r[2]])
    new = frame([(r[0], worth(r[5], r[7]), r[7]) for r in rows if r[2]])
    came = pd.Series({r[0]: r[8] for r in rows}, dtype=float)
    labels = pd.DataFrame({"region": [r[9] for r in rows], "cohort": [r[10] for r in rows]}, index=[r[0] for r in rows])
    return opening, old, new, came, labels


def recomputed(rows):
    """The definitions of the docstring, one customer at a time."""
    sums = dict.fromkeys(("opening", *COMPONENTS, "closing"), 0.0)
    for _, before, after, v0, v1, v2, p0, p1, came, *_rest in rows:
        v0, p0 = (v0 if p0 > 0 else 0.0, p0) if before else (0.0, 0.0)
        v1, v2, p1 = (v1 if p1 > 0 else 0.0, v2 if p1 > 0 else 0.0, p1) if after else (0.0, 0.0, 0.0)
        sums["opening"] += v0
        sums["closing"] += v2
        sums["model_change"] += v2 - v1
        sums["realised_profit"] -= came
        if not before:
            sums["acquisition"] += v1 + came
            continue
        sums["development"] += came
        if p0 >= 0.5 > p1:
            sums["loss"] += v1 - v0
        elif p0 < 0.5 <= p1:
            sums["recovery"] += v1 - v0
        elif p0 == 0 or p1 == 0:
            sums["retention"] += v1 - v0
        else:
            sums["retention"] += (p1 - p0) * (v0 / p0 + v1 / p1) / 2
            sums["development"] += (v1 / p1 - v0 / p0) * (p0 + p1) / 2
    return sums


@given(histories())
def test_the_bridge_closes_and_is_what_its_definitions_say(rows):
    opening, old, new, came, labels = frames(rows)
    bridge = equity_bridge(opening, old, new, came, labels)
    total = bridge.table().iloc[-1]
    scale = 1.0 + sum(abs(v) for row in rows for v in (*row[3:6], row[8]))
    # A value over a tiny chance is huge; halves of its change are as large, and cancel.
    scale += sum(abs(v) / p for row in rows for v, p in ((row[3], row[6]), (row[4], row[7])) if p > 0)
    assert abs(total["residual"]) <= 1e-9 * scale
    by_hand = recomputed(rows)
    for name, value in by_hand.items():
        assert total[name] == pytest.approx(value, abs=1e-9 * scale)
    assert total["closing"] == pytest.approx(math.fsum(new["future_profit"]), abs=1e-9 * scale)


@settings(max_examples=25)
@given(histories())
def test_groups_add_up_and_close_each(rows):
    opening, old, new, came, labels = frames(rows)
    bridge = equity_bridge(opening, old, new, came, labels)
    scale = 1.0 + np.abs(bridge.customers[["opening", *COMPONENTS, "closing"]].to_numpy()).sum()
    for by in ("region", ["region", "cohort"]):
        table = bridge.table(by)
        parts, total = table.iloc[:-1], table.iloc[-1]
        assert (table["residual"].abs() <= 1e-9 * scale).all()
        assert parts["n_customers"].sum() == total["n_customers"] == len(rows)
        for name in ("opening", *COMPONENTS, "closing"):
            assert parts[name].sum() == pytest.approx(total[name], abs=1e-9 * scale)


def test_a_spreadsheet_of_five_customers():
    """Stays, is lost, comes back, is won, is won at a loss; then new parameters double everything."""

    def frame(rows):
        return pd.DataFrame(rows, columns=["customer_id", "future_profit", "probability_alive"]).set_index(
            "customer_id"
        )

    opening = frame([("stays", 90.0, 0.9), ("lost", 40.0, 0.8), ("back", 10.0, 0.2)])
    old = frame(
        [("stays", 96.0, 0.8), ("lost", 4.0, 0.1), ("back", 70.0, 0.9), ("won", 50.0, 1.0), ("poor", -5.0, 1.0)]
    )
    new = old.assign(future_profit=2 * old["future_profit"])
    came = pd.Series({"stays": 12.0, "lost": 3.0, "won": 8.0 - 20.0, "poor": -15.0})
    row = equity_bridge(opening, old, new, came).table().iloc[0]
    # stays: u from 100 to 120; (0.8 - 0.9) * 110 = -11 of retention, 20 * 0.85 = 17 and 12 brought of development.
    assert row["retention"] == pytest.approx(-11)
    assert row["development"] == pytest.approx(17 + 12 + 3)
    assert (row["loss"], row["recovery"]) == (-36, 60)
    assert row["acquisition"] == pytest.approx(50 - 12 - 5 - 15)
    assert row["realised_profit"] == pytest.approx(12)
    assert row["model_change"] == 215
    assert (row["opening"], row["closing"]) == (140, 430)
    assert tuple(row.index) == EQUITY_BRIDGE.names
    steps = equity_bridge(opening, old, new, came).waterfall()
    assert tuple(steps.columns) == EQUITY_WATERFALL.names
    assert steps["step"].tolist() == ["opening", *COMPONENTS, "closing"]
    assert steps["kind"].tolist() == ["total", "created", "created", "destroyed", "created", "destroyed", "paid out",
                                      "model", "total"]  # fmt: skip
    assert steps["begin"].tolist()[1:-1] == pytest.approx(steps["end"].tolist()[:-2])
    assert steps["end"].iloc[-2] == pytest.approx(steps["end"].iloc[-1])


def test_a_customer_who_is_gone_from_the_ledger_is_a_loss():
    opening = pd.DataFrame({"future_profit": [30.0], "probability_alive": [0.9]}, index=["A"])
    empty = opening.iloc[:0]
    row = equity_bridge(opening, empty, empty, pd.Series(dtype=float)).table().iloc[0]
    assert (row["loss"], row["closing"], row["residual"]) == (-30, 0, 0)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_on_random_ledgers_with_two_models(seed):
    """Values of purchase models at two dates of the same random purchase days; margins of either sign."""
    from patronage.models.base import histories_of

    rng = np.random.default_rng(seed)
    days = [np.unique(rng.integers(0, 400, rng.integers(1, 9))) for _ in range(30)]
    margin = rng.normal(5, 20, 30)
    models = (
        BetaGeoNBD.from_params(BetaGeoParams(0.4, 9.0, 0.8, 2.5)),
        ParetoNBD.from_params(ParetoParams(0.6, 12.0, 0.7, 20.0)),
    )

    def valued(model, until):
        rows = {k: own[own <= until] for k, own in enumerate(days) if own[0] <= until}
        frame = pd.DataFrame(
            {"frequency": [len(own) - 1 for own in rows.values()],
             "recency": [(own[-1] - own[0]) / 7 for own in rows.values()],
             "T": [(until - own[0]) / 7 for own in rows.values()]},
            index=[str(k) for k in rows],
        )  # fmt: skip
        params, seen = model.to_params(), histories_of(frame)
        value = params.discounted_purchases(seen, 0.002, 52.0) * margin[list(rows)]
        return frame.assign(future_profit=value, probability_alive=params.probability_alive(seen))

    opening, old, new = valued(models[0], 200), valued(models[0], 300), valued(models[1], 300)
    came = pd.Series({str(k): margin[k] * ((own > 200) & (own <= 300)).sum() for k, own in enumerate(days)})
    row = equity_bridge(opening, old, new, came.loc[new.index]).table().iloc[0]
    assert abs(row["residual"]) <= 1e-9 * np.abs(new["future_profit"]).sum()
    rows = []
    for name in new.index:
        before = name in opening.index
        v0, p0 = opening.loc[name, ["future_profit", "probability_alive"]] if before else (0.0, 0.0)
        v1, p1 = old.loc[name, ["future_profit", "probability_alive"]]
        rows.append((name, before, True, v0, v1, new.loc[name, "future_profit"], p0, p1, came[name]))
    for name, value in recomputed(rows).items():
        assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9 * np.abs(new["future_profit"]).sum())


def test_what_does_not_fit_together_is_refused():
    one = pd.DataFrame({"future_profit": [3.0], "probability_alive": [0.5]}, index=["A"])
    other = one.rename(index={"A": "B"})
    none = pd.Series(dtype=float)
    with pytest.raises(InputError, match="only one of the two closings"):
        equity_bridge(one, one, other, none)
    with pytest.raises(InputError, match="neither opening nor closing"):
        equity_bridge(one, one, one, pd.Series({"B": 1.0}))
    with pytest.raises(InputError, match="more than once in the opening"):
        equity_bridge(pd.concat([one, one]), one, one, none)
    with pytest.raises(InputError, match="value without a chance"):
        equity_bridge(one, one.assign(probability_alive=0.0), one, none)
    with pytest.raises(ConfigError, match="there_from"):
        equity_bridge(one, one, one, none, there_from=0.0)
