"""The truth about the customers of a block: what they are, why they leave, and what they will bring on average."""

import numpy as np
from numpy.typing import NDArray

from patronage.ledger.worlds.block import Block, Scene
from patronage.ledger.worlds.contracts import PERIOD_DAYS
from patronage.ledger.worlds.course import CAUSES
from patronage.ledger.worlds.expectation import Future, Standing, Treatment, expected_future
from patronage.ledger.worlds.orders import returned_within
from patronage.ledger.worlds.parts import NEUTRAL_SCORE, BetaGeometricPurchasing, ParetoPurchasing
from patronage.ledger.worlds.profit import pending, realised
from patronage.ledger.worlds.settings import World
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.time_unit import DAYS_PER_YEAR
from patronage.schema import Column, TableSchema

BoolArray = NDArray[np.bool_]
Values = dict[str, FloatArray | IndexArray]

UNEXPLAINED = "nature"
"""The part of a customer's hazard of leaving that nothing recorded explains."""

NO_DRIVER = "none"
"""The driver of customers whom no named cause makes likelier to leave."""


def truth_schema(world: World) -> TableSchema:
    """The columns of the truth of a world, which depend on the parts that it has."""
    ends = "when the observed time ends"
    columns = [
        Column("customer_id", "string", "", False, "Who."),
        Column("left_at", "timestamp", "", True, "When the customer left; missing if not before the future ends."),
        Column("alive", "long", "0 or 1", False, f"1 if the customer had not left {ends}."),
    ]
    if world.purchasing is not None:
        columns += [
            Column("purchase_rate", "double", "orders per year", False, "While there, on a day of activity 1."),
            Column("order_value", "double", "money", False, "Mean of an order before discounts and refunds."),
        ]
    columns.append(_dropout_column(world))
    columns += [
        Column("revenue_per_order", "double", "money", False, "Mean of an order or payment, net of refunds."),
        Column("margin_per_order", "double", "money", False, "Mean margin of it, net of refunds."),
        Column("discount_rate", "double", "probability", False, "That an order is discounted."),
        Column("refund_rate", "double", "probability", False, "That a line comes back."),
        Column("contact_rate", "double", "contacts per year", False, "While there."),
        Column("cost_per_contact", "double", "money", False, "Mean cost of a contact."),
        Column("score", "long", "1 to 5", False, f"How the latest contact was lived through, {ends}; 3 without one."),
        Column("matter_open", "long", "0 or 1", False, f"1 if a matter was open {ends}."),
    ]
    given = f"over the future days, given the truth {ends}"
    columns += [
        Column("expected_alive", "double", "probability", False, "Not to have left when the future ends."),
        Column("expected_orders", "double", "orders", False, f"Expected orders or payments {given}."),
        Column("expected_revenue", "double", "money", False, f"Expected amounts, refunds deducted, {given}."),
        Column("expected_margin", "double", "money", False, f"Expected amounts less cost of goods {given}."),
        Column("expected_contact_cost", "double", "money", False, f"Expected cost of contacts {given}."),
        Column("expected_profit", "double", "money", False, "expected_margin less expected_contact_cost."),
        Column("future_orders", "double", "orders", False, "What came over the future days."),
        Column("future_revenue", "double", "money", False, "What came, refunds deducted."),
        Column("future_margin", "double", "money", False, "What came, less cost of goods."),
        Column("future_contact_cost", "double", "money", False, "What contacts cost."),
        Column("future_profit", "double", "money", False, "future_margin less future_contact_cost."),
        Column("past_profit", "double", "money", False, "Margin less contact and campaign cost of the observed days."),
    ]
    for name in world.campaigns:
        columns += [
            Column(f"rate_effect_{name}", "double", "logarithm", False, f"Of {name} on the purchase rate."),
            Column(f"dropout_effect_{name}", "double", "logarithm", False, f"Of {name} on the hazard of leaving."),
            Column(
                f"extra_orders_{name}", "double", "orders", False,
                f"Expected orders {given}, more if treated with {name} then than if not.",
            ),
            Column(
                f"extra_profit_{name}", "double", "money", False,
                f"Expected profit {given}, more if treated with {name} then than if not, its cost deducted.",
            ),
        ]  # fmt: skip
    what = "log odds" if world.contract is not None else "log hazard"
    for term in hazard_terms(world):
        meaning = f"What {term} added to the {what} of leaving when the customer left or, if still there, {ends}."
        columns.append(Column(f"hazard_{term}", "double", "logarithm", False, meaning))
    columns += [
        Column("driver", "string", "", False, f"The named cause that added most; {NO_DRIVER} if none added anything."),
        Column("driver_share", "double", "share", False, "Its part of all that was added, nature included; 0 if none."),
    ]
    return TableSchema("truth", tuple(columns))


