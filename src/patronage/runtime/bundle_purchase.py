"""The purchase model of a bundle, each value of the type and in the range that it must have."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..schema import TableSchema
from . import bundle_values as checked
from .covariates import Effects, NumericCovariate
from .purchase.kinds import KINDS
from .purchase.model import PurchaseParams
from .purchase.with_covariates import CovariateParams


def purchase_params(stored: Mapping[str, Any]) -> PurchaseParams:
    """The parameters of a purchase model, with the effects of covariates if it has some."""
    plain = checked.from_fields(KINDS[stored["kind"]], stored)
    if "covariates" not in stored:
        return plain  # type: ignore[no-any-return]
    found = CovariateParams(plain, Effects.from_json(checked.mapping(stored["covariates"], "covariates")))
    _check_effects(found)
    return found


def _check_effects(params: CovariateParams) -> None:
    design = params.effects.design
    if not design.covariates or len(set(design.columns)) != len(design.columns):
        message = "there are no covariates, or one stands twice among them"
        raise ValueError(message)
    for one in design.covariates:
        if isinstance(one, NumericCovariate):
            checked.number(one.mean, f"the mean of {one.name}")
            checked.number(one.scale, f"the scale of {one.name}", above=0)
        elif not one.levels or len(set(one.levels)) != len(one.levels):
            message = f"the covariate {one.name} has no levels, or one of them twice"
            raise ValueError(message)
    moved = {item.name for item in fields(params.base) if isinstance(getattr(params.base, item.name), float)}
    for effect in params.effects.coefficients:
        checked.number(effect.value, f"the coefficient {effect.name}")
        if effect.column not in design.names or not effect.moves or {name for name, _ in effect.moves} - moved:
            message = f"the coefficient {effect.name} belongs to no covariate, or moves no parameter of {params.kind}"
            raise ValueError(message)
        for name, sign in effect.moves:
            checked.number(sign, f"what {effect.name} does to {name}")


def check_covariates(params: PurchaseParams, inputs: TableSchema) -> None:
    """Refuse covariates that are numbers where the input is text."""
    if not isinstance(params, CovariateParams):
        return
    texts = {column.name for column in inputs.columns if column.type == "string"}
    wrong = [one.name for one in params.effects.design.covariates if isinstance(one, NumericCovariate)]
    if both := sorted(texts & set(wrong)):
        message = f"the covariates {', '.join(both)} are numbers, and text among the inputs"
        raise ValueError(message)
