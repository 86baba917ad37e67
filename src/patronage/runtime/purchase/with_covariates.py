"""Parameters of a purchase model whose customers differ by covariates.

Predictions need the covariates of the customers: `at_rows` gives the parameters of the rows of a frame, which then
predict for histories of the same rows.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn

from ...errors import InputError
from ..covariates import Effects
from ..histories import FloatArray, Histories
from .model import Living, Moments, PurchaseParams


@dataclass(frozen=True)
class CovariateParams(PurchaseParams):
    """Parameters of a model and what covariates do to them.

    Attributes
    ----------
    base : PurchaseParams
        Of a customer with average numbers, switches off, and every category at its reference.
    effects : Effects
    """

    base: PurchaseParams
    effects: Effects

    @property
    def kind(self) -> str:  # type: ignore[override]
        """That of the model without covariates."""
        return self.base.kind

    @property
    def title(self) -> str:  # type: ignore[override]
        """Name of the model in print."""
        return f"{self.base.title} with covariates"

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of a frame that `at_rows` reads."""
        return self.effects.design.columns

    @property
    def figures(self) -> dict[str, float]:
        """Those of the base by name, and coefficients of covariates behind them."""
        return self.base.figures | {one.name: one.value for one in self.effects.coefficients}

    def at_rows(self, frame: Any) -> PurchaseParams:
        """Parameters of the rows of a frame.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            With the covariates of n customers.

        Returns
        -------
        PurchaseParams
            Of the kind of `base`, with arrays of shape (n,) where covariates move a parameter.

        Raises
        ------
        InputError
            If a covariate is missing, not finite, or of a level that the fit did not see.
        """
        factors = self.effects.factors(frame)
        return replace(self.base, **{name: getattr(self.base, name) * factor for name, factor in factors.items()})

    def log_odds_of_death(self, histories: Histories) -> FloatArray:  # noqa: ARG002
        """Refused: histories do not tell the covariates."""
        self._refuse()

    def living(self, histories: Histories) -> Living:  # noqa: ARG002
        """Refused: histories do not tell the covariates."""
        self._refuse()

    def moments_if_dead(self, histories: Histories) -> Moments:  # noqa: ARG002
        """Refused: histories do not tell the covariates."""
        self._refuse()

    def as_json(self) -> dict[str, Any]:
        """JSON values, for a bundle: the kind, the parameters, and under "covariates" the effects."""
        return {"kind": self.kind, **asdict(self.base), "covariates": self.effects.as_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], kinds: Mapping[str, type[PurchaseParams]]) -> "CovariateParams":
        """The parameters whose `as_json` that is; `kinds` are the known kinds of model by name."""
        base = {name: value for name, value in stored.items() if name not in {"kind", "covariates"}}
        return cls(kinds[stored["kind"]](**base), Effects.from_json(stored["covariates"]))

    def _refuse(self) -> NoReturn:
        columns = ", ".join(self.effects.design.columns)
        message = (
            f"This {self.title} needs the covariates {columns} of the customers: take the parameters of their rows, "
            "params.at_rows(frame), and predict with these."
        )
        raise InputError(message)
