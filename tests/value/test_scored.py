"""Tables of value from a file of scores against those that are made in memory, customer by customer."""

import ibis
import numpy as np
import pandas as pd
import pytest

from patronage.errors import ContractError
from patronage.value.retention import value_at_risk
from patronage.value.scored import customers_of_scores, whale_of_scores, write_value_of_scores
from patronage.value.segments import value_risk_grid
from patronage.value.whale import whale_curve, whale_shares


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(0)
    n = 3000
    return pd.DataFrame(
        {
            "customer_id": [f"C{one:05}" for one in rng.permutation(n)],
            "churn_probability": rng.random(n).round(3),
            "past_profit": rng.normal(20, 100, n).round(2),
            # Half of them are worth the same, so that ranks are told apart by customer_id.
            "expected_profit": np.where(rng.random(n) < 0.5, 5.0, rng.normal(10, 40, n).round(2)),
        }
    )


def test_whale_curve_and_shares_are_those_of_the_arrays(scores):
    curves, shares = whale_of_scores(ibis.memtable(scores))
    for view, values in (
        ("past", scores["past_profit"]),
        ("future, expected values", scores["expected_profit"]),
        ("past and expected future", scores["past_profit"] + scores["expected_profit"]),
    ):
        curve = curves[curves["view"] == view].drop(columns="view").reset_index(drop=True)
        pd.testing.assert_frame_equal(curve, whale_curve(values), check_dtype=False)
        row = shares[shares["view"] == view].iloc[0]
        for name, value in whale_shares(values).items():
            assert row[name] == pytest.approx(value, rel=1e-9), (view, name)


def test_customers_are_those_of_the_functions_in_memory(scores):
    found = customers_of_scores(ibis.memtable(scores)).execute().set_index("customer_id").sort_index()
    frame = scores.set_index("customer_id").sort_index()
    ranked = value_at_risk(frame, future_profit="expected_profit").set_index("customer_id").sort_index()
    assert (found["rank_at_risk"] == ranked["rank"]).all()
    assert found["value_at_risk"].to_numpy() == pytest.approx(ranked["value_at_risk"].to_numpy())
    grid = value_risk_grid(frame["expected_profit"], frame["churn_probability"])
    # Equal customers at the edge of the best fifth are one segment in memory and are cut by id here.
    edge = frame["expected_profit"].nlargest(600).iloc[-1]
    clear = frame["expected_profit"] != edge
    assert (found["value_risk"][clear] == grid[clear]).all()
    assert found["past_tier"].value_counts().to_dict() == {"top": 600, "middle": 2100, "last": 300}
    assert frame["past_profit"][found["past_tier"] == "top"].min() >= frame["past_profit"][
        found["past_tier"] != "top"
    ].max()  # fmt: skip


def test_folder_is_written_whole(scores, tmp_path):
    rows = write_value_of_scores(ibis.memtable(scores), tmp_path / "value")
    assert rows == {"customers": 3000, "whale_curves": 303, "whale_shares": 3, "grid": 6}
    grid = pd.read_parquet(tmp_path / "value" / "grid.parquet")
    expected = (scores["churn_probability"] * scores["expected_profit"]).sum()
    assert grid["value_at_risk"].sum() == pytest.approx(expected, abs=1e-2)
    assert [path.name for path in tmp_path.iterdir()] == ["value"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda scores: scores.drop(columns="past_profit"), "lack past_profit"),
        (lambda scores: scores.assign(churn_probability=scores["churn_probability"].where(scores.index > 1)),
         "churn_probability 2"),
    ],
    ids=["a column", "values"],
)  # fmt: skip
def test_scores_without_profit_are_refused(scores, change, named):
    with pytest.raises(ContractError, match=named):
        whale_of_scores(ibis.memtable(change(scores)))