def _dropout_column(world: World) -> Column:
    if world.contract is not None:
        meaning = "Of leaving at the first renewal, with neutral satisfaction and nothing open."
        return Column("dropout_log_odds", "double", "log odds", False, meaning)
    if isinstance(world.purchasing, ParetoPurchasing):
        meaning = "Hazard of leaving, with neutral satisfaction and nothing open."
        return Column("dropout_rate", "double", "per year", False, meaning)
    meaning = "To leave after a repeat purchase, with neutral satisfaction and nothing open."
    return Column("dropout_probability", "double", "probability", False, meaning)


def hazard_terms(world: World) -> tuple[str, ...]:
    """The causes of leaving that a world has, `UNEXPLAINED` first."""
    terms = [UNEXPLAINED]
    for name, attribute in world.attributes.items():
        given = attribute.log_dropout
        if given if not isinstance(given, dict) else any(given.values()):
            terms.append(name)
    if any(way.log_dropout for way in world.acquisition.channels.values()):
        terms.append("acquisition_channel")
    if world.contract is not None:
        if any(plan.log_odds for plan in world.contract.plans.values()):
            terms.append("plan")
        if world.contract.log_odds_per_log_month:
            terms.append("tenure")
    if world.contacts is not None and world.contacts.moves_dropout:
        terms += ["satisfaction", "complaint"]
    if any(action.keeps for action in world.campaigns.values()):
        terms.append("campaign")
    return tuple(terms)


