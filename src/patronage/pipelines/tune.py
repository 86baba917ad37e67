"""``patronage tune``: a search for better settings of the churn model, and an experiment file that trains with them."""

from typing import Any

import numpy as np
import pandas as pd

from patronage.evaluation.bootstrap import bootstrap
from patronage.evaluation.counted_metrics import CHURN_METRICS, Metric
from patronage.evaluation.maximum_profit import expected_maximum_profit_metric
from patronage.models.churn.panel_rows import panel_rows
from patronage.models.churn.tuning import tune as searched
from patronage.models.churn.tuning_objectives import Measure, validated
from patronage.models.churn.tuning_space import Setting
from patronage.models.churn.tuning_trials import Trial, Tuning
from patronage.pipelines import console
from patronage.pipelines.churn_learning import candidate
from patronage.pipelines.search_space import search_space, settings_at, with_settings
from patronage.pipelines.tuning_material import Material
from patronage.pipelines.tuning_question import Question
from patronage.tracking.tuning import StudyRuns

OBJECTIVES: dict[str, Metric] = {
    "log_loss": CHURN_METRICS["log_loss"],
    "roc_auc": CHURN_METRICS["roc_auc"],
    "empc": expected_maximum_profit_metric(),
}
"""What trials are judged by."""

MORE_IS_BETTER = ("roc_auc", "empc")

COMPARED = {name: CHURN_METRICS[name] for name in ("log_loss", "brier", "roc_auc", "lift_10")}
"""What the best settings and those in use are compared by, beside the objective."""

TUNED, IN_USE = "tuned", "in_use"


def tune(config: dict[str, Any]) -> None:
    """Search, compare, track and write; see ``conf/tune.yaml`` for the settings."""
    question = Question.from_config(config)
    objective = question.settings.objective
    material = question.read()
    space = search_space(config["tuning"], material.part)
    panel_rows(material.panel, candidate(material.part).features, 2)
    study = question.study(material, space)
    console.note(f"study {study} in {question.settings.storage or question.storage}")
    with StudyRuns(question.store, study, objective, config, question.tags(material)) as runs:
        with console.step("Search"):
            found = _searched(question, material, space, study, runs)
        _show_search(found, objective)
        with console.step(f"Compare on {material.later_words}"):
            comparison = compared(material, found.best, objective, config["seed"], question.settings.replicates)
        words = verdict(comparison, objective)
        with console.step(f"Write {question.file.path}"):
            lines = [f"Study {study}: {_judged(found, objective)}.", words]
            question.file.write(with_settings(config["churn"], found.best), lines)
        figures = {f"best.{objective}": found.value, **_figures(comparison)}
        run_id = runs.finish(figures, {"trials": found.trials, "comparison": comparison}, [question.file.path])
    _show(question, comparison, f"On {material.later_words}", words, run_id)


def compared(material: Material, best: dict[str, Any], objective: str, seed: int, replicates: int) -> pd.DataFrame:
    """Judge the best settings and those in use by later customers, of whom the search has seen nothing.

    Parameters
    ----------
    material : Material
    best : dict
    objective : str
    seed : int
    replicates : int
        Resamples of customers, the same for both.

    Returns
    -------
    DataFrame
        metric, in_use, tuned, difference (tuned less in use), low, high (95 %), p_value, decided (whether the interval
        leaves out 0); the objective first.
    """
    later = material.later
    probability = {}
    for name, chosen in ((IN_USE, {}), (TUNED, best)):
        model = candidate(with_settings(material.part, chosen)).fit(material.panel)
        probability[name] = model.churn_probability(later).to_numpy()
    metrics = {objective: OBJECTIVES[objective], **COMPARED}
    happened, rng = later["churned"].to_numpy(np.float64), np.random.default_rng(seed)
    customers = later["customer_id"].to_numpy()
    drawn = bootstrap(happened, probability, metrics, rng=rng, customers=customers, replicates=replicates)
    table = drawn.differences(IN_USE)
    of_each = drawn.intervals().pivot(index="metric", columns="candidate", values="value")
    table = table.assign(in_use=table["metric"].map(of_each[IN_USE]), tuned=table["metric"].map(of_each[TUNED]))
    return table[["metric", IN_USE, TUNED, "difference", "low", "high", "p_value", "decided"]]


