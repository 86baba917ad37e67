"""Time to churn in a training: how long customers stayed, against loops over days, and curves against the truth."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from patronage import SimulatedSource, open_ledger
from patronage.errors import ConfigError, InputError
from patronage.evaluation.judging import Resamples
from patronage.models.churn.survival.hazard import DiscreteHazard
from patronage.pipelines.contract_table import contract_stays, contract_table
from patronage.pipelines.lapses import cutoffs_learnt, lapse_stays, levels_apart, refuse_single_periods
from patronage.pipelines.settings import Dates, Features, Panel
from patronage.pipelines.time_curves import curve_table, read_hazard, write_times
from patronage.pipelines.time_to_churn import Hazard, JudgedDay, Stays, time_to_churn
from patronage.runtime.bundle import TableBundle
from patronage.schema import Column, TableSchema

QUICK = {"n_folds": 2, "n_trees": 40, "early_stopping_rounds": None, "max_depth": 2, "n_threads": 1}
HAZARD = Hazard(n_periods=6, period_days=30, trees=QUICK)
START = pd.Timestamp("2023-01-01")


def written(folder, days: dict[str, list[int]], contracts: dict[str, tuple[int, int | None]] | None = None):
    """A ledger of purchases on some days after the start, and of contracts from one day to another."""
    rows = [(who, START + timedelta(days=day), 5.0) for who, found in days.items() for day in found]
    bought = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    spans = contracts or dict.fromkeys(days, (0, 900))
    customers = pd.DataFrame(
        {
            "customer_id": list(spans),
            "contract_start": [(START + timedelta(days=first)).date() for first, _ in spans.values()],
            "contract_end": pd.Series(
                [None if last is None else (START + timedelta(days=last)).date() for _, last in spans.values()],
                dtype=object,
            ),
            "price": np.arange(len(spans)) % 3 + 1.0,
        }
    )
    for name, frame in (("transactions", bought), ("customers", customers)):
        (folder / name).mkdir(parents=True)
        frame.to_parquet(folder / name / "part.parquet", index=False)
    return open_ledger(SimulatedSource(str(folder)))


def test_lapses_are_those_of_a_loop_over_days(tmp_path):
    rng = np.random.default_rng(0)
    days = {f"c{n:02d}": sorted(rng.choice(400, rng.integers(1, 9), replace=False).tolist()) for n in range(60)}
    days["last"] = [399]
    ledger = written(tmp_path / "shop", days)
    cutoffs = [START + timedelta(days=day) for day in (120, 200)]
    rows = pd.DataFrame(
        [(who, cutoff) for cutoff in cutoffs for who in days if min(days[who]) <= (cutoff - START).days],
        columns=["customer_id", "cutoff"],
    )
    horizon, period, until = 60, 30, 399
    stays = lapse_stays(ledger, rows, horizon, period, (START + timedelta(days=until)).date())
    spells = stays.known_on((START + timedelta(days=until)).date(), HAZARD).set_index(["customer_id", "cutoff"])
    checked = 0
    for (who, cutoff), found in spells.iterrows():
        at = (cutoff - START).days
        watched = min((until - at - horizon) // period + 1, HAZARD.n_periods)
        silent = [
            not any(at + k * period < day <= at + k * period + horizon for day in days[who]) for k in range(watched)
        ]
        expected = (silent.index(True) + 1, 1) if True in silent else (watched, 0)
        assert (found["duration"], found["churned"]) == expected, (who, cutoff)
        checked += 1
    assert checked == len(rows)
    assert set(spells["churned"]) == {0, 1}
    assert stays.first_day(HAZARD) == 0


def test_curves_learn_from_the_days_that_the_scores_learn_from():
    """The scores of 1998-06-30 learn from cut-offs 91, 121 and 151 days before, the judged ones from others."""
    panel = Panel(n_cutoffs=3, step_days=30, level="latest")
    dates = Dates(cutoff=date(1997, 9, 30), horizon_days=91, observed_until=date(1998, 6, 30))
    assert [day.isoformat() for day in cutoffs_learnt(dates, panel)] == [
        "1998-03-31", "1998-03-01", "1998-01-30", "1997-09-30", "1997-07-01", "1997-06-01", "1997-05-02",
    ]  # fmt: skip
    # Where the observation ends with the holdout, the latest of them is the cut-off itself.
    ends = Dates(cutoff=date(1997, 9, 30), horizon_days=91, observed_until=date(1997, 12, 30))
    assert cutoffs_learnt(ends, panel)[:3] == [date(1997, 9, 30), date(1997, 8, 31), date(1997, 8, 1)]


def test_dates_that_leave_one_period_are_told_with_those_that_leave_two():
    """182 days and one more period of 30 before 1998-06-30 is 1997-11-30; 30 days of cut-offs take two, 30 apart."""
    panel = Panel(n_cutoffs=3, step_days=30, level="latest")
    dates = Dates(cutoff=date(1997, 12, 30), horizon_days=182, observed_until=date(1998, 6, 30))
    with pytest.raises(InputError, match=r"after 1997-12-30 .* until 1998-06-30.*dates\.cutoff=1997-11-30 or earlier"):
        refuse_single_periods(dates, panel, HAZARD)
    moved = dates.model_copy(update={"cutoff": date(1997, 11, 30)})
    refuse_single_periods(moved, panel, HAZARD)
    refuse_single_periods(dates, panel, Hazard(n_periods=0, period_days=30, trees={}))
    with pytest.raises(InputError, match=r"back to 1997-06-01, which is one\. Set panel\.n_cutoffs=2 or more; or"):
        refuse_single_periods(moved, panel.model_copy(update={"n_cutoffs": 1}), HAZARD)
    with pytest.raises(InputError, match=r"panel\.n_cutoffs=3 or more"):
        refuse_single_periods(moved, Panel(n_cutoffs=2, step_days=20, level="latest"), HAZARD)
    quarters = HAZARD.model_copy(update={"period_days": 90})
    both = r"dates\.cutoff=1997-10-01 or earlier, .*; and panel\.n_cutoffs=4 or more"
    with pytest.raises(InputError, match=both):
        refuse_single_periods(dates, panel, quarters)
    refuse_single_periods(
        dates.model_copy(update={"cutoff": date(1997, 10, 1)}), panel.model_copy(update={"n_cutoffs": 4}), quarters
    )


def test_curves_and_scores_of_two_levels_are_told():
    day = date(1998, 6, 30)
    assert levels_apart([0.8, 0.81], [0.82, 0.82], day) == ""
    told = levels_apart([0.8, 0.82], [0.9, 0.84], day)
    assert "of 2 customers on 1998-06-30" in told
    assert "81.0 % are gone on that day (mean of 1 - staying_0), the scores that 87.0 % are" in told
    assert levels_apart([0.9, 0.84], [0.8, 0.82], day) != ""
    assert levels_apart([], [], day) == ""


def test_contracts_last_from_the_cut_off_as_far_as_is_known(tmp_path):
    """Cut-off on day 100, known until day 200: three whole periods of 30 days and no more."""
    ends = {"soon": 110, "on the edge": 130, "second": 131, "too late": 195, "runs": None, "over": 100, "not yet": None}
    contracts = {who: (150 if who == "not yet" else 0, end) for who, end in ends.items()}
    ledger = written(tmp_path / "shop", {who: [1] for who in ends}, contracts)
    cutoff = (START + timedelta(days=100)).date()
    features = Features(groups=None, leave_out=[], purchase_model=False)
    table = contract_table(ledger, [cutoff], 60, features)
    stays = contract_stays(ledger, table, table.frame.assign(customer_id=table.customer, cutoff=table.day))
    spells = stays.known_on(cutoff + timedelta(days=100), HAZARD).set_index("customer_id")
    expected = {"soon": (1, 1), "on the edge": (1, 1), "second": (2, 1), "too late": (3, 0), "runs": (3, 0)}
    assert {who: (row["duration"], row["churned"]) for who, row in spells.iterrows()} == expected
    assert stays.first_day(HAZARD) == 30


def world(n=3000, seed=0):
    """Customers of two kinds, who leave with a known hazard, looked at on three days a quarter apart."""
    rng = np.random.default_rng(seed)
    kind = rng.random(n) < 0.5
    hazard = np.where(kind, 0.2, 0.04)
    days = [START + timedelta(days=90 * k) for k in range(3)]
    rows = pd.concat(
        [pd.DataFrame({"customer_id": np.arange(n), "cutoff": day, "x": kind.astype(float)}) for day in days],
        ignore_index=True,
    )
    months = rng.geometric(np.tile(hazard, 3))
    left = rows["cutoff"] + pd.to_timedelta(30 * months - 5, unit="D")
    return Stays(rows, rows["cutoff"], left), np.tile(hazard, 3)


@pytest.fixture(scope="module")
def told():
    stays, hazard = world()
    at = np.flatnonzero((stays.rows["cutoff"] == stays.rows["cutoff"].max()).to_numpy())
    test = JudgedDay(stays.rows["cutoff"].max().date(), at, stays.rows["x"].to_numpy()[at])
    until = test.day + timedelta(days=180)
    rng = np.random.default_rng(0)
    return time_to_churn(stays, ("x",), HAZARD, [test], until, Resamples(50), rng), stays, hazard


def test_curves_are_learnt_from_what_was_known_and_lie_near_the_truth(told):
    times, *_ = told
    figures = times.judged.metrics.set_index(["model", "metric"])["value"]
    assert figures["model", "concordance"] > 0.6
    assert figures["model", "concordance"] == pytest.approx(figures["yes_no", "concordance"], abs=0.01)
    verdicts = times.judged.differences.set_index(["rival", "metric"])["verdict"]
    assert verdicts["same_curve", "concordance"] == verdicts["same_curve", "integrated_brier"] == "better"
    # On the latest day the first cut-off, 180 days before, had shown six periods.
    assert "curves of 6 periods are judged by" in times.words
    curve = times.model.survival(pd.DataFrame({"x": [0.0, 1.0]}), 6).to_numpy()
    assert curve[0] == pytest.approx(0.96 ** np.arange(1, 7), abs=0.02)
    assert curve[1] == pytest.approx(0.8 ** np.arange(1, 7), abs=0.02)
    everyone = times.calibration.query("group == 0")
    assert (everyone["predicted"] - everyone["observed"]).abs().max() < 0.03


def test_the_table_of_curves_by_hand(told):
    class Known(DiscreteHazard):
        def survival(self, frame, n_periods):
            ahead = list(range(1, n_periods + 1))
            return pd.DataFrame([[0.9, 0.6, 0.4], [0.9, 0.8, 0.7]], index=frame.index, columns=ahead)

    frame, day = pd.DataFrame({"x": [1.0, 0.0]}), date(2024, 1, 1)
    table = curve_table(Known(("x",), 30), frame, pd.Series(["a", "b"]), day, 3, first_day=30)
    assert list(table) == ["customer_id", "as_of", "staying_30", "staying_60", "staying_90", "median_days",
                           "expected_days"]  # fmt: skip
    assert table["median_days"].fillna(-1).tolist() == [90, -1]
    assert table["expected_days"].tolist() == pytest.approx([30 * (1 + 0.9 + 0.6), 30 * (1 + 0.9 + 0.8)])
    now = curve_table(Known(("x",), 30), frame, pd.Series(["a", "b"]), day, 3, first_day=0)
    assert list(now)[2:5] == ["staying_0", "staying_30", "staying_60"]
    assert now["expected_days"].tolist() == pytest.approx([30 * (0.9 + 0.6), 30 * (0.9 + 0.8)])


def test_what_was_written_draws_the_same_curves(told, tmp_path):
    times, stays, _ = told
    beside = TableBundle(
        churn=times.model.to_model(), inputs=TableSchema("model_input", (Column("x", "double", "", True, "A number."),))
    )
    frame = stays.rows.head(50)
    ids = frame["customer_id"].astype(str)
    curves = curve_table(times.model, frame, ids, date(2024, 1, 1), 6, first_day=30)
    write_times(tmp_path, times.model, curves, beside)
    pd.testing.assert_frame_equal(
        read_hazard(tmp_path / "time_to_churn").survival(frame, 6), times.model.survival(frame, 6)
    )
    stored = pd.read_parquet(tmp_path / "time_to_churn" / "curves.parquet")
    assert stored["staying_180"].tolist() == curves["staying_180"].tolist()


def test_what_cannot_be_told(told):
    stays, _ = world(400, seed=1)
    first = stays.rows["cutoff"].min()
    at = np.flatnonzero((stays.rows["cutoff"] == first).to_numpy())
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no day has customers who left before it"):
        time_to_churn(
            stays, ("x",), HAZARD, [JudgedDay(first.date(), at, np.zeros(400))], date(2024, 1, 1), Resamples(0), rng
        )
    later = stays.rows["cutoff"].max()
    at = np.flatnonzero((stays.rows["cutoff"] == later).to_numpy())
    until = later.date() + timedelta(days=45)
    with pytest.raises(InputError, match="Curves can be judged for one period of 30 days only"):
        time_to_churn(stays, ("x",), HAZARD, [JudgedDay(later.date(), at, np.zeros(400))], until, Resamples(0), rng)
    with pytest.raises(ConfigError, match=r"hazard\.n_periods"):
        Hazard.from_config({"hazard": {"n_periods": -1, "period_days": 30, "trees": {}}})
    with pytest.raises(ConfigError, match=r"The settings of hazard\.trees do not fit"):
        Hazard.from_config({"hazard": {"n_periods": 3, "period_days": 30, "trees": {"depth": 3}}})
    assert Hazard.from_config({}).n_periods == 0
