"""Ledgers for the tests of future profit: a simulated retailer with its truth, and a small one written by hand."""

from dataclasses import replace
from datetime import datetime

import ibis
import pyarrow as pa

from patronage.ledger.tables import LedgerTables
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import world_tables


def plain(table):
    """A table with words instead of their numbers."""
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def retailer(customers, seed, **changes):
    """A simulated retailer: the world, its ledger, and all its tables."""
    world = replace(named_world("retailer"), whale=None, **changes)
    drawn = {name: plain(table) for name, table in world_tables(world, customers, seed).items()}
    con = ibis.duckdb.connect(threads=1)
    names = [name for name in ("transactions", "customers", "contacts", "campaigns") if name in drawn]
    return world, LedgerTables(**{name: con.create_table(name, drawn[name]) for name in names}), drawn


def by_hand(contacts=True, cost=True, campaigns=True):
    """Three customers. A buys twice and sends something back, B buys at a loss, C buys once."""

    def on(day):
        return datetime(2024, 1, day, 12)

    lines = [
        ("A", on(1), 100.0, 60.0), ("A", on(1), 20.0, 5.0), ("A", on(10), 50.0, 20.0), ("A", on(12), -50.0, -15.0),
        ("B", on(3), 40.0, 55.0), ("C", on(20), 10.0, 4.0), ("A", on(30), 500.0, 1.0),
    ]  # fmt: skip
    columns = dict(zip(("customer_id", "timestamp", "amount", "cost_of_goods"), map(list, zip(*lines, strict=True)),
                       strict=True))  # fmt: skip
    if not cost:
        del columns["cost_of_goods"]
    con = ibis.duckdb.connect(threads=1)
    tables = {"transactions": con.create_table("transactions", pa.table(columns))}
    if contacts:
        rows = {"customer_id": ["A", "A", "B", "A"], "timestamp": [on(2), on(5), on(4), on(29)],
                "channel": ["call", "chat", "call", "call"], "cost": [9.0, 3.0, 8.0, 99.0]}  # fmt: skip
        tables["contacts"] = con.create_table("contacts", pa.table(rows))
    if campaigns:
        rows = {"customer_id": ["C"], "timestamp": [on(21)], "action": ["voucher"], "treated": [1], "cost": [1.5]}
        tables["campaigns"] = con.create_table("campaigns", pa.table(rows))
    won = {"customer_id": ["A", "B", "C"], "acquired_at": [on(1), on(3), on(20)],
           "acquisition_channel": ["web", "web", None], "acquisition_cost": [5.0, None, 2.0]}  # fmt: skip
    tables["customers"] = con.create_table("customers", pa.table(won))
    return LedgerTables(**tables)
