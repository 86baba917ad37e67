"""``patronage backtest``: candidates at several past dates, judged by what came, told apart if they can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, StrictBool

from patronage.errors import ConfigError, DateError, FitError, ModelError
from patronage.evaluation.candidates import (
    Comparison,
    measure_named,
    side_by_side,
    what_came,
    what_was_told,
)
from patronage.evaluation.judging import Resamples
from patronage.evaluation.leaderboard import leaderboard, words_of
from patronage.files import check_replaceable, check_writable, written_whole
from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.candidate_recipes import candidate_recipes, flat
from patronage.pipelines.holdout_table import holdout_table
from patronage.pipelines.recipe import GROUPS, Recipe, Train
from patronage.pipelines.settings import Dates, Settings, own_settings
from patronage.pipelines.table_settings import is_customer_table
from patronage.report.backtest_page import backtest_charts, write_backtest_page
from patronage.report.page import write_pngs
from patronage.runtime.histories import FloatArray
from patronage.runtime.scorer import Scorer
from patronage.schema.backtest import BACKTEST_TABLES
from patronage.scoring.tables import write_table
from patronage.tracking.backtest import BacktestRecord, CandidateRuns, record_backtest

PAGE = "backtest.html"
WRITTEN = (PAGE, *(f"{name}.parquet" for name in BACKTEST_TABLES))
"""Files of a result beside its pictures, which the next one replaces."""


class BacktestSettings(Settings):
    """The command's own settings, beside those of a training."""

    candidates: dict[str, Any]
    n_origins: int = Field(ge=1)
    step_days: int = Field(ge=1)
    rank_by: str
    out: str = Field(min_length=1)
    track: StrictBool

    def origins(self, dates: Dates) -> list[date]:
        """The cut-offs, latest first; the holdout of each was over by ``dates.observed_until``."""
        latest = dates.observed_until - timedelta(days=dates.horizon_days)
        return [latest - timedelta(days=k * self.step_days) for k in range(self.n_origins)]


@dataclass
class Seen:
    """What came of the customers of one origin, and what each candidate foretold.

    Attributes
    ----------
    ids : Series
        Their customer ids, in order.
    came : dict of str to ndarray
        By task.
    told : dict of str to dict
        By candidate and task.
    """

    ids: "pd.Series[str]"
    came: dict[str, FloatArray]
    told: dict[str, dict[str, FloatArray]]


def backtest(config: dict[str, Any]) -> None:
    """Fit, judge, compare and write; see ``conf/backtest.yaml`` for the settings."""
    if is_customer_table(config):
        message = "A backtest needs a ledger of transactions: a customer table has no past to go back to."
        raise ConfigError(message)
    if config["setting"]["churn_is"] != "no_purchase":
        message = "A backtest judges purchases, value and churn as no purchase: take setting=purchases."
        raise ConfigError(message)
    started = datetime.now(UTC)
    config = {**config, "candidates": config.get("candidates") or {}}
    own = set(BacktestSettings.model_fields)
    settings = own_settings(BacktestSettings, config, "backtest", {*GROUPS, *Train.model_fields})
    measure_named(settings.rank_by)
    of_train = {key: value for key, value in config.items() if key not in own}
    base = Recipe.from_config(of_train)
    recipes = candidate_recipes(of_train, settings.candidates)
    check_replaceable(settings.out, WRITTEN, ".png")
    check_writable(Path(settings.out).parent)
    if settings.track:
        base.store.check_writable()
    resamples = Resamples(base.evaluation.replicates, base.evaluation.level)
    ledger = base.open_ledger()
    origins = settings.origins(base.dates)
    ledger.require_facts_until(origins[0], what="latest origin")
    seen, notes = _seen(ledger, recipes, origins, base)
    with console.step("Compare the candidates"):
        tables, comparison = _tables(seen, resamples, base.settings.seed, settings.rank_by)
    words = words_of(comparison, settings.rank_by, len(seen), resamples.level)
    facts = _facts(ledger, base, settings, seen, resamples, started)
    with console.step("Write tables, charts and the page"):
        _write(tables, words, [*notes.values()], facts, Path(settings.out))
    run = None
    if settings.track:
        with console.step(f"Record the runs in {base.store.address}"):
            run = record_backtest(base.store, _record(config, tables, recipes, facts, words, Path(settings.out)))
    _show(tables, words, settings, run)


