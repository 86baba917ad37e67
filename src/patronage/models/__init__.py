"""Estimation: models that are fitted here and predict through `patronage.runtime`."""

from patronage.models.churn.xgboost_classifier import ChurnClassifier as ChurnClassifier
from patronage.models.purchase.bg_nbd import BetaGeoNBD as BetaGeoNBD
from patronage.models.spend.gamma_gamma import GammaGamma as GammaGamma

__all__ = ["BetaGeoNBD", "ChurnClassifier", "GammaGamma"]
