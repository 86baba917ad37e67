"""Time to churn with contracts: how long they run after the days on which customers are looked at."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from patronage.evaluation.out_of_fold import Split
from patronage.ledger.customer_rows import CustomerTable
from patronage.pipelines import console
from patronage.pipelines.contract_table import contract_stays, contracts_to_score
from patronage.pipelines.table_features import PANEL_COLUMNS
from patronage.pipelines.table_recipe import TableRecipe
from patronage.pipelines.time_curves import curve_table, write_times
from patronage.pipelines.time_to_churn import JudgedDay, TimeToChurn, time_to_churn
from patronage.runtime.bundle import TableBundle
from patronage.runtime.histories import FloatArray, IndexArray


def contract_times(
    recipe: TableRecipe,
    table: CustomerTable,
    panel: pd.DataFrame,
    splits: list[Split],
    leaving: FloatArray,
    split_of: IndexArray,
    rng: np.random.Generator,
) -> TimeToChurn | None:
    """Survival curves beside the yes/no model, judged on the same days, if they are asked for.

    Parameters
    ----------
    recipe : TableRecipe
    table : CustomerTable
        From `contract_table`.
    panel : DataFrame
        Its rows, as the candidates learn from them.
    splits : list of Split
        Named after the days that are foretold.
    leaving, split_of : ndarray, shape (m,)
        What the yes/no model said of the rows of each split, and which split it was.
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        If nothing can be judged.
    """
    if not recipe.hazard.n_periods or recipe.open_ledger is None or recipe.observed_until is None:
        return None
    features = tuple(str(name) for name in panel if name not in PANEL_COLUMNS)
    stays = contract_stays(recipe.open_ledger(), table, panel)
    tests = [
        JudgedDay(date.fromisoformat(split.name), split.test, leaving[split_of == number])
        for number, split in enumerate(splits)
    ]
    with console.step(f"Learn when they leave, and foretell it on {len(tests)} days"):
        times = time_to_churn(
            stays, features, recipe.hazard, tests, recipe.observed_until, recipe.evaluation.judging.resamples, rng
        )
    console.note(times.words)
    return times


def write_contract_times(recipe: TableRecipe, bundle: TableBundle, times: TimeToChurn, folder: Path) -> None:
    """Write the curves of everybody under contract at the end, and the model that draws them."""
    assert recipe.open_ledger is not None
    assert recipe.observed_until is not None
    day, hazard = recipe.observed_until, recipe.hazard
    customers = contracts_to_score(recipe.open_ledger(), day, bundle.inputs)
    curves = curve_table(times.model, customers.frame, customers.customer, day, hazard.n_periods, hazard.period_days)
    write_times(folder, times.model, curves, bundle)
