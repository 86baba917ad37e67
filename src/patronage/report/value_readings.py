"""A sentence for each chart of a statement of value, computed from its table."""

from collections.abc import Callable, Mapping

import pandas as pd

from patronage.report.readings import figure, percent
from patronage.value.retention import CAUTION
from patronage.value.whale import pattern_in_words

Tables = Mapping[str, pd.DataFrame]

MOST_LINES = 8
"""Groups that one chart of lines tells apart: the largest, or of cohorts the latest."""


def _whale(tables: Tables, money: str) -> str:
    shares = tables["whale_shares"]
    past = shares[(shares["view"] == "past") & (shares["by"] == "")].iloc[0]
    told = {str(name): past[name] for name in past.index}
    drawn = tables["whale_shares_of_futures"].set_index("measure")
    text = pattern_in_words(told) if money == "profit" else _without_pattern(told, money)
    top = drawn.loc["top_share"]
    if pd.isna(top["mean"]):
        return f"{text} Of the futures drawn too few make a profit for shares to mean anything."
    return (
        f"{text} Of the time to come the best 20 % will earn {percent(top['mean'])} ({percent(top['low'])} to "
        f"{percent(top['high'])}) by futures that are each ranked for themselves; expected values alone say "
        f"{percent(top['of_expected'])}, which understates how unequal customers will be."
    )


def _without_pattern(shares: Mapping[str, float], money: str) -> str:
    """The shares, without the usual pattern, which is one of profit after all costs."""
    if not shares["total"] > 0:
        return pattern_in_words(dict(shares))
    top, middle, last = (percent(shares[name]) for name in ("top_share", "middle_share", "last_share"))
    return (
        f"The best 20 % of customers bring {top} of the {money}, the middle 70 % bring {middle}, the last 10 % {last}. "
        "Costs that are not known would spread customers further."
    )


def _bridge(tables: Tables, money: str) -> str:
    steps = tables["equity_waterfall"].set_index("step")["value"]
    lost = steps["loss"] + min(steps["retention"], 0.0)
    came = (
        f"{figure(-steps['realised_profit'])} came in as {money} and is no longer to come"
        if steps["realised_profit"] <= 0
        else f"{figure(steps['realised_profit'])} of expected losses were made and are no longer to come"
    )
    back = f", those who came back {_added(steps['recovery'])}" if abs(steps["recovery"]) > 0 else ""
    return (
        f"Equity, the future {money} of customers, went from {figure(steps['opening'])} to "
        f"{figure(steps['closing'])}. Winning customers {_added(steps['acquisition'])}, developing them "
        f"{_added(steps['development'])}, those who left or faded {_added(lost)}{back}; {came}."
    )


def _added(value: float) -> str:
    return f"added {figure(value)}" if value >= 0 else f"took {figure(-value)}"


