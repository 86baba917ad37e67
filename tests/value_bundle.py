"""A bundle made in a moment, for tests of what is built on bundles: fitted purchases and spend, churn by a rule."""

from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.bundle import Bundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.clv import ValueTerms
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import MODEL_INPUT, TableSchema
from patronage.summary.customer_summary import summarise

READ = ("frequency", "recency", "T", "monetary_value", "days_since_last_purchase")
"""Inputs of the bundle."""


def bundle_of(tables, as_of, horizon_days=182):
    """BG/NBD and Gamma-Gamma of a ledger; who has been silent for half a year churns with a probability of one half."""
    customers = summarise(tables.transactions, as_of, "week").to_pandas()
    purchase, spend = BetaGeoNBD().fit(customers), GammaGamma().fit(customers)
    silence = NumberTerm(centre=182.0, scale=100.0, slope=1.0, missing=0.0)
    churn = LogisticChurnModel(
        ("days_since_last_purchase",), horizon_days, Calibration("none", (), ()), 0.0,
        {"days_since_last_purchase": silence},
    )  # fmt: skip
    return Bundle(
        purchase=purchase.to_params(),
        spend=spend.to_params(),
        churn=churn,
        value=ValueTerms(0.3, 0.1, 7.0),
        as_of=as_of,
        time_unit=TimeUnit.WEEK,
        horizon_days=horizon_days,
        inputs=TableSchema(MODEL_INPUT.name, tuple(one for one in MODEL_INPUT.columns if one.name in READ)),
        training={
            "covariance": {"purchase": purchase.covariance_.tolist(), "spend": spend.covariance_.tolist()},
            "ledger": {"name": "test", "customers": len(customers)},
        },
    )
