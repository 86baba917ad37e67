"""A sentence for each chart, computed from its table, and how figures are written."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from patronage.evaluation.churn_money import campaign_words
from patronage.evaluation.model_choice import SAME
from patronage.evaluation.verdict import model_title
from patronage.report.tables import ReportTables

DASH = "—"


def top_share(scores: pd.DataFrame) -> float:
    """Give the share of the total CLV held by the most valuable fifth; nan if the total is zero."""
    clv = np.sort(scores["clv"].to_numpy(dtype=float))[::-1]
    total = clv.sum()
    return float(clv[: -(-len(clv) // 5)].sum() / total) if total > 0 else math.nan


def percent(share: float, *, signed: bool = False) -> str:
    """Write a share as a percentage with one decimal, a dash if it is undefined."""
    if not math.isfinite(share):
        return DASH
    # What rounds to nothing has no sign.
    return f"{round(100 * share, 1) + 0.0:{'+' if signed else ''}.1f}\u00a0%".replace("-", "−")


def figure(value: float) -> str:
    """Write a figure with four significant digits, or as a whole number from 1,000; a dash if undefined."""
    if not math.isfinite(value):
        return DASH
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def interval(low: float, high: float) -> str:
    """Write the ends of an interval, nothing if it has none."""
    return f"{figure(float(low))} to {figure(float(high))}" if math.isfinite(low) and math.isfinite(high) else ""


def _there(table: pd.DataFrame | None) -> pd.DataFrame:
    return pd.DataFrame() if table is None else table


def _level(table: pd.DataFrame) -> str:
    return f"{100 * float(table['level'].iloc[0]):g}\u00a0%"


def _off(expected: float, actual: float) -> str:
    return f" ({percent(expected / actual - 1, signed=True)})" if actual else ""


def _read_tracking(tables: ReportTables) -> str:
    tracking = _there(tables.tracking)
    holdout = tracking[tracking["is_holdout"] == 1]
    expected, actual = holdout["expected_incremental"].sum(), holdout["actual_incremental"].sum()
    if holdout.empty:
        return "There is no holdout: the curve shows how the model follows the purchases it was fitted to."
    came = f"{actual:,.0f} came{_off(expected, actual)}"
    reading = (
        f"Over the holdout the model expected {expected:,.0f} repeat purchases, knowing of each customer only the day "
        f"of the first one; {came}."
    )
    if "level" not in holdout:
        return reading
    within = holdout["actual_incremental"].between(holdout["incremental_low"], holdout["incremental_high"]).sum()
    return (
        f"{reading} {within} of its {len(holdout)} periods lie within their {_level(holdout)} intervals, which allow "
        "for chance, but not for seasons and campaigns."
    )


def _read_frequency(tables: ReportTables) -> str:
    frequency = _there(tables.frequency)
    never = frequency[frequency["frequency"].astype(str) == "0"]
    expected, actual = never["expected"].sum(), never["actual"].sum()
    stayed_away = f"{actual:,.0f} did not{_off(expected, actual)}"
    return f"The model expected {expected:,.0f} customers not to come back up to the cut-off; {stayed_away}."


def _read_conditional(tables: ReportTables) -> str:
    table = _there(tables.conditional_expectation)
    expected, actual = ((table[f"{name}_mean"] * table["n_customers"]).sum() for name in ("expected", "actual"))
    reading = f"Given each history the model expected {expected:,.0f} purchases in the holdout; {actual:,.0f} came"
    reading += f"{_off(expected, actual)}."
    once = table[table["frequency"].astype(str) == "0"]
    if len(once) and actual > 0 and expected > 0:
        size, everyone = once["n_customers"].sum(), table["n_customers"].sum()
        shares = [
            float((once[f"{name}_mean"] * once["n_customers"]).sum() / total)
            for name, total in (("expected", expected), ("actual", actual))
        ]
        reading += (
            f" Customers without a repeat before it, {size:,} of {everyone:,}, were to make "
            f"{percent(shares[0])} of them and made {percent(shares[1])}."
        )
    if "level" in table:
        within = table["actual_mean"].between(table["expected_low"], table["expected_high"]).sum()
        reading += f" In {within} of {len(table)} classes the mean lies within its {_level(table)} interval."
    return reading


def _read_spend_fit(tables: ReportTables) -> str:
    table = _there(tables.spend_fit)
    total = table["actual"].sum()
    moved = (table["actual"] - table["expected"]).abs().sum() / 2
    peak = table.iloc[int(table["expected"].argmax())]
    return (
        f"Of {total:,.0f} customers with repeat purchases the model expects most at a mean of {peak['spend_low']:,.2f} "
        f"to {peak['spend_high']:,.2f} ({tables.money}); {percent(moved / total)} of them lie in other classes than it "
        "expects. Peaks beside the curve are prices that many pay."
    )


def _read_frequency_recency(tables: ReportTables) -> str:
    table = _there(tables.frequency_recency)
    unit, horizon = table["time_unit"].iloc[0], table["horizon"].iloc[0]
    best = table.iloc[int(table["expected_purchases"].argmax())]
    never = table[table["frequency"] == 0].iloc[0]
    ago = [best["T"] - best["recency_high"], best["T"] - best["recency_low"]]
    return (
        f"Of customers observed for {best['T']:.1f} {unit}s, most is expected of those with {best['frequency']:,} "
        f"repeats and the last one {ago[0]:.1f} to {ago[1]:.1f} {unit}s ago: {best['expected_purchases']:.2f} purchase "
        f"days in {horizon:g} {unit}s. With no repeat it is {never['expected_purchases']:.2f}, with a probability of "
        f"{percent(never['probability_alive'])} to be a customer still. The longer the silence the less is expected, "
        "and the sooner, the more often a customer used to buy."
    )


def _read_mixing(tables: ReportTables) -> str:
    parts = []
    for quantity, part in _there(tables.mixing).groupby("quantity", sort=False):
        low, middle, high = np.interp([0.1, 0.5, 0.9], part["cumulative"], part["value"])
        reached = part["cumulative"].iloc[0]
        lowest = f"below {low:.2g}" if reached > 0.1 else f"{low:.2g}"
        parts.append(
            f"{quantity}: mean {part['mean'].iloc[0]:.2g}, median {middle:.2g}, one customer in ten {lowest} "
            f"or less, one in ten {high:.2g} or more."
        )
    return " ".join(parts)


def read_model_choice(table: pd.DataFrame) -> str:
    """Say in words which model was chosen, and what each measure would have chosen."""
    # A model that came out as the chosen one differs from it by rounding only, which is no lead over it.
    twin = ((table["aic"] - table["aic"].iloc[0]).abs() <= SAME) & (np.arange(len(table)) > 0)
    by_model = table[~twin].set_index("model")
    lowest = {name.upper(): str(by_model[name].idxmin()) for name in ("aic", "bic")}
    parts = [f"{table['model'].iloc[0]} was chosen among {len(table)}."]
    parts.append(f"The lowest AIC has {lowest['AIC']}, the lowest BIC {lowest['BIC']}.")
    if by_model["holdout_log_score"].notna().any():
        likely = str(by_model["holdout_log_score"].idxmax())
        errors = by_model["holdout_total_error"]
        closest = str(errors.abs().idxmin())
        parts.append(
            f"What came in the holdout was most probable under {likely}; the total is closest under {closest} "
            f"({percent(float(errors[closest]), signed=True)})."
        )
    doubtful = by_model.index[by_model["certificate_passed"] == 0].tolist()
    if doubtful:
        parts.append(f"Not every check of the fit passed for {', '.join(doubtful)}.")
    return " ".join(parts)


def _read_deciles(table: pd.DataFrame, unit: str) -> str:
    top = table.sort_values("decile").iloc[0]
    expected, actual = top["predicted_mean"], top["actual_mean"]
    all_expected, all_actual = table["predicted_total"].sum(), table["actual_total"].sum()
    return (
        f"In the top decile the model expected {expected:,.2f} ({unit}) per customer; "
        f"{actual:,.2f} came{_off(expected, actual)}. Over all deciles it expected {all_expected:,.0f}; "
        f"{all_actual:,.0f} came{_off(all_expected, all_actual)}."
    )


def _read_calibration(tables: ReportTables) -> str:
    table = tables.churn_calibration
    name, bins = table["model"].iloc[0], table[table["model"] == table["model"].iloc[0]]
    count = bins["n_customers"].sum()
    who = "customers" if tables.tells_value else "rows that were foretold"
    predicted, observed = ((bins[column] * bins["n_customers"]).sum() / count for column in ("predicted", "observed"))
    within = bins["predicted"].between(bins["observed_low"], bins["observed_high"]).sum()
    return (
        f"By {model_title(name)}, {percent(predicted)} of {count:,} {who} were to churn; {percent(observed)} did. "
        f"In {within} of {len(bins)} bins the prediction lies within the 95 % interval of what came."
    )


def _read_gain(tables: ReportTables) -> str:
    found = []
    for name, curve in tables.churn_gain.groupby("model", sort=False):
        curve = curve.sort_values("share_contacted")
        at = np.interp(0.2, [0.0, *curve["share_contacted"]], [0.0, *curve["share_of_churners"]])
        found.append(f"{percent(float(at))} by {model_title(str(name))}")
    return f"Of all churners, the riskiest 20 % of customers hold: {', '.join(found)}; by chance, 20 %."


def _read_clv(tables: ReportTables) -> str:
    share = top_share(tables.scores)
    if not math.isfinite(share):
        return "The total CLV is zero, so no customer holds a share of it."
    return f"The most valuable 20 % of customers hold {percent(share)} of the total CLV."


def _read_lift(tables: ReportTables) -> str:
    table = _there(tables.churn_lift)
    own = table[table["model"] == table["model"].iloc[0]]
    parts = []
    for row in own.to_dict("records"):
        within = interval(row["lift_low"], row["lift_high"])
        within = f" ({_coverage(tables)} interval {within})" if within else ""
        parts.append(f"{row['lift']:.2f} times in the riskiest {100 * row['share']:g}\u00a0%{within}")
    return f"Those who left are more frequent than in general by a factor of {'; '.join(parts)}."


def _read_profit(tables: ReportTables) -> str:
    campaign = _there(tables.campaign_profit)
    return campaign_words(campaign, tables.level) if len(campaign) else "Profit by the share of customers contacted."


def _read_stability(tables: ReportTables) -> str:
    table = _there(tables.churn_stability)
    own = table[(table["model"] == "model") & (table["metric"] == "roc_auc")]["value"]
    return (
        f"Everything was fitted and judged at {len(own)} cut-offs: the ROC AUC of the model was {own.min():.3f} to "
        f"{own.max():.3f}. Bars are {_coverage(tables)} intervals. Holdouts that overlap share customers and "
        "purchases, so they tell less than as many separate ones would."
    )


def _read_survival_curve(tables: ReportTables) -> str:
    everyone = _there(tables.survival_calibration).query("group == 0")
    last = everyone.iloc[-1]
    within = everyone["predicted"].between(everyone["observed_low"], everyone["observed_high"]).sum()
    return (
        f"After {last['days']:,} days {percent(last['predicted'])} of {last['n_customers']:,} customers were to be "
        f"still there; {percent(last['observed'])} were. On {within} of {len(everyone)} days the prediction lies "
        "within the 95\u00a0% interval of what came."
    )


def _read_survival_calibration(tables: ReportTables) -> str:
    groups = _there(tables.survival_calibration).query("group > 0")
    within = groups["predicted"].between(groups["observed_low"], groups["observed_high"]).sum()
    return (
        f"Each point is a tenth of the customers by the chance of staying that was foretold. In {within} of "
        f"{len(groups)} the prediction lies within the 95\u00a0% interval of what came."
    )


def _coverage(tables: ReportTables) -> str:
    return f"{100 * tables.level:g}\u00a0%"


READINGS: dict[str, Callable[[ReportTables], str]] = {
    "tracking": _read_tracking,
    "frequency": _read_frequency,
    "conditional_expectation": _read_conditional,
    "purchase_deciles": lambda tables: _read_deciles(_there(tables.purchase_deciles), "purchase days"),
    "value_deciles": lambda tables: _read_deciles(_there(tables.value_deciles), tables.money),
    "churn_calibration": _read_calibration,
    "churn_gain": _read_gain,
    "clv_deciles": _read_clv,
    "spend_fit": _read_spend_fit,
    "frequency_recency": _read_frequency_recency,
    "mixing": _read_mixing,
    "churn_lift": _read_lift,
    "profit_curve": _read_profit,
    "churn_stability": _read_stability,
    "survival_curve": _read_survival_curve,
    "survival_calibration": _read_survival_calibration,
}
"""By stem of the chart."""
