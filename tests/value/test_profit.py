"""Profit of the past equals loops over plain rows, reconciles to the last decimal, and equals SQL on real ledgers."""

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ledger_of_everything as everything
from engines_under_test import engine_under_test
from patronage import FilesSource, open_ledger
from patronage.errors import ConfigError
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.tables import LedgerTables
from patronage.schema import COST_TO_SERVE, CUSTOMER_PROFIT, RECONCILIATION
from patronage.value.activity_costs import activity_costs
from patronage.value.periods import Period, calendar_periods
from patronage.value.profit import customer_profit
from patronage.value.reconciliation import reconciliation
from patronage.value.whale import whale_curve, whale_shares
from profit_oracle import COUNTS, profit_by_hand

DATA = Path(__file__).parents[3] / "shared" / "data"

RATES = {
    "margin_rate": 0.3,
    "contacts": {
        "visit": {"kinds": ["Visit"], "cost": 25, "minutes": 30},
        "call": {"channels": ["CALL"], "minutes": 9, "capacity": {"cost": 560_000, "minutes": 700_000}},
        "chat": {"channels": ["chat", "e-mail"], "cost": 0.5, "minutes": 4, "cost_per_minute": 0.25},
    },
    "campaigns": {"mail": 0.75},
    "orders": {
        "order": 1.5,
        "order_line": 1 / 3,
        "returned_line": 3,
        "delivery": {"cost": 4.9, "sales_channels": ["web"]},
    },
    "pools": {
        "shop": {
            "cost": 1000, "first_day": "2023-03-01", "last_day": "2024-02-29", "by": "minutes", "channels": ["store"]
        },
        "warehouse": {"cost": 333.33, "first_day": "2023-06-01", "last_day": "2023-08-15", "by": "order_lines"},
        "returns": {"cost": 77.77, "first_day": "2023-01-01", "last_day": "2024-12-31", "by": "returns"},
        "web": {"cost": 50, "first_day": "2023-04-01", "last_day": "2023-04-30", "by": "orders", "channels": ["WEB"]},
        "idle": {"cost": 9, "first_day": "2030-01-01", "last_day": "2030-12-31", "by": "contacts"},
    },
}  # fmt: skip
QUARTERS = calendar_periods(date(2023, 4, 1), date(2024, 4, 15), "quarter")


def plain_rows(tables):
    return {name: table.to_pyarrow().to_pylist() for name, table in tables.present.items()}


def assert_same(profit, expected):
    found = {(row["customer_id"], row["period"]): row for row in profit.table.to_pyarrow().to_pylist()}
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        for name, value in row.items():
            if name == "basis" or name in COUNTS:
                assert found[key][name] == value, (key, name)
            else:
                assert found[key][name] == pytest.approx(float(value), abs=1e-5), (key, name)


def assert_reconciled(profit):
    table = reconciliation(profit)
    assert list(table.columns) == list(RECONCILIATION.names)
    assert (table["difference"] == 0).all(), table
    return table.set_index("component")


@pytest.fixture(scope="module")
def of_everything():
    return everything.on_engine(engine_under_test("duckdb"), everything.arrow_tables())


def test_all_tables_equal_the_loops(of_everything):
    costs = activity_costs(RATES)
    profit = customer_profit(of_everything, costs, QUARTERS)
    assert_same(profit, profit_by_hand(plain_rows(of_everything), costs, QUARTERS))
    table = assert_reconciled(profit)
    assert table.loc["spread_cost", "in_ledger"] == pytest.approx(1000 + 333.33 + 77.77 + 50 + 9)
    assert table.loc["spread_cost", "outside_periods"] >= 9


def test_the_tables_are_as_the_schema_says(of_everything):
    profit = customer_profit(of_everything, activity_costs(RATES), QUARTERS)
    types = {"string": "string", "long": "int64", "double": "float64"}
    for table, schema in ((profit.table, CUSTOMER_PROFIT), (profit.cost_to_serve(), COST_TO_SERVE)):
        assert {name: str(kind).lstrip("!") for name, kind in table.schema().items()} == {
            column.name: types[column.type] for column in schema.columns
        }


