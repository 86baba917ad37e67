"""Days in columns of text: the patterns by which every value of a column is a day of the calendar, if there are any."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from patronage.errors import ConfigError

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|UTC|[+-]\d{2}:?(?:\d{2})?))?)?"

_SHAPES = {
    shape: (re.compile(f"({shape}){_TIME}"), patterns)
    for shape, patterns in {
        r"\d{4}-\d{1,2}-\d{1,2}": ("%Y-%m-%d",),
        r"\d{4}/\d{1,2}/\d{1,2}": ("%Y/%m/%d",),
        r"\d{1,2}\.\d{1,2}\.\d{4}": ("%d.%m.%Y",),
        r"\d{1,2}/\d{1,2}/\d{4}": ("%m/%d/%Y", "%d/%m/%Y"),
        r"\d{1,2}-\d{1,2}-\d{4}": ("%m-%d-%Y", "%d-%m-%Y"),
    }.items()
}
"""How days are written, a time of day behind them or not, and the patterns that may be meant."""


@dataclass(frozen=True)
class ReadDays:
    """A column of text, read as days.

    Attributes
    ----------
    values : Series of datetime64
        By the first of the patterns; missing as NaT.
    patterns : tuple of str
        All patterns by which every value is a day; several where it cannot be told which is meant.
    """

    values: pd.Series
    patterns: tuple[str, ...]

    @property
    def doubt(self) -> str | None:
        """What cannot be told, in words."""
        if len(self.patterns) == 1:
            return None
        return f"may be {' or '.join(self.patterns)}: name the right one as ledger.timestamp_format"


def read_days(texts: pd.Series, pattern: str | None = None) -> ReadDays | None:
    """Read a column of text as days, if every value is one.

    Parameters
    ----------
    texts : Series of str
        Without blanks around; missing as None.
    pattern : str, optional
        How days may be written beside the usual ways, as for strptime; it is tried first.

    Returns
    -------
    ReadDays or None
        None if a value is no day: of another shape than the others, or none of the calendar.

    Raises
    ------
    ConfigError
        If the pattern is none.

    Examples
    --------
    >>> read_days(pd.Series(["03/14/2024", "12/01/2023"])).patterns
    ('%m/%d/%Y',)
    >>> read_days(pd.Series(["2024-02-31"])) is None
    True
    """
    distinct = texts.dropna().unique()
    if not len(distinct):
        return None
    if pattern is not None and (read := _by(distinct, distinct, pattern)) is not None:
        return ReadDays(_spread(texts, read), (pattern,))
    for shape, patterns in _SHAPES.values():
        found = [shape.fullmatch(text) for text in distinct]
        if all(found):
            days = [match[1] for match in found if match]
            fitting = {one: read for one in patterns if (read := _by(distinct, days, one)) is not None}
            return ReadDays(_spread(texts, next(iter(fitting.values()))), tuple(fitting)) if fitting else None
    return None


def check_pattern(pattern: str | None) -> None:
    """Refuse what is no pattern of a day.

    Raises
    ------
    ConfigError
        Naming ledger.timestamp_format.
    """
    if pattern is None:
        return
    day = pd.Timestamp(2024, 11, 23)
    try:
        fits = pd.to_datetime(day.strftime(pattern), format=pattern).normalize() == day
    except ValueError:
        fits = False
    if not fits:
        message = (
            f"ledger.timestamp_format {pattern!r} is not a strptime pattern of a year, a month and a day, such as "
            "%Y%m%d or %d/%m/%Y."
        )
        raise ConfigError(message)


def _by(distinct: Iterable[str], days: Iterable[str], pattern: str) -> dict[str, pd.Timestamp] | None:
    """The day of each text, or None if one is none by this pattern."""
    read = pd.to_datetime(pd.Series(list(days), dtype=object), format=pattern, errors="coerce", utc=True)
    if read.isna().any():
        return None
    naive = read.dt.tz_localize(None).dt.normalize()
    return dict(zip(distinct, naive, strict=True))


def _spread(texts: pd.Series, read: dict[str, pd.Timestamp]) -> pd.Series:
    return pd.to_datetime(texts.map(read, na_action="ignore")).reset_index(drop=True)
