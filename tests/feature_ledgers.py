"""Random ledgers of all four tables, and one DuckDB that answers for many of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
from hypothesis import strategies as st

from patronage.features.build import customer_features
from patronage.features.labels import labels
from patronage.ledger.tables import LedgerTables

DATES = (
    date(2023, 9, 15), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2024, 7, 1), date(2025, 3, 1),
)  # fmt: skip
"""As-of dates around the leap day, before most facts and after all of them."""

HORIZON_DAYS = 60
CUSTOMERS = ("1", "007", "Zoë", "客户", "O'Neil")
ZONE = timedelta(hours=9)
"""The business day is cut in Tokyo, nine hours ahead of UTC all the year."""

Facts = list[dict[str, Any]]
Ledger = dict[str, Facts]

TYPES = {
    "transactions": {
        "customer_id": "string", "timestamp": "timestamp", "day": "date", "amount": "float64", "order_id": "string",
        "product": "string", "category": "string", "cost_of_goods": "float64", "margin": "float64",
        "discount": "float64", "sales_channel": "string",
    },
    "customers": {
        "customer_id": "string", "acquired_at": "timestamp", "acquisition_channel": "string",
        "acquisition_cost": "float64", "contract_start": "date", "contract_end": "date", "plan": "string",
        "price": "float64", "region": "string", "children": "int64", "is_vip": "boolean", "born_on": "date",
    },
    "contacts": {
        "customer_id": "string", "timestamp": "timestamp", "day": "date", "channel": "string", "kind": "string",
        "cost": "float64", "duration_minutes": "float64", "satisfaction": "float64", "closed_at": "timestamp",
    },
    "campaigns": {
        "customer_id": "string", "timestamp": "timestamp", "day": "date", "action": "string", "treated": "int64",
        "cost": "float64", "response": "int64", "responded_at": "timestamp",
    },
}  # fmt: skip

MORE_DAYS = {
    "transactions": {"netted_day": "date"}, "customers": {"acquired_day": "date"},
    "contacts": {"closed_day": "date"}, "campaigns": {"responded_day": "date"},
}  # fmt: skip
"""Days that a ledger may have beside the columns of the schema."""


def local_day(moment: datetime | None) -> date | None:
    return None if moment is None else (moment + ZONE).date()


def with_more_days(ledger: Ledger) -> Ledger:
    """The same ledger with the business days of later moments, and refunds netted with the day of their order."""
    found = {
        table: [
            fact | {f"{name}_day": local_day(fact[f"{name}_at"]) for name in named}
            for fact in ledger[table]
        ]
        for table, named in (("customers", ["acquired"]), ("contacts", ["closed"]), ("campaigns", ["responded"]))
    }  # fmt: skip
    found["transactions"] = []
    for fact in ledger["transactions"]:
        same_order = [
            other["day"]
            for other in ledger["transactions"]
            if (other["customer_id"], other["order_id"]) == (fact["customer_id"], fact["order_id"])
            and other["amount"] >= 0
            and fact["order_id"] is not None
            and other["day"] <= fact["day"]
        ]
        day = min(same_order) if same_order and fact["amount"] < 0 else fact["day"]
        found["transactions"].append(fact | {"netted_day": day})
    return found


@dataclass
class Engine:
    """Queries that are compiled once and asked of one ledger after the other."""

    more_days: bool
    connection: Any = field(default_factory=lambda: ibis.duckdb.connect(threads=1))
    queries: dict[Any, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, types in self.types.items():
            columns = ", ".join(f'"{column}" {kind.replace("float64", "double")}' for column, kind in types.items())
            self.connection.raw_sql(f"CREATE TABLE {name} ({columns.replace('int64', 'bigint')})")
        self.tables = LedgerTables(*(self.connection.table(name) for name in TYPES))

    @property
    def types(self) -> dict[str, dict[str, str]]:
        return {name: types | (MORE_DAYS[name] if self.more_days else {}) for name, types in TYPES.items()}

    def load(self, ledger: Ledger) -> None:
        for name, types in self.types.items():
            schema = pa.schema([(column, ibis.dtype(kind).to_pyarrow()) for column, kind in types.items()])
            facts = pa.Table.from_pylist(ledger[name], schema=schema)
            self.connection.con.register("facts", facts)
            self.connection.raw_sql(f"DELETE FROM {name}")
            self.connection.raw_sql(f"INSERT INTO {name} SELECT * FROM facts")
            self.connection.con.unregister("facts")

    def features(self, ledger: Ledger, as_of: date | Sequence[date]) -> dict[tuple[str, date], dict[str, Any]]:
        return self.rows(ledger, ("features", as_of), lambda: customer_features(self.tables, as_of))

    def labels(self, ledger: Ledger, as_of: date | Sequence[date]) -> dict[tuple[str, date], dict[str, Any]]:
        return self.rows(ledger, ("labels", as_of), lambda: labels(self.tables, as_of, HORIZON_DAYS))

    def rows(self, ledger: Ledger, key: Any, expression: Any) -> dict[tuple[str, date], dict[str, Any]]:
        """What an expression of `tables` tells of a ledger, by customer and as-of date; the query is kept."""
        if key not in self.queries:
            self.queries[key] = self.connection.compile(expression())
        self.load(ledger)
        rows = self.connection.con.execute(self.queries[key]).to_arrow_table().to_pylist()
        found = {(row.pop("customer_id"), row.pop("as_of")): row for row in rows}
        assert len(found) == len(rows), "a customer has two rows of a date"
        return found


def quarters(low: int, high: int) -> list[float | None]:
    """Fractions that sums of floats keep exactly, with some values missing."""
    return [number / 4 for number in range(low, high + 1)] + [None] * ((high - low) // 4)


DAYS = [datetime(2023, 8, 20) + timedelta(days=number) for number in range(500)]
DAYS += [datetime(2024, 2, 28), datetime(2024, 2, 29), datetime(2024, 3, 1)] * 100
LATER_DAYS = [None, None, 0, 0, 1, 5, 40, 200]
COLUMNS: dict[str, dict[str, list[Any]]] = {
    "transactions": {
        "amount": [number / 4 for number in range(-80, 401)] + [0.0] * 20,
        "order_id": [None, "o1", "o2", "o3"],
        "product": [None, "p", "q", "r", "帽"],
        "category": [None, "k", "l"],
        "cost_of_goods": quarters(0, 200),
        "margin": quarters(-40, 100),
        "discount": [*quarters(0, 20), 0.0, 0.0],
        "sales_channel": [None, "Web", "shop", "Online Shop", "telephone"],
    },
    "contacts": {
        "channel": [None, "call", "Phone", "chat", "E-Mail", "store", "web", "pigeon"],
        "kind": [None, "service", "complaint", "Complaint", "campaign", "visit", "gossip"],
        "cost": quarters(0, 200),
        "duration_minutes": quarters(0, 200),
        "satisfaction": [None, *(halves / 2 for halves in range(1, 11))],
        "closed_at": LATER_DAYS,
    },
    "campaigns": {
        "action": ["letter"],
        "treated": [0, 1],
        "cost": quarters(0, 200),
        "response": [None, 0, 1],
        "responded_at": LATER_DAYS,
    },
    "customers": {
        "acquired_at": [None, *DAYS],
        "acquisition_channel": [None, "letter", "Empfehlung ä"],
        "acquisition_cost": quarters(0, 200),
        "contract_start": [None, *(day.date() for day in DAYS)],
        "contract_end": [None, *(day.date() for day in DAYS)],
        "plan": [None, "basic"],
        "price": quarters(0, 200),
        "region": [None, "north", "süd"],
        "children": [None, 0, 1, 2],
        "is_vip": [None, False, True],
        "born_on": [date(1990, 1, 1)],
    },
}
"""What the columns of a random ledger may hold; of `LATER_DAYS` it is how long after the fact something happened."""

MOMENT: dict[str, list[Any]] = {"day": DAYS, "hour": [0, 9, 14, 15, 23]}
"""Nine hours later, half of these hours lie on the next day."""


def fact_of(table: str, values: dict[str, Any]) -> dict[str, Any]:
    """Turn drawn values into a fact."""
    if table == "customers":
        return values
    moment = values.pop("day") + timedelta(hours=values.pop("hour"))
    for name in ("closed_at", "responded_at"):
        if values.get(name) is not None:
            values[name] = moment + timedelta(days=values[name], hours=1)
    return values | {"timestamp": moment, "day": local_day(moment)}


@st.composite
def whole_ledgers(draw: st.DrawFn) -> Ledger:
    """Small ledgers of all four tables: few customers and days, so that days coincide and customers return."""

    def facts(table: str, most: int, least: int = 0) -> Facts:
        choices = {"customer_id": CUSTOMERS, **MOMENT, **COLUMNS[table]}
        drawn = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in choices.items()})
        return draw(st.lists(drawn.map(lambda values: fact_of(table, dict(values))), min_size=least, max_size=most))

    ledger = {"transactions": facts("transactions", 20, 1), "contacts": facts("contacts", 10)}
    ledger |= {"campaigns": facts("campaigns", 8)}
    one = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in COLUMNS["customers"].items()})
    known = draw(st.lists(st.sampled_from(CUSTOMERS), unique=True))
    return ledger | {"customers": [{"customer_id": name, **draw(one)} for name in known]}


def dense_ledger(seed: int, n_customers: int) -> Ledger:
    """One ledger of customers with many facts each, which random lists seldom come to."""
    chance = random.Random(seed)

    def drawn(table: str, name: str, moment: dict[str, list[Any]] = MOMENT) -> dict[str, Any]:
        choices = {**moment, **COLUMNS[table]}
        return fact_of(table, {"customer_id": name} | {one: chance.choice(values) for one, values in choices.items()})

    names = [f"customer {number}" for number in range(n_customers)]
    most = {"transactions": 30, "contacts": 20, "campaigns": 12}
    ledger = {
        table: [drawn(table, name) for name in names for _ in range(chance.randrange(most[table]))] for table in most
    }
    return ledger | {"customers": [drawn("customers", name, {}) for name in names if chance.random() < 0.9]}


def is_told(moment: datetime | None, day: date | None, as_of: date) -> bool:
    """Whether a moment was known on a date: by its business day, or, if none is told, once it had come in any zone."""
    if moment is None:
        return False
    return (day or (moment + timedelta(hours=14)).date()) <= as_of


def forgotten(fact: dict[str, Any], *names: str) -> dict[str, Any]:
    """The fact without the values of some columns, and without the business day of such a moment."""
    every = {*names, *(name.removesuffix("_at") + "_day" for name in names if name.endswith("_at"))}
    return {name: None if name in every else value for name, value in fact.items()}


def without_future(ledger: Ledger, as_of: date) -> Ledger:
    """The ledger as somebody would have written it down on a date: the only thing that its features may depend on."""
    found: Ledger = {
        table: [dict(fact) for fact in facts if table == "customers" or fact["day"] <= as_of]
        for table, facts in ledger.items()
    }
    for number, fact in enumerate(found["contacts"]):
        if not is_told(fact["closed_at"], fact.get("closed_day"), as_of):
            found["contacts"][number] = forgotten(fact, "closed_at")
    for number, fact in enumerate(found["campaigns"]):
        is_young = (as_of - fact["day"]).days < 30
        if fact["responded_at"] is not None and not is_told(fact["responded_at"], fact.get("responded_day"), as_of):
            found["campaigns"][number] = forgotten(fact, "responded_at", "response")
        elif fact["responded_at"] is None and is_young:
            found["campaigns"][number] = forgotten(fact, "response")
    for number, fact in enumerate(found["customers"]):
        if fact["acquired_at"] is not None and not is_told(fact["acquired_at"], fact.get("acquired_day"), as_of):
            fact = forgotten(fact, "acquired_at", "acquisition_channel", "acquisition_cost")
        if fact["contract_start"] is not None and fact["contract_start"] > as_of:
            fact = forgotten(fact, "contract_start", "plan", "price")
        if fact["contract_end"] is not None and fact["contract_end"] > as_of:
            fact = forgotten(fact, "contract_end")
        found["customers"][number] = fact
    return found


def with_other_future(ledger: Ledger, other: Ledger, as_of: date) -> Ledger:
    """What was known on a date, and from then on the facts of another ledger, at double price and with changed ends."""
    found = without_future(ledger, as_of)
    later = datetime.combine(as_of, datetime.min.time()) + timedelta(days=3)
    days = {"closed_at": "closed_day", "responded_at": "responded_day"}
    for table, name in (("contacts", "closed_at"), ("campaigns", "responded_at")):
        for fact in found[table]:
            if fact[name] is None and fact.get("response") is None:
                changes = {name: later, days[name]: local_day(later), "response": 1}
                fact.update({column: value for column, value in changes.items() if column in fact})
    for fact in found["customers"]:
        if fact["contract_end"] is None:
            fact["contract_end"] = later.date()
    for table in ("transactions", "contacts", "campaigns"):
        for fact in other[table]:
            if fact["day"] > as_of:
                priced = {name: 2 * fact[name] for name in ("amount", "cost") if fact.get(name) is not None}
                found[table].append(fact | priced)
    return found