def test_costs_to_serve_by_channel_and_kind_add_up_to_those_of_customers(of_everything):
    profit = customer_profit(of_everything, activity_costs(RATES), QUARTERS)
    served = profit.cost_to_serve().execute()
    kept = served["activity"] == "retention contact"
    whole = profit.to_pandas()
    assert served.loc[~kept, "cost"].sum() == pytest.approx(whole["cost_to_serve"].sum(), abs=1e-6)
    assert served.loc[kept, "cost"].sum() == pytest.approx(whole["retention_contact_cost"].sum(), abs=1e-6)
    assert served.groupby("activity")["units"].sum()["order line"] == whole["order_lines"].sum()


def test_margin_by_category_adds_up(of_everything):
    profit = customer_profit(of_everything, activity_costs(RATES), QUARTERS)
    split = profit.margin_by("category").execute()
    whole = profit.to_pandas()
    assert float(split["gross_margin"].sum()) == pytest.approx(whole["gross_margin"].sum(), abs=1e-6)
    assert split["category"].isna().any()
    with pytest.raises(ConfigError, match="tell product, category, sales_channel"):
        profit.margin_by("colour")


def test_customers_of_one_table_only_count(of_everything):
    """Whoever is in the contacts but neither bought nor stands in the table of customers costs all the same."""
    contacts = ibis.memtable(
        pa.table(
            {
                "customer_id": ["stranger"],
                "timestamp": [datetime(2023, 5, 1)],
                "channel": ["call"],
                "kind": ["service"],
                "cost": [12.34],
            }
        )
    )
    tables = LedgerTables(of_everything.transactions, contacts=contacts)
    profit = customer_profit(tables, activity_costs({}), QUARTERS)
    row = profit.table.filter(profit.table.customer_id == "stranger").execute().iloc[0]
    assert (row["contribution"], row["contacts"], row["orders"]) == (-12.34, 1, 0)
    assert_reconciled(profit)


def lines(rows, **columns):
    frame = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"]).assign(**columns)
    types = {"customer_id": "string", "timestamp": "timestamp", "amount": "float64"}
    return ibis.memtable(frame, schema=types | dict.fromkeys(columns, "float64"))


def test_a_spreadsheet_worked_by_hand():
    """Two customers, one year: every number below can be had with pencil and paper.

    Ann buys for 100 and 50 and gives back 20; goods cost 60 and 40, and 10 came back. One order is 2.00, a line 0.50, a
    returned line 3.00. She was won for 15 and calls once for 10 minutes at 0.80. Bob buys for 30, cost unknown, so that
    his goods cost 70 % of it. The rent of 100 is spread by orders: two of three to Ann.
    """
    day = datetime(2024, 3, 1)
    sold = lines(
        [
            ("ann", day, 100.0),
            ("ann", day + timedelta(1), 50.0),
            ("ann", day + timedelta(9), -20.0),
            ("bob", day, 30.0),
        ],
        cost_of_goods=[60.0, 40.0, -10.0, None],
    )
    customers = ibis.memtable(pa.table({"customer_id": ["ann"], "acquisition_cost": [15.0]}))
    contacts = ibis.memtable(
        pa.table(
            {
                "customer_id": ["ann"],
                "timestamp": [day],
                "channel": ["call"],
                "kind": ["service"],
                "duration_minutes": [10.0],
            }
        )
    )
    costs = activity_costs(
        {
            "contacts": {"call": {"cost_per_minute": 0.8}},
            "orders": {"order": 2, "order_line": 0.5, "returned_line": 3},
            "pools": {"rent": {"cost": 100, "first_day": "2024-01-01", "last_day": "2024-12-31", "by": "orders"}},
        }
    )
    year = [Period("2024", date(2024, 1, 1), date(2024, 12, 31))]
    profit = customer_profit(LedgerTables(sold, customers, contacts), costs, year)
    ann, bob = profit.to_pandas().set_index("customer_id").loc[["ann", "bob"]].to_dict("records")
    assert (ann["net_revenue"], ann["cost_of_goods"], ann["gross_margin"]) == (130, 90, 40)
    assert (ann["contact_cost"], ann["order_cost"], ann["return_cost"]) == (8, 5, 3)
    assert ann["spread_cost"] == pytest.approx(66.666667, abs=1e-9)
    assert ann["contribution"] == pytest.approx(40 - 8 - 5 - 3 - 66.666667 - 15, abs=1e-9)
    assert (bob["gross_margin"], bob["order_cost"]) == (9, 2.5)
    assert bob["spread_cost"] == pytest.approx(33.333333, abs=1e-9)
    assert bob["contribution"] == pytest.approx(9 - 2.5 - 33.333333, abs=1e-9)
    assert (ann["basis"], bob["basis"]) == ("costs known", "assumed margin 30 %")
    assert ann["spread_cost"] + bob["spread_cost"] == 100
    assert_reconciled(profit)