def _seen(
    ledger: Ledger, recipes: dict[str, Recipe], origins: list[date], base: Recipe
) -> tuple[dict[date, Seen], dict[str, str]]:
    """Fit and score at every origin, the latest first.

    A candidate that cannot be fitted is left out of all origins, an origin with too few facts before it is left out
    with all that are earlier; both are said.
    """
    seen: dict[date, Seen] = {}
    notes: dict[str, str] = {}
    left = dict(recipes)
    for number, day in enumerate(origins):
        try:
            seen[day] = _at(ledger, left, day, base.dates.horizon_days, notes)
        except DateError as error:
            if not seen:
                raise
            notes[day.isoformat()] = f"{len(origins) - number} origins from {day} back are left out: {error}"
            console.warn(notes[day.isoformat()])
            break
        left = {name: recipe for name, recipe in left.items() if name not in notes}
        if not left:
            message = f"No candidate could be fitted: {' '.join(notes.values())}"
            raise FitError(message)
    for one in seen.values():
        one.told = {name: told for name, told in one.told.items() if name in left}
    return seen, notes


def _at(ledger: Ledger, recipes: dict[str, Recipe], day: date, horizon_days: int, notes: dict[str, str]) -> Seen:
    found = Seen(pd.Series(dtype=object), {}, {})
    for name, recipe in recipes.items():
        with console.step(f"{name} as of {day}"):
            try:
                bundle = recipe.fit(ledger, day).bundle
            except ModelError as error:
                notes[name] = f"{name} is left out, because it cannot be fitted and scored as of {day}: {error}"
                console.warn(notes[name])
                continue
            frame = holdout_table(ledger, day, horizon_days, bundle.time_unit, bundle.inputs)
            found.ids, found.came = frame["customer_id"], what_came(frame)
            found.told[name] = what_was_told(Scorer(bundle).score(frame))
    return found


def _tables(
    seen: dict[date, Seen], resamples: Resamples, seed: int, rank_by: str
) -> tuple[dict[str, pd.DataFrame], Comparison]:
    rng = np.random.default_rng(seed)
    parts = [(None, _together(list(seen.values()))), *((day, one) for day, one in sorted(seen.items()))]
    rows, pooled = [], None
    for day, one in parts:
        found = side_by_side(one.came, one.told, resamples, rng=rng, customers=one.ids.to_numpy())
        pooled = pooled or found
        named = found.metrics.rename(columns={"model": "candidate"})
        rows.append(named.assign(cutoff=day, n_rows=len(one.ids)))
        if len(seen) == 1:
            rows.append(named.assign(cutoff=next(iter(seen)), n_rows=len(one.ids)))
            break
    assert pooled is not None
    metrics = pd.concat([part.astype({"cutoff": object}) for part in rows], ignore_index=True)
    metrics = metrics[list(BACKTEST_TABLES["metrics"].names)]
    return {
        "leaderboard": leaderboard(pooled, rank_by),
        "metrics": metrics,
        "differences": pooled.differences,
    }, pooled


def _together(parts: list[Seen]) -> Seen:
    """Several origins as one: the rows below each other, customers known by their ids."""
    first = parts[0]
    return Seen(
        ids=pd.concat([one.ids for one in parts], ignore_index=True),
        came={task: np.concatenate([one.came[task] for one in parts]) for task in first.came},
        told={
            name: {task: np.concatenate([one.told[name][task] for one in parts]) for task in told}
            for name, told in first.told.items()
        },
    )


