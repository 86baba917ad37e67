"""What is said of the columns that a model may learn from, and of the command that comes next."""

import shlex

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from patronage.ledger.customer_table import CustomerTableSource
from patronage.pipelines.recipe import _usual
from patronage.pipelines.table_features import informative, leaking
from patronage.pipelines.table_recipe import TableRecipe, override
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm


def table(**columns):
    rng = np.random.default_rng(0)
    left = rng.random(400) < 0.3
    frame = pd.DataFrame(
        {"id": np.arange(400).astype(str), "x": rng.normal(size=400), "left": np.where(left, "y", "n")}
    )
    frame["day"] = "2024-01-31"
    frame = frame.assign(**{name: make(left) for name, make in columns.items()})
    return CustomerTableSource(frame=frame, label="left", left="y", customer_id="id", snapshot="day").read()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"ended": lambda left: np.where(left, "2024-03-05", "2023-03-05")}, None),
        ({"reason": lambda left: np.where(left, "moved", None)}, "Mind: reason is used all the same"),
    ],
)
def test_dates_are_not_said_to_be_used(capsys, columns, words):
    of = table(**columns)
    leaks = leaking(of, informative(of), of.left, "warn", 0)
    assert set(leaks["column"]) == set(columns)
    assert ("used all the same" in capsys.readouterr().out) == (words is not None)


@pytest.mark.parametrize(
    "value", ["id", "customer id", ",", ".", "\t", "true", "null", "007", "%d/%m/%Y", ["n/a", "?", 'a"b']]
)
def test_overrides_come_back_as_they_were(value):
    (typed,) = shlex.split(override("ledger.missing", value))
    assert OverridesParser.create().parse_override(typed).value() == value


def test_the_next_command_tells_all_of_the_table_that_scoring_needs():
    ledger = {
        "path": "a.csv", "label": "left", "customer_id": "Kunde", "snapshot": None, "missing": [], "decimal": ",",
        "thousands": ".", "encoding": "utf-8", "texts": ["zip"],
    }  # fmt: skip
    recipe = TableRecipe({"ledger": ledger}, *[None] * 5, of_contracts=False, read=None, hazard=None)
    assert recipe.next_command == (
        "patronage score ledger=customer_table ledger.path=FILE ledger.customer_id=Kunde 'ledger.decimal=\",\"' "
        "'ledger.thousands=\".\"'"
    )


def test_ledgers_keep_what_was_usual_and_missing_too():
    model = LogisticChurnModel(
        features=("gap", "channel"), horizon_days=90, calibration=Calibration("none", (), ()), intercept=0.0,
        numbers={"gap": NumberTerm(0.0, 1.0, 0.1, 0.0)}, levels={"channel": (0.1, 0.0)},
        categories={"channel": ("shop",)},
    )  # fmt: skip
    panel = pd.DataFrame({"gap": [1.0, 2.0, 9.0, np.nan], "channel": ["shop", "shop", None, "fair"], "other": "a"})
    assert _usual(panel, model) == {
        "usual": {"gap": 2.0, "channel": "shop"},
        "missing_share": {"gap": 0.25, "channel": 0.25},
        "unknown_share": {"channel": 0.25},
    }
