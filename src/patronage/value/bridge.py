r"""The bridge of customer equity: why the customers are worth more, or less, than they were.

Between two dates every customer has a value at the start, V₀, and at the end, by the old model, V₁, and by the new one,
V₁', a probability p to be there, a value u = V / p if they are, and the profit R that came in between. With "there"
meaning p of one half and above, each customer belongs to one row:

=============  =========================  ==============================================================
component      who                        what
=============  =========================  ==============================================================
acquisition    won in between             V₁ + R: value won, the cost of winning deducted where R has it
loss           there before, not now      V₁ - V₀
recovery       not there before, but now  V₁ - V₀
retention      all others                 (p₁ - p₀)(u₀ + u₁) / 2: their chance to be there has changed
development    all others                 (u₁ - u₀)(p₀ + p₁) / 2: they are worth more, or less, if there
development    all but those won          R: what they brought
realised       everyone                   -R: profit that came is cash, no longer a value to come
model change   everyone                   V₁' - V₁: the new parameters see the same customers otherwise
=============  =========================  ==============================================================

Retention and development are the two halves of a change of a product, split evenly, so they leave nothing over: for
every customer, and so for every group, the opening equity and all components give the closing equity. It is the
roll-forward of embedded value in life insurance: opening, new business, experience, distribution, assumptions, closing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, InputError
from patronage.models.base import required_columns
from patronage.runtime.histories import FloatArray
from patronage.value.futures import TOTAL

COMPONENTS = (
    "acquisition", "development", "retention", "recovery", "loss", "realised_profit", "model_change",
)  # fmt: skip
"""What leads from opening to closing equity, in the order of the waterfall; all are added."""

THERE_FROM = 0.5
"""Probability to be there from which on a customer counts as being there."""

VALUE_COLUMNS = ("future_profit", "probability_alive")


@dataclass(frozen=True)
class EquityBridge:
    """The bridge, customer by customer.

    Attributes
    ----------
    customers : DataFrame
        Indexed by customer_id: opening, the `COMPONENTS`, closing, in money; then the labels that were given.
    """

    customers: pd.DataFrame

    def table(self, by: str | Sequence[str] = ()) -> pd.DataFrame:
        """Sums by group, and of all customers.

        Parameters
        ----------
        by : str or sequence of str
            Labels to group by.

        Returns
        -------
        DataFrame
            As described in `schema.equity.EQUITY_BRIDGE`, one row a group; the last one is that of all customers.
            residual is closing less all the rest: rounding.
        """
        names = [by] if isinstance(by, str) else list(by)
        required_columns(self.customers, names)
        money = ["opening", *COMPONENTS, "closing"]
        rows = [self._row(dict.fromkeys(names, TOTAL) or {"group": TOTAL}, self.customers[money])]
        if names:
            labels = self.customers[names].astype("object").where(self.customers[names].notna(), "unknown")
            groups = self.customers[money].groupby([labels[name].astype(str) for name in names], sort=True)
            keys = [key if isinstance(key, tuple) else (key,) for key, _ in groups]
            named = [dict(zip(names, key, strict=True)) for key in keys]
            rows = [self._row(name, part) for name, (_, part) in zip(named, groups, strict=True)] + rows
        return pd.DataFrame(rows)

    def waterfall(self) -> pd.DataFrame:
        """Steps of the waterfall chart of all customers.

        Returns
        -------
        DataFrame
            As described in `schema.equity.EQUITY_WATERFALL`: step, kind (total, created, destroyed, paid out, model),
            value, and the level that the bar begins and ends at.
        """
        row = self.table().iloc[-1]
        steps = [("opening", "total", row["opening"], 0.0)]
        level = row["opening"]
        for name in COMPONENTS:
            steps.append((name, _kind(name, row[name]), row[name], level))
            level += row[name]
        steps.append(("closing", "total", row["closing"], 0.0))
        table = pd.DataFrame(steps, columns=["step", "kind", "value", "begin"])
        return table.assign(end=table["begin"] + table["value"])

    def _row(self, names: dict[str, Any], part: pd.DataFrame) -> dict[str, Any]:
        sums = {str(name): float(np.sum(part[name].to_numpy())) for name in part}
        residual = sums["closing"] - sums["opening"] - sum(sums[name] for name in COMPONENTS)
        return {**names, "n_customers": len(part), **sums, "residual": residual}


def equity_bridge(
    opening: pd.DataFrame,
    closing_by_old_model: pd.DataFrame,
    closing: pd.DataFrame,
    realised: pd.Series,
    labels: pd.DataFrame | None = None,
    there_from: float = THERE_FROM,
) -> EquityBridge:
    """Explain the change of equity between two dates.

    Parameters
    ----------
    opening : DataFrame
        Indexed by customer_id: future_profit and probability_alive at the start (`future_profit` gives both).
    closing_by_old_model : DataFrame
        The same at the end, by the model of the start.
    closing : DataFrame
        The same at the end, by the model of the end.
    realised : Series
        Profit of each customer in between, in money; customers without any may be left out. With acquisition cost
        deducted of those who were won, the value won is net of it.
    labels : DataFrame, optional
        Indexed by customer_id: segments, cohorts, channels to group by.
    there_from : float
        Probability from which on a customer counts as being there, above 0 up to 1.

    Raises
    ------
    InputError
        If ids repeat, values are missing or probabilities none, the two closings differ in customers, or profit
        came from customers who are in none of the tables.

    Notes
    -----
    Customers of the opening who are gone from the closing (erased, or merged into others) have lost all of their value.
    """
    if not 0 < there_from <= 1:
        message = f"there_from must be above 0 and not above 1; got {there_from}."
        raise ConfigError(message)
    values = {"opening": opening, "closing by the old model": closing_by_old_model, "closing": closing}
    for name, frame in values.items():
        _check(name, frame)
    if not closing.index.sort_values().equals(closing_by_old_model.index.sort_values()):
        extra = closing.index.symmetric_difference(closing_by_old_model.index)
        _refuse("are in only one of the two closings", extra)
    everyone = closing.index.union(opening.index)
    unknown = realised.index.difference(everyone)
    if len(unknown):
        _refuse("brought profit and are in neither opening nor closing", unknown)
    if realised.index.has_duplicates:
        _refuse("have more than one realised profit", realised.index[realised.index.duplicated()].unique())
    (v0, p0), (v1, p1), (v2, _) = (_of(frame, everyone) for frame in values.values())
    brought = realised.reindex(everyone).fillna(0.0).to_numpy(np.float64)
    won = ~everyone.isin(opening.index)
    table = pd.DataFrame({"opening": v0, **_components(v0, p0, v1, p1, v2, brought, won, there_from)}, index=everyone)
    table["closing"] = v2
    if labels is not None:
        table = table.join(labels)
    return EquityBridge(table.rename_axis("customer_id"))


def realised_between(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Profit that customers brought between the as-of dates of two frames of `profit_facts`.

    Returns
    -------
    Series
        By customer_id, in money: margin less contacts and campaigns, and acquisition cost of those won in between.
    """
    gained = _cumulated(after) - _cumulated(before).reindex(after.index).fillna(0.0)
    cost = after["acquisition_cost"].where(~after.index.isin(before.index), 0.0).fillna(0.0)
    return (gained - cost).rename("realised_profit")


