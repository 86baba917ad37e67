"""What a search for settings may try, and when it ends."""

from dataclasses import dataclass
from typing import Any

from patronage.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """What a setting may be: anything between two numbers, or one of some choices.

    Attributes
    ----------
    low, high : float, optional
        Both ends of a range, included; whole numbers if both are.
    log : bool
        Whether the range is searched by orders of magnitude.
    choices : tuple, optional
        Text, numbers, truth values or None.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None) or (self.low is None) != (self.high is None) or self.choices == ():
            message = "A setting to tune is either a range from low to high, or choices."
            raise ConfigError(message)
        if ranged and not (self.low < self.high and (self.low > 0 or not self.log)):  # type: ignore[operator]
            message = f"A range goes from low up to high, above 0 if it is log; got {self.low} to {self.high}."
            raise ConfigError(message)
        odd = [one for one in self.choices or () if not isinstance(one, str | int | float | None)]
        if odd:
            message = f"Choices are text, numbers, truth values or null; got {odd[0]!r}."
            raise ConfigError(message)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Both ends of the range, or all choices: if the model takes these, it takes whatever is tried."""
        return self.choices if self.choices is not None else (self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Whether a value could be tried."""
        if self.choices is not None:
            return any(value == one and type(value) is type(one) for one in self.choices)
        number = isinstance(value, int if self._whole else int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def suggested(self, trial: Any, name: str) -> Any:
        """The value that a trial tries."""
        if self.choices is not None:
            return trial.suggest_categorical(name, list(self.choices))
        return (trial.suggest_int if self._whole else trial.suggest_float)(name, self.low, self.high, log=self.log)

    @property
    def _whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Budget:
    """When a search ends: after so many trials, or so much time, whichever comes first.

    Attributes
    ----------
    trials : int, optional
        Those of earlier calls with the same study count.
    seconds : float, optional
        Of this call; the trial that is running then is finished.
    """

    trials: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.trials, self.seconds) if limit is not None]
        if not given or min(given) <= 0:
            message = f"A search needs a budget of trials or seconds above 0; got {self.trials} and {self.seconds}."
            raise ConfigError(message)
