"""What is known of all customers on a day: the facts that models of profit learn from, and the columns of a bundle."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd

from patronage.features.model_input import input_schema, model_input
from patronage.ledger.tables import LedgerTables
from patronage.models.purchase.kinds import model_of
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.bundle import Bundle
from patronage.runtime.scorer import Scorer
from patronage.schema import TableSchema
from patronage.value.activity_costs import ActivityCosts
from patronage.value.lifetime_profit import ProfitModel, fit_profit
from patronage.value.priced_tables import priced_tables
from patronage.value.profit_facts import ProfitFacts, profit_facts
from patronage.value.season import Season, fit_season
from patronage.value.value_curve import DIMENSIONS

SEGMENT = "acquisition_channel"
"""Where it is known, customers of whom little is known are taken to be like others of their channel."""


@dataclass(frozen=True)
class Bundled:
    """The models of a bundle, ready to predict and to be drawn from.

    Attributes
    ----------
    bundle : Bundle
    purchase : PurchaseModel
    spend : GammaGamma
    uncertain : bool
        Whether what the fit left open is stored beside the parameters; without it they count as certain.
    """

    bundle: Bundle
    purchase: PurchaseModel
    spend: GammaGamma
    uncertain: bool

    @classmethod
    def of(cls, bundle: Bundle) -> "Bundled":
        """Bring the models of a bundle back."""
        stored = (bundle.training.get("covariance") or {}).get("purchase")
        purchase = model_of(bundle.purchase).with_options(**(bundle.training.get("purchase_options") or {}))
        if stored is not None:
            purchase = purchase.with_covariance(stored)
        return cls(bundle, purchase, GammaGamma.from_params(bundle.spend), stored is not None)


@dataclass(frozen=True)
class Knowledge:
    """Everything that a ledger tells of its customers as of a day.

    Attributes
    ----------
    facts : ProfitFacts
    frame : DataFrame
        Indexed by customer_id: `facts.frame`, the inputs of the bundle, and what value curves compare.
    scores : DataFrame
        `schema.SCORE_VALUES` by the bundle, with the same index.
    season : Season or None
        By whose clock times of the frame are.
    """

    facts: ProfitFacts
    frame: pd.DataFrame
    scores: pd.DataFrame = field(repr=False)
    season: Season | None = None

    @property
    def segment_column(self) -> str | None:
        """The column that margins and contact rates are told apart by, if it tells anything."""
        return SEGMENT if self.frame[SEGMENT].notna().any() else None

    def by_season(
        self, purchase: PurchaseModel, tables: LedgerTables, waves: int | None
    ) -> tuple["Knowledge", PurchaseModel]:
        """The same by the clock of a season of so many waves a year, and the purchase model fitted to it.

        Without waves both stay as they are.

        Raises
        ------
        DateError
            If the ledger is shorter than two years.
        """
        if waves is None:
            return self, purchase
        found = fit_season(
            purchase, self.frame, tables.transactions, self.facts.as_of, self.facts.time_unit, harmonics=waves
        )
        return replace(self, frame=found.frame, season=found.season), found.purchase

    def fitted(self, purchase: PurchaseModel) -> ProfitModel:
        """Models of margin and contacts beside a purchase model, from these customers."""
        return fit_profit(purchase, self.frame, self.facts.time_unit, self.segment_column)


def known_on(
    tables: LedgerTables, costs: ActivityCosts, as_of: date, bundled: Bundled, curves: bool = True
) -> Knowledge:
    """Gather what was known on a day.

    Parameters
    ----------
    tables : LedgerTables
    costs : ActivityCosts
    as_of : date
        The last day whose facts count.
    bundled : Bundled
    curves : bool
        Whether the columns of value curves are wanted too.
    """
    bundle = bundled.bundle
    facts = profit_facts(priced_tables(tables, costs), as_of, bundle.time_unit)
    columns = {column.name: column for column in bundle.inputs.columns}
    if curves:
        compared = {one.column for one in DIMENSIONS} | {"satisfaction_last", "satisfaction_slope"}
        offered = {column.name: column for column in input_schema(tables).columns}
        columns |= {name: offered[name] for name in offered if name in compared}
    inputs = TableSchema(bundle.inputs.name, tuple(columns.values()))
    told: Any = model_input(tables, as_of, bundle.time_unit, inputs).drop("as_of").execute().set_index("customer_id")
    told = told.reindex(facts.frame.index)
    further = [name for name in told.columns if name not in facts.frame.columns]
    scores = Scorer(bundle).score({name: told[name].to_numpy() for name in bundle.inputs.names})
    return Knowledge(facts, facts.frame.join(told[further]), pd.DataFrame(scores, index=told.index))
