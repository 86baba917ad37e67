"""Why a customer was scored so: the topics that moved the log odds of churn most, in plain words.

Contributions of features (`contributions.py`) are summed over topics (`reason_topics.py`), the strongest topics are
told, and each is told by the feature in it that pushed most in the same direction. A reason is what the model went by,
not what would happen if it were changed: association, not cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from .contributions import Explainer, ExplainMethod, Usual
from .histories import FloatArray
from .phrases import ORDER_DAYS, Wording, digits, rounded, said
from .reason_number import checked_number
from .reason_topics import Topics
from .wordings import IN_DAYS, TEXT_TOPICS, WORDINGS

Direction = Literal["both", "raises", "keeps"]
"""Which reasons: those that raise the probability of churn, those that keep the customer, or the strongest of both."""

DIRECTIONS: tuple[Direction, ...] = ("both", "raises", "keeps")

LEAST_EFFECT = 0.01
"""Log odds: a topic that changes the odds by less than a hundredth is no reason."""

ROWS_AT_ONCE = 131_072
"""Rows whose contributions are held at the same time."""

USUAL = "usual"
"""Where a bundle's training facts keep what is usual."""

IN_UNITS = {days: units for units, days in IN_DAYS.items()}
"""Columns in days, and those in the model's own unit of time that say the same."""

OF_CONTRACTS = "of_contracts"
"""Where the training facts of a bundle of rows say that the rows are contracts, with the features of a ledger."""

Texts = NDArray[Any]


@dataclass(frozen=True)
class Reasons:
    """The reasons of n customers, strongest first.

    Attributes
    ----------
    text : tuple of ndarray of object, each of shape (n,)
        What is told first, second, ...; None where nothing further is worth telling.
    effect : tuple of ndarray of float64, each of shape (n,)
        What the topic adds to the log odds of churn before calibration: above 0 it raises them, below 0 it keeps the
        customer. NaN where there is no reason.
    topic : tuple of ndarray of object, each of shape (n,)
        What the reason is about.
    margin : ndarray of float64, shape (n,)
        Sum of all contributions and the bias: the log odds that were scored.
    """

    text: tuple[Texts, ...]
    effect: tuple[FloatArray, ...]
    topic: tuple[Texts, ...]
    margin: FloatArray


