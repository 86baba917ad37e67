"""Kinds of wordings that many features share: windows against what was before, silence, trends.

Words may lean: "no order for 36 days, usually every 32" sounds like leaving. Where the model holds the same fact for a
reason to stay, it is said without the direction: "last order 36 days ago, usually every 32".
"""

import math
from collections.abc import Callable
from functools import partial

from .phrases import Growth, Leaning, Phrase, Rounding, Wording, before, count, moved, number, percent

WINDOWS = {7: 30, 30: 90, 90: 180, 180: 365}
"""Windows in days, each with the next longer one that it is compared with."""

ALL: dict[int, int | None] = {**WINDOWS, 365: None}
SPLIT: dict[int, int | None] = {90: 365, 365: None}
THIRTY: dict[int, int | None] = {30: 90, 90: 365, 365: None}

ONE_DAY = Leaning("ordered on one day only", True, "one order day so far")
NO_SECOND = Leaning("no second order yet", True, "fewer than two order days so far")
NO_THIRD = Leaning("fewer than three orders yet", True, "fewer than three order days so far")

KNOWN_FOR = ("tenure_days", "days_since_acquisition", "contract_days")
"""Ages of a customer who need not have bought: contacts may come before the first order."""


def counted(
    topic: str,
    stem: str,
    one: str,
    many: str,
    windows: dict[int, int | None],
    growth: Growth = None,
    ages: tuple[str, ...] = ("tenure_days",),
) -> dict[str, Wording]:
    """A number of things within windows, and what it was before where a longer window tells."""
    told = partial(count, one=one, many=many)
    return {f"{stem}_{days}d": within(topic, stem, days, longer, told, "whole", growth, ages)
            for days, longer in windows.items()}  # fmt: skip


def money(topic: str, stem: str, verb: str, windows: dict[int, int | None], growth: Growth) -> dict[str, Wording]:
    """An amount within windows, and what it was before where a longer window tells."""
    return {f"{stem}_{days}d": within(topic, stem, days, longer, lambda x: f"{verb} {number(x)}", "money", growth)
            for days, longer in windows.items()}  # fmt: skip


def within(
    topic: str,
    stem: str,
    days: int,
    longer: int | None,
    told: Callable[[float], str],
    rounding: Rounding,
    growth: Growth,
    ages: tuple[str, ...] = ("tenure_days",),
) -> Wording:
    """A window, held against what was before it in the longer one, of customers who are as old as that."""
    if longer is None:
        return Wording(topic, lambda value: f"{told(value)} in {days} days", rounding=rounding)

    def say(value: float, around: float, old: float) -> Phrase:
        was = before(value, around, days, longer) if old else float("nan")
        return moved(f"{told(value)} in {days} days", value, was, money=rounding == "money", growth=growth)

    return Wording(topic, say, (f"{stem}_{longer}d",), rounding, compares=longer, ages=ages)


def ago(what: str) -> Callable[[float], str]:
    """Days since something."""
    return lambda days: f"{what} {count(days, 'day', 'days')} ago"


def rhythm(days: float, alone: float) -> str:
    """How often a customer orders, from the mean gap in days; one gap alone is no habit."""
    return one_gap(days) if alone else f"usually orders every {count(days, 'day', 'days')}"


def last_gap(days: float, usual: float, alone: float) -> str:
    """The last gap in days, against the mean one; missing if it is not known."""
    if alone:
        return one_gap(days)
    usually = f", usually {number(usual)}" if usual == usual else ""
    return f"last gap between orders {count(days, 'day', 'days')}{usually}"


def longest_gap(days: float, alone: float) -> str:
    """The longest gap in days."""
    return one_gap(days) if alone else f"longest gap between orders {count(days, 'day', 'days')}"


def regularity(share: float, alone: float) -> str:
    """How regular the gaps are; one alone is as regular as itself."""
    return "one gap between orders so far" if alone else f"orders come with a regularity of {percent(share)}"


def one_gap(days: float) -> str:
    """The only gap in days."""
    return f"once {count(days, 'day', 'days')} between two orders"