def truth_of(scene: Scene, block: Block) -> Values:
    """The truth of a block: the columns of `truth_schema` but customer_id; times in days from the start.

    `driver` is the position in ``(*hazard_terms(world)[1:], "none")``.
    """
    world, customers = scene.world, block.customers
    end = float(world.observed_days)
    alive = block.leaving >= end
    values: Values = {"left_at": block.leaving, "alive": alive.astype(np.int64)}
    if world.purchasing is not None:
        values |= {"purchase_rate": customers.rate * DAYS_PER_YEAR, "order_value": customers.order_value}
    values[_dropout_column(world).name] = _dropout(world, customers.hazard)
    paid, cost = _per_order(scene, block)
    refunded, restocked = customers.refund_share, _restocked(world)
    revenue, margin = paid * (1 - refunded), paid * (1 - refunded) - cost * (1 - refunded * restocked)
    per_contact = _cost_per_contact(scene, block)
    at = block.course.at(np.arange(len(customers)), np.minimum(block.leaving, end), world.all_days + 1.0)
    score, is_open = _standing_of(world, block)
    values |= {
        "revenue_per_order": revenue,
        "margin_per_order": margin,
        "discount_rate": customers.discount_share,
        "refund_rate": refunded,
        "contact_rate": customers.contact_rate * DAYS_PER_YEAR,
        "cost_per_contact": per_contact,
        "score": score,
        "matter_open": is_open.astype(np.int64),
    }
    there = np.flatnonzero(alive)
    standing = _standing(world, block, there, score, is_open)

    def money(future: Future) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Revenue, margin and contact cost of those who are there."""
        back = refunded[there] * future.refundable
        revenue = paid[there] * (future.orders - back)
        goods = cost[there] * (future.orders - back * restocked)
        return revenue, revenue - goods, customers.contact_rate[there] * future.days * per_contact[there]

    future = expected_future(world, scene.activity, standing)
    revenue, margin, contact_cost = (_spread(part, there, len(customers)) for part in money(future))
    if world.refunds is not None:
        lost_revenue, lost_margin = _still_to_come_back(scene, block)
        revenue, margin = revenue - lost_revenue, margin - lost_margin
    came = realised(scene, block, end, float(world.all_days))
    values |= {
        "expected_alive": _spread(future.alive, there, len(customers)),
        "expected_orders": _spread(future.orders, there, len(customers)),
        "expected_revenue": revenue,
        "expected_margin": margin,
        "expected_contact_cost": contact_cost,
        "expected_profit": margin - contact_cost,
        "future_orders": came.orders,
        "future_revenue": came.revenue,
        "future_margin": came.margin,
        "future_contact_cost": came.contact_cost,
        "future_profit": came.profit,
        "past_profit": realised(scene, block, 0.0, end).profit,
    }
    usual = money(future)
    for name, action in world.campaigns.items():
        rate, dropout = customers.rate_effect[name], customers.dropout_effect[name]
        treatment = Treatment(rate[there], dropout[there], float(action.effect_days))
        treated = expected_future(world, scene.activity, standing, treatment)
        gain = money(treated)
        extra = (gain[1] - gain[2]) - (usual[1] - usual[2]) - action.cost
        values |= {
            f"rate_effect_{name}": rate,
            f"dropout_effect_{name}": dropout,
            f"extra_orders_{name}": _spread(treated.orders - future.orders, there, len(customers)),
            f"extra_profit_{name}": _spread(extra, there, len(customers), -action.cost),
        }
    return values | _causes(world, block, at)


def _dropout(world: World, hazard: FloatArray) -> FloatArray:
    if isinstance(world.purchasing, ParetoPurchasing):
        return hazard * DAYS_PER_YEAR
    if isinstance(world.purchasing, BetaGeometricPurchasing):
        return -np.expm1(-hazard)
    return hazard


def _spread(values: FloatArray, there: IndexArray, n: int, elsewhere: float = 0.0) -> FloatArray:
    """Values of those who are there, and another one for the others."""
    all_of_them = np.full(n, elsewhere)
    all_of_them[there] = values
    return all_of_them


def _restocked(world: World) -> float:
    return world.refunds.restocked if world.refunds is not None else 0.0


def _per_order(scene: Scene, block: Block) -> tuple[FloatArray, FloatArray]:
    """Mean amount and mean cost of goods of an order or payment before refunds, by customer."""
    world, customers = scene.world, block.customers
    if world.contract is not None:
        assert customers.plan is not None
        plans = list(world.contract.plans.values())
        price = np.array([plan.price for plan in plans])[customers.plan]
        share = np.array([1 - plan.margin_rate for plan in plans])[customers.plan]
        return price, price * share * customers.cost_factor
    off = float(np.mean(world.discounts.depths)) if world.discounts is not None else 0.0
    paid = customers.order_value * (1 - customers.discount_share * off)
    if world.goods is None:
        return paid, np.zeros(len(customers))
    share = np.full(len(customers), 1 - (world.goods.margin_rate or 0.0))
    if world.catalogue is not None and scene.products is not None:
        assert customers.favourite_category is not None
        by_category, loyalty = scene.products.cost_share(), world.catalogue.loyalty
        share = (
            loyalty * by_category[customers.favourite_category] + (1 - loyalty) * by_category @ scene.products.shares
        )
    return paid, customers.order_value * share * customers.cost_factor


def _cost_per_contact(scene: Scene, block: Block) -> FloatArray:
    contacts, favourite = scene.world.contacts, block.customers.favourite_contact_channel
    if contacts is None or favourite is None:
        return np.zeros(len(block.customers))
    ways = list(contacts.channels.values())
    cost = np.array([way.cost + way.cost_per_minute * way.minutes for way in ways]) * scene.contact_cost_factor
    shares = np.array([way.share for way in ways])
    mean: FloatArray = contacts.loyalty * cost[favourite] + (1 - contacts.loyalty) * (cost @ shares / shares.sum())
    return mean


def _standing_of(world: World, block: Block) -> tuple[IndexArray, BoolArray]:
    """Score of the latest contact and whether a matter is open, when the observed time ends."""
    n = len(block.customers)
    score = np.full(n, NEUTRAL_SCORE, dtype=np.int64)
    log, end = block.contacts, float(world.observed_days)
    if log is None or not len(log.owner):
        return score, np.zeros(n, dtype=bool)
    known = log.time < end
    owner = log.owner[known]
    last = np.flatnonzero(np.append(owner[1:] != owner[:-1], True)[: len(owner)])
    score[owner[last]] = log.score[known][last]
    is_open = np.zeros(n, dtype=bool)
    is_open[owner[log.closed[known] > end]] = True
    return score, is_open


def _standing(world: World, block: Block, there: IndexArray, score: IndexArray, is_open: BoolArray) -> Standing:
    customers, end = block.customers, float(world.observed_days)
    renewals = np.floor((end - customers.won[there]) / PERIOD_DAYS).astype(np.int64)
    return Standing(
        rate=customers.rate[there],
        hazard=customers.hazard[there],
        contact_rate=customers.contact_rate[there],
        score=score[there],
        is_open=is_open[there],
        renewals=renewals,
        next_renewal=customers.won[there] + (renewals + 1) * PERIOD_DAYS - end,
    )


def _still_to_come_back(scene: Scene, block: Block) -> tuple[FloatArray, FloatArray]:
    r"""Revenue and margin of observed orders that refunds of the future take away on average.

    A line that has not come back by the end of the observed time, u days after its order, does so later with the
    probability :math:`\rho (G(u + h) - G(u)) / (1 - \rho G(u))`.
    """
    world, n = scene.world, len(block.customers)
    refunds = world.refunds
    assert refunds is not None
    end = float(world.observed_days)
    recent = (block.lines.time < end) & (block.lines.time > end - refunds.latest_days)
    back = np.zeros(len(block.lines), dtype=bool)
    share = block.customers.refund_share
    early = block.refunds.time < end
    back[block.refunds.line[early]] = True
    kept = block.lines.take(np.flatnonzero(recent & ~back))
    age = end - kept.time
    by_now = returned_within(refunds, age)
    later = returned_within(refunds, age + world.future_days)
    rate = share[kept.owner]
    return pending(scene, kept, rate * (later - by_now) / (1 - rate * by_now), n)


def _causes(world: World, block: Block, at: IndexArray) -> Values:
    """What each cause added to the log hazard when customers left, or at the end; and the cause that added most."""
    n, end = len(block.customers), float(world.observed_days)
    terms = hazard_terms(world)
    added = {name: block.customers.dropout_terms.get(name, np.zeros(n)) for name in terms}
    for name in CAUSES[1:]:
        if name in added:
            added[name] = getattr(block.course, name)[at]
    if "tenure" in added and world.contract is not None:
        months = np.maximum(np.rint((np.minimum(block.leaving, end) - block.customers.won) / PERIOD_DAYS), 1.0)
        added["tenure"] = world.contract.log_odds_per_log_month * np.log(months / 12)
    columns = np.array([added[name] for name in terms])
    total = np.maximum(columns, 0).sum(axis=0)
    named = np.vstack([columns[1:], np.zeros(n)])
    driver = np.argmax(np.vstack([columns[1:], np.full(n, 1e-9)]), axis=0)
    most = np.maximum(named[driver, np.arange(n)], 0)
    share = np.divide(most, total, out=np.zeros(n), where=total > 0)
    return {**{f"hazard_{name}": added[name] for name in terms}, "driver": driver, "driver_share": share}
