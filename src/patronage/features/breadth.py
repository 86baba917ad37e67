"""How broadly a customer buys: distinct orders, products, categories and sales channels, and their shares."""

from collections.abc import Callable
from typing import Any

import ibis
from ibis import _

from patronage.features.group import LOGARITHM, Feature, FeatureGroup, ratio
from patronage.features.point_in_time import Known
from patronage.ledger.purchases import MONEY

ONLINE_CHANNELS = (
    "app", "e-commerce", "ecommerce", "internet", "marketplace", "mobile", "online", "online shop", "web", "web shop",
    "webshop", "website",
)  # fmt: skip
"""Names of sales channels, in lower case, that count as online: a fixed list, so that the column means the same in
every ledger. Map other names to one of these when the ledger is opened."""


def _lines_by(column: str) -> Callable[[Known], Any]:
    """Count the lines of a customer by the values of a column."""

    def counted(known: Known) -> Any:
        table = known.facts("transactions")
        lines = table.filter((table.amount.cast(MONEY) >= 0) & table[column].notnull())
        by_value = known.up_to(lines.select("customer_id", "day", value=column)).group_by(*known.keys, "value")
        counts = by_value.aggregate(
            lines=_.count(),
            lines_90d=_.count(where=_.age_days < 90),
            youngest=_.age_days.min(),
            oldest=_.age_days.max(),
        )
        number = _.lines.cast("float64")
        return counts.mutate(surprise=(number * number.ln()).cast(LOGARITHM))

    counted.__doc__ = f"""Lines that are no refunds, by {column}, where it is known.

    Returns
    -------
    ibis.Table
        The keys, value, lines, lines_90d, youngest and oldest (age in days of the last and the first line), surprise
        (lines times their logarithm, decimal).
    """
    return counted


def lines_by_sales_channel(known: Known) -> Any:
    """Lines that are no refunds, by sales channel, where it is known.

    Returns
    -------
    ibis.Table
        As those of the other columns; and lines_before (older than 90 days), all_90d and all_before (over all channels
        of the customer).
    """
    lines = _lines_by("sales_channel")(known).mutate(lines_before=_.lines - _.lines_90d)
    customer = ibis.window(group_by=list(known.keys))
    return lines.mutate(
        all_90d=_.lines_90d.sum().over(customer).cast("int64"),
        all_before=_.lines_before.sum().over(customer).cast("int64"),
    )


_LINES = _.lines.sum()
_ENTROPY = ibis.ifelse(_.count() > 1, _LINES.cast("float64").ln() - ratio(_.surprise.sum(), _LINES), 0.0)


def _breadth(one: str, many: str, missing: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{many}_total", many, f"Number of distinct {many}.", _.count()),
        Feature(
            f"{many}_365d", many, f"Number of distinct {many} in the 365 days up to the as-of date.",
            _.count(where=_.youngest < 365),
        ),
        Feature(
            f"{many}_new_90d", many, f"Number of {many} that came up in the last 90 days for the first time.",
            _.count(where=_.oldest < 90),
        ),
        Feature(
            f"{one}_entropy", "nats", f"Entropy of the shares of the {many} in the lines: 0 if there is only one.",
            _ENTROPY, missing=missing,
        ),
        Feature(
            f"{one}_share_top", "share", f"Share of the most frequent one of the {many} in the lines.",
            ratio(_.lines.max(), _LINES), missing=missing,
        ),
    )  # fmt: skip


ORDERS = FeatureGroup(
    "orders",
    "How many orders a customer placed, refunds left out.",
    _lines_by("order_id"),
    (
        Feature("orders_total", "orders", "Number of distinct orders.", _.count()),
        Feature(
            "orders_90d", "orders", "Number of distinct orders in the 90 days up to the as-of date.",
            _.count(where=_.youngest < 90),
        ),
        Feature(
            "orders_365d", "orders", "Number of distinct orders in the 365 days up to the as-of date.",
            _.count(where=_.youngest < 365),
        ),
        Feature(
            "lines_per_order", "lines", "Lines over orders.", ratio(_LINES, _.count()), missing="without an order"
        ),
    ),
    needs=("transactions.order_id",),
)  # fmt: skip

PRODUCTS = FeatureGroup(
    "products",
    "How many different products a customer buys, refunds left out.",
    _lines_by("product"),
    _breadth("product", "products", "where no product is known"),
    needs=("transactions.product",),
)

CATEGORIES = FeatureGroup(
    "categories",
    "How many different categories a customer buys from, refunds left out.",
    _lines_by("category"),
    _breadth("category", "categories", "where no category is known"),
    needs=("transactions.category",),
)

_SHIFT = (_.lines_90d * _.all_before - _.lines_before * _.all_90d).abs().sum()

SALES_CHANNELS = FeatureGroup(
    "sales_channels",
    "Where a customer buys, and whether that has changed; refunds left out.",
    lines_by_sales_channel,
    (
        *_breadth("sales_channel", "sales_channels", "where no channel is known"),
        Feature(
            "sales_channel_share_online", "share", "Share of the lines that were sold online.",
            ratio(_.lines.sum(where=_.value.lower().isin(ONLINE_CHANNELS)).fill_null(0), _LINES),
            missing="where no channel is known",
        ),
        Feature(
            "sales_channel_shift_90d", "share",
            "How far the shares of the channels in the last 90 days lie from those before: half the sum of the "
            "differences, 0 if they are the same, 1 if no channel is shared.",
            ratio(_SHIFT, 2 * _.lines_90d.sum() * _.lines_before.sum()),
            missing="without a line in the last 90 days, or before",
        ),
    ),
    needs=("transactions.sales_channel",),
)  # fmt: skip
