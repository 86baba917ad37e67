"""``patronage sql``: the query of the summary and the features, for the warehouse that holds the ledger."""

import sys
from datetime import date
from pathlib import Path
from typing import Any

from sqlglot import expressions as sge

from patronage.features.build import customer_features
from patronage.files import written_whole
from patronage.ledger.engines.dialects import Dialect, dialect_of
from patronage.ledger.tables import LedgerTables
from patronage.ledger.warehouse import WarehouseTables, warehouse_tables
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_contract
from patronage.pipelines.settings import Features, Settings, built, own_settings, settings_from
from patronage.pipelines.table_settings import refuse_customer_table
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import SUMMARY
from patronage.summary.customer_summary import summarise

GROUPS = {"ledger", "dates", "contract", "features"}


class Tables(Settings):
    """What the tables are called in the warehouse."""

    transactions: str | None
    customers: str | None
    contacts: str | None
    campaigns: str | None


class Sql(Settings):
    """The command's own settings."""

    as_of: date
    dialect: str
    time_unit: TimeUnit
    tables: Tables
    out: str | None


def sql(config: dict[str, Any]) -> None:
    """Print the query; see ``conf/sql.yaml`` for the settings."""
    refuse_customer_table(config, "The query")
    settings = own_settings(Sql, config, "sql", GROUPS)
    features = settings_from(Features, config["features"], "features")
    dialect = dialect_of(settings.dialect)
    rules = ledger_contract(config).rules
    warehouse = warehouse_tables(built(config, "ledger"), dialect, settings.tables.model_dump(), rules)
    query = summary_and_features(warehouse.tables, settings.as_of, features.groups, settings.time_unit)
    query = query.drop(*(name for name in features.leave_out if name in query.columns))
    text = query_text(query, warehouse, dialect)
    if settings.out is None:
        sys.stdout.write(text)
        return
    with written_whole(settings.out) as unfinished:
        Path(unfinished).write_text(text, encoding="utf-8")
    console.note(f"the query is written to {settings.out}")


def summary_and_features(
    tables: LedgerTables, as_of: date, groups: list[str] | None, time_unit: TimeUnit | str = TimeUnit.WEEK
) -> Any:
    """One row a customer: customer_id, as_of, the columns of the summary, and those of the features; numbers as double.

    Parameters
    ----------
    tables : LedgerTables
    as_of : date
        The last day whose facts count.
    groups : list of str, optional
        Groups of features; all if not given.
    time_unit : {"day", "week", "year"}
        Unit of recency and T.

    Returns
    -------
    ibis.Table
    """
    summary = summarise(tables.transactions, as_of, time_unit).table
    features = customer_features(tables, as_of, groups)
    joined = summary.inner_join(features, "customer_id")
    of_summary = [name for name in SUMMARY.names if name != "customer_id"]
    others = [name for name in features.columns if name not in ("customer_id", "as_of", *of_summary)]
    table = joined.select("customer_id", "as_of", *of_summary, *others)
    return table.mutate(frequency=table.frequency.cast("float64"))


def query_text(query: Any, warehouse: WarehouseTables, dialect: Dialect) -> str:
    """The query as SQL, the queries that map the user's tables in front.

    Parameters
    ----------
    query : ibis.Table
        Over the tables of `warehouse`.
    warehouse : WarehouseTables
    dialect : Dialect
    """
    compiler = dialect.compiler
    parts: list[tuple[str, Any]] = []
    for name, mapping in warehouse.mappings.items():
        inner, outer = _apart(compiler.to_sqlglot(mapping), f"{name}_")
        parts += [*inner, (name, outer)]
    inner, body = _apart(compiler.to_sqlglot(query), "")
    for name, part in [*parts, *inner]:
        body = body.with_(sge.to_identifier(name, quoted=True), as_=part)
    return f"{body.sql(dialect=compiler.dialect, pretty=True)};\n"


def _apart(query: Any, prefix: str) -> tuple[list[tuple[str, Any]], Any]:
    """The queries named within a query, under names that begin with `prefix`, and the query itself without them.

    Some dialects move them to the front of the whole, where those of several queries would meet under one name.
    """
    named = {cte.alias: cte.this for cte in query.ctes}
    query.set("with_", None)
    for part in (*named.values(), query):
        for table in part.find_all(sge.Table):
            if table.name in named and not table.db:
                if not table.alias:
                    table.set("alias", sge.TableAlias(this=sge.to_identifier(table.name, quoted=True)))
                table.set("this", sge.to_identifier(prefix + table.name, quoted=True))
    return [(prefix + name, part) for name, part in named.items()], query
