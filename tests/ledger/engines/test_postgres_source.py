"""A ledger in a PostgreSQL schema, read in place and brought over to DuckDB: the same rows, and all accounted for."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from engines_under_test import engine_under_test, postgres_uri
from patronage import open_ledger
from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger.engines.postgres import PostgresEngine
from patronage.ledger.postgres_source import PostgresSource

COLUMNS = {"customer_id": "Kunde", "timestamp": "am", "amount": "betrag", "order_id": "beleg"}

SETUP = """
    CREATE SCHEMA shop;
    CREATE TABLE shop."Verkäufe" ("Kunde" numeric, am timestamptz, betrag numeric, beleg uuid, notiz text);
    INSERT INTO shop."Verkäufe" VALUES
      (1, '2024-03-30 23:30:00+00', 10.10, '00000000-0000-0000-0000-000000000001', 'a'),
      (1, '2024-03-31 22:30:00+00', -2.50, '00000000-0000-0000-0000-000000000001', 'b'),
      (12345678901234567890, '2024-02-29 23:30:00+00', 0, NULL, 'c'),
      (2, 'infinity', 5, NULL, 'd'),
      (2, '0044-03-15 00:00:00+00 BC', 5, NULL, 'e'),
      (2, NULL, 5, NULL, 'f'),
      (2, '2024-01-01', 'NaN', NULL, 'g'),
      (NULL, '2024-01-01', 5, NULL, 'h');
    CREATE VIEW shop.leute AS SELECT DISTINCT "Kunde"::text AS customer_id, 'Süd' AS region FROM shop."Verkäufe"
      WHERE "Kunde" IS NOT NULL;
"""

USED = [
    ("1", datetime(2024, 3, 30, 23, 30), date(2024, 3, 31), 10.10, "00000000-0000-0000-0000-000000000001"),
    ("1", datetime(2024, 3, 31, 22, 30), date(2024, 4, 1), -2.50, "00000000-0000-0000-0000-000000000001"),
    ("12345678901234567890", datetime(2024, 2, 29, 23, 30), date(2024, 3, 1), 0.0, None),
]


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    """The server of the tests, with a schema `shop`."""
    import psycopg

    with psycopg.connect(postgres_uri(), autocommit=True) as connection:
        connection.execute(SETUP)
        yield postgres_uri()
        connection.execute("DROP SCHEMA shop CASCADE")


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Any:
    return engine_under_test(request.param)


def source(uri: str, **settings: Any) -> PostgresSource:
    given = {"schema": "shop", "table": "Verkäufe", "columns": COLUMNS, "time_zone": "Europe/Berlin"}
    return PostgresSource(uri, **{**given, **settings})


def test_rows_are_read_and_all_accounted_for(uri, engine):
    ledger = open_ledger(source(uri, customers={"table": "leute"}), engine, max_set_aside_share=1.0)
    rows = engine.batches(ledger.transactions).read_all().to_pylist()
    found = [(row["customer_id"], row["timestamp"], row["day"], row["amount"], row["order_id"]) for row in rows]
    assert sorted(found, key=lambda row: (row[0], row[1])) == USED
    assert (ledger.account.rows_in, ledger.account.rows_used, ledger.account.rows_set_aside) == (8, 3, 5)
    assert ledger.account.reasons == {
        "customer_id missing": 1,
        "timestamp missing": 1,
        "timestamp out of range": 2,
        "amount not finite": 1,
    }
    people = engine.batches(ledger.tables.customers).read_all().to_pylist()
    assert sorted(row["customer_id"] for row in people) == ["1", "12345678901234567890", "2"]
    assert {row["region"] for row in people} == {"Süd"}


def test_digest_tells_a_change_and_not_an_order(uri, engine):
    import psycopg

    first = open_ledger(source(uri), engine, max_set_aside_share=1.0).digest
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(
            "UPDATE shop.\"Verkäufe\" SET notiz = 'z'"
        )  # another order on the disk, same columns asked for
        assert open_ledger(source(uri), engine, max_set_aside_share=1.0).digest == first
        connection.execute("UPDATE shop.\"Verkäufe\" SET betrag = 5.01 WHERE notiz = 'z' AND betrag = 0")
        assert open_ledger(source(uri), engine, max_set_aside_share=1.0).digest != first
        connection.execute('UPDATE shop."Verkäufe" SET betrag = 0 WHERE betrag = 5.01')


def test_table_that_is_not_there(uri, engine):
    with pytest.raises(SourceError, match=r"has no table sales; it has: .*Verkäufe"):
        open_ledger(source(uri, table="sales"), engine)


def test_column_that_is_not_there(uri, engine):
    with pytest.raises(ContractError, match=r"lacks the column umsatz \(for amount\)"):
        open_ledger(source(uri, columns={**COLUMNS, "amount": "umsatz"}), engine)


def test_column_of_the_wrong_type(uri, engine):
    with pytest.raises(ContractError, match=r"betrag \(for timestamp\)"):
        open_ledger(source(uri, columns={**COLUMNS, "timestamp": "betrag"}), engine)


def test_password_is_not_told(uri):
    secret = uri.replace("patronage@", "patronage:hunter2@").replace("/postgres", "/nowhere")
    with pytest.raises(ConfigError, match="cannot be reached") as refused:
        open_ledger(source(secret))
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in source(secret).location


def test_other_database_than_the_engine(uri):
    engine = PostgresEngine(uri)
    with pytest.raises(ConfigError, match=r"ledger\.uri and engine\.uri"):
        open_ledger(source("postgresql://elsewhere/db"), engine)
    engine.close()


def test_setting_that_is_not_known():
    with pytest.raises(ConfigError, match=r"ledger\.contacts does not know tabel"):
        PostgresSource("postgresql://", contacts={"table": "x", "tabel": "y"})
