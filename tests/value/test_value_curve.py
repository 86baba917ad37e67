"""Value curves: differences by hand, intervals that cover as often as they promise, words where something differs."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, InputError
from patronage.schema import VALUE_CURVES
from patronage.value.resampling import MOST_PARTS, resampled_sums
from patronage.value.value_curve import DIMENSIONS, Dimension, propositions, value_curves

DISCOUNT = Dimension("discounts", "discount_share", "price", "share", "pays the full price", "buys what is discounted")
SERVICE = Dimension("service", "contacts", "after-sales service", "contacts", "needs little", "needs much")


def test_means_and_differences_by_hand():
    """Mean of all 0.3 with a spread of 0.2; the half that discounts lies a standard deviation above it."""
    frame = pd.DataFrame({"discount_share": [0.1] * 50 + [0.5] * 50, "contacts": [np.nan] * 99 + [2.0]})
    found = value_curves(frame, ["few"] * 50 + ["many"] * 50, [DISCOUNT, SERVICE], rng=np.random.default_rng(1))
    assert list(found.columns) == list(VALUE_CURVES.names)
    many = found[(found["segment"] == "many") & (found["dimension"] == "discounts")].iloc[0]
    assert (many["mean"], many["average"], many["customers"]) == (pytest.approx(0.5), pytest.approx(0.3), 50)
    assert many["difference"] == pytest.approx(1)
    assert many["reading"] == "clearly: buys what is discounted"
    few = found[(found["segment"] == "few") & (found["dimension"] == "service")].iloc[0]
    assert few["customers"] == 0
    assert np.isnan([few["mean"], few["difference"], few["low"]]).all()
    assert pd.isna(few["reading"])


def test_intervals_cover_the_true_difference():
    """Of 100 worlds, the 90 % interval holds the true difference in 83 to 97 (3 standard errors would be 81 to 99)."""
    rng = np.random.default_rng(11)
    inside = 0
    for _ in range(100):
        values = np.concatenate([rng.gamma(2, 1, 80), rng.gamma(2, 1.3, 120)])
        frame = pd.DataFrame({"discount_share": values})
        segment = np.repeat(["a", "b"], (80, 120))
        found = value_curves(frame, segment, [DISCOUNT], level=0.9, replicates=300, rng=rng).set_index("segment")
        spread = values.std()
        true = (2.0 - (2.0 * 80 + 2.6 * 120) / 200) / spread
        inside += found.loc["a", "low"] <= true <= found.loc["a", "high"]
    assert 83 <= inside <= 97


def test_parts_of_large_groups_vary_as_their_customers_do():
    """Ten thousand customers are dealt into a thousand parts: the standard error of the mean stays 1 / 100."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(10 * MOST_PARTS, 1))
    sums, counts = resampled_sums(values, np.zeros(len(values), np.intp), 1, 2_000, rng)
    means = (sums / counts)[:, 0, 0]
    assert means.std() == pytest.approx(values.std() / 100, rel=0.1)
    assert means.mean() == pytest.approx(values.mean(), abs=0.001)


def test_propositions_put_the_largest_difference_first():
    rng = np.random.default_rng(5)
    n = 400
    cheap = np.repeat([0, 1], n // 2)
    frame = pd.DataFrame(
        {
            "discount_share": rng.normal(size=n) + 0.5 * cheap,
            "margin_rate": rng.normal(size=n) - 4 * cheap,
            "satisfaction_mean": rng.normal(size=n),
        }
    )
    found = propositions(value_curves(frame, np.repeat(["dear", "cheap"], n // 2), rng=rng)).set_index("segment")
    assert found.loc["cheap", "price"] == "clearly: buys at low margins; buys what is discounted"
    assert found.loc["cheap", "product"] == "like the average"
    assert found.columns.tolist() == ["product", "price", "after-sales service", "experience"]


def test_the_columns_of_the_dimensions_are_features():
    """A feature that is renamed would drop out of every curve unseen."""
    from patronage.features.groups import GROUPS

    names = {feature.name for group in GROUPS.values() for feature in group.features}
    assert {one.column for one in DIMENSIONS} <= names


def test_what_cannot_be_compared_is_refused():
    frame, rng = pd.DataFrame({"x": [1.0, 2.0]}), np.random.default_rng(1)
    with pytest.raises(ConfigError, match="nothing to compare"):
        value_curves(frame, ["a", "b"], rng=rng)
    with pytest.raises(ConfigError, match="lacks: discount_share"):
        value_curves(frame, ["a", "b"], [DISCOUNT], rng=rng)
    with pytest.raises(InputError, match="one segment for each of 2 customers"):
        value_curves(frame.assign(discount_share=1.0), ["a"], [DISCOUNT], rng=rng)
