"""The products of a simulated business: drawn once for all customers."""

from dataclasses import dataclass

import numpy as np

from patronage.ledger.worlds.parts import Catalogue
from patronage.ledger.worlds.streams import CATALOGUE_BLOCK, Part, stream
from patronage.runtime.histories import FloatArray, IndexArray

MARGIN_RANGE = (-0.6, 0.95)
"""Margin rates of products beyond it are cut: no shop sells for long at less than the cost over 1.6."""


@dataclass(frozen=True)
class Products:
    """Products, one category after the other.

    Attributes
    ----------
    category_names, names : tuple of str
    category : ndarray of shape (n_products,)
        Position of each product's category.
    price, margin_rate : ndarray of shape (n_products,)
        List price in money, and the share of it that is margin; some sell at a loss.
    shares : ndarray of shape (n_categories,)
        Share of each category among lines.
    popularity : ndarray of shape (n_products,)
        Share of each product among the lines of its category.
    """

    category_names: tuple[str, ...]
    names: tuple[str, ...]
    category: IndexArray
    price: FloatArray
    margin_rate: FloatArray
    shares: FloatArray
    popularity: FloatArray

    def choose(self, category: IndexArray, rng: np.random.Generator) -> IndexArray:
        """One product of each of these categories, by popularity."""
        per_category = len(self.names) // len(self.category_names)
        edges = np.cumsum(self.popularity.reshape(-1, per_category), axis=1)
        edges /= edges[:, -1:]
        steps = (edges + np.arange(len(edges))[:, None]).ravel()
        chosen = np.searchsorted(steps, category + rng.random(len(category)), side="right")
        product: IndexArray = np.minimum(chosen, (category + 1) * per_category - 1)
        return product

    def cost_share(self) -> FloatArray:
        """Mean cost of goods over list price of a line in each category, shape (n_categories,)."""
        cost = self.popularity * (1 - self.margin_rate)
        return np.bincount(self.category, cost, len(self.category_names)).astype(float)


def products_of(catalogue: Catalogue, seed: int) -> Products:
    """Draw the catalogue of a world.

    Prices are log-normal around the category's median, margin rates normal around its mean, and the k-th product of a
    category is bought in proportion to k to the power of -popularity.
    """
    rng = stream(seed, CATALOGUE_BLOCK, Part.CATALOGUE)
    kinds = list(catalogue.categories.values())
    n, n_all = catalogue.products_per_category, catalogue.products_per_category * len(kinds)
    category = np.repeat(np.arange(len(kinds)), n)
    median, price_spread, margin, margin_spread = (
        np.repeat([getattr(kind, name) for kind in kinds], n)
        for name in ("price", "price_spread", "margin_rate", "margin_spread")
    )
    ranks = (np.arange(n) + 1.0) ** -catalogue.popularity
    shares = np.array([kind.share for kind in kinds])
    return Products(
        category_names=tuple(catalogue.categories),
        names=tuple(f"{name}-{number + 1:04d}" for name in catalogue.categories for number in range(n)),
        category=category,
        price=np.maximum(np.round(median * np.exp(price_spread * rng.standard_normal(n_all)), 2), 0.01),
        margin_rate=np.clip(margin + margin_spread * rng.standard_normal(n_all), *MARGIN_RANGE),
        shares=shares / shares.sum(),
        popularity=np.tile(ranks / ranks.sum(), len(kinds)),
    )
