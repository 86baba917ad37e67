"""Linking by probability: the model of Fellegi and Sunter, estimated by Splink on the DuckDB that holds the ledger.

Two records are compared attribute by attribute, each to a level of agreement. How often a level occurs among records of
one person (m) and among those of two (u) makes its weight; the weights make the probability that both are one person.
u is counted in a sample of the customers, m is estimated by expectation maximisation without any labels.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from patronage.errors import ConfigError
from patronage.ledger.identity.linker import FoundPairs
from patronage.ledger.identity.splink_search import Search, quiet
from patronage.ledger.identity.splink_settings import SplinkSettings


@dataclass(frozen=True)
class SplinkLinker(SplinkSettings):
    """Links ids by the probability that they are one person; for its attributes see `SplinkSettings`."""

    def find(self, customers: Any) -> FoundPairs:
        """Find all pairs from `review_from` on; see `linker.Linker.find`.

        Raises
        ------
        InputError
            If the blocks hold more than `max_pairs`.
        FitError
            If nothing could be estimated.
        """
        engine = customers.get_backend().name
        if engine != "duckdb":
            message = (
                f"identity=splink runs on engine=duckdb; this ledger is on {engine}. Use identity=exact there, or "
                "write the links with patronage link on DuckDB and use them with identity=links."
            )
            raise ConfigError(message)
        if find_spec("splink") is None:
            message = "identity=splink needs Splink: pip install 'patronage[link]'."
            raise ConfigError(message)
        with quiet(), Search(self, customers) as search:
            return search.pairs()
