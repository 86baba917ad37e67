"""Costs by activity equal published and hand-worked examples, and settings that make no sense are refused."""

from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest

from patronage.errors import ConfigError
from patronage.ledger.tables import LedgerTables
from patronage.paths import conf_folder
from patronage.value.activities import activities, spread
from patronage.value.activity_costs import ActivityCosts, activity_costs, named_costs
from patronage.value.channels import capacity_use
from patronage.value.periods import Period
from patronage.value.profit import customer_profit

QUARTER = Period("2004-Q1", date(2004, 1, 1), date(2004, 3, 31))


def contacts(rows, **columns):
    names = ["customer_id", "timestamp", "channel", "kind"]
    values = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return ibis.memtable(pa.table(values | columns))


def sales(rows):
    return ibis.memtable(
        pa.table(
            {
                "customer_id": [row[0] for row in rows],
                "timestamp": [row[1] for row in rows],
                "amount": [float(row[2]) for row in rows],
            }
        )
    )


def test_the_example_of_kaplan_and_anderson():
    """Harvard Business Review 82(11), 2004: a department of 560,000 a quarter that can supply 700,000 minutes.

    49,000 orders of 8 minutes, 1,400 inquiries of 44 and 2,500 credit checks of 50 use 578,600 minutes, so that
    462,880 are charged and 97,120 are the cost of capacity that nobody used. Here every contact stands for a hundred.
    """
    kinds = {"order": (490, 8), "inquiry": (14, 44), "credit check": (25, 50)}
    day = datetime(2004, 2, 1)
    rows = [(kind, day, "desk", kind) for kind, (number, _) in kinds.items() for _ in range(number)]
    capacity = {"cost": 5600, "minutes": 7000, "days": QUARTER.days}
    costs = activity_costs(
        {"contacts": {kind: {"kinds": [kind], "minutes": minutes, "capacity": capacity}
                      for kind, (_, minutes) in kinds.items()}}
    )  # fmt: skip
    profit = customer_profit(LedgerTables(sales([("x", day, 0)]), contacts=contacts(rows)), costs, [QUARTER])
    charged = profit.to_pandas().set_index("customer_id")["contact_cost"]
    assert charged["order"] / 490 == pytest.approx(6.40)
    assert charged["inquiry"] / 14 == pytest.approx(35.20)
    assert charged["credit check"] / 25 == pytest.approx(40.00)
    assert charged.sum() == pytest.approx(4628.80)
    use = capacity_use(profit)
    assert use["minutes_used"].sum() == 5786
    assert use.loc[0, "cost_supplied"] - use["cost_used"].sum() == pytest.approx(971.20)


def test_capacity_is_taken_in_proportion_to_the_period():
    costs = activity_costs({"contacts": {"call": {"capacity": {"cost": 365.25, "minutes": 730.5}}}})
    tables = LedgerTables(sales([("x", datetime(2004, 1, 1), 0)]))
    (row,) = capacity_use(customer_profit(tables, costs, [QUARTER])).to_dict("records")
    assert (row["cost_supplied"], row["minutes_supplied"], row["minutes_used"]) == (91, 182, 0)
    assert row["cost_unused"] == 91


def test_the_first_rate_that_fits_holds_and_the_ledger_comes_before_it():
    day = datetime(2004, 1, 5)
    rows = [
        ("told", day, "call", "service"),
        ("called", day, "CALL", "service"),
        ("visited", day, "call", "visit"),
        ("unknown", day, None, None),
        ("faxed", day, "fax", "service"),
    ]
    table = contacts(rows, cost=[3.21, None, None, None, None], duration_minutes=[5.0, 5.0, None, None, 2.0])
    rates = {
        "visit": {"kinds": ["visit"], "cost": 20, "minutes": 10, "cost_per_minute": 1},
        "call": {"channels": ["call"], "cost": 1, "minutes": 7, "cost_per_minute": 0.5},
    }
    costs = activity_costs({"contacts": rates})
    facts = activities(LedgerTables(sales([("x", day, 1)]), contacts=table), costs)
    found = facts.filter(facts.activity == "contact").to_pyarrow().to_pylist()
    assert {row["customer_id"]: (float(row["cost"]), float(row["minutes"]), row["basis"]) for row in found} == {
        "told": (3.21, 5, "ledger"),
        "called": (1 + 5 * 0.5, 5, "rate"),
        "visited": (20 + 10 * 1, 10, "rate"),
        "unknown": (0, 0, "no cost known"),
        "faxed": (0, 2, "no cost known"),
    }
    by_rate = activity_costs({"contacts": rates, "observed": False})
    facts = activities(LedgerTables(sales([("x", day, 1)]), contacts=table), by_rate)
    (told,) = facts.filter(facts.customer_id == "told").to_pyarrow().to_pylist()
    assert (float(told["cost"]), told["basis"]) == (1 + 5 * 0.5, "rate")


