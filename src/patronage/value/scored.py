"""Tables of value from a file of scores of any size: the engine ranks and sums, memory stays small.

A file of scores with the columns of `schema.SCORE_PROFIT` holds what each customer earned, will earn and puts at risk.
Whale curves, tiers, the grid of value and risk and the list of those most at risk follow from it without the ledger.
Sums are made of decimals, so that they do not depend on the order in which rows are read.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _

from patronage.errors import ContractError
from patronage.files import check_replaceable, written_whole
from patronage.ledger.purchases import SUMMED
from patronage.value.segments import GRID
from patronage.value.whale import LAST, TOP, tier_sizes

NEEDED = ("customer_id", "churn_probability", "past_profit", "expected_profit")

VIEWS: dict[str, Callable[[Any], Any]] = {
    "past": lambda row: row.past_profit,
    "future, expected values": lambda row: row.expected_profit,
    "past and expected future": lambda row: row.past_profit + row.expected_profit,
}
"""Whose profit is ranked."""


def checked_scores(scores: Any) -> Any:
    """A table of scores with profit.

    Raises
    ------
    ContractError
        If columns are lacking, or values are missing.
    """
    lacking = [name for name in NEEDED if name not in scores.columns]
    if lacking:
        message = (
            f"The scores lack {', '.join(lacking)}: expected {', '.join(NEEDED)}. Score with profit, see "
            "`patronage.scoring.profit`."
        )
        raise ContractError(message, counts=dict.fromkeys(lacking, 1))
    empty = scores.aggregate(**{name: scores[name].isnull().sum() for name in NEEDED}).to_pyarrow().to_pylist()[0]
    bad = {name: int(count) for name, count in empty.items() if count}
    if bad:
        message = f"Values are missing in the scores: {', '.join(f'{name} {count:,}' for name, count in bad.items())}."
        raise ContractError(message, counts=bad)
    return scores


def whale_of_scores(scores: Any, points: int = 100) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whale curves and shares of a table of scores, one pass and one sort a view.

    Parameters
    ----------
    scores : ibis.Table
        With the columns of `NEEDED`.
    points : int
        Steps of the curves.

    Returns
    -------
    curves : DataFrame
        view, and the columns of `schema.WHALE_CURVE`.
    shares : DataFrame
        view, and the columns of `schema.WHALE_SHARES`.
    """
    scores = checked_scores(scores)
    n = int(scores.count().execute())
    curves, shares = [], []
    for view, profit in VIEWS.items():
        sums = _sums(scores, profit(scores), n, points)
        curves.append(_curve(sums, n).assign(view=view))
        shares.append({"view": view, **_shares(sums, n)})
    return pd.concat(curves, ignore_index=True), pd.DataFrame(shares)


def customers_of_scores(scores: Any, top: float = TOP, last: float = LAST, risky_from: float = 0.5) -> Any:
    """Tiers, segments of value and risk, and value at risk of every customer.

    Parameters
    ----------
    scores : ibis.Table
        With the columns of `NEEDED`.
    top, last : float
        Shares of customers in the first and the last tier.
    risky_from : float
        Probability of leaving from which on a customer is at risk.

    Returns
    -------
    ibis.Table
        customer_id, past_tier, future_tier, value_risk (see `segments.GRID`), value_at_risk (money), rank_at_risk.
    """
    scores = checked_scores(scores)
    n = int(scores.count().execute())
    n_top, n_last = tier_sizes(n, top, last)
    at_risk = scores.churn_probability * scores.expected_profit

    def place(value: Any) -> Any:
        return ibis.row_number().over(ibis.window(order_by=[ibis.desc(value), scores.customer_id])) + 1

    rows = scores.select(
        "customer_id", "churn_probability", "expected_profit", value_at_risk=at_risk,
        past_place=place(scores.past_profit), future_place=place(scores.expected_profit), rank_at_risk=place(at_risk),
    )  # fmt: skip

    def tier(at: Any) -> Any:
        return ibis.cases((at <= n_top, "top"), (at > n - n_last, "last"), else_="middle")

    worth = ibis.cases(
        (_.expected_profit <= 0, "loss"), (_.future_place <= n_top, "high"), else_="middle"
    )  # fmt: skip
    rows = rows.mutate(worth=worth, risk=ibis.ifelse(_.churn_probability >= risky_from, "high", "low"))
    named = [((rows.worth == value) & (rows.risk == risk), name) for (value, risk), name in GRID.items()]
    return rows.select(
        "customer_id",
        past_tier=tier(rows.past_place),
        future_tier=tier(rows.future_place),
        value_risk=ibis.cases(*named),
        value_at_risk=rows.value_at_risk,
        rank_at_risk=rows.rank_at_risk.cast("int64"),
    )


