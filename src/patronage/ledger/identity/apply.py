"""Joining the ids of a person in every table of a ledger, and taking it back."""

from dataclasses import dataclass
from typing import Any

import ibis
from ibis import _

from patronage.errors import ContractError
from patronage.ledger.purchases import MONEY
from patronage.ledger.tables import LedgerTables

SOURCE = "source_customer_id"
"""The id that a row had in its source."""

CONTRACT = ("contract_start", "contract_end", "plan", "price")
"""Columns of the customers that belong together."""


@dataclass(frozen=True)
class LinkedTables(LedgerTables):
    """Tables of a ledger in which customer_id is a person.

    Every table has the further column source_customer_id, the id of its source.

    Attributes
    ----------
    source_customers : ibis.Table or None
        The customers before they were merged, with customer_id and source_customer_id as in the other tables. The
        merged customers have the source_customer_id of the record that stands first.
    """

    source_customers: Any | None = None


def apply_links(tables: LedgerTables, links: Any) -> LinkedTables:
    """Give all facts of a person the same customer_id.

    Every row of transactions, contacts and campaigns stays one row and keeps all its values. Customers are merged to
    one row a person, from records ordered as the links order them (position), by these rules:

    * acquired_at, acquired_day: the earliest;
    * acquisition_cost: the sum, for each was paid;
    * contract_start, contract_end, plan, price: together, those of the contract that started first (of records without
      a start, the first that has any of these). A later contract would tell at earlier dates what was not known then;
    * every other column: the first value that is not missing.

    Parameters
    ----------
    tables : LedgerTables
    links : ibis.Table, pyarrow.Table or DataFrame
        As described in `schema.LINKS`; customer_id, person_id and position are read. An Ibis table has to be behind the
        same engine.

    Returns
    -------
    LinkedTables
        Expressions; nothing is computed but a check of the links.

    Raises
    ------
    ContractError
        If an id is linked twice, a person is itself linked elsewhere, or the tables are linked already.
    """
    done = [name for name, table in tables.present.items() if SOURCE in table.columns]
    if done:
        message = (
            f"The {', '.join(done)} of this ledger have a column {SOURCE} already: they are linked. "
            "Use unlink first, or rename the column in the source."
        )
        raise ContractError(message)
    links = links if isinstance(links, ibis.Table) else ibis.memtable(links)
    check_links(links)
    linked = {name: _with_persons(table, links) for name, table in tables.present.items()}
    customers = linked.pop("customers", None)
    merged = None if customers is None else _merged(customers, links)
    return LinkedTables(**linked, customers=merged, source_customers=customers)


def unlink(tables: LinkedTables) -> LedgerTables:
    """Take links back: the same rows, columns and ids as before `apply_links`."""
    facts = {name: table for name, table in tables.present.items() if name != "customers"}
    if tables.source_customers is not None:
        facts["customers"] = tables.source_customers
    return LedgerTables(**{name: table.mutate(customer_id=_[SOURCE]).drop(SOURCE) for name, table in facts.items()})


def check_links(links: Any) -> None:
    """Refuse links that would double rows or depend on the order in which they are applied.

    Raises
    ------
    ContractError
        With the first ids.
    """
    for wrong, what in (
        (links.group_by("customer_id").aggregate(rows=_.count()).filter(_.rows > 1), "are linked more than once"),
        (
            links.filter(_.customer_id != _.person_id).semi_join(
                links.select(person="person_id").distinct(), [("customer_id", "person")]
            ),
            "stand for a person and are linked with another",
        ),
        (
            links.select(customer_id="person_id").distinct().anti_join(links, "customer_id"),
            "stand for a person but have no row of their own",
        ),
        (links.filter(_.customer_id.isnull() | _.person_id.isnull() | _.position.isnull()), "lack an id or a position"),
    ):
        ids = wrong.select("customer_id").order_by("customer_id").to_pyarrow()["customer_id"].to_pylist()
        if ids:
            first = [str(customer) for customer in ids[:5]]
            message = (
                f"{len(ids)} ids of the link table {what}. First: {', '.join(first)}. Write the table anew with "
                "patronage link, or correct these rows."
            )
            raise ContractError(message, counts={what: len(ids)}, first_ids=first)


def _with_persons(table: Any, links: Any) -> Any:
    persons = links.select(linked_id="customer_id", person_id="person_id")
    joined = table.left_join(persons, table.customer_id == persons.linked_id)
    columns = {name: table[name] for name in table.columns}
    columns |= {"customer_id": ibis.coalesce(persons.person_id, table.customer_id), SOURCE: table.customer_id}
    return joined.select(**columns)


def _merged(customers: Any, links: Any) -> Any:
    """One row a person; rows that no link touches pass as they are."""
    positions = links.select(linked_id="customer_id", position="position")
    several = customers.inner_join(positions, customers[SOURCE] == positions.linked_id).drop("linked_id")
    alone = customers.anti_join(positions, customers[SOURCE] == positions.linked_id)
    if "contract_start" in customers.columns:
        nothing = ibis.and_(*(several[name].isnull() for name in CONTRACT if name in several.columns))
        first = [several.contract_start.isnull(), several.contract_start, nothing, several.position]
        several = several.mutate(contract=ibis.row_number().over(group_by="customer_id", order_by=first))
    one = several.group_by("customer_id").aggregate(
        **{name: _merged_column(several, name) for name in customers.columns if name != "customer_id"}
    )
    types = customers.schema()
    one = one.select(**{name: one[name].cast(types[name]) for name in customers.columns})
    return alone.select(*customers.columns).union(one)


def _merged_column(several: Any, name: str) -> Any:
    column = several[name]
    if name in ("acquired_at", "acquired_day"):
        return column.min()
    if name == "acquisition_cost":
        return column.cast(MONEY).sum()
    if name in CONTRACT and "contract" in several.columns:
        return column.max(where=several.contract == 0)
    return column.argmin(several.position, where=column.notnull())


def several_contracts(tables: LinkedTables) -> int:
    """Number of persons with more than one start of a contract."""
    customers = tables.source_customers
    if customers is None or "contract_start" not in customers.columns:
        return 0
    starts = customers.group_by("customer_id").aggregate(starts=_.contract_start.nunique())
    return int(starts.filter(_.starts > 1).count().execute())
