"""A random ledger with all four tables and all that is awkward about them, for any engine to read."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from patronage.ledger.tables import LedgerTables

ZONE = "Europe/Berlin"
BEGIN = datetime(2023, 2, 1)
DAYS = 500
N_CUSTOMERS = 250
AWKWARD_IDS = (
    "007",
    "7",
    "Zoë",
    "客户",
    "O'Neil",
    "a b",
    'say "hi"',
    "back\\slash",
    "per%cent",
    "ÄÖÜ",
    "äöü",
    "a_b",
    "A b",
)
AWKWARD_TIMES = (
    "2024-02-29 23:30:00", "2024-02-29 00:00:00", "2024-03-01 00:15:00", "2024-03-31 01:59:59", "2024-03-31 02:30:00",
    "2024-03-31 03:00:00", "2023-10-29 02:30:00", "2023-12-31 23:59:59", "2024-01-01 00:00:00", "2023-10-29 00:30:00Z",
    "2024-02-29T23:30:00-05:00",
)  # fmt: skip


def customer_ids() -> list[str]:
    return [*AWKWARD_IDS, *(f"c{number}" for number in range(N_CUSTOMERS - len(AWKWARD_IDS)))]


def arrow_tables(seed: int = 7) -> dict[str, pa.Table]:
    """The tables of a ledger; moments are local times as text."""
    draw = np.random.default_rng(seed)
    return {
        "transactions": _transactions(draw),
        "customers": _customers(draw),
        "contacts": _contacts(draw),
        "campaigns": _campaigns(draw),
    }


def on_engine(engine: Any, arrow: dict[str, pa.Table]) -> LedgerTables:
    """The same tables behind an engine, read by it, with moments in UTC and business days of `ZONE`."""
    tables = {}
    for name, rows in arrow.items():
        loaded = engine.load(rows, name)
        moments = [
            column
            for column in ("timestamp", "acquired_at", "closed_at", "responded_at")
            if column in rows.column_names
        ]
        read = loaded.mutate(**{column: engine.timestamp(loaded[column], zone=ZONE) for column in moments})
        if "timestamp" in moments:
            read = read.mutate(day=engine.day(read.timestamp, ZONE))
        tables[name] = engine.keep(read, name)
        engine.drop(loaded)
    return LedgerTables(**tables)


def _moments(draw: np.random.Generator, n: int) -> list[str]:
    """Few hours of few days, so that days coincide, and some that clocks or calendars trip over."""
    days, seconds = draw.integers(0, DAYS, n), draw.choice([0, 1, 1_800, 43_200, 84_600, 86_399], n)
    usual = [
        f"{BEGIN + timedelta(days=int(day), seconds=int(second)):%Y-%m-%d %H:%M:%S}"
        for day, second in zip(days, seconds, strict=True)
    ]
    awkward = draw.choice(AWKWARD_TIMES, n)
    return list(np.where(draw.random(n) < 0.05, awkward, usual))


def _who(draw: np.random.Generator, n: int) -> list[str]:
    """A few customers have much, many have little."""
    weights = draw.gamma(0.5, size=N_CUSTOMERS)
    return list(draw.choice(customer_ids(), n, p=weights / weights.sum()))


def _some(draw: np.random.Generator, values: Any, share: float) -> list[Any]:
    """The values, missing at random."""
    return [value if there else None for value, there in zip(values, draw.random(len(values)) < share, strict=True)]


def _cents(draw: np.random.Generator, low: int, high: int, n: int) -> Any:
    return draw.integers(low, high, n) / 100


def _transactions(draw: np.random.Generator, n: int = 3_000) -> pa.Table:
    amount = np.where(draw.random(n) < 0.12, -_cents(draw, 0, 30_000, n), _cents(draw, 0, 20_000, n))
    amount = np.where(draw.random(n) < 0.03, 0.1 * draw.integers(1, 50, n) * 3, amount)  # not whole cents as floats
    return pa.table(
        {
            "customer_id": _who(draw, n),
            "timestamp": _moments(draw, n),
            "amount": amount,
            "order_id": _some(draw, [f"o{number}" for number in draw.integers(0, n // 2, n)], 0.95),
            "product": _some(draw, draw.choice(["apple", "Birne", "梨", "kiwi", ""], n), 0.9),
            "category": _some(draw, draw.choice(["food", "drinks"], n), 0.9),
            "quantity": pa.array(_some(draw, draw.integers(-3, 9, n).astype(float), 0.9), pa.float64()),
            "cost_of_goods": pa.array(_some(draw, np.round(amount * 0.6, 2), 0.9), pa.float64()),
            "discount": pa.array(_some(draw, _cents(draw, 0, 500, n), 0.8), pa.float64()),
            "sales_channel": _some(draw, draw.choice(["web", "shop", "telephone"], n, p=[0.6, 0.3, 0.1]), 0.95),
        }
    )


def _customers(draw: np.random.Generator) -> pa.Table:
    ids = customer_ids()[:-30]  # some buyers are not in the table
    n = len(ids)
    start = [(BEGIN + timedelta(days=int(day))).date() for day in draw.integers(-200, DAYS, n)]
    end = [begin + timedelta(days=int(length)) for begin, length in zip(start, draw.integers(1, 600, n), strict=True)]
    return pa.table(
        {
            "customer_id": ids,
            "acquired_at": _some(draw, _moments(draw, n), 0.8),
            "acquisition_channel": _some(draw, draw.choice(["search", "friends", "Werbung"], n), 0.8),
            "acquisition_cost": pa.array(_some(draw, _cents(draw, 0, 9_000, n), 0.8), pa.float64()),
            "contract_start": pa.array(_some(draw, start, 0.7), pa.date32()),
            "contract_end": pa.array(_some(draw, end, 0.4), pa.date32()),
            "plan": _some(draw, draw.choice(["basic", "plus"], n), 0.7),
            "price": pa.array(_some(draw, _cents(draw, 500, 5_000, n), 0.7), pa.float64()),
            "region": _some(draw, draw.choice(["Nord", "Süd"], n), 0.9),
            "age": pa.array(_some(draw, draw.integers(18, 90, n).astype(float), 0.9), pa.float64()),
        }
    )


def _contacts(draw: np.random.Generator, n: int = 1_500) -> pa.Table:
    return pa.table(
        {
            "customer_id": _who(draw, n),
            "timestamp": _moments(draw, n),
            "channel": _some(draw, draw.choice(["call", "chat", "e-mail", "store", "web", "Fax"], n), 0.95),
            "kind": _some(draw, draw.choice(["service", "complaint", "campaign", "visit", "other"], n), 0.95),
            "cost": pa.array(_some(draw, _cents(draw, 0, 2_000, n), 0.8), pa.float64()),
            "duration_minutes": pa.array(_some(draw, draw.integers(0, 600, n) / 10, 0.8), pa.float64()),
            "satisfaction": pa.array(_some(draw, draw.integers(1, 6, n).astype(float), 0.5), pa.float64()),
            "closed_at": _some(draw, _moments(draw, n), 0.5),
        }
    )


def _campaigns(draw: np.random.Generator, n: int = 800) -> pa.Table:
    return pa.table(
        {
            "customer_id": _who(draw, n),
            "timestamp": _moments(draw, n),
            "action": draw.choice(["mail", "voucher"], n),
            "treated": draw.integers(0, 2, n),
            "cost": pa.array(_some(draw, _cents(draw, 0, 300, n), 0.8), pa.float64()),
            "response": pa.array(_some(draw, draw.integers(0, 2, n), 0.7), pa.int64()),
            "responded_at": _some(draw, _moments(draw, n), 0.3),
        }
    )
