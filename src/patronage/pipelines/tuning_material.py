"""What a search works on: rows to search with and later ones to compare on, of a ledger or of a customer table."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import DateError
from patronage.evaluation.folds import repeated_stratified_folds
from patronage.evaluation.rolling_origins import rolling_origins
from patronage.evaluation.table_splits import day_splits, kept_together
from patronage.ledger.churn_labels import refuse_one_class
from patronage.ledger.customer_rows import CustomerTable
from patronage.pipelines import console
from patronage.pipelines.churn_learning import ChurnLearning, candidate
from patronage.pipelines.opening import ledger_opener
from patronage.pipelines.table_features import learnable, panel_of
from patronage.pipelines.table_recipe import NO_HORIZON, TableRecipe
from patronage.runtime.histories import FloatArray, IndexArray

HELD_BACK_FOLDS = 4
"""Of a table without dates, one part in so many is held back for the comparison."""

OF_CONTRACTS = ("dates", "identity", "features", "panel")
"""What of the configuration tells which rows contracts give."""


@dataclass(frozen=True)
class Material:
    """What a search works on.

    Attributes
    ----------
    panel : DataFrame
        What trials learn from and are judged by: customer_id, cutoff, churned and the features.
    later : DataFrame
        Rows that the search does not touch.
    later_words : str
        Which these are.
    part : dict
        Settings of the churn model that are in use, with its columns.
    horizon_days : int or None
    name, account : str
        Of the ledger or table.
    asked : dict
        What the values of trials depend on beside the model, the space and how they are judged.
    """

    panel: pd.DataFrame
    later: pd.DataFrame
    later_words: str
    part: dict[str, Any]
    horizon_days: int | None
    name: str
    account: str
    asked: dict[str, Any]


def ledger_material(config: dict[str, Any], rolling: bool) -> Callable[[], Material]:
    """Check the settings of a search on a ledger now, and return what reads the ledger later.

    Customers are looked at from the cut-offs of the panel, whose outcomes are known at ``dates.cutoff``, and for the
    comparison as of that day.

    Raises
    ------
    ConfigError
        Naming the key.
    DateError
        If the panel is too short for rolling origins, where these are wanted.
    """
    learning = ChurnLearning.from_config(config)
    dates = learning.dates
    cutoffs = learning.panel.cutoffs(dates.cutoff, dates.horizon_days)
    if rolling:
        rolling_origins(cutoffs, dates.horizon_days)
    opened = ledger_opener(config, linked_until=dates.cutoff)

    def read() -> Material:
        ledger = opened()
        inputs = learning.inputs(ledger)
        part = learning.part(inputs)
        features = candidate(part).features
        with console.step(f"Customers at {len(cutoffs)} cut-offs until {cutoffs[0]}, and as of {dates.cutoff}"):
            panel = learning.rows(ledger, cutoffs, inputs, features)
            later = learning.rows(ledger, [dates.cutoff], inputs, features)
        used = ("identity", "panel", "time_unit", "purchase")
        return Material(
            panel=panel,
            later=later,
            later_words=f"customers as of {dates.cutoff}, by what came until {dates.holdout_end}",
            part=part,
            horizon_days=dates.horizon_days,
            name=ledger.name,
            account=str(ledger.account),
            asked={
                "ledger": ledger.digest,
                "dates": [dates.cutoff, dates.horizon_days],
                **{name: config[name] for name in used},
            },
        )

    return read


def table_material(config: dict[str, Any]) -> Callable[[], Material]:
    """The same of a customer table or of contracts: the last day is for the comparison, or a quarter of the customers.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    recipe = TableRecipe.from_config(config)

    def read() -> Material:
        table = recipe.read()
        assert table.left is not None
        left, seed = table.left, recipe.settings.seed
        refuse_one_class(left, table.label_words)
        frame, _ = learnable(table, left, recipe.validation.leaks, seed)
        features = tuple(map(str, frame.columns))
        recipe.candidate(features)
        part = deepcopy(config["churn"])
        part |= {"features": list(part["features"] or features), "horizon_days": recipe.horizon_days or NO_HORIZON}
        together = None if table.group is None else table.group.tolist()
        groups = kept_together(frame, table.customer.tolist(), together, recipe.duplicates_together)
        rows = panel_of(table, frame, groups, left)
        inside, outside, words = _held_back(recipe, table, left, groups, seed)
        console.note(f"for the comparison: {words}")
        return Material(
            panel=rows.iloc[inside].reset_index(drop=True),
            later=rows.iloc[outside].reset_index(drop=True),
            later_words=words,
            part=part,
            horizon_days=recipe.horizon_days,
            name=table.name,
            account=table.account,
            asked={
                "table": table.digest,
                "label": table.label_words,
                **{name: config[name] for name in ("validation", *(OF_CONTRACTS if recipe.of_contracts else ()))},
            },
        )

    return read


def _held_back(
    recipe: TableRecipe, table: CustomerTable, left: FloatArray, groups: IndexArray, seed: int
) -> tuple[IndexArray, IndexArray, str]:
    if table.day is not None and table.day.nunique() > 1:
        splits = day_splits(table.day, left, recipe.horizon_days)
        if not splits:
            message = "On no day that earlier ones could foretell there are both customers who left and who stayed."
            raise DateError(message)
        return splits[-1].train, splits[-1].test, f"the {len(splits[-1].test):,} rows of {splits[-1].name}"
    rng = np.random.default_rng(seed)
    fold = next(repeated_stratified_folds(left, groups, folds=HELD_BACK_FOLDS, repeats=1, rng=rng))
    return fold.train, fold.test, f"{len(fold.test):,} customers who are held back"
