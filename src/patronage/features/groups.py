"""All groups of features, in the order of their columns, and which of them a ledger offers."""

from collections.abc import Sequence
from dataclasses import dataclass

from patronage.errors import ConfigError
from patronage.features.breadth import CATEGORIES, ORDERS, PRODUCTS, SALES_CHANNELS
from patronage.features.campaigns import CAMPAIGNS
from patronage.features.contacts import (
    COMPLAINTS,
    CONTACT_CHANNELS,
    CONTACT_KINDS,
    CONTACT_MINUTES,
    CONTACTS,
    COST_TO_SERVE,
)
from patronage.features.customers import ACQUISITION, ATTRIBUTES, CONTRACT, check_attribute_names
from patronage.features.group import Feature, FeatureGroup, unmet
from patronage.features.margins import DISCOUNTS, MARGIN, REFUNDS
from patronage.features.purchases import GAPS, PURCHASE_WINDOWS, PURCHASES, TREND
from patronage.features.satisfaction import SATISFACTION
from patronage.ledger.tables import LedgerTables

GROUPS: dict[str, FeatureGroup] = {
    group.name: group
    for group in (
        PURCHASES, PURCHASE_WINDOWS, GAPS, TREND, MARGIN, REFUNDS, DISCOUNTS,
        ORDERS, PRODUCTS, CATEGORIES, SALES_CHANNELS,
        CONTACTS, CONTACT_KINDS, CONTACT_CHANNELS, COST_TO_SERVE, CONTACT_MINUTES, COMPLAINTS, SATISFACTION,
        CAMPAIGNS, ACQUISITION, CONTRACT, ATTRIBUTES,
    )
}  # fmt: skip
"""By name, as `conf/features` switches them on and off."""


@dataclass(frozen=True)
class Available:
    """What a ledger offers of the groups that were asked for.

    Attributes
    ----------
    features : dict of FeatureGroup to tuple of Feature
        The features that will be there, by group; groups without any are not.
    left_out : dict of str to str
        Groups and single features that will not be there, with the tables or columns that the ledger lacks.
    """

    features: dict[FeatureGroup, tuple[Feature, ...]]
    left_out: dict[str, str]

    def __str__(self) -> str:
        count = sum(map(len, self.features.values()))
        text = f"{count:,} features of {len(self.features)} groups: {', '.join(group.name for group in self.features)}"
        if self.left_out:
            text += "; left out: " + ", ".join(f"{name} (no {why})" for name, why in self.left_out.items())
        return text


def available(tables: LedgerTables, groups: Sequence[str] | None = None) -> Available:
    """Say which features can be computed from a ledger, and what is lacking for the others.

    Parameters
    ----------
    tables : LedgerTables
        The facts.
    groups : sequence of str, optional
        Names of groups; all if not given. Their order does not matter.

    Raises
    ------
    ConfigError
        If there is no group of such a name.
    ContractError
        If an attribute of the customers is called like a feature.
    """
    unknown = sorted(set(groups or ()) - GROUPS.keys())
    if unknown:
        message = (
            f"There is no group of features called {', '.join(map(repr, unknown))} (features.groups). "
            f"There are: {', '.join(GROUPS)}."
        )
        raise ConfigError(message)
    features: dict[FeatureGroup, tuple[Feature, ...]] = {}
    left_out: dict[str, str] = {}
    for name, group in GROUPS.items():
        if groups is not None and name not in groups:
            continue
        if lacking := unmet(group.needs, tables):
            left_out[name] = _told(lacking)
            continue
        every = group.features + group.of_tables(tables)
        lacks = {feature.name: unmet(feature.needs, tables) for feature in every}
        left_out |= {name: _told(needs) for name, needs in lacks.items() if needs}
        found = tuple(feature for feature in every if not lacks[feature.name])
        if found:
            features[group] = found
    if ATTRIBUTES in features:
        taken = [feature.name for group in GROUPS.values() for feature in group.features]
        check_attribute_names([feature.name for feature in features[ATTRIBUTES]], taken)
    return Available(features, left_out)


def _told(needs: list[str]) -> str:
    return " and ".join(need.replace("|", " or ") for need in needs)
