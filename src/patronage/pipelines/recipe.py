"""The recipe of a training: every setting checked before the long work, and the models fitted by it as of a day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, StrictBool

from patronage import __version__
from patronage.errors import ConfigError
from patronage.evaluation.baselines import HiatusRule, fit_hiatus_rule
from patronage.features.model_input import input_schema, model_input
from patronage.ledger.opening import Ledger
from patronage.models.churn.candidate import Candidate, ShippableCandidate
from patronage.models.churn.columns import feature_columns
from patronage.models.churn.stack import StackedClassifier
from patronage.models.purchase.choice import Candidates, PurchaseModelChoice
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.pipelines.churn_learning import ChurnLearning, candidate
from patronage.pipelines.churn_level import levelled
from patronage.pipelines.evaluation_settings import Evaluation, candidate_parts
from patronage.pipelines.histories import purchase_histories, with_covariates
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.settings import (
    Backtest,
    Dates,
    Features,
    Panel,
    Settings,
    Value,
    built,
    own_settings,
    settings_from,
)
from patronage.pipelines.time_to_churn import Hazard
from patronage.runtime.bundle import Bundle
from patronage.runtime.churn_kinds import AnyChurnModel
from patronage.runtime.clv import ValueTerms
from patronage.runtime.histories import FloatArray
from patronage.runtime.known_values import known_shares
from patronage.runtime.reasons import USUAL, usual_values
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import TableSchema
from patronage.summary.customer_summary import summarise
from patronage.tracking.store import TrackingStore
from patronage.value.lifetime import value_terms

GROUPS = {
    "ledger", "dates", "engine", "contract", "identity", "features", "purchase", "spend", "churn", "panel", "backtest",
    "evaluation", "value", "validation", "tracking", "setting", "hazard",
}  # fmt: skip


BASIC_INPUTS = ("frequency", "recency", "T", "monetary_value", "days_since_last_purchase")
"""Inputs of every model: the summary, and what the hiatus rule, the baseline of churn, goes by."""


class Train(Settings):
    """Settings of ``patronage train`` that belong to no group."""

    time_unit: TimeUnit
    model_engine: Literal["native", "lifetimes"]
    refit: StrictBool
    run_name: str | None = Field(min_length=1)
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Fit:
    """Models fitted to what was known on a day, and the rules learnt from the same panel.

    Attributes
    ----------
    candidates : Candidates
        The purchase models that were fitted, `purchase` among them; one, unless the model is chosen.
    base_rate : float
        Share of churners in the panel.
    inputs : TableSchema
        The columns that the bundle and the rivals read.
    rivals : dict of str to Candidate
        Further churn models, fitted to the same panel; none, unless they were asked for.
    panel_rows : int
        Rows of the panel.
    """

    bundle: Bundle
    purchase: PurchaseModel
    candidates: Candidates
    spend: GammaGamma
    hiatus: HiatusRule
    base_rate: float
    inputs: TableSchema
    rivals: dict[str, Candidate]
    panel_rows: int


@dataclass(frozen=True)
class Recipe:
    """A training's configuration, checked.

    Attributes
    ----------
    config : dict
        As it was given, for the record.
    open_ledger : callable
        Opens the ledger and holds it to the contract.
    """

    config: dict[str, Any]
    settings: Train
    dates: Dates
    features: Features
    panel: Panel
    backtest: Backtest
    evaluation: Evaluation
    hazard: Hazard
    value: ValueTerms
    store: TrackingStore
    open_ledger: Callable[[], Ledger]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Recipe":
        """Check a configuration; every part is built once, so that a setting that does not fit is refused at once.

        Raises
        ------
        ConfigError
            Naming the key.
        """
        settings = own_settings(Train, config, "train", GROUPS)
        for part in ("purchase", "spend"):
            built(config, part)
        dates = settings_from(Dates, config["dates"], "dates")
        churn = built(config, "churn")
        if not isinstance(churn, ShippableCandidate):
            message = (
                f"A bundle cannot hold the churn model {type(churn).__name__}: it serves comparisons. To train, choose "
                "churn=xgboost, churn=logistic or churn=stack."
            )
            raise ConfigError(message)
        panel = settings_from(Panel, config["panel"], "panel")
        if panel.level == "purchase_model" and isinstance(churn, StackedClassifier):
            message = "churn=stack goes by the level of the purchase model already: set panel.level to latest."
            raise ConfigError(message)
        if churn.horizon_days != dates.horizon_days:
            message = (
                f"churn.horizon_days is {config['churn']['horizon_days']} and dates.horizon_days {dates.horizon_days}: "
                "all scores look equally far ahead. Set dates.horizon_days alone."
            )
            raise ConfigError(message)
        return cls(
            config=config,
            settings=settings,
            dates=dates,
            features=settings_from(Features, config["features"], "features"),
            panel=panel,
            backtest=settings_from(Backtest, config["backtest"], "backtest"),
            evaluation=_evaluation(config),
            hazard=Hazard.from_config(config),
            value=value_terms(**settings_from(Value, config["value"], "value").model_dump()),
            store=tracking_store(config),
            open_ledger=ledger_opener(config, linked_until=dates.cutoff),
        )

    def fit(self, ledger: Ledger, as_of: date, kind: str | None = None, *, rivals: bool = False) -> Fit:
        """Fit all models to the ledger as it was known on a day.

        Parameters
        ----------
        ledger : Ledger
        as_of : date
        kind : str, optional
            Kind of the purchase model to use where it is chosen among several; the best one, if it is missing.
        rivals : bool
            Whether to fit the churn models of ``evaluation.candidates`` too.

        Raises
        ------
        FitError
            If a model cannot be estimated.
        DateError
            If a cut-off of the churn panel lies before the first customer.
        """
        horizon_days, unit = self.dates.horizon_days, self.settings.time_unit
        customers = summarise(ledger.transactions, as_of, unit, log_intervals=False).to_pandas()
        candidates = self._purchase_models(ledger, as_of)
        purchase = next((one for one in candidates.fitted if one.params_class.kind == kind), candidates.best)
        offered = input_schema(ledger.tables, self.features.groups)
        inputs = with_covariates(offered, ledger.tables, purchase.covariates)
        spend: GammaGamma = built(self.config, "spend")
        # With the first purchase included, the model reads columns that are features, not summary.
        known = model_input(ledger.tables, as_of, unit, inputs).execute() if spend.include_first else customers
        spend.fit(known)
        cutoffs = self.panel.cutoffs(as_of, horizon_days)
        churn = self._shipped_model(offered)
        others = {name: self._churn_model(offered, part) for name, part in self._rivals().items()} if rivals else {}
        read = {name for one in (churn, *others.values()) for name in one.features}
        panel = self.learning.rows(ledger, cutoffs, inputs, read, purchase)
        for one in (churn, *others.values()):
            one.fit(panel)
        shipped = churn.to_model()
        if self.panel.level == "purchase_model":
            shipped = levelled(shipped, ledger, panel, as_of, purchase, inputs, unit)
        read_by = _read_by(inputs, purchase, spend, churn)
        bundle = Bundle(
            purchase=purchase.to_params(),
            spend=spend.to_params(),
            churn=shipped,
            value=self.value,
            as_of=as_of,
            time_unit=unit,
            horizon_days=horizon_days,
            inputs=read_by,
            training=self._facts(ledger, customers, cutoffs, purchase, spend) | _usual(panel, shipped),
        )
        return Fit(
            bundle=bundle,
            purchase=purchase,
            candidates=candidates,
            spend=spend,
            hiatus=fit_hiatus_rule(panel),
            base_rate=float(panel["churned"].mean()),
            inputs=_read_by(inputs, purchase, spend, churn, *others.values()),
            rivals=others,
            panel_rows=len(panel),
        )

    def _rivals(self) -> dict[str, dict[str, Any]]:
        return candidate_parts(self.evaluation.candidates, self.config)

    def _shipped_model(self, inputs: TableSchema) -> ShippableCandidate:
        model = self._churn_model(inputs, self.config["churn"])
        assert isinstance(model, ShippableCandidate)
        return model

    def _churn_model(self, inputs: TableSchema, settings: Mapping[str, Any]) -> Candidate:
        """A churn model, told which columns there are if its settings do not name any."""
        return candidate(self.learning.part(inputs, settings))

    @property
    def learning(self) -> ChurnLearning:
        """What the churn classifier learns from."""
        return ChurnLearning(self.config, self.dates, self.features, self.panel, self.settings.time_unit)

    def _purchase_models(self, ledger: Ledger, as_of: date) -> Candidates:
        model: PurchaseModel | PurchaseModelChoice = built(self.config, "purchase")
        histories = purchase_histories(ledger.tables, as_of, self.settings.time_unit, model)
        fitted = model.fit(histories, weights=histories["n_customers"])
        return fitted if isinstance(fitted, Candidates) else Candidates((fitted,), {}, "aic")

    def _facts(
        self, ledger: Ledger, customers: pd.DataFrame, cutoffs: list[date], purchase: PurchaseModel, spend: GammaGamma
    ) -> dict[str, Any]:
        return {
            "patronage": __version__,
            "ledger": {"name": ledger.name, "sha256": ledger.digest, "customers": len(customers)},
            "engine": self.settings.model_engine,
            "churn_cutoffs": [day.isoformat() for day in cutoffs],
            "certificate": {"purchase": purchase.certificate_.as_dict(), "spend": spend.certificate_.as_dict()},
            "purchase_options": purchase.options,
            "covariance": {"purchase": _listed(purchase.covariance_), "spend": _listed(spend.covariance_)},
            "log_likelihood": {"purchase": purchase.log_likelihood_, "spend": spend.log_likelihood_},
            "spend_frequency_correlation": spend.frequency_correlation_,
        }


def _usual(panel: pd.DataFrame, model: AnyChurnModel) -> dict[str, Any]:
    """What is usual among the rows that the churn model learnt from, and what was missing."""
    columns = feature_columns(panel, model.features, model.categories)
    return {
        USUAL: usual_values(columns, model.features),
        **known_shares(columns, model.features, model.categories),
    }


def _listed(covariance: FloatArray) -> list[list[float]] | None:
    """A covariance as JSON values; nothing where it is unknown."""
    return covariance.tolist() if np.isfinite(covariance).all() else None


def _evaluation(config: dict[str, Any]) -> Evaluation:
    """The settings, of which those that belong together are checked at once."""
    evaluation = settings_from(Evaluation, config["evaluation"], "evaluation")
    evaluation.judging  # noqa: B018  (refuses costs that do not fit)
    for part in candidate_parts(evaluation.candidates, config).values():
        built({"churn": part}, "churn")
    return evaluation


def _read_by(inputs: TableSchema, purchase: PurchaseModel, spend: GammaGamma, *churn: Candidate) -> TableSchema:
    """The columns that the models read and the holdout is judged by; scoring need not compute the others."""
    read = {*BASIC_INPUTS, *purchase.covariates, *spend.to_params().columns}
    read.update(name for one in churn for name in one.features)
    return TableSchema(inputs.name, tuple(column for column in inputs.columns if column.name in read))
