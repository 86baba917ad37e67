"""Worlds drawn once for this room; their tables are read only."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from patronage.ledger.worlds.block import Block, Scene, draw_block, scene_of
from patronage.ledger.worlds.settings import World, named_world
from patronage.ledger.worlds.writing import world_tables

N = 20_000


@pytest.fixture(scope="session")
def retailer() -> World:
    """The retailer with contacts at their own costs, so that nothing has to be calibrated."""
    return replace(named_world("retailer"), whale=None)


@pytest.fixture(scope="session")
def subscription() -> World:
    return replace(named_world("subscription"), whale=None)


@pytest.fixture(scope="session")
def frames(retailer: World, subscription: World) -> Callable[[str], dict[str, pd.DataFrame]]:
    """The tables of a named world, as frames."""
    worlds = {"retailer": retailer, "subscription": subscription}
    drawn: dict[str, dict[str, pd.DataFrame]] = {}

    def tables(name: str) -> dict[str, pd.DataFrame]:
        if name not in drawn:
            found = world_tables(worlds.get(name) or named_world(name), N, seed=11)
            drawn[name] = {
                folder: table.to_pandas().assign(
                    **{c: table[c].to_pandas().astype(str) for c in ("customer_id",) if c in table.column_names}
                )
                for folder, table in found.items()
            }
        return drawn[name]

    return tables


@pytest.fixture(scope="session")
def blocks(retailer: World, subscription: World) -> Callable[[str], tuple[Scene, Block]]:
    """One block of a named world, with all that is true of it; the same customers as in `frames`."""
    worlds = {"retailer": retailer, "subscription": subscription}
    drawn: dict[str, tuple[Scene, Block]] = {}

    def block(name: str) -> tuple[Scene, Block]:
        if name not in drawn:
            scene = scene_of(worlds.get(name) or named_world(name), 11)
            drawn[name] = scene, draw_block(scene, 0, 0, N)
        return drawn[name]

    return block


@pytest.fixture(scope="session")
def z_score() -> Callable[[Any], float]:
    """How many standard errors the mean of independent values lies from 0."""

    def z(values: Any) -> float:
        values = np.asarray(values, dtype=float)
        return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values))))

    return z
