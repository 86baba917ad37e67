"""What the ledger asks of an engine beyond Ibis: reading text, time zones, and keeping what was computed.

Everything else is one Ibis expression for all engines. These few operations are not: what counts as a number or a date
in a text, what an hour that a time zone skips or repeats means, and how a result is held until it is needed again. Each
engine gives the same answer to each, whatever its own functions would say, so that the same rows are used and set aside
on all of them.
"""

from typing import Any, Protocol
from zoneinfo import available_timezones

from patronage.errors import ConfigError

UTC = "UTC"
"""The zone that all timestamps of a ledger are kept in."""

BATCH_ROWS = 100_000
"""Rows that travel at once between an engine and Python."""


class Engine(Protocol):
    """A database or cluster that holds and computes a ledger.

    Columns are columns of Ibis tables behind `connection`; a result is a column of the same table. None of the reading
    operations fails on a value: what cannot be read is missing.
    """

    @property
    def name(self) -> str:
        """``"duckdb"``, ``"spark"`` or ``"postgres"``."""

    @property
    def connection(self) -> Any:
        """The Ibis backend."""

    @property
    def repeats_work(self) -> bool:
        """Whether a column that a query mentions twice is computed twice."""

    def strip(self, text: Any) -> Any:
        r"""Text without the blanks, tabs and line ends (``" \t\n\v\f\r"``) around it.

        Engines differ in what Ibis' own ``strip`` removes.
        """

    def number(self, text: Any) -> Any:
        """The number that a text holds, as float64; missing where it holds none.

        Blanks around it, a sign, a decimal point and an exponent are allowed; ``nan``, ``inf`` and ``infinity`` in any
        case are read as such, and so is a number too large for a float64 (as infinity). Digits other than 0 to 9,
        separators of thousands, decimal commas, hexadecimal numbers and type suffixes are not.
        """

    def check_pattern(self, pattern: str) -> None:
        """Refuse a strptime pattern that this engine does not understand.

        Raises
        ------
        ConfigError
            Naming the part that is not understood.
        """

    def timestamp(self, text: Any, pattern: str | None = None, zone: str = UTC) -> Any:
        """The moment that a text names, as a timestamp in UTC without a time zone; missing where it cannot be read.

        Parameters
        ----------
        text : ibis column of strings
        pattern : str, optional
            strptime pattern that the whole text has to fit, such as ``%d.%m.%Y %H:%M``. Without it the text is read as
            ISO 8601: year, month and day in this order with ``-`` or ``/`` between them (months and days may have one
            digit), then, after ``T`` or blanks, hours and minutes from 0:00 to 23:59, seconds with up to nine decimals
            (cut after the sixth), and an offset: ``Z``, ``UTC``, ``+02``, ``+0200`` or ``+02:00``.
        zone : str
            IANA name of the zone of texts without an offset. **A text with an offset is converted by its own offset
            and `zone` does not matter; a text without one is a local time of `zone`, converted as `utc` does.** So
            the caller need not know which is which, and the result must not be converted again.

        Returns
        -------
        ibis column of timestamps
        """

    def utc(self, local: Any, zone: str) -> Any:
        """Convert moments that are no text: dates, timestamps without a zone, timestamps with one.

        A date or a timestamp without a zone is a local time of `zone`. A local time that the zone skips is read with
        the offset before the change (02:30 becomes what would have been 03:30), one that it has twice is the later of
        the two. A timestamp that has a zone of its own is converted by that, and `zone` does not matter.

        Returns
        -------
        ibis column of timestamps
            In UTC, without a time zone.
        """

    def day(self, utc: Any, zone: str) -> Any:
        """The date on the calendar of `zone` at moments of UTC: the business day."""

    def load(self, rows: Any, name: str) -> Any:
        """Bring rows into the engine and hold them until `drop` or `close`.

        Parameters
        ----------
        rows : pyarrow.Table or pyarrow.RecordBatchReader
            A reader is taken batch by batch, so that memory is bounded by the batches, on all engines but Spark, whose
            driver collects them.
        name : str
            As for `keep`.

        Returns
        -------
        ibis.Table
        """

    def keep(self, rows: Any, name: str) -> Any:
        """Compute rows once and hold them until `drop` or `close`.

        Parameters
        ----------
        rows : ibis.Table
        name : str
            What it is; the table gets a unique name that begins with it, so that several ledgers and the user's own
            tables live side by side.

        Returns
        -------
        ibis.Table
        """

    def view(self, rows: Any, name: str) -> Any:
        """Give rows a unique name without computing them; each use computes them anew."""

    def batches(self, rows: Any) -> Any:
        """Compute rows and hand them out as Arrow, batch by batch, missing values and nan kept apart.

        Memory is bounded by the batches, on all engines but Spark, whose driver collects the whole result.

        Parameters
        ----------
        rows : ibis.Table

        Returns
        -------
        pyarrow.RecordBatchReader
            With the types of the table's own schema.
        """

    def drop(self, table: Any) -> None:
        """Forget a table that `keep` or `view` made; views of it stop working."""

    def close(self) -> None:
        """Free what the engine holds; its tables are gone afterwards."""


def check_zone(zone: str) -> None:
    """Refuse a time zone that is no IANA name.

    Raises
    ------
    ConfigError
        With names that come close.
    """
    if zone in available_timezones():
        return
    from difflib import get_close_matches

    close = get_close_matches(zone, available_timezones(), n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    message = f"The time zone {zone!r} is not known.{hint} Give an IANA name such as UTC or Europe/Berlin."
    raise ConfigError(message)
