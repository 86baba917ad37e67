"""What a churn classifier learns from: its settings with the columns that a ledger offers, and panels of the ledger."""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from patronage.errors import ConfigError
from patronage.features.model_input import input_schema
from patronage.ledger.opening import Ledger
from patronage.models.base import histories_of
from patronage.models.churn.candidate import Candidate
from patronage.models.churn.panel import churn_panel
from patronage.models.purchase.choice import Candidates, PurchaseModelChoice
from patronage.models.purchase.model import PurchaseModel
from patronage.pipelines.histories import purchase_histories, with_covariates
from patronage.pipelines.settings import Dates, Features, Panel, built, settings_from
from patronage.runtime.scorer import told_by_purchases
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import PURCHASE_OUTPUTS, SUMMARY, TableSchema


@dataclass(frozen=True)
class ChurnLearning:
    """The parts of a configuration that a churn classifier depends on, checked.

    Attributes
    ----------
    config : dict
        Of `patronage train`.
    """

    config: dict[str, Any]
    dates: Dates
    features: Features
    panel: Panel
    time_unit: TimeUnit

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ChurnLearning":
        """Check the parts of a configuration.

        Raises
        ------
        ConfigError
            Naming the key.
        """
        dates = settings_from(Dates, config["dates"], "dates")
        built(config, "purchase")
        churn: Candidate = built(config, "churn")
        if churn.horizon_days != dates.horizon_days:
            message = (
                f"The churn model looks {churn.horizon_days} days ahead and dates.horizon_days is "
                f"{dates.horizon_days}: all scores look equally far ahead. Set dates.horizon_days alone."
            )
            raise ConfigError(message)
        return cls(
            config=config,
            dates=dates,
            features=settings_from(Features, config["features"], "features"),
            panel=settings_from(Panel, config["panel"], "panel"),
            time_unit=TimeUnit(config["time_unit"]),
        )

    def inputs(self, ledger: Ledger) -> TableSchema:
        """Columns that the ledger and the groups of features offer."""
        return input_schema(ledger.tables, self.features.groups)

    def part(self, inputs: TableSchema, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The settings of the churn model, told which columns there are if the configuration does not name any.

        Parameters
        ----------
        inputs : TableSchema
            Columns of the ledger.
        settings : mapping, optional
            Of another churn model than that of the configuration.

        Raises
        ------
        ConfigError
            If they name columns that there are not.
        """
        offered = (*inputs.names, *PURCHASE_OUTPUTS)
        left_out = {*SUMMARY.names, *self.features.leave_out}
        every = [name for name in inputs.names if name not in left_out]
        if self.features.purchase_model:
            every += PURCHASE_OUTPUTS
        part: dict[str, Any] = deepcopy(dict(settings or self.config["churn"]))
        for place in (part, part.get("trees", {})):
            if "features" in place:
                place["features"] = place["features"] or every
        unknown = [name for name in candidate(part).features if name not in offered]
        if unknown:
            message = (
                f"Unknown churn.features: {', '.join(unknown)}. This ledger and features.groups offer: "
                f"{', '.join(offered)}."
            )
            raise ConfigError(message)
        return part

    def rows(
        self,
        ledger: Ledger,
        cutoffs: Sequence[date],
        inputs: TableSchema,
        features: Collection[str],
        purchase: PurchaseModel | None = None,
    ) -> pd.DataFrame:
        """Customers at some cut-offs: features, labels, and what a purchase model fitted there tells, if it is asked.

        Parameters
        ----------
        ledger : Ledger
        cutoffs : sequence of date
        inputs : TableSchema
            Columns of the ledger.
        features : collection of str
            What the churn models look at.
        purchase : PurchaseModel, optional
            The kind of purchase model to fit at each cut-off; that of the configuration if not given.

        Raises
        ------
        DateError
            If no customer is known at a cut-off.
        """
        if not set(features) & set(PURCHASE_OUTPUTS):
            return churn_panel(ledger.tables, cutoffs, self.dates.horizon_days, self.time_unit, inputs)
        model: PurchaseModel | PurchaseModelChoice = built(self.config, "purchase") if purchase is None else purchase
        inputs = with_covariates(inputs, ledger.tables, model.covariates)
        panel = churn_panel(ledger.tables, cutoffs, self.dates.horizon_days, self.time_unit, inputs)
        horizon = self.time_unit.from_days(self.dates.horizon_days)
        parts = []
        for cutoff, rows in panel.groupby("cutoff", sort=False):
            day = pd.Timestamp(str(cutoff)).date()
            histories = purchase_histories(ledger.tables, day, self.time_unit, model)
            again = model.unfitted() if isinstance(model, PurchaseModel) else model
            fitted = again.fit(histories, weights=histories["n_customers"])
            params = (fitted.best if isinstance(fitted, Candidates) else fitted).to_params().at_rows(rows)
            parts.append(rows.assign(**told_by_purchases(params, histories_of(rows), horizon)))
        return pd.concat(parts)


def candidate(part: Mapping[str, Any]) -> Candidate:
    """The churn model of some settings, not yet fitted.

    Raises
    ------
    ConfigError
        If a setting does not fit.
    """
    model: Candidate = built({"churn": dict(part)}, "churn")
    return model
