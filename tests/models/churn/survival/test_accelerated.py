"""Accelerated failure times: a known world is recovered, and its curves are calibrated."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.errors import ConfigError, InputError, ModelError
from patronage.models.churn.survival.accelerated import AcceleratedFailureTime

SCALE = 0.6
NOISE = {"normal": stats.norm, "logistic": stats.logistic, "extreme": stats.gumbel_l}


def world(n, seed, distribution):
    """ln time = 2 + x + (0.5 for gold) + 0.6 noise; everyone is out of sight after 30."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": np.arange(n), "x": rng.normal(size=n), "plan": rng.choice(["gold", "tin"], n)})
    frame["centre"] = 2 + frame["x"] + 0.5 * (frame["plan"] == "gold")
    time = np.exp(frame["centre"] + SCALE * NOISE[distribution].rvs(size=n, random_state=rng))
    return frame.assign(duration=np.minimum(time, 30.0), churned=(time <= 30).astype(int))


@pytest.mark.parametrize("distribution", NOISE)
def test_a_known_world_is_recovered(distribution):
    model = AcceleratedFailureTime(("x", "plan"), distribution, n_threads=1).fit(world(5000, 0, distribution))
    assert model.scale_ == pytest.approx(SCALE, abs=0.05)
    new, times = world(5000, 1, distribution), [2.0, 5.0, 10.0, 25.0]
    predicted = model.survival(new, times)
    assert list(predicted.columns) == times
    z = (np.log(times) - new["centre"].to_numpy()[:, None]) / SCALE
    true = NOISE[distribution].sf(z)
    for column in range(len(times)):
        decile = pd.qcut(predicted.iloc[:, column], 10, labels=False, duplicates="drop")
        gap = pd.Series(predicted.iloc[:, column] - true[:, column]).groupby(decile).mean()
        assert gap.abs().max() < 0.05


def test_what_cannot_be_is_refused():
    spells = world(200, 0, "normal")
    with pytest.raises(InputError, match="1 durations that are not positive"):
        AcceleratedFailureTime(("x",)).fit(spells.assign(duration=[-1.0, *spells["duration"][1:]]))
    with pytest.raises(ConfigError, match="cauchy"):
        AcceleratedFailureTime(("x",), "cauchy")
    with pytest.raises(ModelError, match="not fitted"):
        AcceleratedFailureTime(("x",)).log_time(spells)
