"""Parameters of a contractual model whose customers differ by covariates."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..covariates import Effects
from .model import ContractParams


@dataclass(frozen=True)
class ContractCovariateParams:
    """Parameters of a model and what covariates do to them; `at_rows` gives those of customers, which predict.

    Attributes
    ----------
    base : ContractParams
        Of a customer with average numbers, switches off, and every category at its reference.
    effects : Effects
    """

    base: ContractParams
    effects: Effects

    def at_rows(self, frame: Any) -> ContractParams:
        """Parameters of the rows of a frame, with arrays of shape (n,) where covariates move a parameter.

        Raises
        ------
        InputError
            If a covariate is missing, not finite, or of a level that the fit did not see.
        """
        factors = self.effects.factors(frame)
        return replace(self.base, **{name: getattr(self.base, name) * factor for name, factor in factors.items()})

    def as_json(self) -> dict[str, Any]:
        """JSON values: the kind, the parameters, and under "covariates" the effects."""
        return {"kind": self.base.kind, **asdict(self.base), "covariates": self.effects.as_json()}

    @classmethod
    def from_json(
        cls, stored: Mapping[str, Any], kinds: Mapping[str, type[ContractParams]]
    ) -> "ContractCovariateParams":
        """The parameters whose `as_json` that is; `kinds` are the known kinds of model by name."""
        base = {name: value for name, value in stored.items() if name not in {"kind", "covariates"}}
        return cls(kinds[stored["kind"]](**base), Effects.from_json(stored["covariates"]))
