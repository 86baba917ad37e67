"""Which tests of a monitoring run are alarms, and what they say about training again.

All tests of a run are one family: the chance that a run in which nothing has changed gives any alarm is at most the
stated level (Holm's step-down procedure, valid however the tests depend on each other).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.runtime.histories import FloatArray

Advice = Literal["keep", "watch", "check the data", "retrain"]

OF_THE_FEED = ("missing", "new_categories", "unscored")
"""Tests that more often tell of a fault on the way of the data than of customers."""

MOST_NAMED = 5
"""Alarms that a sentence names."""


@dataclass(frozen=True)
class Verdict:
    """What a run came to.

    Attributes
    ----------
    advice : {"keep", "watch", "check the data", "retrain"}
    alarms : int
    words : tuple of str
        The advice first, then why.
    """

    advice: Advice
    alarms: int
    words: tuple[str, ...]


def holm(p_values: FloatArray) -> FloatArray:
    """P-values that hold for all tests together (Holm 1979).

    Parameters
    ----------
    p_values : ndarray of float64, shape (n,)
        NaN for what is not tested.
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def decide(tables: dict[str, pd.DataFrame], alpha: float) -> dict[str, pd.DataFrame]:
    """Fill p_adjusted and alarm of all tables of a run.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As `drift.drift` and `realised.realised` give them.
    alpha : float
        The most that any false alarm of the run may be probable, above 0 and below 1.

    Raises
    ------
    ConfigError
        If `alpha` is none.
    """
    if not 0 < alpha < 1:
        message = f"The false alarm level must lie between 0 and 1, got {alpha}."
        raise ConfigError(message)
    judged = {name: (table["alarm"] == "").to_numpy() for name, table in tables.items()}
    p_values = np.concatenate([
        np.where(judged[name], table["p_value"].to_numpy(np.float64), np.nan) for name, table in tables.items()
    ])  # fmt: skip
    adjusted = holm(p_values)
    found, at = {}, 0
    for name, table in tables.items():
        own = adjusted[at : at + len(table)]
        at += len(table)
        beyond = (own <= alpha) & (table["size"].to_numpy(np.float64) > table["limit"].to_numpy(np.float64))
        alarm = np.where(judged[name], np.where(beyond, "yes", "no"), table["alarm"])
        found[name] = table.assign(p_adjusted=own, alarm=alarm)
    return found


def verdict(tables: dict[str, pd.DataFrame], alpha: float, not_realised: str | None) -> Verdict:
    """What the alarms of a run mean.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Decided.
    alpha : float
    not_realised : str or None
        Why realised and predicted could not be compared.
    """
    drifted = tables["drift"][tables["drift"]["alarm"] == "yes"]
    missed = tables["realised"][tables["realised"]["alarm"] == "yes"] if "realised" in tables else drifted.iloc[:0]
    n_tests = sum(int(table["p_adjusted"].notna().sum()) for table in tables.values())
    feed = drifted[drifted["test"].isin(OF_THE_FEED)]
    advice, first = _advice(len(missed), len(drifted), len(feed), not_realised is None)
    words = [first]
    if len(missed):
        told = [f"{'all customers' if row['grouping'] == 'all' else row['grouping'] + ' ' + row['group']}, "
                f"{row['quantity']}: {row['words']}" for row in missed.to_dict("records")]  # fmt: skip
        words.append(f"Beyond the control limits lies what came in {_counted(len(missed), 'test')}: {_some(told)}.")
    if len(drifted):
        ranked = drifted.assign(times=drifted["size"] / drifted["limit"].replace(0, np.nan)).sort_values(
            "times", ascending=False
        )
        told = [f"{row['name']} ({row['test']} {row['size']:.2f}; {row['words']})" for row in ranked.to_dict("records")]
        words.append(f"Inputs and scores have moved in {_counted(len(drifted), 'test')}: {_some(told)}.")
    ageing = int((tables["drift"]["alarm"] == "ageing").sum())
    if ageing:
        words.append(f"Columns that move as customers age are reported and give no alarm ({_counted(ageing, 'test')}).")
    if not_realised:
        words.append(not_realised)
    words.append(
        f"{n_tests} tests were judged; if nothing had changed, the chance of any alarm would be at most {alpha:.2%}."
    )
    return Verdict(advice, len(missed) + len(drifted), tuple(words))


def _advice(missed: int, drifted: int, feed: int, realised: bool) -> tuple[Advice, str]:
    if feed:
        return "check the data", (
            "Check the data before anything else: values are missing, texts are new that the model has not met, or "
            "rows cannot be scored; a model trained on a fault learns the fault."
        )
    if missed and drifted:
        return "retrain", "Train again: customers have changed, and what the model foretold is off."
    if missed:
        return "retrain", (
            "Train again: what the model foretold is off, though customers look as before, so that behaviour or prices "
            "have changed."
        )
    if drifted and realised:
        return "watch", (
            "Do not train again yet: customers differ from those the model was made of, but what it foretold came; "
            "look again when these customers' future is known."
        )
    if drifted:
        return "watch", (
            "Find out why customers differ from those the model was made of. If the change is real and lasts, train "
            "again once its consequences can be seen; if it is a fault, mend it."
        )
    return "keep", "No reason to train again: nothing beyond chance and of a size that matters was found."


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _some(told: list[str]) -> str:
    more = len(told) - MOST_NAMED
    return "; ".join(told[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