def write_value_of_scores(scores: Any, out: Path | str) -> dict[str, int]:
    """Write all tables of a file of scores into one folder, whole or not at all.

    Parameters
    ----------
    scores : ibis.Table
    out : path
        The folder: customers.parquet, whale_curves.parquet, whale_shares.parquet, grid.parquet.

    Returns
    -------
    dict of str to int
        Rows of each table.

    Raises
    ------
    OutputError
        If it cannot be written, or the folder holds anything else.
    """
    check_replaceable(out, [f"{name}.parquet" for name in ("customers", "whale_curves", "whale_shares", "grid")])
    curves, shares = whale_of_scores(scores)
    customers = customers_of_scores(scores)
    with written_whole(out) as folder:
        folder.mkdir()
        customers.to_parquet(folder / "customers.parquet")
        stored = customers.get_backend().read_parquet(folder / "customers.parquet")
        grid = stored.group_by("value_risk").aggregate(
            customers=_.count(), value_at_risk=_.value_at_risk.cast(SUMMED).sum().cast("float64")
        )
        found = {"whale_curves": curves, "whale_shares": shares, "grid": grid.order_by("value_risk").execute()}
        for name, table in found.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
        rows = int(stored.count().execute())
    return {"customers": rows, **{name: len(table) for name, table in found.items()}}


def _sums(scores: Any, profit: Any, n: int, points: int) -> pd.DataFrame:
    """Sums of ranked profit by step of the curve, and what the coefficients of inequality are made of."""
    n_top, n_last = tier_sizes(n)
    rows = scores.select(profit=profit.cast(SUMMED))
    place = ibis.row_number().over(ibis.window(order_by=ibis.desc(rows.profit))) + 1
    rows = rows.mutate(place=place.cast("int64"))
    rows = rows.mutate(step=((rows.place * points + (n - 1)) // n).cast("int64"))
    found: pd.DataFrame = (
        rows.group_by("step")
        .aggregate(
            profit=rows.profit.sum().cast("float64"),
            customers=_.count(),
            unprofitable=_.count(where=rows.profit < 0),
            earned=rows.profit.sum(where=rows.profit > 0).cast("float64"),
            of_top=rows.profit.sum(where=rows.place <= n_top).cast("float64"),
            of_last=rows.profit.sum(where=rows.place > n - n_last).cast("float64"),
            absolute=rows.profit.abs().sum().cast("float64"),
            weighted=(rows.profit.cast("float64") * (n + 1 - 2 * rows.place).cast("float64")).sum(),
        )
        .order_by("step")
        .execute()
    )
    return found.fillna(0.0)


def _curve(sums: pd.DataFrame, n: int) -> pd.DataFrame:
    customers = np.append(0, np.cumsum(sums["customers"].to_numpy(np.int64)))
    profit = np.append(0.0, np.cumsum(sums["profit"].to_numpy(np.float64)))
    share = profit / profit[-1] if profit[-1] > 0 else np.full(len(profit), np.nan)
    return pd.DataFrame(
        {"customer_share": customers / n, "customers": customers, "profit": profit, "profit_share": share}
    )


def _shares(sums: pd.DataFrame, n: int) -> dict[str, float]:
    whole = sums[["profit", "unprofitable", "earned", "of_top", "of_last", "absolute", "weighted"]].sum()
    total = float(whole["profit"])
    scale = total if total > 0 else np.nan
    most = (n - 1) * float(whole["absolute"])
    return {
        "customers": n,
        "unprofitable": int(whole["unprofitable"]),
        "total": total,
        "top_share": float(whole["of_top"]) / scale,
        "middle_share": (total - float(whole["of_top"]) - float(whole["of_last"])) / scale,
        "last_share": float(whole["of_last"]) / scale,
        "peak_share": float(whole["earned"]) / scale,
        "gini": float(whole["weighted"]) / (n * scale),
        "gini_normalised": float(whole["weighted"]) / most if most > 0 else np.nan,
    }