class ReasonTeller:
    """Tells the reasons behind the scores of one churn model.

    Parameters
    ----------
    explainer : Explainer
    time_unit_days : float
        Days in the unit of the columns T and recency.
    usual : mapping, optional
        What is usual, by column: the median of numbers. Columns without words of their own are held against it.
    of_ledger : bool
        Whether the features are those of a ledger, which have words of their own. A column of a customer table may
        have the same name and mean something else.

    Attributes
    ----------
    topics : Topics
        What reasons may be about.
    """

    def __init__(
        self,
        explainer: Explainer,
        time_unit_days: float = 1.0,
        usual: Usual | None = None,
        of_ledger: bool = True,
    ) -> None:
        self.explainer = explainer
        self.time_unit_days = time_unit_days
        self.usual = dict(usual or {})
        self.of_ledger = of_ledger
        self.topics = Topics(explainer.features, of_ledger, time_unit_days)

    @classmethod
    def of_bundle(cls, bundle: Any, method: ExplainMethod = "auto") -> "ReasonTeller":
        """The teller of a bundle, of a ledger or of a customer table.

        Parameters
        ----------
        bundle : Bundle or TableBundle
            Its ``training["usual"]``, if it is there, says what is usual.
        method : {"auto", "exact", "fast"}
            See `contributions.ExplainMethod`.
        """
        usual = bundle.training.get(USUAL) or {}
        unit = getattr(bundle, "time_unit", None)
        explainer = Explainer(bundle.churn, usual, method)
        of_ledger = unit is not None or bool(bundle.training.get(OF_CONTRACTS))
        return cls(explainer, unit.days if unit is not None else 1.0, usual, of_ledger)

    def tell(self, columns: Mapping[str, NDArray[Any]], n_reasons: int = 3, direction: Direction = "both") -> Reasons:
        """The strongest reasons of each row.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            What the churn model read when it scored the rows: the bundle's inputs and what the purchase model tells.
        n_reasons : int
            The most that are told, as `reason_number.checked_number` takes them.
        direction : {"both", "raises", "keeps"}

        Raises
        ------
        ConfigError
            If `n_reasons` or `direction` does not fit.
        InputError, ModelError
            As `Explainer.contributions`.
        """
        n_reasons = checked_number(n_reasons, len(self.explainer.features))
        _check_direction(direction)
        n = len(columns[self.explainer.features[0]])
        parts = []
        for start in range(0, max(n, 1), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            block = {name: values[rows] for name, values in columns.items()}
            parts.append(self._tell_block(block, n_reasons, direction))
        joined = {
            field: tuple(np.concatenate([getattr(part, field)[k] for part in parts]) for k in range(n_reasons))
            for field in ("text", "effect", "topic")
        }
        return Reasons(**joined, margin=np.concatenate([part.margin for part in parts]))

    def _tell_block(self, columns: Mapping[str, NDArray[Any]], n_reasons: int, direction: Direction) -> Reasons:
        values = self.explainer.contributions(columns)
        by_topic, leading = self.topics.sums(values, columns)
        strength = {"both": np.abs, "raises": np.positive, "keeps": np.negative}[direction](by_topic)
        effects, leads, topics = [], [], []
        every = np.arange(by_topic.shape[1])
        names = self.topics.names
        for place in range(n_reasons):
            if place >= len(names):
                strongest, enough = np.zeros(len(every), dtype=np.intp), np.zeros(len(every), dtype=bool)
            else:
                strongest = strength.argmax(axis=0)
                enough = strength[strongest, every] >= LEAST_EFFECT
            effects.append(np.where(enough, by_topic[strongest, every], np.nan))
            leads.append(np.where(enough, leading[strongest, every], -1))
            topics.append(_if_enough(names[strongest], enough))
            strength[strongest, every] = -np.inf
        texts = self._words(columns, leads, [effect > 0 for effect in effects])
        return Reasons(tuple(texts), tuple(effects), tuple(topics), values.sum(axis=0) + self.explainer.bias)

    def _words(
        self, columns: Mapping[str, NDArray[Any]], leads: list[NDArray[np.intp]], raises: list[NDArray[np.bool_]]
    ) -> list[Texts]:
        texts: list[Texts] = [np.full(len(lead), None, dtype=object) for lead in leads]
        named = {name for lead in leads for name in np.unique(lead).tolist()} - {-1}
        for position in sorted(named):
            chosen = [np.flatnonzero(lead == position) for lead in leads]
            up = np.concatenate([one[rows] for one, rows in zip(raises, chosen, strict=True)])
            words = self._told(self.explainer.features[position], columns, np.concatenate(chosen), up)
            ends = np.cumsum([len(rows) for rows in chosen])
            for text, rows, part in zip(texts, chosen, np.split(words, ends[:-1]), strict=True):
                text[rows] = part
        return texts

    def _told(
        self, name: str, columns: Mapping[str, NDArray[Any]], rows: NDArray[np.intp], raises: NDArray[np.bool_]
    ) -> Texts:
        """The words of a feature for some rows, by whether it raises the probability there."""
        if name in self.explainer.model.categories:
            phrases = TEXT_TOPICS.get(name) if self.of_ledger else None
            return _said_text(name, columns[name][rows], self.explainer.model.categories[name], phrases)
        own = WORDINGS.get(IN_DAYS.get(name, name)) if self.of_ledger else None
        if own is None:
            wording = generic_wording(name, self.usual.get(name))
            return said(wording, name, {name: columns[name][rows]}, raises)
        spoken = IN_DAYS.get(name, name)
        read = {}
        for one in (spoken, *own.reads, *(own.ages if own.compares else ()), *((ORDER_DAYS,) if own.of_gaps else ())):
            if one in columns:
                read[one] = columns[one][rows]
            elif IN_UNITS.get(one) in columns:
                read[one] = columns[IN_UNITS[one]][rows] * self.time_unit_days
        return said(own, spoken, read, raises)


def _if_enough(names: Texts, enough: NDArray[np.bool_]) -> Texts:
    names[~enough] = None
    return names


def reasons(
    bundle: Any,
    columns: Mapping[str, NDArray[Any]],
    n_reasons: int = 3,
    direction: Direction = "both",
    method: ExplainMethod = "auto",
) -> Reasons:
    """The strongest reasons behind the churn probabilities of a bundle; see `ReasonTeller.tell`.

    Whoever asks more than once makes a `ReasonTeller` and keeps it.
    """
    return ReasonTeller.of_bundle(bundle, method).tell(columns, n_reasons, direction)


def generic_wording(name: str, usual: Any) -> Wording:
    """How a number without words of its own is told: by its name, and held against what is usual.

    Examples
    --------
    >>> generic_wording("tenure", 29.0).say(2.0)
    'tenure 2, below the usual 29'
    """
    known = float(usual) if isinstance(usual, int | float) else float("nan")
    # Rounded alike, so that nothing is told to lie above a number that it seems to lie below.
    known = float(rounded(np.array([known]), "digits")[0])
    return Wording(name, partial(_held_against, name, known), rounding="digits", missing=f"{name} is missing")


def usual_values(columns: Mapping[str, NDArray[Any]], features: Sequence[str]) -> dict[str, float | str]:
    """What is usual among some customers, as a bundle's training facts keep it.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Numbers, missing as NaN, and text, missing as None.
    features : sequence of str
        Which columns.

    Returns
    -------
    dict of str to float or str
        The median of numbers, the most frequent text (of several the first in the alphabet); nothing of a column
        without values.
    """
    usual: dict[str, float | str] = {}
    for name in features:
        column = columns[name]
        if column.dtype == object:
            present, times = np.unique([value for value in column.tolist() if value is not None], return_counts=True)
            if len(present):
                usual[name] = str(present[times.argmax()])
        elif not np.isnan(column).all():
            usual[name] = float(np.nanmedian(column))
    return usual


def _held_against(name: str, usual: float, value: float) -> str:
    if usual != usual:
        return f"{name} {digits(value)}"
    if value == usual:
        return f"{name} {digits(value)}, as usual"
    return f"{name} {digits(value)}, {'above' if value > usual else 'below'} the usual {digits(usual)}"


def _said_text(name: str, values: Texts, known: tuple[str, ...], phrases: tuple[str, str, str] | None) -> Texts:
    _, told, missing = phrases or (name, f"{name} is {{}}", f"{name} is missing")
    words: dict[Any, str] = {value: told.replace("{}", value) for value in known}
    others = {value for value in values.tolist() if value not in words}
    for value in others:
        # Databases keep no NUL in a text.
        shown = str(value).replace("\x00", "\\x00")
        unknown = f"{told.replace('{}', shown)}, which the model does not know"
        words[value] = missing if value is None else unknown
    return np.array([words[value] for value in values.tolist()], dtype=object)


def _check_direction(direction: str) -> None:
    if direction not in DIRECTIONS:
        message = f"The direction of reasons must be one of {', '.join(DIRECTIONS)}; got {direction!r}."
        raise ConfigError(message)