def _facts(
    ledger: Ledger, base: Recipe, settings: BacktestSettings, seen: dict[date, Seen], resamples: Resamples,
    started: datetime,
) -> dict[str, str]:  # fmt: skip
    rows = sum(len(one.ids) for one in seen.values())
    days = sorted(seen)
    return {
        "Ledger": f"{ledger.name}: {ledger.account}",
        "Origins": f"{', '.join(map(str, days))}; each with the {base.dates.horizon_days} days that followed",
        "Judged by": f"{rows:,} customers by origin, drawn with all their rows",
        "Intervals": f"{100 * resamples.level:g} %, from {resamples.replicates:,} resamples of customers",
        "Candidates": "; ".join(
            f"{name} ({', '.join(f'{key}={value}' for key, value in flat(changes))})"
            for name, changes in settings.candidates.items()
        ),
        "Ordered by": settings.rank_by,
        "Started": f"{started:%Y-%m-%d %H:%M} UTC",
    }


def _write(
    tables: Mapping[str, pd.DataFrame], words: list[str], notes: list[str], facts: dict[str, str], out: Path
) -> None:
    with written_whole(out) as folder:
        folder.mkdir()
        for name, table in tables.items():
            write_table(table, BACKTEST_TABLES[name], folder / f"{name}.parquet")
        charts = backtest_charts(tables)
        write_pngs(charts, folder)
        write_backtest_page(tables, charts, facts, words, notes, folder / PAGE)


def _record(
    config: dict[str, Any], tables: Mapping[str, pd.DataFrame], recipes: dict[str, Recipe], facts: dict[str, str],
    words: list[str], out: Path,
) -> BacktestRecord:  # fmt: skip
    metrics = tables["metrics"].dropna(subset="value")
    runs = []
    for name in tables["leaderboard"]["candidate"]:
        own = metrics[metrics["candidate"] == name]
        origins = {str(day): _named(rows) for day, rows in own[own["cutoff"].notna()].groupby("cutoff") if len(rows)}
        whole = recipes[name].config
        params = {group: whole[group] for group in ("purchase", "spend", "churn", "panel", "features")}
        runs.append(CandidateRuns(name, params, _named(own[own["cutoff"].isna()]), origins))
    return BacktestRecord(
        name=f"backtest {config['run_name'] or facts['Ledger'].partition(':')[0]}",
        config=config,
        tags={f"patronage.{name.lower().replace(' ', '_')}": value for name, value in facts.items()},
        words=tuple(words),
        candidates=tuple(runs),
        folder=out,
    )


def _named(rows: pd.DataFrame) -> dict[str, float]:
    """Figures by ``task.metric``, the ends of intervals with ``_low`` and ``_high``."""
    found = {}
    for row in rows.to_dict("records"):
        for column, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            if np.isfinite(row[column]):
                found[f"{row['task']}.{row['metric']}{suffix}"] = float(row[column])
    return found


def _show(tables: Mapping[str, pd.DataFrame], words: list[str], settings: BacktestSettings, run: str | None) -> None:
    board, metrics = tables["leaderboard"], tables["metrics"]
    shown = [("purchases", "total_error"), ("value", "total_error"), ("value", "normalised_gini"),
             ("churn", "log_loss"), ("churn", "roc_auc"), ("churn", "calibration_error")]  # fmt: skip
    pooled = {
        (row["candidate"], row["task"], row["metric"]): row["value"]
        for row in metrics[metrics["cutoff"].isna()].to_dict("records")
    }
    rows = [
        [f"{row['place']}. {row['candidate']}", *(f"{pooled[row['candidate'], *one]:.4f}" for one in shown)]
        for row in board.to_dict("records")
    ]
    console.results(f"Leaderboard by {settings.rank_by}", ["candidate", *map(" ".join, shown)], rows)
    for sentence in words:
        console.note(sentence)
    where = [["page", str(Path(settings.out) / PAGE)], ["tables", f"{len(tables)} Parquet files beside it"]]
    console.results("Written", ["what", "where"], where + ([["run", run]] if run else []))