def test_a_pool_is_spread_by_minutes_and_its_parts_add_up_exactly():
    """100 over 1, 1 and 1 minutes: thirds, of which rounding loses nothing. A day outside its span takes no part."""
    day = datetime(2004, 1, 5)
    rows = [(who, day, "call", "service") for who in ("a", "b", "c")] + [("d", datetime(2004, 6, 1), "call", "service")]
    table = contacts(rows, duration_minutes=[1.0, 1.0, 1.0, 500.0])
    costs = activity_costs(
        {"pools": {"rent": {"cost": 100, "first_day": "2004-01-01", "last_day": "2004-03-31", "by": "minutes",
                            "channels": ["call"]}}}
    )  # fmt: skip
    facts = activities(LedgerTables(sales([("x", day, 1)]), contacts=table), costs)
    parts = spread(costs.pools, facts, [QUARTER]).order_by("customer_id").to_pyarrow().to_pylist()
    assert [str(row["cost"]) for row in parts] == ["33.333333", "33.333334", "33.333333"]
    assert sum(row["cost"] for row in parts) == 100


def test_an_order_counts_once_on_its_first_day_and_a_day_of_loose_lines_is_one():
    day = [datetime(2004, 1, number) for number in (5, 6, 7)]
    rows = pa.table(
        {
            "customer_id": ["a"] * 5 + ["b"],
            "timestamp": [day[0], day[1], day[1], day[1], day[2], day[2]],
            "amount": [5.0, 5.0, 1.0, 1.0, -5.0, 2.0],
            "order_id": ["o", "o", None, None, "o", "o"],
        }
    )
    costs = activity_costs({"orders": {"order": 10, "order_line": 1, "returned_line": 2, "delivery": {"cost": 100}}})
    profit = customer_profit(LedgerTables(ibis.memtable(rows)), costs, [QUARTER])
    found = profit.to_pandas().set_index("customer_id")
    assert found.loc["a", ["orders", "order_lines", "returned_lines"]].tolist() == [2, 4, 1]
    assert found.loc["a", ["order_cost", "return_cost"]].tolist() == [2 * 110 + 4, 2]
    assert found.loc["b", "order_cost"] == 111
    early = customer_profit(profit.tables, costs, [Period("first day", date(2004, 1, 5), date(2004, 1, 5))])
    assert early.to_pandas().set_index("customer_id").loc["a", ["orders", "order_lines"]].tolist() == [1, 1]


@pytest.mark.parametrize("path", sorted((conf_folder() / "costs").glob("*.yaml")), ids=lambda path: path.stem)
def test_costs_that_come_along_are_valid_and_name_every_setting(path):
    from omegaconf import OmegaConf

    assert isinstance(named_costs(path.stem), ActivityCosts)
    assert set(OmegaConf.load(path)) == set(ActivityCosts.__dataclass_fields__)


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"no costs 'none of these'; there are observed, rates"):
        named_costs("none of these")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"margin": 0.3}, "costs.margin"),
        ({"margin_rate": 1.5}, r"costs.margin_rate: .*1 \(got 1.5\)"),
        ({"contacts": {"call": {"cost": -1}}}, "costs.contacts.call.cost"),
        (
            {"contacts": {"call": {"cost_per_minute": 1, "capacity": {"cost": 1, "minutes": 1}}}},
            "costs.contacts.call: give cost_per_minute or capacity, not both",
        ),
        ({"contacts": {"call": {"capacity": {"cost": 1, "minutes": 0}}}}, "costs.contacts.call.capacity.minutes"),
        (
            {"pools": {"x": {"cost": 1, "first_day": "2024-02-01", "last_day": "2024-01-01", "by": "orders"}}},
            "last_day 2024-01-01 lies before first_day 2024-02-01",
        ),
        (
            {"pools": {"x": {"cost": 1, "first_day": "2024-01-01", "last_day": "2024-02-01", "by": "moons"}}},
            "costs.pools.x.by",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        activity_costs(values)