def silence(days: float, usual: float, alone: float) -> Phrase:
    """Days since the last order, against the usual gap in days; missing if there is none."""
    last = f"last order {count(days, 'day', 'days')} ago"
    if math.isnan(usual):
        return last
    gaps = f"once {number(usual)} between two orders" if alone else f"usually every {number(usual)}"
    if usual < days:
        return Leaning(f"no order for {count(days, 'day', 'days')}, {gaps}", True, f"{last}, {gaps}")
    return f"{last}, {gaps}"


def silence_by_mean(times: float, days: float, usual: float, alone: float) -> Phrase:
    """Days since the last order against the mean gap; how many times it, where the two are not both known."""
    if math.isnan(days) or math.isnan(usual):
        return silent(times, "only gap" if alone else "usual gap")
    return silence(days, usual, alone)


def silence_by_longest(times: float, days: float, longest: float, alone: float) -> Phrase:
    """Days since the last order against the longest gap; how many times it, where the two are not both known."""
    if math.isnan(days) or math.isnan(longest):
        return silent(times, "only gap" if alone else "longest gap")
    last = f"last order {count(days, 'day', 'days')} ago"
    if longest < days and not alone:
        longer = f"no order for {count(days, 'day', 'days')}, never more than {number(longest)} before"
        return Leaning(longer, True, f"{last}, longest gap before {number(longest)}")
    return silence(days, longest, True)


def silent(times: float, gap: str) -> Phrase:
    """How many times a gap, which is named, the last order is ago."""
    plain = f"last order {number(times)} times the {gap} ago"
    return Leaning(f"silent for {number(times)} times the {gap}", True, plain) if times > 1 else plain


def trend(stem: str, noun: str, days: int, what: Callable[[float], str], rounding: Rounding = "whole") -> Wording:
    """A window against the one before it, as long, of customers who are as old as both."""

    def say(value: float, now: float, old: float) -> Phrase:
        alone = "" if math.isnan(now) else f"{what(now)} in {days} days"
        # Without its window the difference is told as what it is.
        difference = f"{noun} of the last {days} days less those of the {days} before: {number(value)}"
        if not old:
            return f"{alone}, no trend known" if alone else difference
        if value == 0:
            return f"buys as much in {days} days as in the {days} before"
        words = f"{what(abs(value))} {'more' if value > 0 else 'less'} in {days} days than in the {days} before"
        plain = f"{alone}, {number(now - value)} in the {days} before" if alone else difference
        return Leaning(words, value < 0, plain)

    return Wording("trend", say, (f"{stem}_{days}d",), rounding, compares=2 * days)


def age_share(share: float, days: float) -> Phrase:
    """Mean age of the order days over that of the first, of a customer with a number of order days.

    It is a mean and no count: a few old orders may outweigh many of late.
    """
    if days == 1:
        return ONE_DAY
    plain = f"orders lie on average {percent(share)} of the way back to the first"
    if share == 0.5:
        return plain
    early = share > 0.5
    return Leaning(f"orders lie {'early' if early else 'late'} on average", early, plain)


def of_all(
    topic: str,
    stem: str,
    told: Callable[[float], str],
    rounding: Rounding,
    growth: Growth = None,
    ages: tuple[str, ...] = ("tenure_days",),
) -> dict[str, Wording]:
    """An amount over all days and over each window."""
    total = {f"{stem}_total": Wording(topic, lambda x: f"{told(x)} so far", rounding=rounding)}
    return total | {f"{stem}_{days}d": within(topic, stem, days, longer, told, rounding, growth, ages)
                    for days, longer in ALL.items()}  # fmt: skip


def slope(yearly: float) -> Phrase:
    """Change of satisfaction in a year."""
    if yearly == 0:
        return "satisfaction unchanged"
    size = number(abs(yearly))
    words = f"satisfaction {'rising' if yearly > 0 else 'falling'} by {size} a year"
    return Leaning(words, yearly < 0, f"satisfaction changes by {'+' if yearly > 0 else '-'}{size} a year")