def verdict(comparison: pd.DataFrame, objective: str) -> str:
    """What the comparison says of the objective, in one sentence."""
    row = comparison.set_index("metric").loc[objective]
    name = objective.replace("_", " ")
    if row["difference"] == row["low"] == row["high"] == 0:
        return f"On data that the search did not touch both are the same: {name} {row[TUNED]:.5f}."
    better = (row["difference"] > 0) == (objective in MORE_IS_BETTER)
    told = "better" if better else "worse"
    interval = f"95 % interval of the difference {row['low']:+.5f} to {row['high']:+.5f}"
    sure = f"the tuned settings are {told}" if row["decided"] else "too close to tell them apart"
    values = f"{name} {row[TUNED]:.5f} tuned and {row[IN_USE]:.5f} in use ({interval})"
    return f"On data that the search did not touch, {values}: {sure}."


def _searched(question: Question, material: Material, space: dict[str, Setting], study: str, runs: StudyRuns) -> Tuning:
    part, objective = material.part, question.settings.objective
    start = settings_at(part, space)
    outside = {name: value for name, value in start.items() if not space[name].holds(value)}
    if outside:
        told = ", ".join(f"{name}={value}" for name, value in outside.items())
        console.note(f"the settings in use lie outside of the space ({told}), so they are not among the trials")

    def tell(ended: tuple[Trial, ...]) -> None:
        runs.record(ended)
        _say(ended, objective)

    return searched(
        material.panel,
        space,
        validated(
            lambda chosen: candidate(with_settings(part, chosen)), _measure(objective), question.splits(material)
        ),
        question.settings.budget,
        seed=question.config["seed"],
        direction="maximize" if objective in MORE_IS_BETTER else "minimize",
        start=None if outside else start,
        storage=question.storage,
        study=study,
        facts={"question": question.digest(material, space)},
        after_trial=tell,
    )


def _measure(objective: str) -> Measure:
    metric = OBJECTIVES[objective]

    def measure(churned: Any, probability: Any) -> float:
        return metric(churned.astype(np.float64), probability)(np.ones(len(churned)))

    return measure


def _say(ended: tuple[Trial, ...], objective: str) -> None:
    """A line for each trial that is the best so far."""
    complete = [one for one in ended if one.state == "complete" and one.value is not None]
    if not complete or complete[-1] is not ended[-1]:
        return
    sign = -1 if objective in MORE_IS_BETTER else 1
    if min(complete, key=lambda one: (sign * (one.value or 0.0), one.number)) is ended[-1]:
        settings = ", ".join(f"{name}={_short(value)}" for name, value in ended[-1].settings.items())
        console.note(f"trial {ended[-1].number}: {objective.replace('_', ' ')} {ended[-1].value:.5f} with {settings}")


def _judged(found: Tuning, objective: str) -> str:
    states = [one.state for one in found.ended]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed") if state in states
    )
    return f"mean {objective.replace('_', ' ')} {found.value:.5f}, the best of {len(states)} trials ({counts})"


def _show_search(found: Tuning, objective: str) -> None:
    console.note(_judged(found, objective))
    console.results("Best settings", ["setting", "value"], [[name, str(value)] for name, value in found.best.items()])


def _figures(comparison: pd.DataFrame) -> dict[str, float]:
    figures = {}
    for row in comparison.to_dict("records"):
        for column in (IN_USE, TUNED, "difference", "low", "high"):
            if np.isfinite(row[column]):
                figures[f"later.{row['metric']}.{column}"] = float(row[column])
    return figures


def _show(question: Question, comparison: pd.DataFrame, title: str, words: str, run_id: str) -> None:
    columns = ["metric", IN_USE, TUNED, "difference", "low", "high"]
    rows = [[row["metric"], *(f"{row[name]:.5f}" for name in columns[1:])] for row in comparison.to_dict("records")]
    console.results(title, columns, rows)
    console.note(words)
    places = [
        ["experiment", str(question.file.path)],
        ["run", run_id],
        ["look at it", f"mlflow ui --backend-store-uri {question.store.address}"],
    ]
    console.results("Where it lies", ["what", "where"], places)
    row = comparison.set_index("metric").loc[question.settings.objective]
    if row["decided"] and (row["difference"] > 0) != (question.settings.objective in MORE_IS_BETTER):
        console.note("keep the settings in use: on data that the search did not touch the tuned ones are worse")
    else:
        console.note(f"train with it: {question.file.next_command}")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
