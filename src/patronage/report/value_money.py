"""Words on profit for money that may be revenue, and titles that hold what the money is called, however long."""

import textwrap

TITLE_LETTERS = 84
"""A line of a title of this length fits above a chart."""

AXIS_LETTERS = 52
"""The same beside one."""


def in_money(words: str, money: str) -> str:
    """Words on profit, for money that may be revenue.

    Examples
    --------
    >>> in_money("realised profit", "profit"), in_money("realised profit", "revenue")
    ('realised profit', 'realised revenue')
    >>> in_money("realised profit", "revenue less the cost of contacts")
    'realised revenue less costs'
    >>> in_money("unprofitable customers", "revenue")
    'customers below 0'
    """
    if not money.startswith("revenue"):
        return words
    if words.startswith("unprofitable"):
        return f"{words.removeprefix('unprofitable')} below 0".strip()
    return words.replace("profit", "revenue" if money == "revenue" else "revenue less costs")


def lines_of(title: str, letters: int = TITLE_LETTERS) -> str | list[str]:
    """A title as one line if it fits, or as several.

    Examples
    --------
    >>> lines_of("Cumulative profit"), lines_of("Cumulative profit by cohort", 20)
    ('Cumulative profit', ['Cumulative profit by', 'cohort'])
    """
    lines = textwrap.wrap(title, letters)
    return title if len(lines) < 2 else lines
