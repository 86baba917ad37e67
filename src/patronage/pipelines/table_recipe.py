"""The recipe of a training on a customer table or on contracts: every setting checked before the long work."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from patronage.errors import ConfigError
from patronage.evaluation.churn_money import CampaignTerms
from patronage.ledger.customer_rows import CustomerTable
from patronage.ledger.opening import Ledger
from patronage.models.churn.candidate import Candidate, ShippableCandidate
from patronage.pipelines.contract_table import contract_opener, contract_reader
from patronage.pipelines.evaluation_settings import Evaluation, candidate_parts
from patronage.pipelines.next_command import override, score_command, told
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.recipe import GROUPS, Train
from patronage.pipelines.settings import Dates, built, own_settings, settings_from
from patronage.pipelines.table_settings import TableDates, Validation, is_of_contracts, table_reader
from patronage.pipelines.time_to_churn import Hazard
from patronage.schema import PURCHASE_OUTPUTS
from patronage.tracking.store import TrackingStore

USED = (
    "ledger", "dates", "engine", "contract", "churn", "evaluation", "validation", "tracking", "seed", "run_name",
)  # fmt: skip
"""What of the configuration matters for a table; the rest is not recorded."""

USED_OF_CONTRACTS = ("setting", "identity", "features", "panel", "hazard")
"""What else matters where the table is made of contracts."""

BASELINE = "logistic"
"""Churn model that every other one is held against."""

ALSO_TO_SCORE: dict[str, Any] = {
    "customer_id": None, "snapshot": None, "missing": [], "timestamp_format": None, "table": None, "file_format": None,
    "delimiter": None, "encoding": "utf-8", "decimal": ".", "thousands": None,
}  # fmt: skip
"""What has to be told of a table to score it as of the one that was learnt from, and what nobody has to tell."""

NO_HORIZON = 1
"""What candidates, which want one, are told where nobody knows how far the label looks ahead."""


@dataclass(frozen=True)
class TableRecipe:
    """A training's configuration, checked.

    Attributes
    ----------
    config : dict
        What matters of it, for the record.
    horizon_days : int or None
    of_contracts : bool
        Whether the table is made of the contracts of a ledger.
    read : callable
        Reads the table and holds it to the contract.
    open_ledger : callable or None
        Opens the ledger whose contracts they are, once; none for a table.
    observed_until : date or None
        Last day of which that ledger is complete.
    hazard : Hazard
        How time to churn is learnt.
    """

    config: dict[str, Any]
    settings: Train
    horizon_days: int | None
    validation: Validation
    evaluation: Evaluation
    store: TrackingStore
    of_contracts: bool
    read: Callable[[], CustomerTable]
    hazard: Hazard
    open_ledger: Callable[[], Ledger] | None = None
    observed_until: date | None = None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TableRecipe":
        """Check a configuration.

        Raises
        ------
        ConfigError
            Naming the key.
        """
        of_contracts = is_of_contracts(config)
        kind: type[Dates | TableDates] = Dates if of_contracts else TableDates
        dates = settings_from(kind, config["dates"], "dates")
        used = (*USED, *(USED_OF_CONTRACTS if of_contracts else ()))
        hazard = Hazard.from_config(config)
        if hazard.n_periods:
            _refuse_hazard_of_table(of_contracts)
        open_ledger = contract_opener(config) if of_contracts else None
        recipe = cls(
            config={name: value for name, value in config.items() if name in used},
            settings=own_settings(Train, config, "train", GROUPS),
            horizon_days=dates.horizon_days,
            validation=settings_from(Validation, config["validation"], "validation"),
            evaluation=settings_from(Evaluation, config["evaluation"], "evaluation"),
            store=tracking_store(config),
            of_contracts=of_contracts,
            hazard=hazard,
            open_ledger=open_ledger,
            observed_until=dates.observed_until,
            read=contract_reader(config, open_ledger)
            if of_contracts
            else table_reader(config, lambda source, engine: source.read(engine)),
        )
        if config["churn"].get("horizon_days") != recipe.horizon_days:
            message = "churn.horizon_days is that of the label: set dates.horizon_days alone, or none."
            raise ConfigError(message)
        recipe.campaign  # noqa: B018  (refuses costs that do not fit)
        recipe.candidate()
        recipe.rivals()
        return recipe

    @property
    def duplicates_together(self) -> bool:
        """Whether rows that agree in all features may be the same customer twice, which in a ledger ids rule out."""
        return self.validation.keep_duplicates_together and not self.of_contracts

    def next_command(self, model: str) -> str:
        """How to score by the model that was trained: contracts of its ledger, or its table as an example of others."""
        if self.of_contracts:
            return score_command(self.config, model)
        ledger = self.config["ledger"]
        asked = {name: ledger.get(name, unset) for name, unset in ALSO_TO_SCORE.items()}
        given = [override(f"ledger.{name}", one) for name, one in asked.items() if one != ALSO_TO_SCORE[name]]
        given += [*told(self.config, ("engine", "contract", "tracking")), override("model", model)]
        return " ".join(["patronage score ledger=customer_table", override("ledger.path", ledger["path"]), *given])

    @property
    def campaign(self) -> CampaignTerms:
        """What an offer to stay costs and brings."""
        return CampaignTerms(**self.evaluation.campaign.model_dump())

    def candidate(self, features: tuple[str, ...] | None = None) -> ShippableCandidate:
        """The churn model, not fitted yet; without features only to see whether its settings fit.

        Raises
        ------
        ConfigError
            If a bundle cannot hold it, or it wants features that there are not.
        """
        model = self._built(self.config["churn"], features)
        if not isinstance(model, ShippableCandidate):
            message = f"A bundle cannot hold the churn model {type(model).__name__}: choose churn=xgboost or logistic."
            raise ConfigError(message)
        return model

    def rivals(self, features: tuple[str, ...] | None = None) -> dict[str, Callable[[], Candidate]]:
        """What it is held against, by name: logistic regression, and ``evaluation.candidates``."""
        names = list(self.evaluation.candidates)
        own = str(self.config["churn"].get("_target_"))
        parts = candidate_parts(names, self.config)
        if BASELINE not in parts:
            baseline = candidate_parts([BASELINE], self.config)
            if baseline[BASELINE]["_target_"] != own:
                parts = baseline | parts
        if features is None:
            for part in parts.values():
                self._built(part, None)
        return {name: partial(self._built, part, features) for name, part in parts.items()}

    def _built(self, settings: dict[str, Any], features: tuple[str, ...] | None) -> Candidate:
        part = deepcopy(settings)
        asked = part.get("features")
        if "features" not in part or set(asked or ()) & set(PURCHASE_OUTPUTS):
            message = (
                "This churn model goes by purchases, of which a table of customers or contracts knows nothing: choose "
                "churn=xgboost, lightgbm, catboost, hist_gradient_boosting or logistic."
            )
            raise ConfigError(message)
        if features is None:
            part["features"] = ["a column"]
            part |= {key: None for key in ("monotone_constraints", "interactions") if key in part}
        elif unknown := [name for name in asked or () if name not in features]:
            message = f"Unknown churn.features: {', '.join(unknown)}. The table offers: {', '.join(features)}."
            raise ConfigError(message)
        else:
            part["features"] = list(asked or features)
        part["horizon_days"] = self.horizon_days or NO_HORIZON
        model: Candidate = built({"churn": part}, "churn")
        return model


def _refuse_hazard_of_table(of_contracts: bool) -> None:
    if not of_contracts:
        message = (
            "hazard=boosted asks when customers leave; a customer table says whether they left, and not on which day. "
            "Give a ledger with contract_start and contract_end (setting=contracts), or leave hazard=none."
        )
        raise ConfigError(message)
