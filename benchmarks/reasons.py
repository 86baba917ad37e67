"""Reasons: whether they name the true cause, what they cost for a million customers, how far they are exact.

Three parts, each of which appends its rows to the table:

survival    A simulated business with contracts whose hazard nothing moves but the customer and the month. Curves of
            `DiscreteHazard` for new customers, against the true chance of staying, in deciles of the prediction.
drivers     The same business with contacts that move the hazard. The first reason to leave of customers that the model
            has not seen, against the cause that the world itself says added most, for customers where it added more
            than half of all that was added.
cost        A million simulated customers: processor seconds of reasons with their words against those of
            the scores, for the trees of the defaults and for 300 trees of depth 6; and agreement of the first reason
            with XGBoost's own exact contributions on a random sample.

    python benchmarks/reasons.py [survival | drivers | cost] ...
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from omegaconf import OmegaConf
from scipy import special

from patronage.features.model_input import input_schema
from patronage.ledger.tables import LedgerTables
from patronage.ledger.worlds.contracts import PERIOD_DAYS
from patronage.ledger.worlds.settings import named_world, world_from
from patronage.ledger.worlds.writing import world_tables
from patronage.models.churn.columns import feature_columns
from patronage.models.churn.panel import churn_panel
from patronage.models.churn.survival.hazard import DiscreteHazard
from patronage.models.churn.xgboost_classifier import ChurnClassifier
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.paths import conf_folder
from patronage.runtime.bundle import Bundle
from patronage.runtime.churn import trees_input
from patronage.runtime.clv import ValueTerms
from patronage.runtime.contributions import Explainer
from patronage.runtime.reasons import ReasonTeller, usual_values
from patronage.runtime.scorer import Scorer
from patronage.runtime.time_unit import TimeUnit
from patronage.scoring.reasons import ScoreReasons

STATIC = ("age", "household", "paperless", "acquisition_channel", "plan")
MOVING = (*STATIC, "satisfaction_last", "complaints_open")
TRAINED, JUDGED = 60_000, 10_000
MONTHS = (1, 3, 6, 12, 18, 24, 30)
MOST_GAP, LEAST_NAMED, DOMINANT = 0.02, 0.8, 0.5
CAUSES = {
    "satisfaction": "satisfaction",
    "complaints": "complaint",
    "period": "tenure",
    "acquisition": "acquisition_channel",
}
"""What the world calls the topics that are called otherwise there."""

MILLION, SAMPLE, BATCH = 1_000_000, 3_000, 200_000
TRAINED_ROWS, HORIZON_DAYS = 100_000, 91
MOST_COST, LEAST_AGREEMENT = 3.0, 0.95


def contract_world(*, moved: bool):
    """The subscription world without campaigns; every contact answered, or none that matters."""
    values = OmegaConf.to_container(OmegaConf.load(conf_folder() / "world" / "subscription.yaml"))
    values["campaigns"] = {}
    values["contacts"]["answered"] = 1.0
    if not moved:
        values["contacts"] |= {"log_dropout_per_point": 0.0, "log_dropout_open": 0.0}
    return world_from(values)


class Renewals:
    """The customers of a world, and the renewals that they came to."""

    def __init__(self, world, tables):
        self.world, self.tables = world, tables
        self.customers, self.truth = tables["customers"].to_pandas(), tables["truth"].to_pandas()
        for name in STATIC[1:]:
            self.customers[name] = self.customers[name].astype(object)
        self.won = self.days(self.customers["acquired_at"])
        left, end = self.days(self.truth["left_at"]), float(world.observed_days)
        self.gone = left < end
        self.until = np.where(self.gone, left, end)
        whole = (self.until - self.won) / PERIOD_DAYS
        self.renewals = np.where(self.gone, np.rint(whole), np.floor(whole)).astype(int)

    def days(self, moments):
        """Days since the start of the world."""
        start = pd.Timestamp(self.world.start)
        return (pd.to_datetime(moments) - start).dt.total_seconds().to_numpy() / 86_400

    def periods(self):
        """One row a renewal: what was known just before it, and whether the customer left."""
        owner = np.repeat(np.arange(len(self.won)), self.renewals)
        number = np.arange(len(owner)) - (np.cumsum(self.renewals) - self.renewals)[owner] + 1
        rows = self.known(owner, self.won[owner] + number * PERIOD_DAYS)
        last = (number == self.renewals[owner]) & self.gone[owner]
        return rows.assign(period=number, churned=last.astype(int))

    def latest(self):
        """One row a customer: when they left or, if they did not, when the observed time ended."""
        period = np.maximum(np.rint((self.until - self.won) / PERIOD_DAYS), 1)
        return self.known(np.arange(len(self.won)), self.until).assign(period=period)

    def known(self, owner, at):
        """What was known of customers just before a time each."""
        contacts = self.tables["contacts"].to_pandas()
        position = pd.Series(np.arange(len(self.customers)), index=self.customers["customer_id"])
        contacts = contacts.assign(
            owner=position[contacts["customer_id"]].to_numpy(), at=self.days(contacts["timestamp"])
        )
        complaints = contacts[contacts["kind"] == "complaint"]
        closed = pd.Series(self.days(complaints["closed_at"]), index=complaints.index)
        moves = pd.concat([complaints.assign(n=1), complaints.assign(at=closed, n=-1).dropna(subset="at")]).sort_values(
            "at"
        )
        moves["open"] = moves.groupby("owner")["n"].cumsum()
        asked = pd.DataFrame({"owner": owner, "at": at, "row": np.arange(len(owner))}).sort_values("at")

        def before(events, column):
            events = events.sort_values("at")[["owner", "at", column]]
            found = pd.merge_asof(asked, events, on="at", by="owner", allow_exact_matches=False)
            return found.sort_values("row")[column].to_numpy(np.float64)

        rows = self.customers.iloc[owner][["customer_id", *STATIC]].reset_index(drop=True)
        is_open = np.nan_to_num(before(moves, "open"))
        return rows.assign(satisfaction_last=before(contacts, "satisfaction"), complaints_open=is_open)


def hazard_of(world, features):
    learnt = Renewals(world, world_tables(world, TRAINED, seed=0)).periods()
    print(f"{len(learnt):,} renewals of {TRAINED:,} customers, {learnt['churned'].mean():.2%} left", flush=True)
    return DiscreteHazard(features, round(PERIOD_DAYS), n_folds=3).fit_periods(learnt)


def survival():
    world = contract_world(moved=False)
    model = hazard_of(world, STATIC)
    new = Renewals(world, world_tables(world, JUDGED, seed=1))
    months = np.arange(1, max(MONTHS) + 1)
    log_odds = new.truth["dropout_log_odds"].to_numpy()[:, None]
    hazard = special.expit(log_odds + world.contract.log_odds_per_log_month * np.log(months))
    true = np.cumprod(1 - hazard, axis=1)
    predicted = model.survival(new.customers, max(MONTHS)).to_numpy()
    for month in MONTHS:
        table = pd.DataFrame({"predicted": predicted[:, month - 1], "true": true[:, month - 1]})
        table = table.groupby(pd.qcut(table["predicted"], 10, labels=False, duplicates="drop")).mean()
        gap = (table["predicted"] - table["true"]).abs().max()
        yield f"largest gap of a decile, month {month}", gap, gap <= MOST_GAP


def drivers():
    world = contract_world(moved=True)
    model = hazard_of(world, MOVING).to_model()
    new = Renewals(world, world_tables(world, JUDGED, seed=1))
    columns = feature_columns(new.latest(), model.features, model.categories)
    told = ReasonTeller(Explainer(model)).tell(columns, 1, "raises")
    named = np.array([CAUSES.get(topic, topic) for topic in told.topic[0]], dtype=object)
    truth = new.truth
    for least in (DOMINANT, 0.7):
        dominant = ((truth["driver"] != "none") & (truth["driver_share"] > least)).to_numpy()
        right = float((named == truth["driver"].to_numpy())[dominant].mean())
        yield f"customers with a cause above {least:.0%} of all that was added", int(dominant.sum()), None
        yield f"first reason names it, cause above {least:.0%}", right, right >= LEAST_NAMED
    dominant = ((truth["driver"] != "none") & (truth["driver_share"] > DOMINANT)).to_numpy()
    for cause, rows in truth[dominant].groupby("driver"):
        right = float((named[rows.index] == cause).mean())
        yield f"named, of the {len(rows):,} whose cause is {cause}", right, None


def cost():
    panel, inputs = million()
    churn = {
        "default trees": ChurnClassifier(HORIZON_DAYS, features=inputs.names, n_threads=2),
        "300 trees of depth 6": ChurnClassifier(
            HORIZON_DAYS,
            features=inputs.names,
            n_trees=300,
            max_depth=6,
            early_stopping_rounds=None,
            n_folds=2,
            n_threads=2,
        ),
    }
    learnt = panel.sample(TRAINED_ROWS, random_state=0)
    purchase = BetaGeoNBD().fit(learnt).to_params()
    spend = GammaGamma().fit(learnt).to_params()
    table = {name: panel[name].to_numpy() for name in inputs.names}
    for name, classifier in churn.items():
        model = classifier.fit(learnt).to_model()
        usual = usual_values({one: learnt[one].to_numpy() for one in inputs.names}, inputs.names)
        bundle = Bundle(
            purchase,
            spend,
            model,
            ValueTerms(0.3, 0.1, 30.0),
            world_end(),
            TimeUnit.WEEK,
            HORIZON_DAYS,
            {"usual": usual},
            inputs,
        )
        yield f"{name}: trees", model.booster.num_boosted_rounds(), None
        yield from cost_of(name, bundle, table)
        yield from agreement_of(name, bundle, table)


def world_end():
    return named_world("pareto").observed_until


def million():
    """Features of a million customers, and whether they bought in the quarter that followed."""
    tables = world_tables(named_world("pareto"), MILLION, seed=0)
    ledger = LedgerTables(ibis.memtable(pa.concat_tables([tables["transactions"], tables["future/transactions"]])))
    inputs = input_schema(ledger)
    panel = churn_panel(ledger, [world_end()], HORIZON_DAYS, TimeUnit.WEEK, inputs)
    print(f"{len(panel):,} customers, {len(inputs.names)} columns, {panel['churned'].mean():.1%} left", flush=True)
    return panel, inputs


def cost_of(name, bundle, table):
    """Processor seconds of scores, of the churn probability among them, and of reasons, in batches."""
    scorer = Scorer(bundle)
    (reasons, seconds) = timed(lambda: ScoreReasons(bundle))
    yield f"{name}: processor seconds to make the tables", seconds, None
    spent = dict.fromkeys(("scores", "churn", "reasons", "contributions"), 0.0)
    n = len(table["frequency"])
    for start in range(0, n, BATCH):
        batch = {column: values[start : start + BATCH] for column, values in table.items()}
        scores, seconds = timed(lambda batch=batch: scorer.score(batch))
        spent["scores"] += seconds
        spent["churn"] += timed(lambda batch=batch: bundle.churn.churn_probability(batch))[1]
        spent["reasons"] += timed(lambda batch=batch, scores=scores: reasons.of(batch, scores))[1]
        found, seconds = timed(lambda batch=batch: reasons.teller.explainer.contributions(batch))
        spent["contributions"] += seconds
        gap = np.abs(found.sum(axis=0) + reasons.teller.explainer.bias - bundle.churn.margin(batch)).max()
        spent["gap"] = max(spent.get("gap", 0.0), gap)
    for what in ("scores", "churn", "reasons", "contributions"):
        yield f"{name}: processor seconds a million, {what}", spent[what] * MILLION / n, None
    yield (
        f"{name}: reasons over scores",
        spent["reasons"] / spent["scores"],
        spent["reasons"] <= MOST_COST * spent["scores"],
    )
    yield f"{name}: reasons over churn probabilities alone", spent["reasons"] / spent["churn"], None
    yield f"{name}: largest gap of a sum to the margin", spent["gap"], spent["gap"] <= 1e-5


def agreement_of(name, bundle, table):
    """First topic of a random sample, by the tables and by XGBoost's approximation, against XGBoost's exact one."""
    rows = np.random.default_rng(0).choice(len(table["frequency"]), SAMPLE, replace=False)
    sample = {column: values[rows] for column, values in table.items()}
    teller, model = ReasonTeller.of_bundle(bundle), bundle.churn
    data = trees_input(sample, model.features, model.categories)
    exact, seconds = timed(lambda: model.booster.predict(data, pred_contribs=True)[:, :-1].T)
    yield f"{name}: processor seconds a million, XGBoost exact", seconds * MILLION / SAMPLE, None
    rough, seconds = timed(lambda: model.booster.predict(data, pred_contribs=True, approx_contribs=True)[:, :-1].T)
    yield f"{name}: processor seconds a million, XGBoost approximate", seconds * MILLION / SAMPLE, None
    ours = teller.explainer.contributions(sample)
    yield f"{name}: largest difference of a contribution to XGBoost's exact one", np.abs(ours - exact).max(), None

    def first(values):
        return np.abs(teller.topics.sums(values, sample)[0]).argmax(axis=0)

    agree = (first(ours) == first(exact)).mean()
    yield f"{name}: first reason is that of XGBoost's exact contributions", agree, agree >= LEAST_AGREEMENT
    yield f"{name}: the same of XGBoost's approximate ones", (first(rough) == first(exact)).mean(), None


def timed(work):
    begin = time.process_time()
    result = work()
    return result, time.process_time() - begin


PARTS = {"survival": survival, "drivers": drivers, "cost": cost}


def main() -> None:
    path = Path(__file__).with_suffix(".csv")
    old = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["part", "what", "value", "promise"])
    for part in sys.argv[1:] or PARTS:
        rows = []
        for what, value, kept in PARTS[part]():
            promise = "" if kept is None else "kept" if kept else "BROKEN"
            rows.append({"part": part, "what": what, "value": float(f"{value:.4g}"), "promise": promise})
            print(f"{part}: {what}: {value:.4g} {promise}", flush=True)
        old = pd.concat([old[old["part"] != part], pd.DataFrame(rows)], ignore_index=True)
        old.to_csv(path, index=False)


if __name__ == "__main__":
    main()
