"""The page on churn: what it shows runs, and what it names is there."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from patronage.paths import conf_folder

pytest.importorskip("optuna")
PAGE = (Path(__file__).parents[3] / "docs" / "churn.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
def test_the_blocks_run_one_after_the_other():
    known: dict[str, object] = {}
    for block in BLOCKS:
        exec(block, known)
    values = known["drawn"].intervals().set_index(["candidate", "metric"])["value"]
    assert values["model", "log_loss"] < values["rule", "log_loss"]
    assert known["found"].value == known["found"].trials["value"].min()
    # Months until leaving are geometric with 4 % for each complaint and one, so the first complaints end a stay sooner.
    stay = known["expected_stay"](known["curves"]).groupby(known["test"]["complaints"]).mean()
    for complaints in (0, 1, 2):
        staying = 1 - 0.04 * (1 + complaints)
        assert stay[complaints] == pytest.approx(np.sum(staying ** np.arange(6)), abs=0.25)


def test_modules_and_options_that_are_named_exist():
    for name in re.findall(r"`((?:evaluation|models)\.[a-z_.]+)(?:\.[a-zA-Z]\w*)?`", PAGE):
        parts = name.split(".")
        try:
            import_module("patronage." + name)
        except ModuleNotFoundError:
            assert hasattr(import_module("patronage." + ".".join(parts[:-1])), parts[-1]), name
    first_column = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, flags=re.MULTILINE)
    options = [option for cell in first_column for option in re.findall(r"`(\w+)`", cell)]
    assert set(options) == {path.stem for path in (conf_folder() / "churn").glob("*.yaml")}
