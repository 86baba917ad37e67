"""Estimation: models that are fitted here and predict through `patronage.runtime`."""

from patronage.models.churn.xgboost_classifier import ChurnClassifier as ChurnClassifier
from patronage.models.comparison import likelihood_ratio_test as likelihood_ratio_test
from patronage.models.contract.bdw import BetaDiscreteWeibull as BetaDiscreteWeibull
from patronage.models.contract.sbg import ShiftedBetaGeometric as ShiftedBetaGeometric
from patronage.models.purchase.bg_bb import BetaGeoBetaBinomial as BetaGeoBetaBinomial
from patronage.models.purchase.bg_cnbd_k import BetaGeoCNBD as BetaGeoCNBD
from patronage.models.purchase.bg_cnbd_k import ModifiedBetaGeoCNBD as ModifiedBetaGeoCNBD
from patronage.models.purchase.bg_nbd import BetaGeoNBD as BetaGeoNBD
from patronage.models.purchase.ggom_nbd import GammaGompertzNBD as GammaGompertzNBD
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD as ModifiedBetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD as ParetoNBD
from patronage.models.spend.gamma_gamma import GammaGamma as GammaGamma

__all__ = [
    "BetaDiscreteWeibull",
    "BetaGeoBetaBinomial",
    "BetaGeoCNBD",
    "BetaGeoNBD",
    "ChurnClassifier",
    "GammaGamma",
    "GammaGompertzNBD",
    "ModifiedBetaGeoCNBD",
    "ModifiedBetaGeoNBD",
    "ParetoNBD",
    "ShiftedBetaGeometric",
    "likelihood_ratio_test",
]
