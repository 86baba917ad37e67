"""The comparison of purchase models within a training: shown on the terminal, and kept as tables and nested runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.evaluation.model_choice import choice_in_words, compare_candidates
from patronage.pipelines import console
from patronage.pipelines.recipe import Fit, Recipe
from patronage.tracking.record import CandidateRecord

FORMATS = {"log_likelihood": ",.3f", "aic": ",.1f", "holdout_total_error": "+.1%"}

SHOWN = {
    "model": "model",
    "log_likelihood": "log-likelihood",
    "aic": "AIC",
    "certificate_passed": "checks",
    "holdout_total_error": "total",
    "holdout_mae": "MAE",
    "holdout_log_score": "log score",
}
"""Columns that fit a terminal, and what they are called there; the others are in the run."""


@dataclass(frozen=True)
class Comparison:
    """How the purchase model was chosen among several.

    Attributes
    ----------
    tables : dict of str to DataFrame
        ``model_choice`` at the cut-off and, if the models were fitted again, ``model_choice_registered``.
    words : str
        Which one was chosen and why.
    records : tuple of CandidateRecord
        One nested run each.
    """

    tables: dict[str, pd.DataFrame]
    words: str
    records: tuple[CandidateRecord, ...]


def compared(recipe: Recipe, evaluated: Fit, shipped: Fit, holdout: pd.DataFrame) -> Comparison | None:
    """Compare the candidates and show what came of it; nothing if there was no choice."""
    candidates = evaluated.candidates
    if len(candidates.fitted) + len(candidates.failed) < 2:
        return None
    horizon = recipe.settings.time_unit.from_days(recipe.dates.horizon_days)
    table = compare_candidates(candidates, holdout, horizon)
    words = choice_in_words(candidates, table)
    _show(f"Purchase models at {recipe.dates.cutoff}", table)
    console.note(words)
    tables = {"model_choice": table}
    if shipped is not evaluated:
        tables["model_choice_registered"] = compare_candidates(shipped.candidates)
        _show(f"The same, fitted up to {recipe.dates.observed_until}", tables["model_choice_registered"])
    figures = table.drop(columns="model").to_dict("records")
    records = tuple(
        CandidateRecord(
            name=model.label,
            params={"kind": model.params_class.kind, "chosen": model is evaluated.purchase},
            metrics=_finite({**model.params_, **{str(name): value for name, value in row.items()}}),
            certificate=model.certificate_.as_dict(),
        )
        for model, row in zip(candidates.fitted, figures, strict=True)
    )
    return Comparison(tables, words, records)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}


def _show(title: str, table: pd.DataFrame) -> None:
    shown = table[[name for name in SHOWN if table[name].notna().any()]]
    rows = [[_printed(str(name), value) for name, value in row.items()] for row in shown.to_dict("records")]
    console.results(title, [SHOWN[str(name)] for name in shown.columns], rows)


def _printed(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if name == "certificate_passed":
        return "passed" if value else "failed"
    return f"{value:{FORMATS.get(name, '.4f' if isinstance(value, float) else ',')}}"
