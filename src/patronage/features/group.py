"""What a feature is: a value with its name, its unit, its rule for missing facts, and what it is computed from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from patronage.features.point_in_time import Known
from patronage.ledger.tables import LedgerTables
from patronage.schema import Column, ColumnType

WINDOWS_DAYS = (7, 30, 90, 180, 365)
"""Lengths of the windows that counts and sums are taken over. One of 30 days is the as-of date and the 29 before it."""

RECENT_DAYS = 365
"""Whatever looks at no older facts than these is aggregated apart, over the few facts that there are."""

LOGARITHM = "decimal(38, 12)"
"""Logarithms are summed as decimals: sums of floats depend on their order, which engines that work in parallel vary."""


@dataclass(frozen=True, eq=False)
class Feature:
    """One column.

    Attributes
    ----------
    name, unit, meaning : str
        As in `schema.Column`.
    value : ibis deferred expression
        An aggregate over the facts of the group, or, for a group of customers, a value of their row.
    missing : str
        When it is missing, to be read after the word "missing"; empty if never. Whatever may not be missing is 0
        where there are no facts.
    needs : tuple of str
        Optional columns that it is computed from, as ``"table.column"``; of ``"table.one|table.other"`` either will do.
    type : {"double", "string"}
        What its values are.
    facts : callable, optional
        From `Known` to the rows that it aggregates, where these are not those of its group.
    """

    name: str
    unit: str
    meaning: str
    value: Any
    missing: str = ""
    needs: tuple[str, ...] = ()
    type: ColumnType = "double"
    facts: Callable[[Known], Any] | None = None

    @property
    def column(self) -> Column:
        """The feature as a column of a table."""
        rule = f" Missing {self.missing}." if self.missing else ""
        return Column(self.name, self.type, self.unit, bool(self.missing), self.meaning + rule)


def _no_features(tables: LedgerTables) -> tuple[Feature, ...]:  # noqa: ARG001
    return ()


@dataclass(frozen=True, eq=False)
class FeatureGroup:
    """Features that are computed from the same facts and switched on and off together.

    Attributes
    ----------
    name : str
        What it is called in the configuration.
    about : str
        One sentence on what it tells.
    facts : callable
        From `Known` to the rows that the features aggregate. Features with the same function share one pass. Rows of
        `customers.customer_rows` are not aggregated, there is one a customer.
    features : tuple of Feature
    needs : tuple of str
        Tables and optional columns that all of them need, as ``"table"`` or ``"table.column"``.
    of_tables : callable
        From `LedgerTables` to further features, whose names depend on the ledger.
    """

    name: str
    about: str
    facts: Callable[[Known], Any]
    features: tuple[Feature, ...] = ()
    needs: tuple[str, ...] = ()
    of_tables: Callable[[LedgerTables], tuple[Feature, ...]] = _no_features


def unmet(needs: Iterable[str], tables: LedgerTables) -> list[str]:
    """Those of the needs that the tables do not meet."""
    return [need for need in needs if not any(_is_there(one, tables) for one in need.split("|"))]


def ratio(numerator: Any, denominator: Any) -> Any:
    """A share or a mean of aggregates, as a double; missing where the denominator is 0."""
    return numerator.cast("float64") / denominator.cast("float64").nullif(0.0)


def _is_there(need: str, tables: LedgerTables) -> bool:
    name, _dot, column = need.partition(".")
    table = getattr(tables, name)
    return table is not None and (not column or column in table.columns)
