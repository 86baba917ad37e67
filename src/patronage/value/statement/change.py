"""The way between two dates in a statement: the bridge of customer equity, by what was known on each of them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import numpy as np
import pandas as pd

from patronage.errors import DateError, FitError
from patronage.ledger.tables import LedgerTables
from patronage.runtime.histories import FloatArray
from patronage.value.activity_costs import ActivityCosts
from patronage.value.bridge import EquityBridge, equity_bridge
from patronage.value.contract_profit import ContractProfitModel, contract_profit
from patronage.value.equity import customer_equity
from patronage.value.lifetime_profit import ProfitModel, future_profit
from patronage.value.margin_model import FittedAmounts
from patronage.value.periods import Period
from patronage.value.profit import customer_profit
from patronage.value.profit_seen import segment_codes, segment_names
from patronage.value.profit_terms import ProfitTerms
from patronage.value.statement.campaigning import Campaigning
from patronage.value.statement.future import Future, profit_terms
from patronage.value.statement.groups import Groups
from patronage.value.statement.knowledge import Bundled, Knowledge, known_on
from patronage.value.statement.terms import StatementTerms


@dataclass(frozen=True)
class Opening:
    """What was known, and believed, on the first of the two dates."""

    known: Knowledge
    model: ProfitModel | ContractProfitModel
    terms: ProfitTerms
    expected: pd.DataFrame
    refitted: bool

    def expects(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What the model of the opening expects of customers as they were seen later."""
        if isinstance(self.model, ContractProfitModel):
            return contract_profit(_widened(self.model, self.known, frame), frame, self.terms)
        return future_profit(_widened(self.model, self.known, frame), frame, self.terms)


@dataclass(frozen=True)
class Change:
    """The bridge between two dates.

    Attributes
    ----------
    opening : Opening
    realised : Series
        Contribution of each customer in between, in money, by customer_id.
    outside : float
        Contribution of those who never bought, who are no customers of the bridge.
    bridge : EquityBridge
    """

    opening: Opening
    realised: pd.Series
    outside: float
    bridge: EquityBridge

    def tables(self, groups: Groups) -> dict[str, pd.DataFrame]:
        """The bridge of all customers and by every label, and the waterfall."""
        parts = [self.bridge.table().assign(by="")]
        for by in groups.labels:
            table = self.bridge.table(by)
            parts.append(table[table[by] != "all customers"].rename(columns={by: "group"}).assign(by=by))
        return {
            "equity_bridge": pd.concat(parts, ignore_index=True),
            "equity_waterfall": self.bridge.waterfall(),
        }


def change_of(
    tables: LedgerTables,
    costs: ActivityCosts,
    future: Future,
    opening: Opening,
    groups: Groups,
    terms: StatementTerms,
) -> Change:
    """Explain the change of equity since `terms.since`, of which the opening is given."""
    assert terms.since is not None
    later = opening.expects(future.known.frame)
    between = Period("between", terms.since + timedelta(days=1), terms.as_of)
    table = customer_profit(tables, costs, [between]).to_pandas().set_index("customer_id")
    realised = table["contribution"].astype(np.float64)
    known = realised.index.isin(future.expected.index)
    bridge = equity_bridge(
        opening.expected,
        later,
        future.expected,
        realised[known],
        pd.DataFrame(groups.labels, index=future.expected.index),
    )
    return Change(opening, realised[known], float(realised[~known].sum()), bridge)


def equity_tables(future: Future, groups: Groups, terms: StatementTerms, basis: str) -> pd.DataFrame:
    """Equity of all customers and by every label, with intervals of one and the same futures."""
    rng = np.random.default_rng([terms.seed, 4])
    parts = []
    for by, labels in groups.labels.items():
        table = customer_equity(
            future.drawn, future.profit, labels.to_numpy(dtype=object), terms.level, future.size, rng=rng, basis=basis
        )
        everyone = table["group"] == "all customers"
        parts.append(table[~everyone].assign(by=by))
        total = table[everyone].assign(by="")
    return pd.concat([total, *parts], ignore_index=True)


def opening_of(tables: LedgerTables, costs: ActivityCosts, bundled: Bundled, terms: StatementTerms) -> Opening:
    """What a model of purchases said on the first date.

    Where the model of the bundle knows facts after that day, a model of the same kind is fitted again to what was known
    then, so that the opening is what could have been said.

    Raises
    ------
    DateError
        If nobody had bought by the first date.
    """
    assert terms.since is not None
    known = known_on(tables, costs, terms.since, bundled)
    if known.frame.empty:
        message = (
            f"Nobody had bought by {terms.since}, where the bridge is to start. Set since to a later day, or null."
        )
        raise DateError(message)
    refitted = bundled.bundle.as_of > terms.since or terms.season is not None
    purchase = bundled.purchase
    if terms.season is not None:
        known, purchase = known.by_season(purchase, tables, terms.season)
    elif refitted:
        try:
            purchase = purchase.unfitted().fit(known.frame)
        except FitError as error:
            message = (
                f"The opening of the bridge cannot be estimated from what was known on {terms.since}: {error} Set "
                "since to a later day, or to null."
            )
            raise FitError(message) from error
    model = known.fitted(purchase)
    own = profit_terms(Campaigning.of(tables, costs, known, terms), terms, known)
    return Opening(known, model, own, future_profit(model, known.frame, own), refitted)


Model = TypeVar("Model", ProfitModel, ContractProfitModel)


def _widened(model: Model, known: Knowledge, frame: pd.DataFrame) -> Model:
    """A model of what was known, in which segments that came later are like the mean customer of that day."""
    column = model.segment_column
    new = tuple(name for name in segment_names(frame, column) if name not in model.segments)
    if not new:
        return model
    there = np.bincount(segment_codes(known.frame, column, model.segments), minlength=len(model.segments))

    def widened(mean: FloatArray) -> FloatArray:
        return np.append(mean, np.full(len(new), np.average(mean, weights=there)))

    def like_all(fitted: FittedAmounts) -> FittedAmounts:
        return replace(fitted, model=replace(fitted.model, mean=widened(fitted.model.mean)))

    rates = model.contacts.model
    return replace(
        model,
        segments=model.segments + new,
        margins=like_all(model.margins),
        contacts=replace(model.contacts, model=replace(rates, mean=widened(rates.mean))),
        contact_costs=None if model.contact_costs is None else like_all(model.contact_costs),
    )