def _cumulated(frame: pd.DataFrame) -> pd.Series:
    margin = frame["purchase_days"] * frame["margin_mean"]
    served: pd.Series = frame["contacts"] * frame["contact_cost_mean"]
    return margin - served - frame["campaign_cost"]


def _components(
    v0: FloatArray,
    p0: FloatArray,
    v1: FloatArray,
    p1: FloatArray,
    v2: FloatArray,
    brought: FloatArray,
    won: Any,
    there_from: float,
) -> dict[str, FloatArray]:
    before, now = (p0 >= there_from) & ~won, p1 >= there_from
    lost, back = before & ~now, ~before & now & ~won
    others = ~(won | lost | back)
    u0, u1 = (np.divide(v, p, out=np.zeros(len(v)), where=p > 0) for v, p in ((v0, p0), (v1, p1)))
    # Who cannot be there has no value if there; the other date's is taken.
    u0, u1 = np.where(p0 > 0, u0, u1), np.where(p1 > 0, u1, u0)
    retention = (p1 - p0) * (u0 + u1) / 2
    zero = np.zeros(len(v0))
    return {
        "acquisition": np.where(won, v1 + brought, zero),
        "development": np.where(others, (v1 - v0) - retention, zero) + np.where(won, zero, brought),
        "retention": np.where(others, retention, zero),
        "recovery": np.where(back, v1 - v0, zero),
        "loss": np.where(lost, v1 - v0, zero),
        "realised_profit": -brought,
        "model_change": v2 - v1,
    }


def _of(frame: pd.DataFrame, everyone: pd.Index) -> tuple[FloatArray, FloatArray]:
    """Value and probability of all customers; 0 for those who are not in the frame."""
    rows = frame.reindex(everyone)
    return tuple(rows[name].fillna(0.0).to_numpy(np.float64) for name in VALUE_COLUMNS)  # type: ignore[return-value]


def _check(name: str, frame: pd.DataFrame) -> None:
    value, alive = (np.asarray(column, dtype=np.float64) for column in required_columns(frame, VALUE_COLUMNS))
    if frame.index.has_duplicates:
        _refuse(f"come more than once in the {name}", frame.index[frame.index.duplicated()].unique())
    wrong = ~np.isfinite(value) | ~((alive >= 0) & (alive <= 1)) | ((alive == 0) & (value != 0))
    if wrong.any():
        _refuse(
            f"have no finite future_profit, no probability_alive of 0 to 1, or a value without a chance to be there, "
            f"in the {name}",
            frame.index[wrong],
        )


def _refuse(what: str, ids: pd.Index) -> None:
    first = [str(one) for one in ids[:5]]
    message = f"{len(ids):,} customers {what}, first: {', '.join(first)}. Take both from the same ledger."
    raise InputError(message, counts={what: len(ids)}, first_ids=first)


def _kind(name: str, value: float) -> str:
    if name == "realised_profit":
        return "paid out"
    if name == "model_change":
        return "model"
    return "created" if value >= 0 else "destroyed"
