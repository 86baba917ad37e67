"""Real ledgers: every row is accounted for, and every figure equals one that SQL finds without this package."""

from pathlib import Path

import duckdb
import pytest

from patronage import FilesSource, open_ledger
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.opening import read_ledger
from patronage.ledger.quality.measures import measured
from patronage.ledger.rules import ContractRules
from patronage.pipelines.settings import built

DATA = Path(__file__).parents[3] / "shared" / "data"


def data(name):
    path = DATA / name / "transactions.parquet"
    if not path.is_file():
        pytest.skip(f"the data set {name} is not on this machine")
    return str(path)


def sql(path, select, where="true"):
    (row,) = duckdb.sql(f"SELECT {select} FROM read_parquet('{path}') WHERE {where}").fetchall()
    return row


@pytest.fixture(scope="module")
def retail_csv(tmp_path_factory):
    """The log in the columns and types of the file that UCI offers, as Excel writes it."""
    path = data("online_retail")
    target = tmp_path_factory.mktemp("retail") / "online_retail.csv"
    duckdb.sql(f"""
        COPY (SELECT order_id AS "InvoiceNo", product_id AS "StockCode", product_name AS "Description",
                     quantity AS "Quantity", strftime(timestamp, '%m/%d/%Y %H:%M') AS "InvoiceDate",
                     unit_price AS "UnitPrice", customer_id AS "CustomerID", country AS "Country"
              FROM read_parquet('{path}')) TO '{target}' (HEADER)
    """)
    return target


@pytest.fixture(scope="module")
def retail(retail_csv):
    """The ready configuration, with nothing but the place and the pattern of the dates."""
    import yaml

    from patronage.paths import conf_folder

    config = yaml.safe_load((conf_folder() / "ledger" / "online_retail.yaml").read_text())
    config |= {"path": str(retail_csv), "timestamp_format": "%m/%d/%Y %H:%M"}
    source = built({"ledger": config}, "ledger")
    return read_ledger(source, DuckDbEngine(threads=2), ContractRules(duplicates="flag"))


def test_online_retail_accounts_for_every_line(retail):
    account = retail.account
    assert (account.rows_in, account.rows_used, account.rows_set_aside) == (541_909, 406_829, 135_080)
    assert account.reasons == {"customer_id missing": 135_080}
    assert account.tolerated == 135_080
    assert account.share_set_aside == 0
    assert (account.customers, account.copies) == (4_372, 5_268)


def test_online_retail_adds_up_to_the_published_sales(retail):
    used, aside = retail.account.money_used, retail.account.money_set_aside
    assert used.amount + aside.amount == pytest.approx(9_747_747.934, abs=1e-6)
    # 9,288 lines of cancellations, and two adjustments of bad debt at a negative price.
    assert used.refunds + aside.refunds == 9_290


def test_online_retail_equals_sql(retail):
    path = data("online_retail")
    select = """count(*), count(DISTINCT customer_id), sum(amount::DECIMAL(18, 6))::DOUBLE,
                count(*) FILTER (amount < 0), sum(amount::DECIMAL(18, 6)) FILTER (amount < 0)::DOUBLE,
                min(timestamp), max(timestamp), count(*) FILTER (amount = 0), min(amount), median(amount), max(amount),
                count(DISTINCT timestamp::DATE)"""
    theirs = sql(path, select, "customer_id IS NOT NULL")
    account, quality = retail.account, measured(retail)
    days = quality.tables["transactions"].days
    ours = (
        account.rows_used, account.customers, account.money_used.amount, account.money_used.refunds,
        account.money_used.refunds_amount, account.first, account.last, quality.zero_amounts, quality.amounts["min"],
        quality.amounts["0.5"], quality.amounts["max"], days.days,
    )  # fmt: skip
    assert ours[:2] == theirs[:2]
    assert ours[2:5] == pytest.approx(theirs[2:5], abs=1e-6)
    assert ours[5:8] == theirs[5:8]
    assert ours[8:11] == pytest.approx(theirs[8:11])
    assert ours[11] == theirs[11]
    gap = duckdb.sql(f"""
        SELECT max(days) FROM (
            SELECT day - lag(day) OVER (ORDER BY day) - 1 AS days
            FROM (SELECT DISTINCT timestamp::DATE AS day FROM read_parquet('{path}') WHERE customer_id IS NOT NULL))
    """).fetchone()
    assert (days.longest_gap_days,) == gap
    (missing,) = sql(path, "count(*) FILTER (order_id IS NULL) / count(*)", "customer_id IS NOT NULL")
    assert quality.tables["transactions"].missing["order_id"] == missing


@pytest.mark.parametrize(
    ("name", "columns", "published"),
    [
        (
            "ta_feng",
            {"product": "product_id", "category": "category", "quantity": "quantity", "cost_of_goods": "cost"},
            {"rows": 817_741, "customers": 32_266, "amount": 107_840_076, "cost_of_goods": 91_676_819},
        ),
        (
            "superstore",
            {"order_id": "order_id", "product": "product_id", "category": "category", "cost_of_goods": "cost",
             "margin": "profit"},
            {"rows": 9_994, "customers": 793, "amount": 2_297_200.8603, "margin": 286_397.0217},
        ),
    ],
)  # fmt: skip
def test_a_yaml_of_column_names_is_all_that_a_ledger_needs(name, columns, published):
    path = data(name)
    identity = {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount"}
    ledger = open_ledger(FilesSource(path, identity | columns), DuckDbEngine(threads=2), max_set_aside_share=0.0)
    assert (ledger.account.rows_used, ledger.account.customers) == (published["rows"], published["customers"])
    assert set(columns) < set(ledger.transactions.columns)
    for column in published.keys() - {"rows", "customers"}:
        total = ledger.transactions[column].cast("decimal(18, 6)").sum().execute()
        assert float(total) == pytest.approx(published[column], abs=0.005)
    theirs = {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount", **columns}
    for ours, column in theirs.items():
        assert ledger.transactions[ours].nunique().execute() == sql(path, f'count(DISTINCT "{column}")')[0]
