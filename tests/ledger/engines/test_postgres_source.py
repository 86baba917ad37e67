"""A ledger in a PostgreSQL schema, read in place and brought over to DuckDB: the same rows, and all accounted for."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from engines_under_test import engine_under_test, postgres_uri
from full_run import patronage
from patronage import open_ledger
from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger.engines.postgres import PostgresEngine
from patronage.ledger.postgres_source import PostgresSource
from patronage.ledger.rules import ContractRules

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
    CREATE TABLE shop.copies (customer_id text, "timestamp" timestamptz, amount numeric, exact numeric, note jsonb);
    INSERT INTO shop.copies VALUES
      ('1', '2024-01-01', 5, 1, '{"a": 1}'),
      ('1', '2024-01-01', 5, 1, '{"a": 1}'),
      ('1', '2024-01-01', 5, 1, '{"a": 2}'),
      ('1', '2024-01-01', 5, 1, NULL),
      ('1', '2024-01-01', 5.00000000000000000001, 1, NULL),
      ('1', '2024-01-01', 5.00000000000000000001, 1.00000000000000000001, NULL),
      ('2', 'infinity', 5, 1, NULL),
      ('2', '9999-12-31', 5, 1, NULL),
      ('3', '2024-01-02', NULL, 1, NULL),
      ('3', '2024-01-02', NULL, 1, NULL);
    CREATE TABLE shop.cash (customer_id text, "timestamp" timestamptz, amount money);
    INSERT INTO shop.cash VALUES
      ('1', '2024-01-01', 1234567.89::numeric::money),
      ('2', '2024-01-02', (-2.5)::numeric::money),
      ('3', '2024-01-03', NULL);
    CREATE SCHEMA "old ""shop's"" own";
    CREATE TABLE "old ""shop's"" own".sales (customer_id text);
    CREATE MATERIALIZED VIEW "old ""shop's"" own".old AS SELECT * FROM "old ""shop's"" own".sales;
"""

TEARDOWN = """DROP SCHEMA shop, "old ""shop's"" own" CASCADE"""

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
        connection.execute(TEARDOWN)


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


@pytest.mark.parametrize(
    ("duplicates", "used", "reasons"),
    [
        ("flag", 6, {"amount missing": 2, "timestamp out of range": 2}),
        ("drop", 5, {"amount missing": 2, "timestamp out of range": 2, "copy of an earlier row": 2}),
    ],
)
def test_copies_agree_in_the_table_itself(uri, engine, duplicates, used, reasons):
    """Two rows of ten copy another; the rest differ in a column nobody asked for, or by more than we read."""
    rules = ContractRules(duplicates=duplicates)
    account = open_ledger(source(uri, table="copies", columns=None), engine, 1.0, rules=rules).account
    assert (account.rows_in, account.rows_used, account.rows_set_aside) == (10, used, 10 - used)
    assert account.reasons == reasons
    assert account.copies == 2


def test_check_counts_copies(uri, engine, tmp_path):
    """The command asks for copies by itself, on the default engine and in place."""
    in_place = ("engine=postgres", f"engine.uri={uri}") if engine.name == "postgres" else ()
    settings = ("ledger=postgres", f"ledger.uri={uri}", "ledger.schema=shop", "ledger.table=copies", *in_place)
    process = patronage(tmp_path, "check", *settings, "contract.max_set_aside_share=1")
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads((tmp_path / "outputs" / "check" / "report.json").read_text())
    account = report["tables"]["transactions"]["account"]
    found = {name: account[name] for name in ("rows_in", "rows_used", "rows_set_aside", "copies")}
    assert found == {"rows_in": 10, "rows_used": 6, "rows_set_aside": 4, "copies": 2}


def test_money_is_a_number(uri, engine):
    ledger = open_ledger(source(uri, table="cash", columns=None), engine, max_set_aside_share=1.0)
    rows = engine.batches(ledger.transactions).read_all().to_pylist()
    assert {row["customer_id"]: row["amount"] for row in rows} == {"1": 1234567.89, "2": -2.5}
    assert ledger.account.reasons == {"amount missing": 1}


def test_tables_of_a_schema_with_quotes_in_its_name(uri, engine):
    name = """old "shop's" own"""
    with pytest.raises(SourceError, match=f"schema {name} has no table Verkäufe; it has: old, sales\\."):
        open_ledger(source(uri, schema=name), engine)


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
