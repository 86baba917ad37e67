"""DeLong's variance against the published example of its authors' data, and against its definition."""

import numpy as np
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation.roc_variance import delong

# DeLong, DeLong, Clarke-Pearson (1988), patients with complete data, as in the SAS/STAT User's Guide (PROC LOGISTIC,
# "Comparing Receiver Operating Characteristic Curves"): albumin, total protein, K-G score, 0 where surgery helped not.
OVARIAN = """
3.0 5.8 10 0   3.2 6.3  5 1   3.9 6.8  3 1   2.8 4.8  6 0   3.2 5.8  3 1   0.9 4.0  5 0   2.5 5.7  8 0   1.6 5.6  5 1
3.8 5.7  5 1   3.7 6.7  6 1   3.2 5.4  4 1   3.8 6.6  6 1   4.1 6.6  5 1   3.6 5.7  5 1   4.3 7.0  4 1   3.6 6.7  4 0
2.3 4.4  6 1   4.2 7.6  4 0   4.0 6.6  6 0   3.5 5.8  6 1   3.8 6.8  7 1   3.0 4.7  8 0   4.5 7.4  5 1   3.7 7.4  5 1
3.1 6.6  6 1   4.1 8.2  6 1   4.3 7.0  5 1   4.3 6.5  4 1   3.2 5.1  5 1   2.6 4.7  6 1   3.3 6.8  6 0   1.7 4.0  7 0
3.7 6.1  5 1   3.3 6.3  7 1   4.2 7.7  6 1   3.5 6.2  5 1   2.9 5.7  9 0   2.1 4.8  7 1   2.8 6.2  8 0   4.0 7.0  7 1
3.3 5.7  6 1   3.7 6.9  5 1   3.6 6.6  5 1
"""


@pytest.fixture(scope="module")
def ovarian():
    albumin, protein, kg_score, fared_well = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    return 1 - fared_well, {"Albumin": -albumin, "K-G Score": kg_score, "Total Protein": -protein}


def test_published_example(ovarian):
    found = delong(*ovarian)
    # "ROC Contrast Test Results, Reference = K-G Score": 2 degrees of freedom, chi-square 2.5340, p 0.2817.
    statistic, freedom, p_value = found.all_equal("K-G Score")
    assert (round(statistic, 4), freedom, round(p_value, 4)) == (2.5340, 2, 0.2817)


def test_components_by_definition(ovarian):
    y, scores = ovarian
    kernel = {}
    for name, p in scores.items():
        left, stayed = p[y == 1], p[y == 0]
        kernel[name] = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in stayed] for a in left])
    m, n = next(iter(kernel.values())).shape
    found = delong(y, scores)
    for i, one in enumerate(kernel.values()):
        assert found.areas[i] == pytest.approx(one.mean(), rel=1e-12)
        for j, other in enumerate(kernel.values()):
            a, b = one - one.mean(), other - other.mean()
            of_left = (a.mean(axis=1) * b.mean(axis=1)).sum() / (m - 1) / m
            of_stayed = (a.mean(axis=0) * b.mean(axis=0)).sum() / (n - 1) / n
            assert found.covariance[i, j] == pytest.approx(of_left + of_stayed, rel=1e-10)


def test_differences_are_contrasts(ovarian):
    found = delong(*ovarian)
    table = found.differences("K-G Score", level=0.9).set_index("candidate")
    variance = found.covariance[0, 0] + found.covariance[1, 1] - 2 * found.covariance[0, 1]
    row = table.loc["Albumin"]
    assert row["difference"] == pytest.approx(found.areas[0] - found.areas[1])
    assert row["standard_error"] == pytest.approx(np.sqrt(variance))
    assert row["high"] - row["low"] == pytest.approx(2 * 1.6448536 * np.sqrt(variance))


def test_variance_is_that_of_repeated_samples():
    rng = np.random.default_rng(0)
    areas, told = [], []
    for _ in range(400):
        y = np.repeat([1.0, 0.0], [40, 120])
        found = delong(y, {"m": rng.normal(y, 1.0)})
        areas.append(found.areas[0])
        told.append(found.covariance[0, 0])
    assert np.var(areas) == pytest.approx(np.mean(told), rel=0.2)


def test_the_same_ranking_twice_has_no_p_value(ovarian):
    y, scores = ovarian
    row = delong(y, {"a": scores["Albumin"], "b": 2 * scores["Albumin"]}).differences("a").iloc[0]
    assert row["difference"] == 0
    assert np.isnan(row["p_value"])


def test_refusals():
    with pytest.raises(InputError, match="1 left and 2 stayed"):
        delong([1, 0, 0], {"m": [0.5, 0.2, 0.1]})
    with pytest.raises(ConfigError, match="and another one"):
        delong([1, 1, 0, 0], {"m": [0.5, 0.2, 0.1, 0.3]}).differences("m")
    with pytest.raises(ConfigError, match="at least one candidate"):
        delong([1, 0], {})
