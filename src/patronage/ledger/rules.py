"""What of the contract a business may choose: limits, duplicates, refunds, currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Literal

from patronage.errors import ConfigError
from patronage.schema import LEDGER_TABLES

Duplicates = Literal["keep", "flag", "drop"]
Refunds = Literal["day", "order"]
Share = float | Mapping[str, float]


@dataclass(frozen=True)
class ContractRules:
    """The settings of the contract.

    Attributes
    ----------
    duplicates : {"keep", "flag", "drop"}
        Rows that agree with an earlier one in every column of the source: kept; kept and counted; or set aside but for
        the first. Many are real (two equal purchases on a day in a log without times), so they are kept unless one
        knows better. Counting them reads every column of the source.
    refunds : {"day", "order"}
        What a refund is netted with: the purchases of its customer on its own day, or those of its order, if order_id
        is known. It is known from its own day on either way.
    largest_amount : float or None
        Amounts beyond it, in either direction, are set aside.
    latest : date or None
        Rows of later business days are set aside.
    currency : str or None
        The currency of the ledger: rows in another one are set aside. None refuses a ledger with several.

    Raises
    ------
    ConfigError
        If a value is none of these.
    """

    duplicates: Duplicates = "keep"
    refunds: Refunds = "day"
    largest_amount: float | None = None
    latest: date | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        if self.duplicates not in ("keep", "flag", "drop"):
            message = f"contract.duplicates must be keep, flag or drop, got {self.duplicates!r}."
            raise ConfigError(message)
        if self.refunds not in ("day", "order"):
            message = f"contract.refunds must be day or order, got {self.refunds!r}."
            raise ConfigError(message)
        if self.largest_amount is not None and not (isfinite(self.largest_amount) and self.largest_amount > 0):
            message = f"contract.largest_amount must be a positive number, got {self.largest_amount!r}."
            raise ConfigError(message)


def share_of(table: str, share: Share, setting: str) -> float:
    """The share that holds for a table: one for all, or by table with ``transactions`` for those not named.

    Raises
    ------
    ConfigError
        If a share does not lie between 0 and 1, or a table is not known.
    """
    shares = dict(share) if isinstance(share, Mapping) else dict.fromkeys(LEDGER_TABLES, share)
    unknown = sorted(set(shares) - set(LEDGER_TABLES))
    if unknown or "transactions" not in shares:
        message = f"{setting} by table must name transactions and may name {', '.join(LEDGER_TABLES)}; got {shares}."
        raise ConfigError(message)
    if not all(0 <= value <= 1 for value in shares.values()):
        message = f"{setting} must lie between 0 and 1, got {share!r}."
        raise ConfigError(message)
    return shares.get(table, shares["transactions"])
