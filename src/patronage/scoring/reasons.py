"""The columns of a file of scores that say why: `schema.SCORE_REASONS`."""

from collections.abc import Mapping
from typing import Any

from patronage.runtime.bundle import AnyBundle
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction, ReasonTeller
from patronage.runtime.scorer import input_of
from patronage.schema import N_REASONS, PURCHASE_OUTPUTS

METHODS_IN_WORDS = {
    "tables": "exact (TreeSHAP)",
    "shapley": "exact (TreeSHAP by XGBoost)",
    "approximate": "approximate (by XGBoost)",
    "terms": "exact (terms of a sum)",
}
"""How the contributions behind the reasons were found, by `Explainer.method`."""


class ScoreReasons:
    """Tells the reasons of the customers of a file.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    method : {"auto", "exact", "fast"}
        See `runtime.contributions.ExplainMethod`.
    direction : {"both", "raises", "keeps"}
        Which reasons are told.

    Raises
    ------
    ConfigError
        If there is no such method.
    """

    def __init__(self, bundle: AnyBundle, method: ExplainMethod = "auto", direction: Direction = "both") -> None:
        self.bundle, self.direction = bundle, direction
        self.teller = ReasonTeller.of_bundle(bundle, method)

    @property
    def method_in_words(self) -> str:
        """How the contributions are found."""
        return METHODS_IN_WORDS[self.teller.explainer.method]

    def of(self, columns: Any, scores: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of `schema.SCORE_REASONS` for some customers.

        Parameters
        ----------
        columns : mapping or table
            The bundle's inputs, as they were scored.
        scores : mapping of str to ndarray, shape (n,)
            What the scorer said of them: a churn model may have looked at what the purchase model tells.

        Returns
        -------
        dict of str to ndarray, shape (n,)
        """
        told = {name: scores[name] for name in PURCHASE_OUTPUTS if name in scores}
        reasons = self.teller.tell(input_of(columns, self.bundle) | told, N_REASONS, self.direction)
        found: dict[str, Any] = {}
        for place, (text, effect) in enumerate(zip(reasons.text, reasons.effect, strict=True), start=1):
            found |= {f"reason_{place}": text, f"reason_{place}_effect": effect}
        return found
