"""The experiment file that a search writes, and the command that trains with it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronage.errors import ConfigError, OutputError
from patronage.files import check_writable, written_whole
from patronage.paths import conf_folder

GROUP = "experiment"
"""Name of the folder that Hydra looks for experiments in."""

MARK = "# Written by patronage tune."

PARTS = ("churn", "panel", "features")
"""Parts of the configuration that the file holds: the model, and what it learns from."""

BORROWED = ("_target_", "horizon_days")
"""Settings of a churn model that come with the choice of the model, or from elsewhere in the configuration."""


@dataclass(frozen=True)
class TunedFile:
    """Where the best settings go, and what belongs to them.

    Attributes
    ----------
    path : Path
        In a folder that is called experiment.
    model : str
        Option of the group churn.
    config : dict
        The whole configuration.
    overrides : tuple of str
        What the command line says beside what is in the file, for `patronage train` to be told too.
    base : str or None
        The experiment that was in force, on which the file builds.
    """

    path: Path
    model: str
    config: dict[str, Any]
    overrides: tuple[str, ...]
    base: str | None

    @classmethod
    def of(cls, out: str | None, config: dict[str, Any], not_of_train: Sequence[str]) -> "TunedFile":
        """Of a configuration; `out` is the path if one was given, `not_of_train` are keys that train does not know.

        Raises
        ------
        ConfigError
            If the file could not be used as an experiment there.
        """
        model, overrides, experiment = _chosen(config)
        path = Path(out or f"outputs/{GROUP}/tuned_{model}.yaml")
        if path.parent.name != GROUP or path.suffix != ".yaml":
            message = (
                f"out must be a .yaml file in a folder called {GROUP}, where Hydra finds it as {GROUP}=NAME; got "
                f"{str(path)!r}. For example out=outputs/{GROUP}/{path.stem}.yaml."
            )
            raise ConfigError(message)
        dropped = {*PARTS, GROUP, *not_of_train}
        kept = [one for one in overrides if _key(one) not in dropped]
        if experiment == path.stem and _is_own(path):
            # To build on itself would be a circle.
            experiment = _base_of(path)
        if experiment:
            # The experiment may choose a model as well, and Hydra takes one choice from the files.
            kept.append(f"churn={model}")
        return cls(path, model, config, tuple(kept), experiment)

    def check_free(self) -> None:
        """Prove that the file can be written, and does not replace one that is not of this kind.

        Raises
        ------
        OutputError
        """
        check_writable(self.path.parent)
        if self.path.exists() and not _is_own(self.path):
            message = f"{self.path} was not written by patronage tune and is left alone. Set out to another file."
            raise OutputError(message)

    def write(self, churn: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Write the file.

        Parameters
        ----------
        churn : mapping
            Settings of the churn model.
        lines : sequence of str
            What is to be said of them, as comments.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from omegaconf import OmegaConf

        parts = {name: self.config[name] for name in PARTS} | {"churn": self._own(churn)}
        held = {"defaults": [self.base or {"override /churn": self.model}, "_self_"], **parts}
        text = "\n".join(
            ["# @package _global_", MARK, *(f"# {line}" for line in lines), f"# {self.next_command}", ""]
        ) + OmegaConf.to_yaml(held)
        with written_whole(self.path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")

    @property
    def next_command(self) -> str:
        """The command that trains with the file."""
        words = ["patronage", "train", "--config-dir", str(self.path.parent.parent), f"{GROUP}={self.path.stem}"]
        return shlex.join([*words, *self.overrides])

    def _own(self, churn: Mapping[str, Any]) -> dict[str, Any]:
        """Settings without those that are borrowed; a seed that is that of the training is borrowed too."""
        own = {}
        for name, value in churn.items():
            if name in BORROWED or (name == "seed" and value == self.config["seed"]):
                continue
            own[name] = self._own(value) if isinstance(value, Mapping) and "_target_" in value else value
        return own


def _chosen(config: Mapping[str, Any]) -> tuple[str, list[str], str | None]:
    """The option of the group churn, the overrides of the command line, and the experiment."""
    from hydra.core.hydra_config import HydraConfig

    if HydraConfig.initialized():
        hydra = HydraConfig.get()
        choices = hydra.runtime.choices
        return str(choices["churn"]), list(hydra.overrides.task), choices.get(GROUP)
    from omegaconf import DictConfig, OmegaConf

    target, options = config["churn"]["_target_"], []
    for path in sorted((conf_folder() / "churn").glob("*.yaml")):
        option = OmegaConf.load(path)
        if isinstance(option, DictConfig) and option.get("_target_") == target:
            options.append(path.stem)
    if not options:
        message = f"No option of the group churn makes a {target}; the search can be run in Python."
        raise ConfigError(message)
    return options[0], [], None


def _is_own(path: Path) -> bool:
    return path.is_file() and MARK in path.read_text("utf-8", "replace")


def _base_of(path: Path) -> str | None:
    from omegaconf import OmegaConf

    first = OmegaConf.to_container(OmegaConf.load(path))["defaults"][0]  # type: ignore[index,call-overload]
    return first if isinstance(first, str) else None


def _key(override: str) -> str:
    """The first word of an override: the group or part that it touches."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0].partition(".")[0].partition("/")[0]
