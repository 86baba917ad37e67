"""Drift against hand-worked figures, other implementations, and the false alarm level over simulated pairs."""

import numpy as np
import pytest
from scipy import stats

from patronage.errors import BundleError, ConfigError, InputError
from patronage.evaluation.alarms import decide, holm, verdict
from patronage.evaluation.drift import DriftSizes, distance, drift, stability_index
from patronage.evaluation.profile import MOST_CATEGORIES, REST, Profile, column_profile, counted_in, profile_of

SIZES = DriftSizes(psi=0.1, ks=0.1, missing=0.05, new_categories=0.01, unscored=0.01)
ANY_SIZE = DriftSizes(0.0, 0.0, 0.0, 0.0, 0.0)


def population(n, rng):
    """Numbers with and without ties and gaps, and text."""
    gaps = rng.exponential(1, n)
    gaps[rng.random(n) < 0.2] = np.nan
    channel = rng.choice(np.array(["web", "shop", "post", None], dtype=object), n, p=[0.5, 0.3, 0.17, 0.03])
    inputs = {"spend": rng.gamma(2, 10, n), "count": rng.poisson(0.5, n).astype(float), "gap": gaps, "channel": channel}
    return inputs, {"churn_probability": rng.beta(2, 1, n)}


def compared(reference, batch, sizes=SIZES, ageing=()):
    table = drift(profile_of(*reference), *batch, sizes, ageing)
    return decide({"drift": table}, 0.01)["drift"].set_index(["name", "test"])


def test_stability_index_of_a_worked_example():
    """(0.5 - 0.2) ln(0.5 / 0.2) + (0.5 - 0.8) ln(0.5 / 0.8) = 0.41588831."""
    size, p_value = stability_index(np.array([200, 800]), np.array([500, 500]))
    assert size == pytest.approx(0.41588831, abs=1e-8)
    assert p_value == pytest.approx(stats.chi2.sf(0.41588831 * 500, 1), rel=1e-6)


def test_bins_that_hold_few_are_joined():
    reference, batch = np.array([400, 3, 3, 594]), np.array([400, 0, 6, 594])
    assert stability_index(reference, batch)[0] == pytest.approx(stability_index([400, 600], [400, 600])[0], abs=1e-12)


def test_distance_is_that_of_scipy_on_values_of_few_kinds():
    rng = np.random.default_rng(3)
    before, now = rng.poisson(2, 900).astype(float), rng.poisson(2.2, 700).astype(float)
    edges = np.arange(12.0)
    size, p_value = distance(counted_in(before, edges), counted_in(now, edges))
    peer = stats.ks_2samp(before, now, method="asymp")
    assert size == pytest.approx(peer.statistic, abs=1e-12)
    assert p_value == pytest.approx(peer.pvalue, rel=0.1)


def test_an_edge_is_the_last_value_of_its_bin():
    assert counted_in(np.array([0.0, 1.0, 1.0, 1.5, 9.0]), np.array([0.0, 1.0])).tolist() == [1, 2, 2]


def test_profile_counts_everybody_once_and_survives_json():
    import json

    inputs, scores = population(500, np.random.default_rng(0))
    profile = profile_of(inputs, scores)
    assert Profile.from_facts(json.loads(json.dumps(profile.facts()))) == profile
    fewer = profile_of(inputs, {name: values[:400] for name, values in scores.items()})
    assert (fewer.n, fewer.unscored, fewer.scores["churn_probability"].n) == (500, 100, 400)
    assert Profile.from_facts(fewer.facts()) == fewer
    earlier = {name: value for name, value in profile.facts().items() if name != "unscored"}
    assert Profile.from_facts(earlier) == profile
    for name, values in inputs.items():
        assert profile.inputs[name].n + profile.inputs[name].missing == 500, name
        assert profile.inputs[name].missing == sum(value is None or value != value for value in values.tolist())
    assert profile.inputs["count"].edges[0] == 0.0


def test_profile_that_was_altered_is_refused():
    with pytest.raises(BundleError, match="does not fit"):
        Profile.from_facts({"n": 3, "inputs": {"spend": {"edges": "x"}}, "scores": {}})


def test_rare_texts_are_counted_together():
    values = np.array([f"v{i % (MOST_CATEGORIES + 50)}" for i in range(1000)], dtype=object)
    one = column_profile(values)
    assert one.categories[-1] == REST
    assert (len(one.categories), one.n) == (MOST_CATEGORIES + 1, 1000)


def test_holm_of_a_worked_example():
    """0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 lifted to the one before."""
    found = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    np.testing.assert_allclose(found, [0.03, 0.06, np.nan, 0.06, 0.02])


@pytest.mark.parametrize(
    ("change", "name", "test"),
    [
        (lambda inputs: inputs.update(spend=inputs["spend"] * 1.5), "spend", "psi"),
        (lambda inputs: inputs.update(spend=inputs["spend"] * 1.5), "spend", "ks"),
        (lambda inputs: inputs["gap"].__setitem__(slice(0, 200), np.nan), "gap", "missing"),
        (lambda inputs: inputs["channel"].__setitem__(slice(0, 60), "app"), "channel", "new_categories"),
        (lambda inputs: inputs["channel"].__setitem__(slice(0, 500), "post"), "channel", "psi"),
    ],
)
def test_planted_drift_is_found_where_it_is(change, name, test):
    rng = np.random.default_rng(5)
    reference, batch = population(2000, rng), population(1500, rng)
    calm = compared(reference, batch)
    assert set(calm["alarm"]) == {"no"}
    change(batch[0])
    found = compared(reference, batch)
    assert found.loc[(name, test), "alarm"] == "yes"
    assert set(found[found["alarm"] == "yes"].index.get_level_values("name")) == {name}


