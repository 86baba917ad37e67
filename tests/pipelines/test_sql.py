"""The query for a warehouse: every dialect parses, and where it can be run it gives what the package itself gives."""

import math
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
import sqlglot

import ledger_of_everything as everything
from engines_under_test import ENGINES, duckdb_engine, engine_under_test
from patronage import open_ledger
from patronage.cli import main
from patronage.errors import ConfigError
from patronage.ledger.engines.dialects import DIALECTS, dialect_of
from patronage.ledger.rules import ContractRules
from patronage.ledger.tables_source import FrameSource
from patronage.ledger.warehouse import warehouse_tables
from patronage.pipelines.sql import query_text, summary_and_features

AS_OF = date(2024, 2, 29)
THEIRS = {"customer_id": "Kunde", "timestamp": "am Tag", "amount": "Cents", "category": "Gruppe", "treated": "arm"}
GROUPS = ["purchases", "gaps", "refunds", "sales_channels", "complaints", "campaigns", "acquisition", "attributes"]
"""Groups of every table; that all groups are the same on every engine is shown elsewhere."""

RULES = {
    "amount": {"column": "Cents", "scale": 0.01},
    "category": {"column": "Gruppe", "values": {"1": "food", "2": "drinks"}},
}


@pytest.fixture(scope="module")
def theirs() -> dict[str, pa.Table]:
    """The ledger as somebody else would keep it: other names, cents, codes, typed local times, and a few bad rows."""
    tables = {}
    for name, table in everything.arrow_tables(seed=3).items():
        columns: dict[str, Any] = {}
        for column in table.column_names:
            values = table[column]
            if column in ("timestamp", "acquired_at", "closed_at", "responded_at"):
                texts = [None if text is None else text[:19] for text in values.to_pylist()]
                values = pa.array([text and datetime.fromisoformat(text) for text in texts], pa.timestamp("us"))
            if column == "amount":
                values = pa.array([float(round(amount * 100)) for amount in values.to_pylist()])
            if column == "category":
                values = pa.array(
                    [{"food": 1, "drinks": 2, None: None}[kind] for kind in values.to_pylist()], pa.int64()
                )
            columns[THEIRS.get(column, column)] = values
        tables[name] = pa.table(columns)
    bad = tables["transactions"].slice(0, 4)
    bad = bad.set_column(0, "Kunde", pa.array([None, " ", "c1", "c2"]))
    bad = bad.set_column(2, "Cents", pa.array([1.0, 1.0, None, math.inf]))
    tables["transactions"] = pa.concat_tables([tables["transactions"], bad])
    return tables


def source(theirs: dict[str, pa.Table]) -> FrameSource:
    columns = {
        name: {
            ours: RULES.get(ours, THEIRS.get(ours, ours))
            for ours in everything.arrow_tables(seed=3)[name].column_names
            if ours not in ("region", "age")
        }
        for name in theirs
    }
    attributes = {"region": "region", "age": {"column": "age", "type": "number"}}
    return FrameSource(**theirs, columns=columns, attributes=attributes, time_zone=everything.ZONE)


def rows(engine: Any, table: Any) -> dict[str, dict[str, Any]]:
    return {row["customer_id"]: row for row in engine.batches(table).read_all().to_pylist()}


@pytest.fixture(scope="module")
def expected(theirs: dict[str, pa.Table]) -> dict[str, dict[str, Any]]:
    ledger = open_ledger(source(theirs), duckdb_engine(), max_set_aside_share=1.0)
    assert ledger.account.rows_set_aside == 4
    return rows(duckdb_engine(), summary_and_features(ledger.tables, AS_OF, GROUPS))


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_query_runs_and_agrees(name, theirs, expected):
    engine, dialect = engine_under_test(name), dialect_of(name)
    loaded = {table: engine.load(rows, table) for table, rows in theirs.items()}
    names = {table: there.get_name() for table, there in loaded.items()}
    warehouse = warehouse_tables(source(theirs), dialect, names, ContractRules())
    text = query_text(summary_and_features(warehouse.tables, AS_OF, GROUPS), warehouse, dialect)
    found = rows(engine, engine.connection.sql(text.rstrip(";\n")))
    for table in loaded.values():
        engine.drop(table)
    assert found.keys() == expected.keys()
    wrong = {}
    for customer, row in expected.items():
        assert list(found[customer]) == list(row)
        for column, value in row.items():
            other = found[customer][column]
            close = isinstance(value, float) and isinstance(other, float) and math.isclose(value, other, rel_tol=1e-9)
            if value != other and not close:
                wrong.setdefault(column, (customer, other, value))
    assert wrong == {}


