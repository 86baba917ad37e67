"""``patronage score engine=spark``: what Spark can do of a scoring job, and the job handed to its workers."""

import re
from pathlib import Path
from typing import Any

from patronage.errors import ConfigError
from patronage.pipelines import console
from patronage.pipelines.score_inputs import Asked, Customers, Score
from patronage.pipelines.settings import built
from patronage.runtime.bundle import Bundle, ledger_bundle
from patronage.scoring.job import ScoreJob
from patronage.scoring.spark_job import SparkWorkers
from patronage.scoring.spark_rows import SparkTable
from patronage.scoring.spark_worker import Recipe

TARGET = "SparkEngine"
"""How ``_target_`` of the group engine ends."""

_STORAGE = re.compile(r"^(?!postgres)[\w+.-]+://")
"""Addresses of storage that is no folder."""


def wants_spark(config: dict[str, Any]) -> bool:
    """Whether the configuration says ``engine=spark``."""
    return str(config["engine"].get("_target_", "")).endswith(TARGET)


def refuse_beyond_spark(settings: Score) -> None:
    """Refuse what a scoring job does on one machine alone.

    Raises
    ------
    ConfigError
        Saying what to do instead.
    """
    if settings.profit:
        message = (
            "profit=true learns what customers earn in the memory of one machine: leave it out with engine=spark, or "
            "use engine=duckdb."
        )
        raise ConfigError(message)
    if settings.threads is not None:
        message = (
            "threads is of jobs on one machine. With engine=spark, engine.master says how many parts are scored at "
            "the same time, as in 'engine.master=\"local[8]\"' (with both quotes on the command line), or the settings "
            "of the cluster do."
        )
        raise ConfigError(message)
    if _STORAGE.match(settings.out):
        message = (
            f"out={settings.out} is no folder: the workers of Spark write their scores as files, so give a folder that "
            "all machines reach under the same name, such as a mount of that storage."
        )
        raise ConfigError(message)


def in_storage(settings: Score) -> bool:
    """Whether the table of features is at an address that only Spark reaches."""
    return settings.input is not None and _STORAGE.match(settings.input) is not None


def of_storage(settings: Score, config: dict[str, Any]) -> Asked:
    """The customers of a table of features in storage that Spark reads."""
    location = str(settings.input)

    def opened(bundle: Bundle) -> Customers:
        with console.step(f"Look at the table {location}"):
            table = SparkTable(location, bundle.inputs, built(config, "engine"))
            facts = {"kind": "feature table", "location": location, "files": table.facts()}
        return Customers(table.rows, facts, len(table), held=True)

    return Asked(settings.as_of, lambda bundle: ledger_bundle(bundle, "Scoring a table in storage"), opened)


def on_spark(job: ScoreJob, settings: Score, config: dict[str, Any], bundle_folder: Path) -> ScoreJob:
    """The same job, its parts scored by the workers of the session that the configuration describes.

    Parameters
    ----------
    job : ScoreJob
    settings : Score
    config : dict
        The group ``engine`` is read; a session that is open is used again.
    bundle_folder : Path
        Of the model.
    """
    made = job.row_scorer
    recipe = Recipe(
        made.scorer.bundle.fingerprint,
        made.as_of,
        made.model_version,
        settings.interval,
        settings.explain_method if settings.explain else None,
        settings.explain_direction,
    )
    return SparkWorkers(built(config, "engine"), recipe, bundle_folder).on(job)
