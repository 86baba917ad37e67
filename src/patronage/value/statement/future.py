"""The future of a statement: expected profit of every customer, futures drawn of it, and what both say together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.ledger.tables import LedgerTables
from patronage.runtime.histories import FloatArray
from patronage.value.activity_costs import ActivityCosts
from patronage.value.calendar import cohort_of
from patronage.value.contract_profit import ContractProfitModel
from patronage.value.drawn import DrawnFutures, number_of_futures
from patronage.value.lifetime_profit import ProfitModel, future_profit
from patronage.value.presence import tells_presence
from patronage.value.profit_intervals import profit_futures
from patronage.value.profit_terms import ProfitTerms
from patronage.value.statement.campaigning import Campaigning
from patronage.value.statement.knowledge import SEGMENT, Bundled, Knowledge
from patronage.value.statement.past import Past
from patronage.value.statement.terms import StatementTerms
from patronage.value.whale import whale_curve, whale_shares
from patronage.value.whale_draws import whale_curve_of_draws, whale_shares_of_draws


@dataclass(frozen=True)
class Future:
    """Profit of the future.

    Attributes
    ----------
    known : Knowledge
    model : ProfitModel or ContractProfitModel
    terms : ProfitTerms
    expected : DataFrame
        As described in `schema.FUTURE_PROFIT`, indexed by customer_id.
    drawn : DrawnFutures
        Of the same customers.
    campaigning : Campaigning
    notes : tuple of str
        What is worth a word of how it was estimated.
    """

    known: Knowledge
    model: ProfitModel | ContractProfitModel
    terms: ProfitTerms
    expected: pd.DataFrame
    drawn: DrawnFutures
    campaigning: Campaigning
    notes: tuple[str, ...] = ()

    @property
    def profit(self) -> FloatArray:
        """Expected profit of each customer, shape (n,)."""
        return self.expected["future_profit"].to_numpy(np.float64)

    @property
    def size(self) -> int:
        """Number of futures."""
        return len(self.drawn.profit)

    def cohorts(self, terms: StatementTerms) -> pd.Series:
        """Cohort of every customer, by the first purchase."""
        first = pd.to_datetime(self.known.frame["first_day"])
        labels = {day: cohort_of(day.date(), terms.cohort) for day in first.unique()}
        return first.map(labels).astype("str").rename("cohort")


def future_of(
    tables: LedgerTables, costs: ActivityCosts, known: Knowledge, bundled: Bundled, terms: StatementTerms
) -> Future:
    """Estimate the future of every customer who has bought by the as-of date."""
    known, purchase = known.by_season(bundled.purchase, tables, terms.season)
    campaigning = Campaigning.of(tables, costs, known, terms)
    own = profit_terms(campaigning, terms, known)
    model = known.fitted(purchase)
    expected = future_profit(model, known.frame, own, bundled.spend)
    rng = np.random.default_rng([terms.seed, 1])
    size = number_of_futures(terms.futures, len(known.frame))
    futures = profit_futures(model, known.frame, own, size, rng, parameter_uncertainty=bundled.uncertain)
    notes = _notes(known, model, bundled, terms)
    return Future(known, model, own, expected, DrawnFutures.of(futures), campaigning, notes)


def _notes(known: Knowledge, model: ProfitModel, bundled: Bundled, terms: StatementTerms) -> tuple[str, ...]:
    notes = []
    if model.touched and not tells_presence(model.purchase.to_params().at_rows(known.frame)):
        notes.append(
            f"By {bundled.bundle.purchase.title} customers leave at purchases only, so contacts cannot tell who is "
            "still there, and what contacts will cost rests on who is taken to be; purchase=pareto_nbd lets them tell."
        )
    if known.segment_column is not None and SEGMENT not in model.purchase.covariates:
        notes.append(
            "The purchase model does not tell acquisition channels apart: the next customer of each is expected to buy "
            f"as often and to stay as long. Train with purchase.purchase_covariates=[{SEGMENT}] and "
            f"purchase.dropout_covariates=[{SEGMENT}] to have them told apart."
        )
    if told_apart := sorted(set(model.purchase.covariates) - {SEGMENT}):
        notes.append(
            f"The purchase model tells customers apart by {', '.join(told_apart)} too, so the table of acquisition "
            "does not say what the next customer of a channel is worth."
        )
    if not bundled.uncertain:
        notes.append(
            "The model stores no covariance of its parameters: intervals hold chance, not what the fit left open."
        )
    if known.season is not None:
        notes.append(
            f"The purchase model was fitted again to what is known by {terms.as_of}, with a season: its busiest day is "
            f"{known.season.extent:.0%} above the mean of the year."
        )
    elif bundled.bundle.as_of < terms.as_of:
        notes.append(
            f"The purchase model knows facts up to {bundled.bundle.as_of} only; train again to use all of them."
        )
    return tuple(notes)


def profit_terms(campaigning: Campaigning, terms: StatementTerms, known: Knowledge) -> ProfitTerms:
    """The terms of future profit: what campaigns cost and caused, and the horizon by the clock of the season."""
    horizon = terms.horizon_days
    if known.season is not None and horizon is not None:
        horizon = known.season.horizon_days(known.facts.as_of, horizon)
    plain = ProfitTerms(horizon, terms.discount_rate_yearly, terms.cost_per_purchase, campaigning.planned_cost)
    return campaigning.told(plain)


def whale_tables(past: Past, future: Future, level: float) -> dict[str, pd.DataFrame]:
    """Whale curves of the past, the future and both, and the shares of tiers in them."""
    index = future.expected.index
    before = past.customers["contribution"].reindex(index).fillna(0.0).to_numpy(np.float64)
    last = past.customers["contribution_last"].dropna().to_numpy(np.float64)
    views = {
        "past": past.customers["contribution"].to_numpy(np.float64),
        "last period": last,
        "future, expected values": future.profit,
        "past and expected future": before + future.profit,
    }
    views = {name: values for name, values in views.items() if len(values)}
    curves = [whale_curve(values).assign(view=name) for name, values in views.items()]
    everyone = {"by": "", "group": "all customers"}
    shares = [{"view": name, **everyone, **whale_shares(values)} for name, values in views.items()]
    drawn = future.drawn.profit.astype(np.float64)
    return {
        "whale_curves": pd.concat(curves, ignore_index=True),
        "whale_shares": pd.concat([pd.DataFrame(shares), past.shares_by_line()], ignore_index=True),
        "whale_futures": whale_curve_of_draws(drawn, future.profit, level=level),
        "whale_shares_of_futures": whale_shares_of_draws(drawn, future.profit, level=level),
    }


def whale_shares_of_groups(past: Past, future: Future, groups: dict[str, pd.Series]) -> pd.DataFrame:
    """Shares of tiers within groups of customers, of the past and of the expected future."""
    index = future.expected.index
    before = past.customers["contribution"].reindex(index).fillna(0.0).to_numpy(np.float64)
    rows = []
    for view, values in (("past", before), ("future, expected values", future.profit)):
        for by, labels in groups.items():
            for group, places in pd.Series(np.arange(len(index))).groupby(labels.to_numpy(dtype=object)):
                rows.append({"view": view, "by": by, "group": str(group), **whale_shares(values[places.to_numpy()])})
    return pd.DataFrame(rows)
