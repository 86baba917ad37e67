"""The leak detector: what it must catch, and what it must leave alone."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patronage.errors import InputError
from patronage.evaluation.leakage import find_leaks
from patronage.evaluation.single_feature import as_numbers, as_times, feature_ranking

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared_table(path):
    if not (SHARED / path).exists():
        pytest.skip(f"the development data {path} are not here")
    return pd.read_parquet(SHARED / path)


def world(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    left = rng.random(n) < 0.25
    honest = pd.DataFrame(
        {
            "tenure": rng.gamma(2, 10, n) - 6 * left,
            "contract": np.where(rng.random(n) < 0.3 + 0.4 * left, "monthly", "yearly"),
            "orders": rng.poisson(np.where(left, 1, 3)),
            "income": np.where(rng.random(n) < 0.4, np.nan, rng.normal(size=n)),
        }
    )
    return honest, left, rng


def kinds(frame, left, **options):
    found = find_leaks(frame, left, rng=np.random.default_rng(0), **options)
    return dict(zip(found["column"], found["kind"], strict=True))


def test_telco_has_no_leak():
    frame = shared_table("telco_ibm/telco_churn_21col.parquet")
    left = frame["Churn"] == "Yes"
    assert kinds(frame, left, ignore=["Churn", "customerID"]) == {}
    assert kinds(frame, left, ignore=["Churn"]) == {"customerID": "identifier"}
    assert set(kinds(frame, left, ignore=["customerID"])) == {"Churn"}


def test_extended_telco_has_these_and_no_others():
    frame = shared_table("telco_ibm_extended/telco_churn_joined.parquet")
    found = kinds(frame, frame["Churn Value"], ignore=["Churn Value", "Customer ID"])
    assert found == {
        "Satisfaction Score": "answers",
        "Churn Score": "answers",
        "Churn Category": "filled_for_one_side",
        "Churn Reason": "filled_for_one_side",
        "Customer Status": "decides",
        "Churn Label": "decides",
    }


def test_iranian_churn_has_no_leak():
    frame = shared_table("iranian_churn/iranian_churn_with_cost.parquet")
    assert kinds(frame, frame["Churn"], ignore=["Churn"]) == {}


def test_honest_columns_are_left_alone():
    for seed in range(10):
        honest, left, _ = world(seed=seed)
        assert kinds(honest, left) == {}


def test_what_leans_to_one_side_without_telling_is_left_alone():
    honest, left, rng = world(5000)
    chance = rng.random(5000)
    frame = honest.assign(
        complaint=np.where(chance < np.where(left, 0.4, 0.02), "late", None),
        second_order_days=np.where(chance < np.where(left, 0.05, 0.6), 12.0, np.nan),
        referrals=np.where(chance < np.where(left, 0.02, 0.3), 1, 0),
    )
    assert left[frame["complaint"].notna()].mean() > 0.8
    assert kinds(frame, left) == {}


def test_many_columns_of_noise_are_left_alone():
    rng = np.random.default_rng(3)
    left = rng.random(150) < 0.2
    noise = {f"n{i}": rng.normal(size=150) for i in range(60)}
    noise |= {f"c{i}": rng.choice(["a", "b", "c"], 150, p=[0.9, 0.05, 0.05]) for i in range(60)}
    noise |= {f"m{i}": np.where(rng.random(150) < 0.9, np.nan, 1.0) for i in range(60)}
    assert kinds(pd.DataFrame(noise), left) == {}


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (lambda left, _: left.astype(int), "decides"),
        (lambda left, rng: np.where(left, "gone", rng.choice(["new", "old"], len(left))), "decides"),
        (lambda left, rng: np.where(left & (rng.random(len(left)) < 0.3), "price", None), "filled_for_one_side"),
        (lambda left, rng: np.where(left & (rng.random(len(left)) < 0.3), "price", "None"), "filled_for_one_side"),
        (lambda left, rng: np.where(left, np.nan, rng.normal(size=len(left))), "filled_for_one_side"),
        # Purchases of the first week to come: few have any, and none of them left.
        (lambda left, rng: np.where(left, 0, rng.poisson(0.2, len(left))), "filled_for_one_side"),
        (lambda left, rng: rng.normal(3.0 * left, 1.0), "answers"),
        (lambda left, rng: -rng.normal(3.0 * left, 1.0), "answers"),
        # In the middle of the range for those who left, at its ends for the others: no rank, but an answer.
        (
            lambda left, rng: np.where(left, 0.0, rng.choice([-3, 3], len(left))) + rng.normal(0, 0.7, len(left)),
            "answers",
        ),
        (lambda left, rng: np.char.add("shop ", (rng.integers(0, 40, len(left)) * 2 + left).astype(str)), "answers"),
    ],
)
def test_planted_leaks_are_named(plant, kind):
    honest, left, rng = world()
    assert kinds(honest.assign(planted=plant(left, rng)), left) == {"planted": kind}


def test_words_say_what_was_seen():
    honest, left, _ = world()
    frame = honest.assign(reason=np.where(left, "price", None))
    words = find_leaks(frame, left, rng=np.random.default_rng(0))["words"][0]
    assert words.startswith(f"It is filled for {left.sum():,} customers, of whom all left (")
    assert "because a customer leaves" in words


def test_a_few_exceptions_do_not_hide_a_leak():
    honest, left, _ = world(5000)
    reason = np.where(left, "price", None)
    reason[np.flatnonzero(~left)[:8]] = "price"
    found = find_leaks(honest.assign(reason=reason), left, rng=np.random.default_rng(0))
    assert found["column"].tolist() == ["reason"]
    assert found["figure"][0] == pytest.approx(left.sum() / (left.sum() + 8))


@pytest.mark.parametrize(
    "written",
    [
        lambda days: days,
        lambda days: days.dt.tz_localize("UTC"),
        lambda days: days.dt.date,
        lambda days: days.dt.strftime("%Y-%m-%d"),
    ],
)
def test_dates_after_the_cut_off(written):
    honest, left, rng = world()
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 100, 1000), unit="D"))
    late = int((days > "2024-03-31").sum())
    column = written(days)
    frame = honest.assign(last_visit=column)
    found = find_leaks(frame, left, rng=rng, cut_off=date(2024, 3, 31))
    assert found[["column", "kind", "n_rows"]].values.tolist() == [["last_visit", "after_cut_off", late]]
    assert "2024-04-09" in found["words"][0]
    assert kinds(frame, left, cut_off=date(2024, 4, 9)) == {}
    assert kinds(frame, left) == {}


def test_each_row_may_have_its_own_cut_off():
    honest, left, rng = world()
    cut_offs = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(30 * rng.integers(0, 4, 1000), unit="D"))
    seen = cut_offs - pd.to_timedelta(rng.integers(0, 20, 1000), unit="D")
    frame = honest.assign(seen=seen + pd.Timedelta(hours=23))
    assert kinds(frame, left, cut_off=cut_offs) == {}
    frame.loc[5, "seen"] = cut_offs[5] + pd.Timedelta(days=1)
    assert kinds(frame, left, cut_off=cut_offs) == {"seen": "after_cut_off"}


def test_identifiers():
    honest, left, rng = world()
    frame = honest.assign(
        account=[f"A{i:05d}" for i in rng.permutation(1000)],
        number=rng.permutation(1000) + 10_000,
        spelt=[f"{i:06d}" for i in rng.permutation(1000)],
        revenue_cents=rng.permutation(10_000_000)[:1000],
    )
    assert kinds(frame, left) == dict.fromkeys(("account", "number", "spelt"), "identifier")


def test_odd_columns_do_no_harm():
    honest, left, _ = world()
    frame = honest.assign(
        constant=1,
        empty=np.nan,
        nothing=pd.Series([None] * 1000, dtype=object),
        flag=pd.array([True, None] * 500, dtype="boolean"),
        nullable=pd.array([1, None] * 500, dtype="Int64"),
        category=pd.Categorical(["a", "b", None, "c"] * 250),
        infinite=np.where(np.arange(1000) % 7 == 0, np.inf, 1.0),
        mixed=pd.Series(["1", "x"] * 500, dtype=object),
        blank=pd.Series(["1", " "] * 500),
    )
    assert kinds(frame, left, cut_off=date(2024, 1, 1)) == {}


def test_refusals():
    honest, left, rng = world()
    with pytest.raises(InputError, match="table of 999 rows"):
        find_leaks(honest, left[:-1], rng=rng)
    with pytest.raises(InputError, match="without nothing_such"):
        find_leaks(honest, left, rng=rng, ignore=["nothing_such"])
    with pytest.raises(InputError, match="3 of 1,000 customers left"):
        find_leaks(honest, np.arange(1000) < 3, rng=rng)
    with pytest.raises(InputError, match="one cut-off for each"):
        find_leaks(honest, left, rng=rng, cut_off=[date(2024, 1, 1)])


def test_ranking_of_a_number_is_its_auc():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    left = rng.random(3000) < 0.3
    x = rng.normal(-1.0 * left, 1.0)
    ranking = feature_ranking(pd.Series(x), left, rng)
    assert ranking.auc == pytest.approx(1 - roc_auc_score(left, x), abs=0.01)
    assert (ranking.n_left, ranking.n_stayed) == (left.sum(), (~left).sum())


def test_a_column_of_many_values_does_not_fit_itself():
    rng = np.random.default_rng(1)
    left = rng.random(4000) < 0.3
    cities = pd.Series(rng.integers(0, 1500, 4000)).astype(str) + " city"
    assert feature_ranking(cities, left, rng).auc == pytest.approx(0.5, abs=0.04)


def test_what_counts_as_numbers_and_times():
    assert as_numbers(pd.Series(["1", " ", None])).tolist()[0] == 1.0
    assert as_numbers(pd.Series(["1", "x"])) is None
    assert as_times(pd.Series([20240101, 20240102])) is None
    assert as_times(pd.Series(["2024-01-01", "no date"])) is None
    assert as_times(pd.Series(["2024-13-45"])) is None
    assert as_times(pd.Series(["2024-01-01T10:00:00Z", None])).dt.tz is None


def test_a_small_group_of_one_side_is_no_leak():
    """Fifty customers who never paid anything all left, as would have been foretold without the column."""
    happened = np.tile([1, 1, 1, 0], 2000)
    few = np.ones(8000)
    few[np.flatnonzero(happened == 1)[:50]] = np.nan
    many = np.ones(8000)
    many[np.flatnonzero(happened == 1)[:500]] = np.nan
    found = find_leaks(pd.DataFrame({"few": few, "many": many}), happened, rng=np.random.default_rng(0))
    assert found["column"].tolist() == ["many"]


def test_the_usual_value_of_counts_is_told_as_a_whole_number():
    honest, left, rng = world()
    mostly = np.where(left & (rng.random(len(left)) < 0.5), rng.integers(1, 4, len(left)), 0).astype("float64")
    found = find_leaks(honest.assign(calls=mostly), left, rng=np.random.default_rng(0)).set_index("column")
    assert found.loc["calls", "words"].startswith("It is other than 0 for ")
