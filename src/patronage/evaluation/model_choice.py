"""Purchase models side by side: how they fit the past, how they foretold the holdout, and which is chosen, in words."""

import numpy as np
import pandas as pd

from patronage.evaluation.metrics import quantity_metrics
from patronage.models.base import histories_of
from patronage.models.purchase.choice import CRITERIA, Candidates
from patronage.models.purchase.model import PurchaseModel
from patronage.runtime.distinct import distinct
from patronage.runtime.histories import FloatArray, Histories
from patronage.schema import MODEL_CHOICE

SAME = 1e-4
"""A difference of the criterion below which two fits are one model under two names."""

CLOSE = 2.0
"""A difference of the criterion below which two models explain the data about equally well."""


def compare_candidates(
    candidates: Candidates, holdout: pd.DataFrame | None = None, horizon: float = 0.0
) -> pd.DataFrame:
    """One row a candidate: `schema.MODEL_CHOICE`.

    Parameters
    ----------
    candidates : Candidates
    holdout : DataFrame, optional
        frequency, recency, T at the cut-off, and ``frequency_holdout``: purchases that came within the horizon.
    horizon : float
        Length of the holdout, in the models' time unit.
    """
    rows = []
    for model in candidates.fitted:
        row = {
            "model": model.label,
            "n_parameters": len(model.params_),
            "log_likelihood": model.comparable_log_likelihood_,
            "aic": model.aic_,
            "bic": model.bic_,
            "certificate_passed": int(model.certificate_.passed),
        }
        rows.append(row | (_foretold(model, holdout, horizon) if holdout is not None else {}))
    return pd.DataFrame(rows).reindex(columns=list(MODEL_CHOICE.names))


def choice_in_words(candidates: Candidates, table: pd.DataFrame) -> str:
    """Which model is chosen and why, and where the holdout says otherwise."""
    name = CRITERIA[candidates.criterion]
    best, chosen = candidates.best, candidates.best.label
    parts = [f"{chosen} is chosen: its {name} of {candidates.score(best):,.1f} is the lowest"]
    others = [one for one in candidates.fitted if candidates.score(one) - candidates.score(best) > SAME]
    twins = [one.label for one in candidates.fitted[1:] if one not in others]
    if others:
        second = others[0]
        lead = candidates.score(second) - candidates.score(best)
        parts[0] += f", {lead:,.1f} below that of {second.label}, the next"
        if lead < CLOSE:
            parts[0] += ", which explains the data about equally well"
    parts[0] += "."
    if twins:
        parts.append(f"{' and '.join(twins)} came out as the same model.")
    if table["holdout_log_score"].notna().all() and others:
        # Twins of the chosen model differ from it by rounding only, which is no lead over it.
        rivals = table.set_index("model").drop(index=twins)
        errors = rivals["holdout_total_error"]
        foretold = str(rivals["holdout_log_score"].idxmax())
        closest = str(errors.abs().idxmin())
        own, least = float(errors[chosen]), float(errors[closest])
        agrees = "it also gave" if foretold == chosen else f"{foretold} gave"
        parts.append(f"On the holdout {agrees} what happened the highest probability;")
        if closest == chosen:
            parts.append(f"its total is the closest too ({own:+.1%}).")
        else:
            parts.append(f"the total is closest under {closest} ({least:+.1%}, under {chosen} {own:+.1%}).")
    failed = best.certificate_.failed
    if failed:
        parts.append(f"Mind its certificate: {' '.join(check.words for check in failed)}")
    parts += [f"{title} could not be fitted: {reason}" for title, reason in candidates.failed.items()]
    return " ".join(parts)


def _foretold(model: PurchaseModel, holdout: pd.DataFrame, horizon: float) -> dict[str, float]:
    actual = holdout["frequency_holdout"].to_numpy(np.float64)
    metrics = quantity_metrics(actual, model.expected_purchases(holdout, horizon).to_numpy())
    return {
        "holdout_total_error": metrics["total_error"],
        "holdout_mae": metrics["mae"],
        "holdout_correlation": metrics["correlation"],
        "holdout_log_score": log_score(model, holdout, actual, horizon),
    }


def log_score(model: PurchaseModel, frame: pd.DataFrame, actual: FloatArray, horizon: float) -> float:
    """Mean log probability that a model gave to the numbers of purchases that came; higher is better.

    Parameters
    ----------
    model : PurchaseModel
        Fitted.
    frame : DataFrame
        frequency, recency and T of n customers at the cut-off, and covariates.
    actual : ndarray, shape (n,)
        Purchases within the horizon.
    horizon : float
        In the model's time unit.
    """
    histories, params, total = histories_of(frame), model.to_params().at_rows(frame), 0.0
    first, inverse = distinct(*histories.columns, actual, *params.arrays().values())
    customers = np.bincount(inverse, minlength=len(first))
    counts = actual[first].astype(int)
    # Rows with few purchases are many and need few columns, so each class of counts is computed by itself.
    for low, high in zip((0, 1, 4, 16, 64, 256, 1024), (1, 4, 16, 64, 256, 1024, np.inf), strict=True):
        rows = np.flatnonzero((counts >= low) & (counts < high))
        if len(rows):
            at = first[rows]
            some = Histories(histories.frequency[at], histories.recency[at], histories.T[at])
            table = params.at(at).purchase_probabilities(some, int(counts[rows].max()), horizon)
            chance = np.maximum(table[np.arange(len(rows)), counts[rows]], np.finfo(np.float64).tiny)
            total += float(customers[rows] @ np.log(chance))
    return total / len(actual)