@pytest.mark.parametrize(
    ("margin_rate", "label", "contribution"), [(0.3, "assumed margin 30 %", 3.0), (None, "revenue", 10.0)]
)
def test_transactions_alone_are_enough_and_every_figure_says_so(margin_rate, label, contribution):
    tables = LedgerTables(lines([("a", datetime(2024, 1, 1), 10.0)]))
    profit = customer_profit(tables, activity_costs({"margin_rate": margin_rate}), QUARTERS)
    (row,) = profit.to_pandas().to_dict("records")
    assert (row["contribution"], row["basis"], row["assumed_lines"]) == (pytest.approx(contribution), label, 1)
    said = " ".join(profit.basis)
    for lacking in ("No cost of goods is known", "no table of contacts", "no table of campaigns", "Acquisition cost"):
        assert lacking in said
    assert ("assumed margin of 30 %" in said) == (margin_rate is not None)


def test_periods_that_share_days_are_refused():
    tables = LedgerTables(lines([("a", datetime(2024, 1, 1), 10.0)]))
    twice = [Period("a", date(2024, 1, 1), date(2024, 1, 31)), Period("b", date(2024, 1, 31), date(2024, 2, 1))]
    with pytest.raises(ConfigError, match="a and b share days"):
        customer_profit(tables, activity_costs({}), twice)
    with pytest.raises(ConfigError, match="there is none"):
        customer_profit(tables, activity_costs({}), [])


def test_calendar_periods_cover_every_day_once():
    first, last = date(2023, 2, 11), date(2025, 1, 1)
    for every in ("month", "quarter", "year"):
        periods = calendar_periods(first, last, every)
        assert sum(period.days for period in periods) == (last - first).days + 1
        assert [one.name for one in periods] == sorted(one.name for one in periods)
    assert [one.name for one in calendar_periods(first, last, "year")] == ["2023", "2024", "2025"]


def test_a_longer_period_is_the_sum_of_its_parts(of_everything):
    costs = activity_costs(RATES)
    whole = [Period("all", QUARTERS[0].first_day, QUARTERS[-1].last_day)]
    parts, together = (customer_profit(of_everything, costs, one).to_pandas() for one in (QUARTERS, whole))
    sums = parts.groupby("customer_id")["contribution"].sum()
    assert together.set_index("customer_id")["contribution"].to_dict() == pytest.approx(sums.to_dict(), abs=2e-5)


# ---- random ledgers ----

_DAYS = st.integers(0, 500).map(lambda days: datetime(2023, 2, 1) + timedelta(days=days))
_WHO = st.sampled_from(("1", "10", "Zoë", "O'Neil"))
_CENTS = st.integers(0, 20_000).map(lambda cents: cents / 100)
_MAYBE = st.one_of(st.none(), _CENTS)


def _facts(**columns):
    return st.lists(st.fixed_dictionaries({"customer_id": _WHO, "timestamp": _DAYS, **columns}), max_size=12)


