"""Contacts with the business: how many, of what kind, by which channel, how dear, how long, which are still open."""

from typing import Any

import ibis
from ibis import _

from patronage.features.group import RECENT_DAYS, WINDOWS_DAYS, Feature, FeatureGroup, ratio
from patronage.features.point_in_time import Known, later_day
from patronage.ledger.purchases import MONEY

KINDS = ("service", "campaign", "visit")
"""Kinds of contact with columns of their own, beside complaints, which are a group of features of their own."""

COMPLAINT = "complaint"

CHANNELS: dict[str, tuple[str, ...]] = {
    "call": ("call", "phone", "telephone"),
    "chat": ("chat",),
    "e_mail": ("e-mail", "email", "e_mail", "mail"),
    "store": ("store", "shop", "branch"),
    "web": ("web", "website", "online", "app"),
}
"""Channels of contact with columns of their own, and the names, in lower case, that count as each of them."""

CONTACT_WINDOWS_DAYS = (90, 365)
"""Windows for counts that are split by kind or channel, which are too thin for shorter ones."""


def contact_rows(known: Known) -> Any:
    """Contacts, once for every as-of date on which they are known, and of complaints what had become of them.

    Returns
    -------
    ibis.Table
        customer_id, day, as_of, age_days, and, as far as the ledger knows them: kind and channel (lower case), cost
        (decimal, money), minutes (decimal), and of closed_at is_open (boolean, as of the date) and days_to_close
        (missing while open).
    """
    table = known.facts("contacts")
    columns = _columns(table)
    if "closed_at" in table.columns:
        columns["closed_day"], columns["closed_known"] = later_day(table, "closed_at", known.zoned)
    rows = known.up_to(table.select("customer_id", "day", **columns))
    if "closed_at" not in table.columns:
        return rows
    rows = rows.mutate(is_open=(_.closed_known > _.as_of).fill_null(True))
    days_to_close = _.closed_day.delta(_.day, unit="day").cast("int64")
    return rows.mutate(days_to_close=ibis.ifelse(_.is_open, None, days_to_close))


def recent_contacts(known: Known) -> Any:
    """Contacts that are younger than `RECENT_DAYS`, once for every as-of date on which they are so.

    Returns
    -------
    ibis.Table
        As `contact_rows`, without is_open and days_to_close.
    """
    table = known.facts("contacts")
    return known.lately(table.select("customer_id", "day", **_columns(table)), RECENT_DAYS)


def _columns(table: Any) -> dict[str, Any]:
    columns = {name: table[name].lower() for name in ("kind", "channel") if name in table.columns}
    if "cost" in table.columns:
        columns["cost"] = table.cost.cast(MONEY)
    if "duration_minutes" in table.columns:
        columns["minutes"] = table.duration_minutes.cast(MONEY)
    return columns


def _within(length: int) -> str:
    return f"in the {length} days up to the as-of date"


CONTACTS = FeatureGroup(
    "contacts",
    "How often the customer and the business were in touch.",
    contact_rows,
    (
        Feature("contacts_total", "contacts", "Number of contacts.", _.count()),
        *(
            Feature(
                f"contacts_{length}d", "contacts", f"Number of contacts {_within(length)}.",
                _.count(where=_.age_days < length), facts=recent_contacts,
            )
            for length in WINDOWS_DAYS
        ),
        Feature(
            "days_since_last_contact", "days", "From the last contact to the as-of date.", _.age_days.min(),
            missing="without a contact",
        ),
    ),
    needs=("contacts",),
)  # fmt: skip


def _split(what: str, is_it: dict[str, Any], meaning: str) -> tuple[Feature, ...]:
    """Counts of the contacts of each value of a column, over windows."""
    return tuple(
        Feature(
            f"contacts_{what}_{name}_{length}d", "contacts",
            f"Number of contacts {meaning} {name.replace('_', '-')}, {_within(length)}.",
            _.count(where=condition & (_.age_days < length)),
        )
        for name, condition in is_it.items()
        for length in CONTACT_WINDOWS_DAYS
    )  # fmt: skip


