"""Comparisons of two customers, from plain settings to what Splink and a reader of the evidence need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from patronage.errors import ConfigError

KINDS: dict[str, tuple[float, ...]] = {
    "exact": (),
    "jaro_winkler": (0.92, 0.8),
    "levenshtein": (1, 2),
    "email": (),
    "date": (),
    "names": (0.92, 0.8),
}
"""Kinds of comparisons, with the thresholds of their levels of similarity where they have some."""

COLUMNS = {"names": 2}
"""Number of columns that a kind compares together, where it is not one."""

KEYS = {"kind", "columns", "thresholds", "term_frequency"}


@dataclass(frozen=True)
class Comparison:
    """How one attribute, or two that belong together, are compared.

    Attributes
    ----------
    kind : str
        exact; jaro_winkler (similarity 0 to 1, for names); levenshtein (number of edits, for codes); email (also the
        part before the @); date (one slip of the finger; less than a month, a year, ten years apart); names (a first
        and a last name, also if they are swapped).
    columns : tuple of str
        The columns of the customers; first and last name for ``names``, else one.
    thresholds : tuple of float
        Of the levels of similarity, the strictest first; similarities for jaro_winkler and names, else edits.
    term_frequency : bool
        Whether agreement in a rare value counts for more than in a frequent one. Not for date and names.
    """

    kind: str
    columns: tuple[str, ...]
    thresholds: tuple[float, ...]
    term_frequency: bool = False

    @property
    def name(self) -> str:
        """The columns in one word."""
        return "+".join(self.columns)

    @property
    def spelling(self) -> str:
        """How the columns are normalised unless their kind is stated, see `normalise.KINDS`."""
        return self.kind if self.kind in ("email", "date") else "text"

    def creator(self, aliases: Mapping[str, str]) -> Any:
        """What Splink builds the comparison from.

        Parameters
        ----------
        aliases : mapping of str to str
            Names of the columns in Splink's tables.
        """
        library: Any = import_module("splink.comparison_library")

        columns = [aliases[column] for column in self.columns]
        if self.kind == "names":
            return library.ForenameSurnameComparison(*columns, jaro_winkler_thresholds=list(self.thresholds))
        if self.kind == "date":
            return library.DateOfBirthComparison(columns[0], input_is_string=True, invalid_dates_as_null=True)
        creator = {
            "exact": lambda: library.ExactMatch(columns[0]),
            "email": lambda: library.EmailComparison(columns[0]),
            "jaro_winkler": lambda: library.JaroWinklerAtThresholds(columns[0], list(self.thresholds)),
            "levenshtein": lambda: library.LevenshteinAtThresholds(
                columns[0], [int(edits) for edits in self.thresholds]
            ),
        }[self.kind]()
        return creator.configure(term_frequency_adjustments=True) if self.term_frequency else creator


def comparison(settings: Mapping[str, Any] | Comparison) -> Comparison:
    """Read a comparison from settings: kind, columns, and optionally thresholds and term_frequency.

    Raises
    ------
    ConfigError
        If a key or kind is unknown, the number of columns is wrong, or a threshold is out of range.
    """
    if isinstance(settings, Comparison):
        return settings
    unknown = set(settings) - KEYS
    if unknown or "kind" not in settings or "columns" not in settings:
        message = (
            "A comparison has the keys kind and columns, and may have thresholds and term_frequency; "
            f"got {dict(settings)}."
        )
        raise ConfigError(message)
    kind, columns = settings["kind"], settings["columns"]
    if kind not in KINDS:
        message = f"The comparison of {columns} is of kind {kind!r}; it may be {', '.join(KINDS)}."
        raise ConfigError(message)
    columns = (columns,) if isinstance(columns, str) else tuple(columns)
    if len(columns) != COLUMNS.get(kind, 1):
        message = (
            f"A comparison of kind {kind} takes {COLUMNS.get(kind, 1)} columns; got {', '.join(columns) or 'none'}."
        )
        raise ConfigError(message)
    given = settings.get("thresholds")
    thresholds = KINDS[kind] if given is None else tuple(given)
    _check_thresholds(kind, columns, thresholds)
    frequency = bool(settings.get("term_frequency", False))
    if frequency and kind in ("date", "names"):
        message = f"term_frequency is not to be had for a comparison of kind {kind} ({', '.join(columns)})."
        raise ConfigError(message)
    return Comparison(kind, columns, thresholds, frequency)


def _check_thresholds(kind: str, columns: Sequence[str], thresholds: tuple[float, ...]) -> None:
    if not KINDS[kind]:
        fits = not thresholds
        wanted = "has no thresholds"
    elif kind == "levenshtein":
        fits = bool(thresholds) and all(edits >= 1 and edits == int(edits) for edits in thresholds)
        fits = fits and list(thresholds) == sorted(thresholds)
        wanted = "takes numbers of edits, ascending, such as [1, 2]"
    else:
        fits = bool(thresholds) and all(0 < value < 1 for value in thresholds)
        fits = fits and list(thresholds) == sorted(thresholds, reverse=True)
        wanted = "takes similarities between 0 and 1, descending, such as [0.92, 0.8]"
    if not fits:
        message = f"A comparison of kind {kind} {wanted}; got {list(thresholds)} for {', '.join(columns)}."
        raise ConfigError(message)
