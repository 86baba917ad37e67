"""The kinds of purchase model by name, for whatever reads a stored one."""

from .bg_bb import BetaGeoBetaBinomialParams
from .bg_cnbd_k import BetaGeoCNBDParams, ModifiedBetaGeoCNBDParams
from .bg_nbd import BetaGeoParams
from .ggom_nbd import GammaGompertzParams
from .mbg_nbd import ModifiedBetaGeoParams
from .model import PurchaseParams
from .pareto_nbd import ParetoParams

KINDS: dict[str, type[PurchaseParams]] = {
    params.kind: params
    for params in (
        BetaGeoParams,
        ModifiedBetaGeoParams,
        ParetoParams,
        GammaGompertzParams,
        BetaGeoCNBDParams,
        ModifiedBetaGeoCNBDParams,
        BetaGeoBetaBinomialParams,
    )
}
