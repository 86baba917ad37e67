"""From drawn blocks to Arrow tables in the columns of `patronage.schema`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patronage.ledger.worlds.block import Block, Scene
from patronage.ledger.worlds.orders import CENTS, Lines
from patronage.ledger.worlds.parts import TextAttribute
from patronage.ledger.worlds.truth import NO_DRIVER, Values, hazard_terms, truth_schema
from patronage.runtime.histories import FloatArray, IndexArray

ORDERS_OF_A_BLOCK = 10**9
"""Numbers of orders are block times this, plus the number within the block."""

SECONDS = 86_400


class BlockTables:
    """The tables of one block.

    Parameters
    ----------
    scene : Scene
    block : Block
    number : int
        Number of the block in the world.
    """

    def __init__(self, scene: Scene, block: Block, number: int) -> None:
        self.scene, self.block, self.number = scene, block, number
        self.world = scene.world
        digits = pc.utf8_lpad(pc.cast(pa.array(block.customers.number), pa.string()), 9, "0")
        self.ids = pc.binary_join_element_wise("C", digits, "")
        self.midnight = int(datetime.combine(self.world.start, datetime.min.time(), UTC).timestamp())

    def transactions(self, begin: float, end: float) -> pa.Table:
        """Lines and refunds with times in [begin, end), by time."""
        parts = [part.take(_within(part.time, begin, end)) for part in (self.block.lines, self.block.refunds)]
        lines = Lines(**{name: _joined([getattr(part, name) for part in parts]) for name in vars(parts[0])})
        lines = lines.take(np.argsort(lines.time, kind="stable"))
        columns: dict[str, Any] = {
            "customer_id": self._who(lines.owner),
            "timestamp": self._when(lines.time),
            "amount": lines.amount / CENTS,
        }
        world = self.world
        if lines.product is not None:
            columns["order_id"] = self._order_ids(lines.order)
            if self.scene.products is not None:
                products = self.scene.products
                columns["product"] = _named(lines.product, products.names)
                columns["category"] = _named(products.category[lines.product], products.category_names)
            elif world.contract is not None:
                columns["product"] = _named(lines.product, list(world.contract.plans))
            columns["quantity"] = lines.quantity
        if world.goods is not None:
            columns["cost_of_goods"] = lines.cost / CENTS
        if world.discounts is not None:
            columns["discount"] = lines.discount / CENTS
        if lines.sales_channel is not None and world.sales_channels is not None:
            columns["sales_channel"] = _named(lines.sales_channel, list(world.sales_channels.shares))
        if world.currency is not None:
            columns["currency"] = _named(np.zeros(len(lines)), [world.currency])
        return pa.table(columns)

    def customers(self, known_until: float) -> pa.Table:
        """Customers, with the ends of contracts that were known at a time."""
        customers, world = self.block.customers, self.world
        columns: dict[str, Any] = {"customer_id": self.ids, "acquired_at": self._when(customers.won)}
        if customers.acquisition_channel is not None:
            columns["acquisition_channel"] = _named(customers.acquisition_channel, list(world.acquisition.channels))
            columns["acquisition_cost"] = customers.acquisition_cost
        if world.contract is not None and customers.plan is not None:
            columns["contract_start"] = self._when(customers.won).cast(pa.date32())
            left = np.where(self.block.leaving < known_until, self.block.leaving, np.nan)
            columns["contract_end"] = self._when(left).cast(pa.date32())
            columns["plan"] = _named(customers.plan, list(world.contract.plans))
            columns["price"] = np.array([plan.price for plan in world.contract.plans.values()])[customers.plan]
        for name, attribute in world.attributes.items():
            values = customers.attributes[name]
            columns[name] = _named(values, list(attribute.shares)) if isinstance(attribute, TextAttribute) else values
        return pa.table(columns)

    def contacts(self, begin: float, end: float, known_until: float) -> pa.Table:
        """Contacts with times in [begin, end), by time, with the closings that were known at a time."""
        log, contacts = self.block.contacts, self.world.contacts
        assert log is not None
        assert contacts is not None
        kept = _within(log.time, begin, end)
        kept = kept[np.argsort(log.time[kept], kind="stable")]
        columns: dict[str, Any] = {
            "customer_id": self._who(log.owner[kept]),
            "timestamp": self._when(log.time[kept]),
            "channel": _named(log.channel[kept], list(contacts.channels)),
            "kind": _named(log.kind[kept], list(contacts.kinds)),
            "cost": log.cost(contacts, self.scene.contact_cost_factor)[kept],
            "duration_minutes": log.minutes[kept],
            "satisfaction": pa.array(log.score[kept].astype(float), mask=~log.answered[kept]),
        }
        if any(kind.open_days is not None for kind in contacts.kinds.values()):
            closed = log.closed[kept]
            columns["closed_at"] = self._when(np.where(closed < known_until, closed, np.nan))
        return pa.table(columns)

    def campaigns(self, begin: float, end: float) -> pa.Table:
        """Choices of campaigns with times in [begin, end), by time; who bought while the effect lasts responded."""
        log, actions = self.block.campaigns, self.world.campaigns
        assert log is not None
        kept = _within(log.time, begin, end)
        kept = kept[np.argsort(log.time[kept], kind="stable")]
        owner, time, action, treated = log.owner[kept], log.time[kept], log.action[kept], log.treated[kept]
        days = np.array([one.effect_days for one in actions.values()])[action]
        columns: dict[str, Any] = {
            "customer_id": self._who(owner),
            "timestamp": self._when(time),
            "action": _named(action, list(actions)),
            "treated": treated.astype(np.int64),
            "cost": np.array([one.cost for one in actions.values()])[action] * treated,
        }
        if self.world.contract is None:
            bought = self._next_order(owner, time)
            response = bought < time + days
            columns["response"] = response.astype(np.int64)
            columns["responded_at"] = self._when(np.where(response, bought, np.nan))
        return pa.table(columns)

    def truth(self, values: Values) -> pa.Table:
        """The truth; see `truth.truth_of`."""
        columns: dict[str, Any] = {"customer_id": self.ids}
        for column in truth_schema(self.world).columns[1:]:
            given = values[column.name]
            if column.type == "timestamp":
                columns[column.name] = self._when(given.astype(float))
            elif column.type == "string":
                columns[column.name] = _named(given, [*hazard_terms(self.world)[1:], NO_DRIVER])
            else:
                columns[column.name] = given
        return pa.table(columns)

    def _who(self, owner: IndexArray) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(owner.astype(np.int32)), self.ids)

    def _when(self, days: FloatArray) -> pa.Array:
        """Timestamps to the second; missing where the time is NaN or infinite."""
        never = ~np.isfinite(days)
        seconds = np.floor(np.where(never, 0.0, days) * SECONDS).astype(np.int64) + self.midnight
        return pa.array(seconds * 1_000_000, mask=never if never.any() else None).cast(pa.timestamp("us"))

    def _order_ids(self, order: IndexArray) -> pa.Array:
        numbers = pc.cast(pa.array(order + (self.number + 1) * ORDERS_OF_A_BLOCK), pa.string())
        return pc.binary_join_element_wise("O", numbers, "")

    def _next_order(self, owner: IndexArray, time: FloatArray) -> FloatArray:
        """Time of the first order after a time, infinite if there is none."""
        orders, span = self.block, self.world.all_days + 1.0
        place = np.searchsorted(orders.order_owner * span + orders.order_time, owner * span + time, side="right")
        found = np.minimum(place, len(orders.order_owner) - 1)
        same = (place < len(orders.order_owner)) & (orders.order_owner[found] == owner)
        return np.where(same, orders.order_time[found], np.inf)


def _within(time: FloatArray, begin: float, end: float) -> IndexArray:
    return np.flatnonzero((time >= begin) & (time < end))


def _joined(parts: list[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)


def _named(position: FloatArray | IndexArray, names: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(position.astype(np.int32)), pa.array(names, pa.string()))
