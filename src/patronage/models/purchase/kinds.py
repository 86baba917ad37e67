"""The purchase models by kind, for whatever reads a stored one or compares them all."""

from patronage.models.purchase.bg_bb import BetaGeoBetaBinomial
from patronage.models.purchase.bg_cnbd_k import BetaGeoCNBD, ModifiedBetaGeoCNBD
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.ggom_nbd import GammaGompertzNBD
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD
from patronage.models.purchase.model import PurchaseModel
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.purchase.model import PurchaseParams

MODELS: dict[str, type[PurchaseModel]] = {
    model.params_class.kind: model
    for model in (
        BetaGeoNBD,
        ModifiedBetaGeoNBD,
        ParetoNBD,
        GammaGompertzNBD,
        BetaGeoCNBD,
        ModifiedBetaGeoCNBD,
        BetaGeoBetaBinomial,
    )
}


def model_of(params: PurchaseParams) -> PurchaseModel:
    """Bring back a model that can predict from frozen parameters, whatever their kind."""
    return MODELS[params.kind].from_params(params)
