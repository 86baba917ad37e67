"""Survival curves under judgement: the measures of `survival_metrics`, pairs on resamples, groups against counts."""

import numpy as np
import pytest

from patronage.errors import InputError
from patronage.evaluation.churn_survival import Foretold, judge_survival, same_curve, survival_calibration
from patronage.evaluation.judging import Resamples
from patronage.evaluation.survival_metrics import brier_scores, censoring, uno_concordance, uno_pairs

N, PERIODS = 1500, 6
RNG = np.random.default_rng(5)
HAZARD = RNG.choice([0.03, 0.1, 0.25], N)
TRUE = (1 - HAZARD[:, None]) ** np.arange(1, PERIODS + 1)
MONTHS = RNG.geometric(HAZARD)
WATCHED = RNG.integers(2, PERIODS + 1, N)
LEFT = (MONTHS <= WATCHED).astype(float)
DURATION = np.minimum(MONTHS, WATCHED).astype(float)


def foretold(curve=TRUE, **risks):
    same = same_curve(DURATION, LEFT, PERIODS)
    return Foretold(np.arange(N), DURATION, LEFT, {"model": curve, "same_curve": np.tile(same, (N, 1))}, risks)


def test_pairs_of_a_resample_are_the_concordance_of_the_repeated_rows():
    few = slice(0, 120)
    seen, left, risk = foretold().seen[few], LEFT[few], -TRUE[few].sum(axis=1)
    observed = censoring(foretold().seen, LEFT)
    agreed, counted = uno_pairs(seen, left, risk, observed, 7.0)
    ones = np.ones(120)
    plain = uno_concordance(seen, left, risk, observed, 7.0)
    assert (ones @ agreed @ ones) / (ones @ counted @ ones) == pytest.approx(plain, rel=1e-6)
    counts = np.random.default_rng(0).integers(0, 4, 120)
    rows = np.repeat(np.arange(120), counts)
    repeated = uno_concordance(seen[rows], left[rows], risk[rows], observed, 7.0)
    assert (counts @ agreed @ counts) / (counts @ counted @ counts) == pytest.approx(repeated, rel=1e-6)


def test_the_measures_are_those_of_single_functions_and_the_truth_beats_one_curve_for_all():
    found = judge_survival(foretold(yes_no=1 - TRUE[:, 2]), Resamples(60), rng=np.random.default_rng(0))
    figures = found.metrics.set_index(["model", "metric"])
    observed = censoring(foretold().seen, LEFT)
    scores = brier_scores(foretold().seen, LEFT, TRUE, np.arange(1.0, PERIODS + 1), observed)
    assert figures.loc[("model", "integrated_brier"), "value"] == pytest.approx(scores.mean())
    order = uno_concordance(foretold().seen, LEFT, -TRUE.sum(axis=1), observed, PERIODS + 1.0)
    assert figures.loc[("model", "concordance"), "value"] == pytest.approx(order)
    assert figures.loc[("same_curve", "concordance"), "value"] == pytest.approx(0.5)
    assert np.isnan(figures.loc[("yes_no", "integrated_brier"), "value"])
    row = figures.loc[("model", "concordance")]
    assert row["low"] < row["value"] < row["high"]
    verdicts = found.differences.set_index(["rival", "metric"])["verdict"]
    assert verdicts["same_curve", "concordance"] == verdicts["same_curve", "integrated_brier"] == "better"
    assert verdicts["yes_no", "concordance"] == "unclear"  # the same order


def test_without_resamples_there_are_figures_and_no_intervals():
    found = judge_survival(foretold(), Resamples(0), rng=np.random.default_rng(0))
    assert found.metrics["low"].isna().all()
    assert found.metrics["value"].notna().all()
    assert found.differences.empty


def test_a_wrong_level_is_seen_in_the_gap_and_not_in_the_order():
    wrong = judge_survival(foretold(TRUE**3), Resamples(60), rng=np.random.default_rng(0))
    verdicts = wrong.differences.set_index(["rival", "metric"])["verdict"]
    assert verdicts["same_curve", "concordance"] == "better"
    assert verdicts["same_curve", "integrated_brier"] == "worse"


def test_the_truth_lies_within_the_intervals_of_what_came_in_most_groups():
    table = survival_calibration(foretold(), 30, 30)
    assert sorted(table["days"].unique()) == [30, 60, 90, 120, 150, 180]
    everyone = table.query("group == 0")
    assert everyone["n_customers"].tolist() == [N] * PERIODS
    assert everyone["observed"].to_numpy() == pytest.approx(same_curve(DURATION, LEFT, PERIODS))
    groups = table.query("group > 0")
    assert sorted(groups["days"].unique()) == [30, 90, 180]
    assert groups["n_customers"].sum() == 3 * N
    assert groups["predicted"].between(groups["observed_low"], groups["observed_high"]).mean() > 0.8
    off = survival_calibration(foretold(TRUE**3), 30, 30).query("group > 0")
    assert off["predicted"].between(off["observed_low"], off["observed_high"]).mean() < 0.4


def test_one_curve_for_all_counts_who_is_still_there_as_staying_through_the_last_period():
    """Of four, one leaves in the first month and one in the second, and one is last seen after the first."""
    assert same_curve(np.array([1.0, 1, 2, 2]), np.array([1.0, 0, 1, 0]), 2) == pytest.approx([3 / 4, 3 / 4 * 1 / 2])


def test_too_few_who_left():
    few = Foretold(np.arange(5), np.ones(5), np.ones(5), {"model": np.full((5, 1), 0.5)}, {})
    with pytest.raises(InputError, match="Only 5 of 5 customers were seen leaving within 1 periods"):
        judge_survival(few, Resamples(0), rng=np.random.default_rng(0))
