"""What a churn model is worth: profit and savings of a campaign, and MPC and EMPC for one value of all."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.campaign_profit import Campaign, ProfitCurve, expected_contact_profit, profit_curve
from patronage.evaluation.churn_savings import savings_table
from patronage.evaluation.counted_metrics import Metric
from patronage.evaluation.judging import Resamples
from patronage.evaluation.maximum_profit import expected_maximum_profit_metric, maximum_profit_metric
from patronage.evaluation.verdict import model_title
from patronage.runtime.histories import FloatArray
from patronage.schema import CAMPAIGN_PROFIT, PROFIT_CURVE

BY_PROFIT = "expected profit"
"""Name of the ranking by the profit that contacting a customer is expected to bring; it is the model's, with values."""


@dataclass(frozen=True)
class CampaignTerms:
    """What a retention campaign costs and how customers answer it.

    Attributes
    ----------
    offer_cost, contact_cost : float
        Money: of an accepted offer, and of a contact; 0 and above.
    acceptance : float
        Share of those who would leave that accepts the offer and stays; above 0 and below 1.
    acceptance_spread : float
        Standard deviation of what is believed of that share, for EMPC: so large that a Beta distribution has it.
    loyal_acceptance : float
        Share of those who would stay anyway that takes the offer; between 0 and 1.

    Raises
    ------
    ConfigError
        If one is out of range.
    """

    offer_cost: float
    contact_cost: float
    acceptance: float
    acceptance_spread: float
    loyal_acceptance: float = 1.0

    def __post_init__(self) -> None:
        self.campaign  # noqa: B018  (checks the costs and shares)
        widest = np.sqrt(self.acceptance * (1 - self.acceptance))
        if not (0 < self.acceptance < 1 and 0 < self.acceptance_spread < widest):
            message = (
                f"campaign.acceptance must lie above 0 and below 1, and acceptance_spread above 0 and below "
                f"{widest:.3g}, the most that a share around {self.acceptance:g} can vary; got {self.acceptance:g} "
                f"and {self.acceptance_spread:g}."
            )
            raise ConfigError(message)

    @property
    def campaign(self) -> Campaign:
        """The same, for profits of single customers."""
        return Campaign(self.offer_cost, self.contact_cost, self.acceptance, self.loyal_acceptance)

    @property
    def acceptance_beta(self) -> tuple[float, float]:
        """Alpha and beta of the Beta distribution of the acceptance with that mean and spread."""
        size = self.acceptance * (1 - self.acceptance) / self.acceptance_spread**2 - 1
        return self.acceptance * size, (1 - self.acceptance) * size

    def metrics(self, mean_value: float) -> tuple[dict[str, Metric], str]:
        """MPC and EMPC where all customers are worth the same.

        Parameters
        ----------
        mean_value : float
            Money that a customer who stays is worth on average.

        Returns
        -------
        (dict, str)
            Nothing, and a sentence that says why, if the offer costs more than a customer is worth.
        """
        if mean_value <= self.offer_cost:
            note = (
                f"MPC and EMPC were left out: the offer costs {self.offer_cost:,.2f}, a customer who stays is worth "
                f"{mean_value:,.2f} on average. Set campaign.offer_cost to what an offer really costs."
            )
            return {}, note
        given = {"lifetime_value": mean_value, "offer_cost": self.offer_cost, "contact_cost": self.contact_cost}
        alpha, beta = self.acceptance_beta
        metrics = {
            "mpc": maximum_profit_metric(**given, acceptance=self.acceptance),
            "empc": expected_maximum_profit_metric(**given, alpha=alpha, beta=beta),
        }
        return metrics, ""


def campaign_tables(
    churned: FloatArray,
    probabilities: Mapping[str, FloatArray],
    value: FloatArray,
    terms: CampaignTerms,
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
) -> dict[str, pd.DataFrame]:
    """Profit of contacting customers in the order of each prediction, and in that of the model's expected profit.

    Parameters
    ----------
    churned : ndarray of float64, shape (n,)
    probabilities : mapping of str to ndarray of float64, shape (n,)
        The model first.
    value : ndarray of float64, shape (n,)
        Money that each customer is worth if it stays.
    terms : CampaignTerms
    resamples : Resamples
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional

    Returns
    -------
    dict of str to DataFrame
        ``profit_curve``, ``campaign_profit`` and ``campaign_savings``.
    """
    campaign, (model, *_) = terms.campaign, list(probabilities)
    rankings = {
        BY_PROFIT: expected_contact_profit(np.clip(probabilities[model], 0, 1), value, campaign),
        **probabilities,
    }
    curves, best = [], []
    for name, score in rankings.items():
        curve = profit_curve(
            churned, score, value, campaign, rng=rng, customers=customers,
            replicates=max(2, resamples.replicates), level=resamples.level,
        )  # fmt: skip
        if not resamples.replicates:
            curve = _without_intervals(curve)
        curves.append(curve.table.assign(ranking=name))
        point = {key: figure for key, figure in asdict(curve).items() if key != "table"}
        point["threshold"] = curve.threshold if np.isfinite(curve.threshold) else np.nan
        best.append({"ranking": name, **point})
    curve_table = pd.concat(curves, ignore_index=True)
    curve_table["threshold"] = curve_table["threshold"].where(np.isfinite(curve_table["threshold"]), np.nan)
    return {
        "profit_curve": curve_table[list(PROFIT_CURVE.names)],
        "campaign_profit": pd.DataFrame(best)[list(CAMPAIGN_PROFIT.names)],
        "campaign_savings": savings_table(
            churned, probabilities, value, campaign, resamples, rng=rng, customers=customers
        ),
    }


def campaign_words(table: pd.DataFrame, level: float = 0.95) -> str:
    """What the campaign would have made, and whom it would have contacted.

    Parameters
    ----------
    table : DataFrame
        `schema.CAMPAIGN_PROFIT`, the ranking by expected profit first.
    level : float
    """
    row = table.iloc[0]
    if not row["n_contacted"]:
        return "No contacted share makes a profit at these costs: the campaign is not worth while."
    words = (
        f"Contacting the {row['share']:.1%} with the highest expected profit would have made {row['profit']:,.0f}"
    ).replace("%", " %")
    if np.isfinite(row["profit_low"]):
        words += (
            f" ({100 * level:g} % interval {row['profit_low']:,.0f} to {row['profit_high']:,.0f}; "
            f"{row['profit_corrected']:,.0f} without the benefit of hindsight)"
        )
    rivals = table.iloc[1:]
    best = rivals.iloc[int(rivals["profit"].to_numpy().argmax())] if len(rivals) else None
    if best is not None:
        words += f"; in the order of {model_title(str(best['ranking']))} at best {best['profit']:,.0f}"
    return words + "."


def _without_intervals(curve: ProfitCurve) -> ProfitCurve:
    nan = float("nan")
    return replace(
        curve,
        table=curve.table.assign(profit_low=nan, profit_high=nan),
        profit_low=nan,
        profit_high=nan,
        share_low=nan,
        share_high=nan,
        profit_corrected=nan,
    )
