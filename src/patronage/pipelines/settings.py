"""Configuration, checked: from Hydra's tree to plain typed values, with every problem named at once."""

from datetime import date, timedelta
from typing import Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from patronage.errors import ConfigError, PatronageError

MISSING = "???"
COMMON = {"signing"}
"""What every command's configuration holds and `command.run` itself reads."""

TRACKING_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks")

T = TypeVar("T", bound="Settings")


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Contract(Settings):
    """How many bad rows are borne, and where they go."""

    max_set_aside_share: float = Field(ge=0, le=1)
    set_aside: str


class Dates(Settings):
    """The days that split a ledger."""

    cutoff: date
    horizon_days: int = Field(ge=1)
    observed_until: date

    @property
    def holdout_end(self) -> date:
        """Last day of the holdout."""
        return self.cutoff + timedelta(days=self.horizon_days)

    @model_validator(mode="after")
    def _holdout_was_observed(self) -> "Dates":
        if self.holdout_end > self.observed_until:
            message = (
                f"the holdout, {self.horizon_days} days after the cut-off {self.cutoff}, ends on {self.holdout_end}, "
                f"but the ledger is observed only until {self.observed_until}: choose an earlier cut-off or a shorter "
                "horizon"
            )
            raise ValueError(message)
        return self


class Features(Settings):
    """Groups of features that the churn classifier may look at."""

    groups: list[str] | None
    leave_out: list[str]
    purchase_model: bool


class Panel(Settings):
    """Earlier cut-offs that the churn classifier learns from."""

    n_cutoffs: int = Field(ge=1)
    step_days: int = Field(ge=1)
    level: Literal["latest", "purchase_model"]

    def cutoffs(self, judged_at: date, horizon_days: int) -> list[date]:
        """The cut-offs, latest first; their label windows end on `judged_at` or before."""
        latest = judged_at - timedelta(days=horizon_days)
        return [latest - timedelta(days=k * self.step_days) for k in range(self.n_cutoffs)]


class Backtest(Settings):
    """Earlier origins that intervals are judged and corrected by."""

    n_origins: int = Field(ge=0)
    step_days: int = Field(ge=1)
    level: float = Field(gt=0, lt=1)

    def origins(self, judged_at: date, horizon_days: int) -> list[date]:
        """Earlier cut-offs, latest first; their holdouts were over at `judged_at`."""
        latest = judged_at - timedelta(days=horizon_days)
        return [latest - timedelta(days=k * self.step_days) for k in range(self.n_origins)]


class Value(Settings):
    """What turns purchases into money of today; see `runtime.clv.ValueTerms`."""

    margin_rate: float = Field(ge=0, le=1)
    discount_rate_yearly: float = Field(gt=-1, lt=float("inf"))
    period_days: float = Field(gt=0, lt=float("inf"))


class Tracking(Settings):
    """Where runs and models are kept."""

    uri: str
    artifacts: str | None
    experiment: str = Field(min_length=1)
    registered_model: str = Field(min_length=1, pattern=r"^[^/:@]+$")

    @field_validator("uri")
    @classmethod
    def _known_scheme(cls, uri: str) -> str:
        scheme = uri.partition("://")[0].partition("+")[0]
        if "://" not in uri or scheme not in TRACKING_SCHEMES:
            message = f"must begin with one of {', '.join(f'{known}://' for known in TRACKING_SCHEMES)}"
            raise ValueError(message)
        return uri


def settings_from(kind: type[T], config: Any, where: str = "") -> T:
    """Check a part of the configuration.

    Parameters
    ----------
    kind : subclass of Settings
    config : mapping
        Plain values.
    where : str
        Name of the part, for messages.

    Raises
    ------
    ConfigError
        Naming every key that is missing, unknown, of the wrong type or out of range.
    """
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            key = ".".join(filter(None, [where, *map(str, problem["loc"])]))
            value = problem["input"]
            if value == MISSING:
                problems.append(f"{key} is not set")
            else:
                shown = "" if isinstance(value, dict) else f" (got {value!r})"
                problems.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}{shown}")
        raise ConfigError("; ".join(problems) + ".") from error


def plain(config: DictConfig, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Resolve the whole tree to plain values.

    Parameters
    ----------
    config : DictConfig
        What Hydra composed.
    optional : tuple of str
        Groups that may stay unset (``???``), because they only lend their values to other keys.

    Raises
    ------
    ConfigError
        Naming every key that is not set, or the one that refers to a key that is not.
    """
    unset = [key for key in _unset(OmegaConf.to_container(config)) if key.split(".")[0] not in optional]
    if unset:
        message = f"Not set: {', '.join(unset)}. Give {'it' if len(unset) == 1 else 'each'} as {unset[0]}=VALUE."
        raise ConfigError(message)
    try:
        values = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "a key"
        message = f"{key} is not set ({str(error).splitlines()[0]}). Give it as {key}=VALUE."
        raise ConfigError(message) from error
    return {str(key): value for key, value in values.items()}  # type: ignore[union-attr]


def _unset(tree: Any, prefix: str = "") -> list[str]:
    """Keys whose own value is ``???``; OmegaConf.missing_keys would trip over references to them."""
    if isinstance(tree, dict):
        return [key for name, value in tree.items() for key in _unset(value, f"{prefix}.{name}".lstrip("."))]
    return [prefix] if tree == MISSING else []


def built(config: dict[str, Any], group: str) -> Any:
    """Make the part that a group describes: ``_target_`` called with the other keys.

    Raises
    ------
    ConfigError
        If a key is not set, unknown to the part, or of the wrong type.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    part = config[group]
    try:
        return instantiate(part)
    except InstantiationException as error:
        if isinstance(error.__cause__, PatronageError):
            raise error.__cause__ from error
        message = f"The settings of {group} do not fit: {error.__cause__ or error}."
        raise ConfigError(message) from error


def own_settings(kind: type[T], config: dict[str, Any], command: str, groups: set[str]) -> T:
    """Check the keys at the top of the configuration that belong to no group, and refuse those nobody reads.

    Raises
    ------
    ConfigError
        Naming every key that is unknown, missing, of the wrong type or out of range.
    """
    known = {*COMMON, *groups, *kind.model_fields}
    unknown = sorted(set(config) - known)
    if unknown:
        message = f"patronage {command} does not know {', '.join(unknown)}; it knows {', '.join(sorted(known))}."
        raise ConfigError(message)
    return settings_from(kind, {key: value for key, value in config.items() if key in kind.model_fields})
