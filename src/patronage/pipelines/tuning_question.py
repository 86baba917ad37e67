"""The question that a search is asked, and the places for what comes of it, checked before the long work."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, StrictBool

from patronage import __version__
from patronage.errors import ConfigError
from patronage.evaluation.rolling_origins import rolling_origins
from patronage.models.churn.tuning_objectives import Splits, later_customers
from patronage.models.churn.tuning_space import Budget, Setting
from patronage.models.churn.tuning_storage import study_name
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.recipe import GROUPS, Train
from patronage.pipelines.settings import Settings, own_settings
from patronage.pipelines.table_settings import tells_rows
from patronage.pipelines.tuned_file import TunedFile
from patronage.pipelines.tuning_material import Material, ledger_material, table_material
from patronage.tracking.store import SQLITE, TrackingStore

STUDIES = "tuning.db"
"""The file of trials, beside MLflow's own; the tables of both cannot share one database."""


class Tune(Settings):
    """Settings of ``patronage tune`` beside those of ``patronage train``."""

    trials: int | None = Field(ge=1)
    minutes: float | None = Field(gt=0)
    objective: Literal["log_loss", "roc_auc", "empc"]
    splits: Literal["later_customers", "rolling_origins"]
    n_folds: int = Field(ge=2)
    resume: StrictBool
    storage: str | None = Field(min_length=1)
    out: str | None = Field(min_length=1)
    replicates: int = Field(ge=2)

    @property
    def budget(self) -> Budget:
        """Both limits; one of them is enough."""
        if self.trials is None and self.minutes is None:
            message = "A search needs a budget: set trials, minutes, or both."
            raise ConfigError(message)
        return Budget(self.trials, None if self.minutes is None else 60 * self.minutes)


@dataclass(frozen=True)
class Question:
    """What a search is asked, checked before the long work.

    Attributes
    ----------
    config : dict
        As it was given.
    storage : str
        Of the trials.
    read : callable
        Reads the ledger or the table, and tells what became of its rows.
    """

    config: dict[str, Any]
    settings: Tune
    store: TrackingStore
    storage: str
    file: TunedFile
    read: Callable[[], Material]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Question":
        """Check a configuration, and that there is a place for every result.

        Raises
        ------
        ConfigError
            Naming the key.
        DateError
            If the panel is too short for rolling origins.
        OutputError
            If a result has nowhere to go.
        """
        own = {*Tune.model_fields, "tuning"}
        settings = own_settings(Tune, config, "tune", {*GROUPS, "tuning", *Train.model_fields})
        _ = settings.budget
        of_train = {name: value for name, value in config.items() if name not in own}
        own_settings(Train, of_train, "tune", GROUPS)
        store = tracking_store(config)
        storage = studies_of(settings.storage, store.uri)
        store.check_writable()
        file = TunedFile.of(settings.out, config, not_of_train=tuple(own))
        file.check_free()
        rolling = settings.splits == "rolling_origins"
        return cls(
            config=config,
            settings=settings,
            store=store,
            storage=storage,
            file=file,
            read=table_material(of_train) if tells_rows(config) else ledger_material(of_train, rolling),
        )

    def digest(self, material: Material, space: dict[str, Setting]) -> str:
        """A digest of all that the values of the trials depend on."""
        asked = {
            "patronage": __version__,
            **material.asked,
            "rules": {name: value for name, value in self.config["contract"].items() if "set_aside" not in name},
            "churn": material.part,
            "space": {name: repr(setting) for name, setting in sorted(space.items())},
            "judged": [self.settings.objective, self.settings.splits, self.settings.n_folds],
            "seed": self.config["seed"],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()

    def study(self, material: Material, space: dict[str, Setting]) -> str:
        """Name of the study: another question has another one, so that none goes on with the trials of another."""
        name = f"{material.name}-{self.file.model}-{self.digest(material, space)[:12]}"
        return study_name(self.storage, name, anew=not self.settings.resume)

    def splits(self, material: Material) -> Splits:
        """How trials are validated.

        Raises
        ------
        DateError
            If there are too few days for rolling origins.
        ConfigError
            If rolling origins are wanted, and nothing says how far the label looks ahead.
        """
        if self.settings.splits == "later_customers":
            return later_customers(self.settings.n_folds, self.config["seed"])
        if material.horizon_days is None:
            message = "splits=rolling_origins needs dates.horizon_days; without days choose splits=later_customers."
            raise ConfigError(message)
        days = pd.to_datetime(material.panel["cutoff"])
        origins = rolling_origins(sorted(days.dt.date.unique()), material.horizon_days)
        rows = [origin.rows(days) for origin in origins]
        return lambda *_: [(train, test) for train, _, test in rows]

    def tags(self, material: Material) -> dict[str, str]:
        """What the run of the study says of itself."""
        return {
            "patronage.ledger": f"{material.name}: {material.account}",
            "patronage.objective": self.settings.objective,
            "patronage.compared_on": material.later_words,
        }


def studies_of(storage: str | None, tracking_uri: str) -> str:
    """Where trials are kept: what was given, or a file beside MLflow's database.

    Raises
    ------
    ConfigError
        If the tracking store is no file and nothing was given, or both would share a database.
    """
    if storage is not None and storage != tracking_uri:
        return storage
    if storage is not None:
        message = (
            f"storage is the database of MLflow ({tracking_uri}); its tables and those of the trials cannot share one. "
            "Give storage a database of its own."
        )
        raise ConfigError(message)
    if not tracking_uri.startswith(SQLITE):
        message = (
            "The tracking store is a server, which does not keep trials. Set storage to a database of their own, for "
            "example storage=postgresql+psycopg://user@host/studies, or to a file: storage=outputs/tuning.db."
        )
        raise ConfigError(message)
    return str(Path(tracking_uri.removeprefix(SQLITE)).with_name(STUDIES))