def test_small_shift_of_many_customers_is_significant_and_no_alarm():
    rng = np.random.default_rng(1)
    reference, batch = population(50_000, rng), population(50_000, rng)
    batch[0]["spend"] *= 1.03
    row = compared(reference, batch).loc[("spend", "psi")]
    assert row["p_adjusted"] < 1e-6
    assert (row["alarm"], row["size"] < 0.1) == ("no", True)


def test_what_ages_is_reported_without_alarm():
    rng = np.random.default_rng(2)
    reference, batch = population(1000, rng), population(1000, rng)
    batch[0]["spend"] += 30
    found = compared(reference, batch, ageing=("spe*",))
    assert set(found.loc["spend"]["alarm"]) == {"ageing"}
    assert found.loc["spend"]["p_adjusted"].isna().all()
    assert "yes" not in set(found["alarm"])


def test_a_value_that_rows_need_is_judged_though_its_column_ages():
    rng = np.random.default_rng(2)
    reference, batch = population(1000, rng), population(1000, rng)
    batch[0]["spend"][:100] = np.nan
    table = drift(profile_of(*reference), *batch, SIZES, ageing=("spend", "gap"), required=("spend",))
    found = decide({"drift": table}, 0.01)["drift"].set_index(["name", "test"])["alarm"]
    assert found.loc[("spend", "missing")] == "yes"
    assert found.loc[("spend", "psi")] == "ageing"
    assert found.loc[("gap", "missing")] == "ageing"


@pytest.mark.parametrize(("before", "now", "alarm"), [(0, 60, "yes"), (0, 9, "no"), (60, 60, "no"), (60, 0, "no")])
def test_rows_that_cannot_be_scored_are_watched(before, now, alarm):
    """1,000 rows on either side; more of them than 1 % further is an alarm, by Fisher's exact test of scipy."""
    rng = np.random.default_rng(2)

    def scored(unscored):
        inputs, scores = population(1000, rng)
        return inputs, {name: values[unscored:] for name, values in scores.items()}

    row = compared(scored(before), scored(now)).loc[("all inputs", "unscored")]
    assert (row["n_reference"], row["n_batch"], row["reference"], row["batch"]) == (1000, 1000, before / 1e3, now / 1e3)
    assert row["size"] == pytest.approx(max(0, now - before) / 1000)
    if now:
        peer = stats.hypergeom.sf(now - 1, 2000, before + now, 1000)
        assert row["p_value"] == pytest.approx(peer, rel=1e-9)
    assert row["alarm"] == alarm


def test_scores_of_too_few_rows_are_not_compared():
    rng = np.random.default_rng(2)
    reference, (inputs, scores) = population(1000, rng), population(1000, rng)
    found = compared(reference, (inputs, {name: values[:20] for name, values in scores.items()}))
    assert "churn_probability" not in found.index.get_level_values("name")
    assert found.loc[("all inputs", "unscored"), "alarm"] == "yes"


def test_rate_of_false_alarms_is_the_stated_one():
    """With no size required the level alone decides: at most 5 % of runs, but for what 200 runs leave open."""
    false_alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        table = drift(profile_of(*population(800, rng)), *population(600, rng), ANY_SIZE)
        false_alarms += (decide({"drift": table}, 0.05)["drift"]["alarm"] == "yes").any()
    assert stats.binomtest(int(false_alarms), 200, 0.05, alternative="greater").pvalue > 0.01


def test_columns_and_rows_that_are_not_there_are_named():
    reference, batch = population(100, np.random.default_rng(0)), population(100, np.random.default_rng(1))
    del batch[0]["gap"]
    with pytest.raises(InputError, match="lacks 1 inputs of the reference: gap"):
        compared(reference, batch)
    with pytest.raises(InputError, match="The batch has 20 customers"):
        compared(reference, population(20, np.random.default_rng(1)))
    with pytest.raises(InputError, match="without rows"):
        profile_of({"spend": np.array([])}, {})


def test_column_that_is_all_missing_is_compared_by_that():
    nothing = {"gap": np.full(100, np.nan)}
    table = drift(profile_of(nothing, {}), {"gap": np.arange(100.0)}, {}, SIZES)
    assert table["test"].tolist() == ["unscored", "missing"]
    assert table["size"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_level_that_is_none_is_refused(alpha):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        decide({}, alpha)


def test_limits_below_zero_are_refused():
    with pytest.raises(ConfigError, match="psi must be 0 or more"):
        DriftSizes(-0.1, 0.1, 0.1, 0.1, 0.1)


def test_a_fault_of_the_feed_comes_before_training_again():
    rng = np.random.default_rng(5)
    reference, batch = population(2000, rng), population(1500, rng)
    batch[0]["gap"][:300] = np.nan
    found = decide({"drift": drift(profile_of(*reference), *batch, SIZES)}, 0.01)
    told = verdict(found, 0.01, None)
    assert told.advice == "check the data"
    assert "a model trained on a fault learns the fault" in told.words[0]
    assert "gap (missing" in told.words[1]
