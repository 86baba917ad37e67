"""Every churn model that a bundle can hold, by its kind."""

from collections.abc import Mapping
from typing import Any

import xgboost

from .churn import ChurnModel
from .churn_logistic import LogisticChurnModel
from .churn_stack import StackedChurnModel

AnyChurnModel = ChurnModel | LogisticChurnModel | StackedChurnModel

WITH_TREES: dict[str, type[ChurnModel] | type[StackedChurnModel]] = {
    model.kind: model for model in (ChurnModel, StackedChurnModel)
}
"""Kinds whose trees stand in a file of their own, in XGBoost's format."""

KINDS = (*WITH_TREES, LogisticChurnModel.kind)


def churn_facts(model: AnyChurnModel) -> dict[str, Any]:
    """What describes a model beside its trees, as JSON values, with its kind."""
    return {"kind": model.kind, **model.facts()}


def churn_trees(model: AnyChurnModel) -> xgboost.Booster | None:
    """The trees of a model; nothing, if it has none."""
    return None if isinstance(model, LogisticChurnModel) else model.booster


def churn_model(facts: Mapping[str, Any], trees: bytes | None) -> AnyChurnModel:
    """Back from `churn_facts` and the trees as XGBoost stores them (``.ubj``).

    Raises
    ------
    KeyError, TypeError, ValueError
        If the facts do not fit, the kind is not known, or the trees are missing.
    """
    kind = facts.get("kind", ChurnModel.kind)
    if kind == LogisticChurnModel.kind:
        return LogisticChurnModel.from_facts(facts)
    if kind not in WITH_TREES:
        message = f"a churn model of the kind {kind!r} is not known, only {', '.join(KINDS)}"
        raise ValueError(message)
    # XGBoost ends the process when it is given no bytes at all.
    if not trees:
        message = f"a churn model of the kind {kind!r} needs its trees"
        raise ValueError(message)
    booster = xgboost.Booster()
    booster.load_model(bytearray(trees))
    return WITH_TREES[kind].from_facts(facts, booster)