_LEDGERS = st.fixed_dictionaries(
    {
        "transactions": st.lists(
            st.fixed_dictionaries(
                {
                    "customer_id": _WHO,
                    "timestamp": _DAYS,
                    "amount": st.integers(-9_000, 30_000).map(lambda cents: cents / 100),
                    "order_id": st.sampled_from((None, "o1", "o2", "o3")),
                    "cost_of_goods": _MAYBE,
                    "margin": _MAYBE,
                    "discount": _MAYBE,
                    "sales_channel": st.sampled_from((None, "Web", "shop")),
                }
            ),
            min_size=1,
            max_size=20,
        ),
        "contacts": _facts(
            channel=st.sampled_from((None, "Call", "chat", "store", "fax")),
            kind=st.sampled_from((None, "visit", "Service", "campaign")),
            cost=_MAYBE,
            duration_minutes=st.one_of(st.none(), st.integers(0, 400).map(lambda tenths: tenths / 10)),
        ),
        "campaigns": _facts(action=st.sampled_from(("mail", "voucher")), treated=st.integers(0, 1), cost=_MAYBE),
        "customers": st.lists(
            st.fixed_dictionaries(
                {
                    "customer_id": _WHO,
                    "acquired_at": st.one_of(st.none(), _DAYS),
                    "acquisition_cost": _MAYBE,
                    "contract_start": st.one_of(st.none(), _DAYS.map(datetime.date)),
                }
            ),
            unique_by=lambda row: row["customer_id"],
            max_size=4,
        ),
    }
)
_TYPES = {
    "customer_id": pa.string(), "timestamp": pa.timestamp("us"), "amount": pa.float64(), "order_id": pa.string(),
    "cost_of_goods": pa.float64(), "margin": pa.float64(), "discount": pa.float64(), "sales_channel": pa.string(),
    "channel": pa.string(), "kind": pa.string(), "cost": pa.float64(), "duration_minutes": pa.float64(),
    "action": pa.string(), "treated": pa.int64(), "acquired_at": pa.timestamp("us"), "acquisition_cost": pa.float64(),
    "contract_start": pa.date32(), "day": pa.date32(),
}  # fmt: skip
_OPTIONAL = {
    "transactions": ("order_id", "cost_of_goods", "margin", "discount", "sales_channel"),
    "contacts": ("cost", "duration_minutes"),
    "campaigns": ("cost",),
    "customers": ("acquired_at", "contract_start"),
}
_EVERY = {
    "transactions": ("customer_id", "timestamp", "amount", "day"),
    "contacts": ("customer_id", "timestamp", "channel", "kind", "day"),
    "campaigns": ("customer_id", "timestamp", "action", "treated", "day"),
    "customers": ("customer_id", "acquisition_cost"),
}


@pytest.mark.slow
@settings(max_examples=12)
@given(
    ledger=_LEDGERS,
    tables=st.sets(st.sampled_from(("contacts", "campaigns", "customers"))),
    columns=st.sets(st.sampled_from(sorted({name for names in _OPTIONAL.values() for name in names}))),
    observed=st.booleans(),
    margin_rate=st.sampled_from((0.3, None, -0.25)),
)
def test_every_ledger_equals_the_loops_and_reconciles(ledger, tables, columns, observed, margin_rate):
    costs = activity_costs({**RATES, "observed": observed, "margin_rate": margin_rate})
    kept = {}
    for name in ("transactions", *sorted(tables)):
        names = [*_EVERY[name], *(one for one in _OPTIONAL[name] if one in columns)]
        dated = [
            row | ({"day": (row["timestamp"] + timedelta(hours=1)).date()} if "day" in names else {})
            for row in ledger[name]
        ]
        kept[name] = [{one: row[one] for one in names} for row in dated]
        ledger = {**ledger, name: kept[name]}
    built = {
        name: ibis.memtable(
            pa.table({one: pa.array([row[one] for row in rows], _TYPES[one]) for one in _columns(name, columns)})
        )
        for name, rows in kept.items()
    }
    profit = customer_profit(LedgerTables(**built), costs, QUARTERS)
    assert_same(profit, profit_by_hand(kept, costs, QUARTERS))
    assert_reconciled(profit)


