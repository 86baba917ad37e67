"""What is told of the customers themselves: how they were won, their contract, and attributes that do not change."""

from typing import Any

import ibis
from ibis import _

from patronage.errors import ContractError
from patronage.features.group import Feature, FeatureGroup
from patronage.features.point_in_time import Known, later_day
from patronage.ledger.identity.apply import SOURCE
from patronage.ledger.tables import LedgerTables
from patronage.schema import CUSTOMERS, SUMMARY

PREFIX = "of_customer_"
"""Set before the columns of the customers, so that none is taken for a feature of the same name."""

KEYS = ("source_customer_id", "as_of")
"""Further columns of the customers that are no attributes: the id before linking, and the date."""

BESIDE = (*SUMMARY.names, "cutoff", "purchased", "churned", "purchases", "spend", "profit")
"""Columns that stand beside the features: of the summary, of the panel and of the labels."""


def customer_rows(known: Known) -> Any:
    """The customers, one row each, whatever the date: `Known` cannot say which of it is known, so the features do.

    Returns
    -------
    ibis.Table
        customer_id, and all other columns with `PREFIX` before their names; beside them acquired_day, acquired_known,
        contract_start and contract_end (dates), all missing where the ledger does not know them.
    """
    table: Any = known.tables.customers
    columns = {name: _number_of(table[name]) for name in table.columns if name != "customer_id"}
    for name in ("contract_start", "contract_end"):
        columns[name] = table[name].cast("date") if name in table.columns else ibis.null("date")
    if "acquired_at" in table.columns:
        columns["acquired_day"], columns["acquired_known"] = later_day(table, "acquired_at", known.zoned)
    else:
        columns["acquired_known"] = ibis.null("date")
    return table.select("customer_id", **{PREFIX + name: value for name, value in columns.items()})


def _number_of(value: Any) -> Any:
    """1 or 0 for a truth value, which not every engine casts to a number; anything else as it is."""
    return ibis.cases((value, 1), (~value, 0)) if value.type().is_boolean() else value


def _of(name: str) -> Any:
    return _[PREFIX + name]


def _from(day: str, value: Any) -> Any:
    """A value that is known from a day on; where the day is missing, it was never anything else."""
    return ibis.ifelse(_of(day) > _.as_of, None, value)


ACQUISITION = FeatureGroup(
    "acquisition",
    "How the customer was won.",
    customer_rows,
    (
        Feature(
            "days_since_acquisition", "days", "From the day on which the customer was won to the as-of date.",
            _from("acquired_known", _.as_of.delta(_of("acquired_day"), unit="day")),
            missing="where that day is unknown or lies later", needs=("customers.acquired_at",),
        ),
        Feature(
            "acquisition_channel", "", "How the customer was won.",
            _from("acquired_known", _of("acquisition_channel")),
            missing="where it is unknown, or the customer was won later", needs=("customers.acquisition_channel",),
            type="string",
        ),
        Feature(
            "acquisition_cost", "money", "What it cost to win the customer.",
            _from("acquired_known", _of("acquisition_cost")),
            missing="where it is unknown, or the customer was won later", needs=("customers.acquisition_cost",),
        ),
    ),
    needs=("customers",),
)  # fmt: skip

_HAS_STARTED = _of("contract_start") <= _.as_of
_HAS_ENDED = (_of("contract_end") <= _.as_of).fill_null(False)
_SINCE_START = _.as_of.delta(_of("contract_start"), unit="day")
_SINCE_END = _.as_of.delta(_of("contract_end"), unit="day")

CONTRACT = FeatureGroup(
    "contract",
    "The customer's contract. Its end is known from that day on, so there is no telling how long it still runs.",
    customer_rows,
    (
        Feature(
            "contract_days", "days", "From the first day of the contract to the as-of date, or to its end.",
            ibis.ifelse(_HAS_STARTED, _SINCE_START - ibis.ifelse(_HAS_ENDED, _SINCE_END, 0), None),
            missing="without a contract that has begun", needs=("customers.contract_start",),
        ),
        Feature(
            "contract_ended", "0 or 1", "1 if the contract has come to its last day.",
            ibis.ifelse(_HAS_STARTED, ibis.ifelse(_HAS_ENDED, 1, 0), None),
            missing="without a contract that has begun",
            needs=("customers.contract_start", "customers.contract_end"),
        ),
        Feature(
            "days_since_contract_end", "days", "From the last day of the contract to the as-of date.",
            ibis.ifelse(_HAS_ENDED, _SINCE_END, None), missing="while the contract runs, and without one",
            needs=("customers.contract_end",),
        ),
        Feature(
            "plan", "", "Name of the contract's plan.", _from("contract_start", _of("plan")),
            missing="where it is unknown, or the contract begins later", needs=("customers.plan",), type="string",
        ),
        Feature(
            "price", "money per 30.4375 days", "Price of the contract a month.",
            _from("contract_start", _of("price")),
            missing="where it is unknown, or the contract begins later", needs=("customers.price",),
        ),
    ),
    needs=("customers",),
)  # fmt: skip


def attributes(tables: LedgerTables) -> tuple[Feature, ...]:
    """The attributes that the customers of a ledger have: text, or numbers (which truth values become, 0 or 1)."""
    if tables.customers is None:
        return ()
    kinds = tables.customers.schema()
    names = [name for name in kinds if name not in (*CUSTOMERS.names, *KEYS, SOURCE)]
    return tuple(
        Feature(
            name, "", "Attribute of the customer, as the source tells it.", _of(name), missing="where it is unknown",
            type="string" if kinds[name].is_string() else "double",
        )
        for name in names
        if kinds[name].is_string() or kinds[name].is_numeric() or kinds[name].is_boolean()
    )  # fmt: skip


def check_attribute_names(names: list[str], taken: list[str]) -> None:
    """Refuse attributes that are called like a feature or a column beside them, whatever the case of the letters.

    Raises
    ------
    ContractError
        Naming them.
    """
    lower = {name.lower() for name in (*taken, *BESIDE)}
    clashing = [name for name in names if name.lower() in lower]
    if clashing:
        message = (
            f"{len(clashing)} attributes of the customers are called like features: {', '.join(clashing[:5])}. Give "
            "them other names when the ledger is opened (ledger.customers.attributes), or leave the group out."
        )
        raise ContractError(message, first_ids=clashing[:5])


ATTRIBUTES = FeatureGroup(
    "attributes",
    "Attributes of the customers, which do not change with time; dates are left out, since they may lie in the future.",
    customer_rows,
    needs=("customers",),
    of_tables=attributes,
)
