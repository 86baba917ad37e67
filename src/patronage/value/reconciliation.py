"""Nothing lost, nothing counted twice: profit by component against the sums of the ledger itself.

The ledger's side is summed from the facts as they stand, without customers, periods or joins; the other side is the sum
of the table of profit. What lies between them must be the facts outside all periods, to the last decimal.
"""

from decimal import Decimal
from typing import Any

import ibis
import pandas as pd
from ibis import _

from patronage.ledger.purchases import SUMMED
from patronage.ledger.tables import business_day
from patronage.value import activities as done
from patronage.value.periods import period_of
from patronage.value.priced_facts import acquisition_costs, campaign_costs
from patronage.value.profit import MONEYS, CustomerProfit

SIGNS = {name: {"gross_revenue": 1, "discounts": 0}.get(name, -1) for name in MONEYS}
"""How the components make up contribution. Discounts do not: amounts are what is left after them."""


def reconciliation(profit: CustomerProfit) -> pd.DataFrame:
    """Totals of every component against the ledger.

    Parameters
    ----------
    profit : CustomerProfit

    Returns
    -------
    DataFrame
        As described in `schema.RECONCILIATION`. `difference` is computed in decimals and is 0 if the two agree to the
        last decimal.
    """
    in_ledger, outside, rows, assumed = _of_ledger(profit)
    exact = profit.exact
    in_result = _one(exact.aggregate(**{name: exact[name].sum() for name in (*MONEYS, "contribution")}))
    found = []
    for name in MONEYS:
        ledger, left_out, kept = (_decimal(side.get(name)) for side in (in_ledger, outside, in_result))
        found.append(_row(name, ledger, left_out, kept, rows.get(name, 0), assumed.get(name, 0)))
    ledger, left_out = (
        sum((sign * _decimal(side.get(name)) for name, sign in SIGNS.items()), Decimal(0))
        for side in (in_ledger, outside)
    )
    found.append(_row("contribution", ledger, left_out, _decimal(in_result["contribution"]), 0, 0))
    return pd.DataFrame(found)


def _of_ledger(profit: CustomerProfit) -> tuple[dict[str, Any], ...]:
    """Sums of all facts, sums of those outside the periods, numbers of facts, and of those with an assumed cost."""
    sums: dict[str, Any] = {}
    outside: dict[str, Any] = {}
    rows: dict[str, int] = {}
    assumed: dict[str, int] = {}
    for facts, parts in _facts(profit):
        flagged = facts.mutate(out=period_of(facts.day, profit.periods).isnull())
        asked: dict[str, Any] = {}
        for name, (value, which, is_assumed) in parts.items():
            asked[f"sum_{name}"] = value.sum(where=which)
            asked[f"out_{name}"] = value.sum(where=which & _.out)
            asked[f"rows_{name}"] = _.count(where=which)
            asked[f"assumed_{name}"] = _.count(where=which & is_assumed)
        answer = _one(flagged.aggregate(**asked))
        for name in parts:
            sums[name], outside[name] = answer[f"sum_{name}"], answer[f"out_{name}"]
            rows[name], assumed[name] = int(answer[f"rows_{name}"]), int(answer[f"assumed_{name}"])
    pools = profit.costs.pools
    if pools:
        spread = done.spread(pools, profit.activities, profit.periods)
        assert spread is not None
        answer = _one(spread.aggregate(within=spread.cost.sum(where=spread.period.notnull())))
        sums["spread_cost"] = sum((Decimal(str(pool.cost)) for pool in pools.values()), Decimal(0))
        outside["spread_cost"] = sums["spread_cost"] - _decimal(answer["within"])
        rows["spread_cost"] = assumed["spread_cost"] = len(pools)
    return sums, outside, rows, assumed


def _facts(profit: CustomerProfit) -> Any:
    """Facts as they stand in the ledger, and what is summed of them: a value and the rows that it counts on."""
    never, always = ibis.literal(False), ibis.literal(True)
    yield (
        profit.lines,
        {
            "gross_revenue": (_.amount, _.amount >= 0, never),
            "refunds": (-_.amount, _.amount < 0, never),
            "discounts": (_.discount, _.amount >= 0, never),
            "cost_of_goods": (_.cost, always, _.assumed == 1),
        },
    )
    if profit.tables.contacts is not None:
        not_told = _.basis != done.FROM_LEDGER
        yield (
            done.contact_activities(profit.tables.contacts, profit.costs),
            {
                "contact_cost": (_.cost, _.activity == done.CONTACT, not_told),
                "retention_contact_cost": (_.cost, _.activity == done.RETENTION, not_told),
            },
        )
    yield from _order_facts(profit)
    for name, facts in (
        ("campaign_cost", campaign_costs(profit.tables, profit.costs)),
        ("acquisition_cost", acquisition_costs(profit.tables)),
    ):
        if facts is not None:
            yield facts, {name: (_.cost, always, _.basis != done.FROM_LEDGER)}


def _order_facts(profit: CustomerProfit) -> Any:
    """Orders and lines, one row each, at their rates."""
    rates, lines = profit.costs.orders, profit.tables.transactions
    always = ibis.literal(True)
    delivery = 0.0 if rates.delivery is None else rates.delivery.cost
    orders = done.order_facts(lines, profit.costs)
    cost = done.at_rate(ibis.literal(1), rates.order) + done.at_rate(orders.is_delivered.ifelse(1, 0), delivery)
    orders = orders.mutate(cost=cost.cast(SUMMED))
    of_lines = lines.select(
        day=business_day(lines),
        is_return=lines.amount < 0,
        line=done.at_rate(ibis.literal(1), rates.order_line),
        back=done.at_rate(ibis.literal(1), rates.returned_line),
    )
    bought = of_lines.filter(~of_lines.is_return).select("day", cost=_.line)
    yield orders.select("day", "cost").union(bought), {"order_cost": (_.cost, always, always)}
    yield of_lines.filter(of_lines.is_return), {"return_cost": (_.back, always, always)}


def _row(name: str, ledger: Decimal, outside: Decimal, result: Decimal, rows: int, assumed: int) -> dict[str, Any]:
    return {
        "component": name,
        "in_ledger": float(ledger),
        "outside_periods": float(outside),
        "in_result": float(result),
        "difference": float(ledger - outside - result),
        "facts": rows,
        "assumed_facts": assumed,
    }


def _one(aggregate: Any) -> dict[str, Any]:
    (row,) = aggregate.to_pyarrow().to_pylist()
    return dict(row)


def _decimal(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(value)
