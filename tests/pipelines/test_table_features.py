"""What is said of the columns that a model may learn from, and of the command that comes next."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import InputError
from patronage.ledger.customer_table import CustomerTableSource
from patronage.pipelines.recipe import _usual
from patronage.pipelines.table_features import informative, leaking
from patronage.pipelines.table_recipe import TableRecipe
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


def test_numbers_beyond_single_precision_are_refused_for_the_whole_table_with_what_to_do():
    def huge(left):
        return np.where(np.arange(len(left)) % 2 == 0, 1e300, np.arange(len(left)) / 2)

    def large(left):
        return np.where(np.arange(len(left)) == 7, -3.5e38, np.arange(len(left)) / 2)

    with pytest.raises(InputError, match=r"beyond 3\.4e\+38.*: huge in 200 of 400 rows; large in 1 of 400") as caught:
        informative(table(huge=huge, large=large))
    assert caught.value.counts == {"huge": 200, "large": 1}
    assert caught.value.first_ids[:2] == ("0", "2")
    assert "ledger.leave_out" in str(caught.value)


def test_numbers_up_to_single_precision_and_infinite_ones_are_learnt_from_as_they_are_scored():
    def bounded(left):
        return np.where(left, 3.4e38, np.where(np.arange(len(left)) % 2 == 0, np.inf, -1.0))

    frame = informative(table(bounded=bounded))
    infinite = ~(frame["bounded"].isin([3.4e38, -1.0]))
    assert infinite.any()
    assert frame.loc[infinite, "bounded"].isna().all()


def test_the_next_command_tells_all_of_the_table_that_scoring_needs():
    ledger = {
        "path": "a.csv", "label": "left", "customer_id": "Kunde", "snapshot": None, "missing": [], "decimal": ",",
        "thousands": ".", "encoding": "utf-8", "texts": ["zip"],
    }  # fmt: skip
    recipe = TableRecipe({"ledger": ledger}, *[None] * 5, of_contracts=False, read=None, hazard=None)
    assert recipe.next_command("models:/telco/1") == (
        "patronage score ledger=customer_table ledger.path=a.csv ledger.customer_id=Kunde 'ledger.decimal=\",\"' "
        "'ledger.thousands=\".\"' model=models:/telco/1"
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