def test_numbers_of_the_query_are_doubles(theirs):
    """As a model reads them, with all groups: a table made of the query is scored by MLflow, too, without a cast."""
    warehouse = warehouse_tables(source(theirs), dialect_of("duckdb"), {}, ContractRules())
    kinds = summary_and_features(warehouse.tables, AS_OF, None).schema()
    others = {name: str(kind) for name, kind in kinds.items() if not (kind.is_float64() or kind.is_string())}
    assert others == {"as_of": "date"}


def queries_in_order(parsed: Any) -> list[str]:
    return [cte.alias for cte in parsed.ctes if cte.alias.startswith("patronage_")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_query_parses_and_reads_their_tables_alone(dialect, theirs):
    given = {"transactions": "shop.sales", "contacts": "project.shop.calls"}
    warehouse = warehouse_tables(source(theirs), dialect_of(dialect), given, ContractRules(refunds="order"))
    text = query_text(summary_and_features(warehouse.tables, AS_OF, None), warehouse, dialect_of(dialect))
    [parsed] = sqlglot.parse(text, read=dialect)
    queries = {cte.alias for cte in parsed.find_all(sqlglot.exp.CTE)}
    tables = {".".join(part.name for part in table.parts) for table in parsed.find_all(sqlglot.exp.Table)}
    assert tables - queries == {"shop.sales", "project.shop.calls", "customers", "campaigns"}
    assert len(queries) == len(list(parsed.find_all(sqlglot.exp.CTE)))
    assert [name for name in queries_in_order(parsed) if name.count("_") == 1] == [
        f"patronage_{name}" for name in theirs
    ]
    assert {"Kunde", "am Tag", "Cents"} <= {column.name for column in parsed.find_all(sqlglot.exp.Column)}


def test_command_prints_the_query_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [
        "sql",
        "ledger=files",
        "ledger.path=never-read.csv",
        "as_of=2024-06-30",
        "tables.transactions=shop.sales",
    ]
    main([*command, "ledger.columns.amount=total", "features.groups=[gaps]", "dialect=snowflake"])
    printed = capsys.readouterr().out
    [parsed] = sqlglot.parse(printed, read="snowflake")
    assert parsed.named_selects[:3] == ["customer_id", "as_of", "frequency"]
    assert "total" in {column.name for column in parsed.find_all(sqlglot.exp.Column)}


def test_command_writes_the_query(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["sql", "ledger=files", "ledger.path=never-read.csv", "as_of=2024-06-30", "out=query.sql"])
    assert sqlglot.parse_one((tmp_path / "query.sql").read_text(), read="duckdb").named_selects


@pytest.mark.parametrize(
    ("names", "dialect", "rules", "said"),
    [
        ({}, "oracle", ContractRules(), "There is no dialect 'oracle'"),
        ({"contracts": "x"}, "duckdb", ContractRules(), "tables names contracts"),
        ({"transactions": "a.b.c.d"}, "duckdb", ContractRules(), "one to three parts"),
        ({}, "duckdb", ContractRules(duplicates="drop"), "contract.duplicates=drop"),
    ],
)
def test_what_is_refused(theirs, names, dialect, rules, said):
    with pytest.raises(ConfigError, match=said):
        warehouse_tables(source(theirs), dialect_of(dialect), names, rules)
