"""What ``patronage value`` says in figures: the headlines of the page, its facts, and the rows on the terminal."""

import pandas as pd

from patronage.report.readings import figure, percent
from patronage.report.value_money import in_money
from patronage.value.statement.statement import ValueStatement


def facts_of(statement: ValueStatement, ledger: str, model: str) -> dict[str, str]:
    """Model, ledger and dates, in the order to be shown."""
    terms = statement.terms
    horizon = "all the future" if terms.horizon_days is None else f"{terms.horizon_days:g} days"
    facts = {
        "ledger": f"{ledger}, {statement.figures['customers']:,.0f} customers",
        "model": model,
        "as of": terms.as_of.isoformat(),
        "horizon": f"{horizon}, discounted by {percent(terms.discount_rate_yearly)} a year",
        "money": f"{statement.basis.noun}: {statement.basis.short}",
        "intervals": f"{percent(terms.level)}, of {terms.futures:,} futures",
    }
    if terms.since is not None:
        facts["bridge"] = f"{terms.since} to {terms.as_of}"
    return facts


def headlines_of(statement: ValueStatement) -> list[tuple[str, str]]:
    """The figures at the top of the page as (label, value)."""
    figures, noun = statement.figures, statement.basis.noun
    found = [
        ("Customers", f"{figures['customers']:,.0f}"),
        (f"Past {noun}", figure(figures["past_profit"])),
        (f"Customer equity, {noun}", figure(figures["equity"])),
        ("Its interval", f"{figure(figures['equity_low'])} to {figure(figures['equity_high'])}"),
        ("Value at risk", figure(figures["value_at_risk"])),
    ]
    if "past_top_share" in figures:
        found.append((f"Share of past {noun} of the best 20 %", percent(figures["past_top_share"])))
    return found


def rows_of(statement: ValueStatement) -> list[list[str]]:
    """What the terminal shows: total, shares, value at risk, equity and bridge, payback by channel."""
    figures, noun = statement.figures, statement.basis.noun
    rows = [
        ["money", f"{noun}; {statement.basis.short}"],
        [f"past {noun}", f"{figures['past_profit']:,.2f} of {figures['past_revenue']:,.2f} net revenue"],
        ["past: best 20 %, middle 70 %, last 10 %", _shares(figures, "past")],
        ["future: the same, expected values", _shares(figures, "future")],
        [in_money("unprofitable customers", noun), _unprofitable(figures)],
        [
            f"customer equity, {noun}",
            f"{figures['equity']:,.0f} ({figures['equity_low']:,.0f} to {figures['equity_high']:,.0f})",
        ],
        ["value at risk", f"{figures['value_at_risk']:,.0f}"],
    ]
    if "equity_bridge" in statement.tables:
        whole = statement.tables["equity_bridge"].iloc[0]
        names = ("acquisition", "development", "retention", "recovery", "loss", "realised_profit", "model_change")
        steps = ", ".join(f"{in_money(name.replace('_', ' '), noun)} {whole[name]:+,.0f}" for name in names)
        rows.append([f"bridge since {statement.terms.since}", f"{whole['opening']:,.0f}: {steps} = "
                     f"{whole['closing']:,.0f}"])  # fmt: skip
    return rows + _paybacks(statement.tables["acquisition"])


def _shares(figures: dict[str, float], view: str) -> str:
    if f"{view}_top_share" not in figures:
        return "the total is not above 0, so that shares of it mean nothing"
    return ", ".join(percent(figures[f"{view}_{tier}_share"]) for tier in ("top", "middle", "last"))


def _unprofitable(figures: dict[str, float]) -> str:
    past, future = (percent(figures[f"{view}_unprofitable_share"]) for view in ("past", "future"))
    return f"{past} in the past, {future} expected"


def _paybacks(acquisition: pd.DataFrame) -> list[list[str]]:
    channels = acquisition[acquisition["by"] == "acquisition channel"]
    rows = []
    for row in channels[channels["cost_per_customer"] > 0].to_dict("records"):
        days, ratio = row["payback_days"], row["ltv_to_cac"]
        when = "not within the ages looked at" if pd.isna(days) else f"{days:,.0f} days"
        rows.append(
            [
                f"payback by {row['group']}",
                f"{when}; LTV:CAC {figure(ratio)}, never {percent(row['never_breaks_even'])}",
            ]
        )
    return rows
