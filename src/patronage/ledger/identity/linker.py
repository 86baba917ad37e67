"""What a linker offers, what it hands over, and the one that links nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from patronage.errors import ConfigError, ContractError
from patronage.ledger.identity.schema import PAIRS, arrow_table

FOUND = ("customer_id_a", "customer_id_b", "match_probability", "rule", "evidence")
"""Columns of `PAIRS` that a linker fills; judging adds the rest."""

MAX_COMPONENT = 20
"""Ids that one person may have. Few people have as many, and chains of chance agreements easily do."""


@dataclass(frozen=True)
class FoundPairs:
    """Pairs of ids that may be one person.

    Attributes
    ----------
    pairs : pyarrow.Table
        Columns `FOUND` of `schema.PAIRS`; each pair once.
    notes : tuple of str
        What was left out of the search and why, a sentence each.
    """

    pairs: pa.Table
    notes: tuple[str, ...] = field(default=())


class Linker(Protocol):
    """Finds pairs of customer ids that are one person."""

    @property
    def name(self) -> str:
        """``"none"``, ``"exact"`` or ``"splink"``."""

    @property
    def rules(self) -> Sequence[str]:
        """Names of its rules, the most trusted first."""

    @property
    def threshold(self) -> float:
        """Least match probability of a pair that links."""

    @property
    def max_component(self) -> int:
        """Largest number of ids of one person that is believed."""

    @property
    def reviewed(self) -> str | None:
        """File of pairs with a reviewer's decisions, if there is one."""

    def find(self, customers: Any) -> FoundPairs:
        """Compare customers.

        Parameters
        ----------
        customers : ibis.Table
            As described in `schema.CUSTOMERS`, with attributes.

        Raises
        ------
        ConfigError
            If none of the columns that it is to compare are there, or the engine cannot do it.
        """


@dataclass(frozen=True)
class NoLinker:
    """Every id is a person of its own."""

    name: str = field(default="none", init=False)
    rules: Sequence[str] = field(default=(), init=False)
    threshold: float = field(default=1.0, init=False)
    max_component: int = field(default=1, init=False)
    reviewed: str | None = field(default=None, init=False)

    def find(self, customers: Any) -> FoundPairs:  # noqa: ARG002
        """No pair at all."""
        return FoundPairs(no_pairs())


def no_pairs() -> pa.Table:
    """A table of found pairs without rows."""
    return arrow_table(PAIRS, {column.name: [] for column in PAIRS.columns}).select(list(FOUND))


def check_guards(threshold: float, max_component: int) -> None:
    """Refuse a threshold or a size of persons that means nothing.

    Raises
    ------
    ConfigError
    """
    if not 0 < threshold <= 1:
        message = f"threshold is a probability above 0 and up to 1; got {threshold!r}."
        raise ConfigError(message)
    if max_component < 2:
        message = f"max_component is at least 2, since a link joins two ids; got {max_component!r}."
        raise ConfigError(message)


def require_customers(customers: Any | None, name: str) -> Any:
    """The customers of a ledger, which linking cannot do without.

    Raises
    ------
    ContractError
        If there are none.
    """
    if customers is None:
        message = (
            f"identity={name} links customers by their attributes, and this ledger has no table of customers. "
            "Give one (ledger.customers), or use identity=none."
        )
        raise ContractError(message)
    return customers


def usable(wanted: Sequence[tuple[str, ...]], customers: Any, what: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """Split sets of columns into those that the customers have, and notes about the others.

    Returns
    -------
    list of tuple of str
        Sets all of whose columns are there, in order.
    list of str
        A note for each other set.
    """
    attributes = set(customers.columns) - {"customer_id"}
    there, notes = [], []
    for columns in wanted:
        lacking = [column for column in columns if column not in attributes]
        if lacking:
            notes.append(f"{what} {'+'.join(columns)} is not used: the customers have no {', '.join(lacking)}")
        else:
            there.append(columns)
    return there, notes


def refuse_without_columns(customers: Any, what: str, notes: Sequence[str]) -> None:
    """Say that nothing can be compared.

    Raises
    ------
    ConfigError
        Always.
    """
    attributes = [column for column in customers.columns if column != "customer_id"]
    message = (
        f"None of the {what} can be compared: {'; '.join(notes)}. The customers have: "
        f"{', '.join(attributes) or 'no attributes'}. Name the columns in identity, or map them in ledger.customers."
    )
    raise ConfigError(message)
