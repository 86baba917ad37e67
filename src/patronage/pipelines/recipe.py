"""The recipe of a training: every setting checked before the long work, and the models fitted by it as of a day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd
from pydantic import Field, StrictBool

from patronage import __version__
from patronage.errors import ConfigError
from patronage.evaluation.baselines import HiatusRule, fit_hiatus_rule
from patronage.ledger.opening import Ledger
from patronage.models.churn.panel import churn_panel
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.settings import (
    Dates,
    Panel,
    Settings,
    Value,
    built,
    own_settings,
    settings_from,
)
from patronage.runtime.bundle import Bundle
from patronage.runtime.clv import ValueTerms
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.customer_summary import summarise
from patronage.tracking.store import TrackingStore
from patronage.value.lifetime import value_terms

GROUPS = {"ledger", "dates", "contract", "purchase", "spend", "churn", "panel", "value", "tracking"}


class Train(Settings):
    """Settings of ``patronage train`` that belong to no group."""

    time_unit: TimeUnit
    model_engine: Literal["native", "lifetimes"]
    refit: StrictBool
    run_name: str = Field(min_length=1)
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Fit:
    """Models fitted to what was known on a day, and the rules learnt from the same panel."""

    bundle: Bundle
    purchase: BetaGeoNBD
    spend: GammaGamma
    hiatus: HiatusRule
    base_rate: float


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
    panel: Panel
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
        if built(config, "churn").horizon_days != dates.horizon_days:
            message = (
                f"churn.horizon_days is {config['churn']['horizon_days']} and dates.horizon_days {dates.horizon_days}: "
                "all scores look equally far ahead. Set dates.horizon_days alone."
            )
            raise ConfigError(message)
        return cls(
            config=config,
            settings=settings,
            dates=dates,
            panel=settings_from(Panel, config["panel"], "panel"),
            value=value_terms(**settings_from(Value, config["value"], "value").model_dump()),
            store=tracking_store(config),
            open_ledger=ledger_opener(config),
        )

    def fit(self, ledger: Ledger, as_of: date) -> Fit:
        """Fit all models to the ledger as it was known on a day.

        Raises
        ------
        FitError
            If a model cannot be estimated.
        DateError
            If a cut-off of the churn panel lies before the first customer.
        """
        horizon_days, unit = self.dates.horizon_days, self.settings.time_unit
        summary = summarise(ledger.transactions, as_of=as_of, time_unit=unit)
        histories, customers = summary.histories(), summary.to_pandas()
        purchase: BetaGeoNBD = built(self.config, "purchase").fit(histories, weights=histories["n_customers"])
        spend: GammaGamma = built(self.config, "spend").fit(customers)
        cutoffs = self.panel.cutoffs(as_of, horizon_days)
        panel = churn_panel(ledger.transactions, cutoffs, horizon_days, unit)
        churn = built(self.config, "churn").fit(panel)
        bundle = Bundle(
            purchase=purchase.to_params(),
            spend=spend.to_params(),
            churn=churn.to_model(),
            value=self.value,
            as_of=as_of,
            time_unit=unit,
            horizon_days=horizon_days,
            training=self._facts(ledger, customers, cutoffs, purchase, spend),
        )
        return Fit(bundle, purchase, spend, fit_hiatus_rule(panel), float(panel["churned"].mean()))

    def _facts(
        self, ledger: Ledger, customers: pd.DataFrame, cutoffs: list[date], purchase: BetaGeoNBD, spend: GammaGamma
    ) -> dict[str, Any]:
        return {
            "patronage": __version__,
            "ledger": {"name": ledger.name, "sha256": ledger.digest, "customers": len(customers)},
            "engine": self.settings.model_engine,
            "churn_cutoffs": [day.isoformat() for day in cutoffs],
            "log_likelihood": {"purchase": purchase.log_likelihood_, "spend": spend.log_likelihood_},
            "spend_frequency_correlation": spend.frequency_correlation_,
        }
