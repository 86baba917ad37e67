"""How ``train`` judges what it fitted, checked before the long work."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from omegaconf import OmegaConf
from pydantic import Field, StrictBool

from patronage.errors import ConfigError
from patronage.evaluation.churn_money import CampaignTerms
from patronage.evaluation.holdout import MODEL, Judging
from patronage.evaluation.judging import Resamples
from patronage.paths import conf_folder
from patronage.pipelines.settings import Settings

RESERVED = (MODEL, "not_active", "not_alive", "recency", "hiatus", "base_rate")
"""Names of the rules that stand beside every model."""


class CampaignSettings(Settings):
    """What an offer to stay costs and brings."""

    offer_cost: float = Field(ge=0, lt=float("inf"))
    contact_cost: float = Field(ge=0, lt=float("inf"))
    acceptance: float = Field(gt=0, lt=1)
    acceptance_spread: float = Field(gt=0, lt=1)
    loyal_acceptance: float = Field(ge=0, le=1)


class Evaluation(Settings):
    """Intervals, earlier cut-offs, rivals, parts of the customers and costs."""

    replicates: int = Field(ge=0)
    level: float = Field(gt=0, lt=1)
    n_cutoffs: int = Field(ge=0)
    step_days: int = Field(ge=1)
    leaks: StrictBool
    drivers: StrictBool
    candidates: list[str]
    slices: list[str]
    campaign: CampaignSettings

    @property
    def judging(self) -> Judging:
        """The same, as the evaluation takes it.

        Raises
        ------
        ConfigError
            If the costs do not fit together.
        """
        resamples = Resamples(self.replicates, self.level)
        return Judging(resamples, CampaignTerms(**self.campaign.model_dump()), self.leaks, self.drivers)

    def cutoffs(self, judged_at: date) -> list[date]:
        """Earlier cut-offs, latest first."""
        return [judged_at - timedelta(days=k * self.step_days) for k in range(1, self.n_cutoffs + 1)]


def candidate_parts(names: Sequence[str], config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of further churn models, as their files have them, for the dates and the seed of a configuration.

    Parameters
    ----------
    names : sequence of str
        Options of the group churn.
    config : dict
        The whole configuration, whose other keys the files refer to.

    Raises
    ------
    ConfigError
        If there is no such option, or it is named twice.
    """
    folder = conf_folder() / "churn"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    unknown = [name for name in names if name not in known or name in RESERVED]
    if unknown or len(set(names)) < len(names):
        message = (
            f"evaluation.candidates must be churn models, each once, of {', '.join(known)}; got {', '.join(names)}."
        )
        raise ConfigError(message)
    parts = {}
    for name in names:
        lent = {key: value for key, value in config.items() if key in ("dates", "seed")}
        whole = OmegaConf.create({**lent, "churn": OmegaConf.load(folder / f"{name}.yaml")})
        parts[name] = OmegaConf.to_container(whole.churn, resolve=True)
    return parts  # type: ignore[return-value]