def _others(column: Any, named: tuple[str, ...]) -> Any:
    return column.isnull() | column.notin(named)


_CHANNEL_NAMES = tuple(name for names in CHANNELS.values() for name in names)

CONTACT_KINDS = FeatureGroup(
    "contact_kinds",
    "What the contacts were about. Complaints have a group of their own; a missing kind counts as other.",
    recent_contacts,
    _split(
        "of_kind", {kind: _.kind == kind for kind in KINDS} | {"other": _others(_.kind, (*KINDS, COMPLAINT))},
        "of kind",
    ),
    needs=("contacts.kind",),
)  # fmt: skip

CONTACT_CHANNELS = FeatureGroup(
    "contact_channels",
    "By which channels the contacts came. A missing channel counts as other.",
    recent_contacts,
    _split(
        "by", {name: _.channel.isin(names) for name, names in CHANNELS.items()}
        | {"other": _others(_.channel, _CHANNEL_NAMES)}, "by",
    ),
    needs=("contacts.channel",),
)  # fmt: skip

COST_TO_SERVE = FeatureGroup(
    "cost_to_serve",
    "What the contacts cost the business. A missing cost counts as 0.",
    contact_rows,
    (
        Feature("cost_to_serve_total", "money", "Cost of all contacts.", _.cost.sum()),
        *(
            Feature(
                f"cost_to_serve_{length}d", "money", f"Cost of the contacts {_within(length)}.",
                _.cost.sum(where=_.age_days < length), facts=recent_contacts,
            )
            for length in WINDOWS_DAYS
        ),
        Feature(
            "cost_per_contact", "money", "Mean cost of the contacts whose cost is known.",
            ratio(_.cost.sum(), _.cost.count()), missing="where no cost is known",
        ),
    ),
    needs=("contacts.cost",),
)  # fmt: skip

CONTACT_MINUTES = FeatureGroup(
    "contact_minutes",
    "How long the contacts took. A missing duration counts as 0.",
    contact_rows,
    (
        Feature("contact_minutes_total", "minutes", "Duration of all contacts.", _.minutes.sum()),
        *(
            Feature(
                f"contact_minutes_{length}d", "minutes", f"Duration of the contacts {_within(length)}.",
                _.minutes.sum(where=_.age_days < length), facts=recent_contacts,
            )
            for length in CONTACT_WINDOWS_DAYS
        ),
    ),
    needs=("contacts.duration_minutes",),
)  # fmt: skip

_IS_COMPLAINT = _.kind == COMPLAINT

COMPLAINTS = FeatureGroup(
    "complaints",
    "Complaints, recent ones and those that were not settled on the as-of date, even if they were later.",
    contact_rows,
    (
        Feature("complaints_total", "complaints", "Number of complaints.", _.count(where=_IS_COMPLAINT)),
        *(
            Feature(
                f"complaints_{length}d", "complaints", f"Number of complaints {_within(length)}.",
                _.count(where=_IS_COMPLAINT & (_.age_days < length)), facts=recent_contacts,
            )
            for length in (30, 90, 365)
        ),
        Feature(
            "days_since_last_complaint", "days", "From the last complaint to the as-of date.",
            _.age_days.min(where=_IS_COMPLAINT), missing="without a complaint",
        ),
        Feature(
            "complaints_open", "complaints", "Number of complaints that were open on the as-of date.",
            _.count(where=_IS_COMPLAINT & _.is_open), needs=("contacts.closed_at",),
        ),
        Feature(
            "open_complaint_days", "days", "Age of the oldest complaint that was open on the as-of date.",
            _.age_days.max(where=_IS_COMPLAINT & _.is_open), missing="without an open complaint",
            needs=("contacts.closed_at",),
        ),
        Feature(
            "complaint_days_to_close", "days", "Mean time from a complaint to its settling, of the settled ones.",
            ratio(_.days_to_close.sum(where=_IS_COMPLAINT), _.days_to_close.count(where=_IS_COMPLAINT)),
            missing="without a settled complaint", needs=("contacts.closed_at",),
        ),
    ),
    needs=("contacts.kind",),
)  # fmt: skip
