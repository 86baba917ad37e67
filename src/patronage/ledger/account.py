"""What became of the rows of a table, counted in one pass."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import ibis

from patronage.ledger.contract import COPY, LARGEST_AMOUNT, REFUSAL, Checked, has_reason
from patronage.ledger.purchases import MONEY
from patronage.ledger.refunds import lone_refunds
from patronage.ledger.words import how_many


@dataclass(frozen=True)
class Money:
    """What some rows amount to, as far as their amounts can be read.

    Attributes
    ----------
    rows : int
        Rows with an amount that can be read and lies within bounds.
    amount : float
        Their sum, refunds included.
    refunds : int
        Those below zero.
    refunds_amount : float
        Their sum; negative or 0.
    """

    rows: int = 0
    amount: float = 0.0
    refunds: int = 0
    refunds_amount: float = 0.0


@dataclass(frozen=True)
class LedgerAccount:
    """What became of the rows: ``rows_in == rows_used + rows_set_aside``, always.

    Attributes
    ----------
    rows_in, rows_used, rows_set_aside : int
        Rows read, fit for use, and set aside.
    customers : int
        Distinct customers among the rows used.
    first, last : datetime or None
        Span of the rows used, in UTC; None for a table without times, or without rows.
    reasons : dict of str to int
        Rows by reason; a row may have several, so the sum may exceed `rows_set_aside`.
    lone_refunds : int
        Refunds among the rows used that fall on a day without a purchase of their customer; they change no purchase.
    lone_refunds_amount : float
        Their sum, in money; negative or 0.
    copies : int
        Rows, used or not, that agree with an earlier one in every column of the source; 0 unless
        ``contract.duplicates`` asks.
    tolerated : int
        Rows set aside for reasons alone that the source declares to be expected.
    first_day, last_day : date or None
        The same span in business days.
    money_used, money_set_aside : Money
        What the rows amount to; nothing for a table without amounts, and for lines that could not be split.
    table : str
        Whose account it is.
    """

    rows_in: int
    rows_used: int
    rows_set_aside: int
    customers: int
    first: datetime | None
    last: datetime | None
    reasons: dict[str, int] = field(default_factory=dict)
    lone_refunds: int = 0
    lone_refunds_amount: float = 0.0
    copies: int = 0
    tolerated: int = 0
    first_day: date | None = None
    last_day: date | None = None
    money_used: Money = Money()
    money_set_aside: Money = Money()
    table: str = "transactions"

    @property
    def share_set_aside(self) -> float:
        """Share of the rows that were set aside for reasons that are not expected, 0 to 1."""
        return (self.rows_set_aside - self.tolerated) / self.rows_in if self.rows_in else 0.0

    def __str__(self) -> str:
        text = (
            f"{how_many(self.rows_in, 'row')} in = {self.rows_used:,} used + {self.rows_set_aside:,} set aside; "
            f"{how_many(self.customers, 'customer')}"
        )
        if self.first_day is not None:
            text += f", {self.first_day:%Y-%m-%d} to {self.last_day:%Y-%m-%d}"
        if self.reasons:
            text += "; set aside: " + ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.items())
        if self.copies:
            text += f"; {how_many(self.copies, 'copy', 'copies')} of earlier rows"
        if self.lone_refunds:
            text += (
                f"; {how_many(self.lone_refunds, 'refund')} ({self.lone_refunds_amount:,.2f}) on days without a "
                "purchase, which no purchase is netted with"
            )
        return text


@dataclass(frozen=True)
class Counts:
    """One pass over the rows of a table that could be split into columns.

    Attributes
    ----------
    rows, refused, tolerated, copies : int
    used, set_aside : Money
    reasons : dict of str to int
    first, last, first_day, last_day : datetime or date or None
        Of the rows that fit.
    differing : set of str
        Columns whose text is not what the source holds as it stands.
    """

    rows: int
    refused: int
    tolerated: int
    copies: int
    used: Money
    set_aside: Money
    reasons: dict[str, int]
    first: datetime | None
    last: datetime | None
    first_day: date | None
    last_day: date | None
    differing: set[str]


def counted(checked: Checked, tolerated: tuple[str, ...]) -> Counts:
    """Count the rows of a table in one pass, and in another, over those that were refused, the reasons."""
    rows = checked.rows
    fits = rows[REFUSAL] == 0
    wanted = {
        "rows": rows.count(),
        "refused": _count(rows, ~fits),
        **{f"differs_{name}": _count(rows, _differs(rows, name, plain)) for name, plain in checked.plain.items()},
    }
    if checked.copies:
        wanted["copies"] = _count(rows, rows[COPY] > 1)
    if "amount" in checked.columns:
        wanted |= _money(rows, fits)
    if "day" in checked.columns:
        for name in ("timestamp", "day"):
            wanted |= {f"first_{name}": rows[name].min(where=fits), f"last_{name}": rows[name].max(where=fits)}
    found = rows.aggregate(**wanted).to_pyarrow().to_pylist()[0]
    refused = _refused(checked, tolerated) if found["refused"] else {}
    return Counts(
        rows=found["rows"],
        refused=found["refused"],
        tolerated=refused.get("tolerated", 0),
        copies=found.get("copies", 0),
        used=_money_of(found),
        set_aside=_money_of(refused),
        reasons={
            reason: refused[f"reason_{i}"] for i, reason in enumerate(checked.reasons) if refused.get(f"reason_{i}")
        },
        first=found.get("first_timestamp"),
        last=found.get("last_timestamp"),
        first_day=found.get("first_day"),
        last_day=found.get("last_day"),
        differing={name for name in checked.plain if found[f"differs_{name}"]},
    )


def _refused(checked: Checked, tolerated: tuple[str, ...]) -> dict[str, Any]:
    rows = checked.rows.filter(checked.rows[REFUSAL] != 0)
    bits = sum(1 << position for position, reason in enumerate(checked.reasons) if reason in tolerated)
    wanted = {
        "tolerated": _count(rows, (rows[REFUSAL] & ~bits) == 0),
        **{f"reason_{i}": _count(rows, has_reason(rows[REFUSAL], i)) for i in range(len(checked.reasons))},
    }
    if "amount" in checked.columns:
        amount = rows.amount
        sane = amount.notnull() & ~amount.isnan() & ~amount.isinf() & (amount.abs() < LARGEST_AMOUNT)
        wanted |= _money(rows, sane)
    found: dict[str, Any] = rows.aggregate(**wanted).to_pyarrow().to_pylist()[0]
    return found


def account_of(
    table: str, used: Any, counts: Counts, unreadable: dict[str, int], tolerated: tuple[str, ...]
) -> LedgerAccount:
    """Draw up the account of a table.

    Parameters
    ----------
    table : str
    used : ibis.Table
        The rows that fit.
    counts : Counts
    unreadable : dict of str to int
        Lines that could not be split, by reason.
    tolerated : tuple of str
        Reasons that are expected.
    """
    lines = sum(unreadable.values())
    alone = (0, 0.0)
    if counts.used.refunds:
        row = lone_refunds(used).to_pyarrow().to_pylist()[0]
        alone = (row["refunds"], row["amount"])
    return LedgerAccount(
        rows_in=counts.rows + lines,
        rows_used=counts.rows - counts.refused,
        rows_set_aside=counts.refused + lines,
        customers=int(used.select("customer_id").distinct().count().execute()),
        first=counts.first,
        last=counts.last,
        reasons=counts.reasons | unreadable,
        lone_refunds=alone[0],
        lone_refunds_amount=alone[1],
        copies=counts.copies,
        tolerated=counts.tolerated + sum(count for reason, count in unreadable.items() if reason in tolerated),
        first_day=counts.first_day,
        last_day=counts.last_day,
        money_used=counts.used,
        money_set_aside=counts.set_aside,
        table=table,
    )


def _count(rows: Any, where: Any) -> Any:
    """The number of rows that a condition holds for: 0 if there are no rows, of which Spark makes a missing value."""
    return rows.count(where=where).fill_null(0)


def _money(rows: Any, where: Any) -> dict[str, Any]:
    money = ibis.ifelse(where, rows.amount, ibis.null("float64")).cast(MONEY)
    return {
        "money_rows": _count(rows, where),
        "amount": money.sum(),
        "refunds": _count(rows, where & (rows.amount < 0)),
        "refunds_amount": money.sum(where=rows.amount < 0),
    }


def _money_of(found: dict[str, Any]) -> Money:
    if "money_rows" not in found:
        return Money()
    return Money(
        rows=found["money_rows"],
        amount=float(found["amount"] or 0),
        refunds=found["refunds"],
        refunds_amount=float(found["refunds_amount"] or 0),
    )


def _differs(rows: Any, name: str, plain: str) -> Any:
    return (rows[name] != rows[plain]) | (rows[name].isnull() & rows[plain].notnull())
