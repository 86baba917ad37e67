"""Profit beside the scores: what each customer has earned the business, will earn it, and what of that is at risk.

A bundle knows purchases, spend and churn. What purchases earn and what contacts cost is learned from the ledger that is
scored, by the models of `patronage.value`, so that these columns need its costs and not another model.
"""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from patronage.errors import InputError
from patronage.ledger.tables import LedgerTables
from patronage.runtime.bundle import Bundle
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.schema.value import SCORE_PROFIT
from patronage.value.activity_costs import ActivityCosts
from patronage.value.basis import money_basis
from patronage.value.lifetime_profit import future_profit
from patronage.value.periods import Period
from patronage.value.profit import customer_profit
from patronage.value.statement.campaigning import Campaigning
from patronage.value.statement.future import profit_terms
from patronage.value.statement.knowledge import Bundled, known_on
from patronage.value.statement.terms import StatementTerms
from patronage.value.whale import LAST, TOP, tier_sizes


class ScoreProfit:
    """Computes the columns of `schema.value.SCORE_PROFIT` for the customers of a ledger.

    Parameters
    ----------
    tables : LedgerTables
    costs : ActivityCosts
    bundle : Bundle
        Its purchase model, horizon and discount rate are used; its margin rate is not: that of `costs` is. By these
        the expected profit is that of `patronage value`, campaigns that go on as in the last year included.
    as_of : date
        The last day whose facts count.
    """

    def __init__(self, tables: LedgerTables, costs: ActivityCosts, bundle: Bundle, as_of: date) -> None:
        bundled = Bundled.of(bundle)
        known = known_on(tables, costs, as_of, bundled, curves=False)
        frame, model = known.frame, known.fitted(bundled.purchase)
        asked = StatementTerms(
            as_of=as_of,
            horizon_days=float(bundle.horizon_days),
            discount_rate_yearly=max(bundle.value.discount_rate_yearly, 0.0),
        )
        terms = profit_terms(Campaigning.of(tables, costs, known, asked), asked, known)
        profit = customer_profit(tables, costs, [Period("past", date.min, as_of)])
        past = profit.to_pandas().set_index("customer_id")["contribution"].reindex(frame.index).fillna(0.0)
        self.basis = money_basis(profit).short
        self._index = frame.index
        self._past = past.to_numpy(np.float64)
        self._expected = future_profit(model, frame, terms)["future_profit"].to_numpy(np.float64)
        self._tier = tiers_of(self._past)

    def of(self, customer_ids: ArrayLike, churn_probability: ArrayLike) -> dict[str, NDArray[np.generic]]:
        """Profit of some customers.

        Parameters
        ----------
        customer_ids : array-like of str, shape (n,)
        churn_probability : array-like, shape (n,)
            Of the same customers, from their scores.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            The columns of `schema.value.SCORE_PROFIT`, in their order.

        Raises
        ------
        InputError
            If a customer is not in the ledger, or there is not one probability for each.
        """
        ids = pd.Index(np.asarray(customer_ids, dtype=object))
        risk = np.asarray(churn_probability, dtype=np.float64)
        if risk.shape != (len(ids),):
            message = f"Expected one churn probability for each of {len(ids):,} customers; got shape {risk.shape}."
            raise InputError(message)
        rows = self._index.get_indexer(ids)
        if (rows < 0).any():
            first = [str(one) for one in ids[rows < 0][:FIRST_EXAMPLES]]
            message = (
                f"{int((rows < 0).sum()):,} of {len(ids):,} customers have not bought in this ledger by the as-of day, "
                f"first: {', '.join(first)}. Score and profit must come from the same ledger and date."
            )
            raise InputError(message, counts={"customers unknown": int((rows < 0).sum())}, first_ids=first)
        expected = self._expected[rows]
        columns: dict[str, NDArray[np.generic]] = {
            "past_profit": self._past[rows],
            "profit_tier": self._tier[rows],
            "expected_profit": expected,
            "profit_at_risk": risk * expected,
            "profit_basis": np.full(len(ids), self.basis, dtype=object),
        }
        return {name: columns[name] for name in SCORE_PROFIT.names}


def tiers_of(profit: NDArray[np.float64]) -> NDArray[np.generic]:
    """top, middle or last by profit; equal ones in the order given."""
    top, last = tier_sizes(len(profit), TOP, LAST)
    order = np.argsort(-profit, kind="stable")
    tier = np.full(len(profit), "middle", dtype=object)
    tier[order[:top]] = "top"
    tier[order[len(profit) - last :]] = "last"
    return tier