def latest_groups(curves: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows of the latest groups, as many as a chart tells apart, and their names in order."""
    names = sorted(map(str, curves["group"].unique()))[-MOST_LINES:]
    return curves[curves["group"].isin(names)], names


def _cohorts(tables: Tables, money: str) -> str:
    curves = tables["cohort_curves"]
    curves, _names = latest_groups(curves[curves["by"] == "cohort"])
    last = curves[curves["age"] == curves["age"].max()].sort_values("cumulative_profit")
    best, worst = last.iloc[-1], last.iloc[0]
    age = figure(best["age_days"])
    if len(last) == 1:
        return f"After {age} days a customer will have brought {figure(best['cumulative_profit'])} of {money}."
    return (
        f"After {age} days customers of {best['group']} will have brought {figure(best['cumulative_profit'])} each, "
        f"those of {worst['group']} {figure(worst['cumulative_profit'])}; what it cost to win them is not deducted."
    )


def _retention(tables: Tables, _money: str) -> str:
    curves = tables["cohort_curves"]
    curves = curves[(curves["by"] == "cohort") & (curves["age"].isin([1, 12]))]
    told = curves.groupby("age")[["retention", "n_customers"]].apply(
        lambda rows: float((rows["retention"] * rows["n_customers"]).sum() / rows["n_customers"].sum())
    )
    second = percent(told.get(1, float("nan")))
    text = f"In the second month of age {second} of customers are active (they buy, or are under contract)"
    return f"{text}, a year later {percent(told[12])}." if 12 in told.index else f"{text}."


def _payback(tables: Tables, _money: str) -> str:
    won = tables["acquisition"]
    won = won[won["by"] == "acquisition channel"]
    known = won[won["cost_per_customer"].notna()]
    told = known.dropna(subset=["payback_days"]).sort_values("payback_days")
    never = known.sort_values("never_breaks_even").iloc[-1]
    return (
        f"{_first_to_pay_back(told, len(known))}{_beyond(told, known)} Means hide single customers: "
        f"{percent(never['never_breaks_even'])} of those by {never['group']} will never bring what they cost."
        f"{_cost_unknown(won)}"
    )


def _beyond(told: pd.DataFrame, known: pd.DataFrame) -> str:
    """Channels that pay back later than was looked at, or may, in sentences; empty without any."""
    late = known.loc[known["payback_days"].isna(), "group"]
    maybe = told.loc[told["payback_days_high"].isna(), "group"]
    again = told.loc[told["ltv_to_cac"] < 1, "group"]
    text = f" Not within the ages looked at: {', '.join(late)}." if len(told) and len(late) else ""
    text += f" It may take longer than was looked at by {', '.join(maybe)}." if len(maybe) else ""
    return f"{text} In the end they bring less than they cost by {', '.join(again)}." if len(again) else text


def _cost_unknown(won: pd.DataFrame) -> str:
    """How many customers have no known cost, and of which channels nobody has one; empty where all are known."""
    unknown = int(won["cost_unknown"].sum())
    if not unknown:
        return ""
    nobody = won.loc[won["cost_per_customer"].isna(), "group"]
    text = f" This leaves out {unknown:,} of {won['n_customers'].sum():,} customers, whose cost is not known"
    return f"{text}, among them all by {', '.join(nobody)}." if len(nobody) else f"{text}."


def _first_to_pay_back(told: pd.DataFrame, n_channels: int) -> str:
    """Who pays back first, of the channels whose cost is known."""
    if told.empty:
        return "No channel pays back within the ages looked at."
    days = told.iloc[0]["payback_days"]
    when = f"after {figure(days)} days" if days > 0 else "on the day of their first purchase"
    first = told.loc[told["payback_days"] == days, "group"]
    if len(first) == n_channels > 1:
        return f"On average customers of every channel pay back {when}."
    return f"On average customers by {', '.join(first)} pay back first, {when}."


def _channels(tables: Tables, money: str) -> str:
    won = tables["acquisition"]
    won = won[won["by"] == "acquisition channel"]
    told = won.dropna(subset=["value_created_per_customer"]).sort_values("value_created_per_customer")
    best, worst = told.iloc[-1], told.iloc[0]
    other = f", one by {worst['group']} {figure(worst['value_created_per_customer'])}" if len(told) > 1 else ""
    return (
        f"A customer by {best['group']} brings {figure(best['value_created_per_customer'])} of {money} more than it "
        f"cost to win them{other}.{_cost_unknown(won)}"
    )


def _grid(tables: Tables, money: str) -> str:
    customers = tables["customer_value"]
    at_risk = customers["value_at_risk"].clip(lower=0)
    total = at_risk.sum()
    longest = customers.nlargest(max(len(customers) // 10, 1), "churn_probability").index
    best = at_risk.nlargest(max(len(customers) // 10, 1)).sum()
    if not total > 0:
        return "No customer is worth keeping at any price."
    return (
        f"{figure(total)} of future {money} is at risk. The tenth of customers with the most value at risk holds "
        f"{percent(best / total)} of it; the tenth most likely to leave holds "
        f"{percent(at_risk[longest].sum() / total)}."
    )


def _curves(scheme: str) -> Callable[[Tables, str], str]:
    def read(tables: Tables, _money: str) -> str:
        curves = tables["value_curves"]
        told = curves[(curves["scheme"] == scheme) & curves["reading"].notna()]
        if not len(told):
            return "No segment differs from the average by more than chance."
        most = told.iloc[int(told["difference"].abs().argmax())]
        return (
            f"The most telling difference: “{most['segment']}” {str(most['reading']).removeprefix('clearly: ')} "
            f"({most['difference']:+.1f} standard deviations). Curves tell what customers did, from which what they "
            "value is read."
        ).replace("-", "−")

    return read


def _satisfaction(tables: Tables, _money: str) -> str:
    levels = tables["satisfaction_loyalty"]
    levels = levels[(levels["by"] == "level") & (levels["group"] != "no score")]
    low, high = levels.iloc[0], levels.iloc[-1]
    return (
        f"Of customers who last gave {low['group']}, {percent(low['churn_rate'])} did not buy afterwards; of those who "
        f"gave {high['group']}, {percent(high['churn_rate'])}. {CAUTION}"
    )


VALUE_READINGS: dict[str, Callable[[Tables, str], str]] = {
    "whale_curve": _whale,
    "equity_bridge": _bridge,
    "cohorts": _cohorts,
    "cohort_retention": _retention,
    "payback": _payback,
    "ltv_to_cac": _channels,
    "value_risk": _grid,
    "value_curves": _curves("rules"),
    "value_curves_behaviour": _curves("behaviour"),
    "satisfaction": _satisfaction,
}
"""By file stem of the chart."""
