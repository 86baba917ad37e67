"""The command ``patronage score engine=spark``: what it refuses, and that its files are those of ``engine=duckdb``."""

import json

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from engines_under_test import spark_engine
from feature_rows import GOLDEN
from full_run import patronage
from patronage.errors import ConfigError
from patronage.paths import conf_folder
from patronage.pipelines.score import score
from patronage.pipelines.settings import plain

MODEL = f"model={GOLDEN}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["profit=true"], "memory of one machine.*engine=duckdb"),
        (["threads=2"], "engine.master says how many parts"),
        (["out=s3a://bucket/scores"], "out=s3a://bucket/scores is no folder.*all machines reach"),
    ],
)
def test_what_one_machine_alone_can_do_is_refused_at_once(settings, words):
    """Before a session is started or a model loaded."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = plain(compose("score", ["engine=spark", "engine.master=nowhere", MODEL, *settings]))
    config.pop("signing")
    with pytest.raises(ConfigError, match=words):
        score(config)


def sales(path):
    """A year and a half of purchases of 150 customers, some of them refunds."""
    rng = np.random.default_rng(5)
    n = 900
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 150, n).astype(str),
            "timestamp": pd.Timestamp("1997-01-01") + pd.to_timedelta(rng.integers(0, 540, n), unit="D"),
            "amount": np.round(rng.gamma(4, 9, n), 2) * np.where(rng.random(n) < 0.04, -1, 1),
        }
    )
    frame.to_csv(path, index=False)


@pytest.mark.long
def test_the_command_writes_the_files_of_one_machine(tmp_path):
    assert spark_engine().name == "spark"
    sales(tmp_path / "sales.csv")
    asked = (
        "score",
        "ledger=files",
        "ledger.path=sales.csv",
        "as_of=1998-06-30",
        MODEL,
        "batch_rows=40",
        "explain=true",
    )
    on_spark = ("engine=spark", "engine.master='local[2]'", "+engine.config={spark.sql.shuffle.partitions: 2}")
    for more in (["out=here"], ["out=there", *on_spark]):
        process = patronage(tmp_path, *asked, *more, timeout=1800)
        assert process.returncode == 0, process.stdout + process.stderr
    here, there = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("here", "there"))
    assert len(here) == 4
    assert there == here
    one, other = (json.loads((tmp_path / f"{name}.manifest.json").read_text()) for name in ("here", "there"))
    assert other["rows"] == one["rows"] == {"in": 150, "scored": 150, "rejected": 0, "reasons": {}}
    assert other["settings"]["engine"] == "spark"
    assert not list(tmp_path.glob(".*"))
