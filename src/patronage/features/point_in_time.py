"""Facts as they were known on one or several as-of dates: the one door through which features and labels see a ledger.

A fact is known from its business day on. What a fact became later (a complaint that was closed, an answer to a
campaign, a contract that ended) is known from the day on which that happened.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ibis
from ibis import _

from patronage.errors import DateError
from patronage.ledger.tables import LedgerTables, business_day
from patronage.schema import BUSINESS_DAYS

FURTHEST_ZONE_HOURS = 14
"""No time zone is further ahead of UTC: a moment in UTC with so many hours added is on its business day or after it."""


@dataclass(frozen=True)
class Known:
    """The facts of a ledger as known on each of several dates at once.

    Attributes
    ----------
    tables : LedgerTables
        The facts.
    dates : tuple of date
        The as-of dates, ascending and distinct. A single one is a constant of the query; several are joined with the
        facts, so that a whole panel is one pass.
    """

    tables: LedgerTables
    dates: tuple[date, ...]

    @classmethod
    def on(cls, tables: LedgerTables, as_of: date | Sequence[date]) -> "Known":
        """Look at a ledger on a date, or on several.

        Raises
        ------
        DateError
            If there is no date.
        """
        given = (as_of,) if isinstance(as_of, date) else tuple(as_of)
        if not given:
            message = "There is no as-of date to look at the ledger on: give one date or a sequence of them."
            raise DateError(message)
        return cls(tables, tuple(sorted({day.date() if isinstance(day, datetime) else day for day in given})))

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells the rows of a result apart: the customer, and the as-of date if there are several."""
        return ("customer_id",) if len(self.dates) == 1 else ("customer_id", "as_of")

    @property
    def zoned(self) -> bool:
        """Whether business days may be cut in another zone than UTC: then the transactions have a column `day`."""
        return "day" in self.tables.transactions.columns

    def facts(self, name: str) -> Any:
        """A table of dated facts with its business day, as a column `day` (date)."""
        table = getattr(self.tables, name)
        return table.mutate(day=business_day(table))

    def until_last(self, facts: Any) -> Any:
        """The facts up to the last of the dates, so that windows over them need not look at the others."""
        return facts.filter(facts.day <= _literal(self.dates[-1]))

    def up_to(self, facts: Any) -> Any:
        """Join facts with the as-of dates that do not lie before their day.

        Parameters
        ----------
        facts : ibis.Table
            With a column `day` (date).

        Returns
        -------
        ibis.Table
            The facts with as_of (date) and age_days (long, days from `day` to `as_of`, 0 or more); a fact comes once
            for every as-of date on which it is known.
        """
        dated = self._joined(facts, lambda day, as_of: [day <= as_of])
        return dated.mutate(age_days=_.as_of.delta(_.day, unit="day").cast("int64"))

    def lately(self, facts: Any, length: int) -> Any:
        """As `up_to`, but only the facts of the last `length` days, the as-of date included."""
        facts = facts.filter(facts.day > _literal(self.dates[0] - timedelta(days=length)))
        return self.up_to(facts).filter(_.age_days < length)

    def ahead(self, facts: Any, horizon_days: int) -> Any:
        """Join facts with the as-of dates that they follow by at most `horizon_days` days.

        Returns
        -------
        ibis.Table
            The facts with as_of (date).
        """
        within = ibis.interval(days=horizon_days)
        return self._joined(
            facts, lambda day, as_of: [day > as_of, day <= (as_of + within).cast("date")], later=horizon_days
        )

    def on_each(self, rows: Any) -> Any:
        """Give every row an as_of, if there is only one; those of a panel have theirs already."""
        return rows if len(self.dates) > 1 else rows.mutate(as_of=_literal(self.dates[0]))

    def _joined(self, facts: Any, conditions: Any, later: int | None = None) -> Any:
        if len(self.dates) == 1:
            only = _literal(self.dates[0])
            end = None if later is None else _literal(self.dates[0] + timedelta(days=later))
            kept = facts.day <= only if end is None else (facts.day > only) & (facts.day <= end)
            return facts.filter(kept).mutate(as_of=only)
        last = self.dates[-1] + timedelta(days=later or 0)
        facts = facts.filter(facts.day <= _literal(last))
        dates = ibis.union(*(_literal(day).name("as_of").as_table() for day in self.dates))
        return facts.inner_join(dates, conditions(facts.day, dates.as_of))


def joined(rows: Any, parts: Iterable[tuple[Any, Sequence[str | tuple[str, str]]]]) -> Any:
    """Set tables beside the rows of one, whatever each of them lacks being missing.

    Parameters
    ----------
    rows : ibis.Table
        Every row of it is in the result once.
    parts : iterable of (ibis.Table, sequence of str)
        Tables with at most one row for each value of the key columns that are named beside them; a pair names the
        column of `rows` and that of the table.
    """
    for number, (part, keys) in enumerate(parts):
        rows = rows.left_join(part, list(keys), rname=f"{{name}}_of_part_{number}")
    return rows


def is_last_known(among: Any) -> Any:
    """Whether a day with a `next_day` is the last one that is known on the as-of date.

    Looking for it among sums costs a fraction of what an engine needs to look up the value of the greatest day.
    """
    return among & (_.next_day.isnull() | (_.next_day > _.as_of))


def later_day(table: Any, name: str, zoned: bool) -> tuple[Any, Any]:
    """The day of a moment that a fact got later, and the day from which on it may be told.

    Parameters
    ----------
    table : ibis.Table
        With a timestamp column `name`, in UTC; if it has the business day too, as every table of an opened ledger has,
        that one counts.
    name : {"acquired_at", "closed_at", "responded_at"}
    zoned : bool
        Whether the business days of the ledger may be cut in another zone than UTC. Then, without a business day of
        the moment itself, it is told only when its day has come in every zone: late by hours, but never early.

    Returns
    -------
    tuple of ibis.expr.types.DateValue
        Day of the moment, and the first as-of date on which it is known.
    """
    day = business_day(table, name)
    if BUSINESS_DAYS[name] in table.columns:
        return day, day
    return day, (table[name] + ibis.interval(hours=FURTHEST_ZONE_HOURS)).date() if zoned else day


def _literal(day: date) -> Any:
    return ibis.date(day.isoformat())