def _columns(name, columns):
    return [*_EVERY[name], *(one for one in _OPTIONAL[name] if one in columns)]


# ---- engines ----


@pytest.mark.parametrize("name", ["postgres", pytest.param("spark", marks=pytest.mark.slow)])
def test_every_engine_gives_the_same(name, of_everything):
    engine = engine_under_test(name)
    other = everything.on_engine(engine, everything.arrow_tables())
    costs, years = activity_costs(RATES), calendar_periods(date(2023, 4, 1), date(2024, 4, 15), "year")
    found, expected = (customer_profit(tables, costs, years).to_pandas() for tables in (other, of_everything))
    pd.testing.assert_frame_equal(
        found.sort_values(["customer_id", "period"], ignore_index=True),
        expected.sort_values(["customer_id", "period"], ignore_index=True),
        check_dtype=False,
        atol=2e-6,
        rtol=0,
    )


# ---- real ledgers ----


def opened(name, **columns):
    path = DATA / name / "transactions.parquet"
    if not path.is_file():
        pytest.skip(f"the data set {name} is not on this machine")
    columns = {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount", **columns}
    ledger = open_ledger(FilesSource(path=str(path), columns=columns), DuckDbEngine(threads=2))
    return ledger.tables, str(path)


@pytest.mark.parametrize(
    ("name", "columns", "published"),
    [
        ("ta_feng", {"cost_of_goods": "cost"}, {"customers": 32_266, "unprofitable": 2_636, "profit": 16_163_257}),
        (
            "superstore",
            {"margin": "profit", "order_id": "order_id"},
            {"customers": 793, "unprofitable": 155, "profit": 286_397.0217},
        ),
    ],
)
def test_real_ledgers_equal_sql(name, columns, published):
    """The right side is written without this package: totals, unprofitable customers, and the curve by percent."""
    tables, path = opened(name, **columns)
    costs = activity_costs({})
    profit = customer_profit(tables, costs, calendar_periods(date(2000, 1, 1), date(2020, 12, 31), "year"))
    exact = profit.exact
    ours = exact.group_by("customer_id").aggregate(profit=exact.contribution.sum()).to_pyarrow().to_pylist()
    of_customer = "sum(profit::DECIMAL(18, 6))"
    theirs = duckdb.sql(f"SELECT customer_id, {of_customer} FROM '{path}' GROUP BY 1").fetchall()
    assert {row["customer_id"]: row["profit"] for row in ours} == dict(theirs)

    shares = whale_shares([float(row["profit"]) for row in ours])
    assert (shares["customers"], shares["unprofitable"]) == (published["customers"], published["unprofitable"])
    assert shares["total"] == pytest.approx(published["profit"], abs=1e-4)
    sql = f"""
        WITH customers AS (SELECT {of_customer} AS profit FROM '{path}' GROUP BY customer_id),
        ranked AS (SELECT row_number() OVER (ORDER BY profit DESC) AS place, profit FROM customers),
        curve AS (SELECT place, sum(profit) OVER (ORDER BY place) AS earned FROM ranked)
        SELECT place, earned::DOUBLE / (SELECT sum(profit) FROM customers)::DOUBLE FROM curve ORDER BY place
    """
    places = dict(duckdb.sql(sql).fetchall())
    curve = whale_curve([float(row["profit"]) for row in ours])
    expected = [places.get(number, 0.0) for number in curve["customers"]]
    assert curve["profit_share"].tolist() == pytest.approx(expected, rel=1e-9)

    table = assert_reconciled(profit)
    (gross, back) = duckdb.sql(
        f"SELECT sum(amount::DECIMAL(18, 6)) FILTER (amount >= 0), coalesce(sum(-amount::DECIMAL(18, 6)) "
        f"FILTER (amount < 0), 0) FROM '{path}'"
    ).fetchone()
    assert table.loc["gross_revenue", "in_result"] == float(gross)
    assert table.loc["refunds", "in_result"] == float(back)
    assert table.loc["contribution", "in_result"] == pytest.approx(published["profit"], abs=1e-4)
