r"""What campaigns of the past added to purchases, from those who were left out of them at random.

Purchase models are fitted to a past with campaigns and foretell a future with as many. Where none are planned,
purchases that campaigns caused must be taken off: in each wave (an action on a day) the treated bought more often than
those chosen and not treated, within a window,

.. math:: \text{incremental} = \sum_w n_w^{\text{treated}} \, (\bar y_w^{\text{treated}} - \bar y_w^{\text{control}}),

and its share of all purchase days after the first is what the future lacks without campaigns
(`ProfitTerms.purchases_lost`). Waves without a control group tell nothing and count as without effect. The estimate is
unbiased where the treated were drawn at random. What campaigns do to leaving is not in it.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _

from patronage.errors import ConfigError, InputError
from patronage.ledger.purchases import purchase_days
from patronage.ledger.tables import LedgerTables, business_day
from patronage.value.profit_terms import ProfitTerms

WINDOW_DAYS = 60
"""Days after a wave in which its effect is looked for."""


@dataclass(frozen=True)
class CampaignUplift:
    """What campaigns added to purchases.

    Attributes
    ----------
    share : float
        Of purchase days after the first that campaigns caused; below 0 where the treated bought less.
    standard_error : float
        Of the share.
    waves : int
        Waves with treated and control.
    """

    share: float
    standard_error: float
    waves: int


def campaign_uplift(tables: LedgerTables, as_of: date, window_days: int = WINDOW_DAYS) -> CampaignUplift:
    """Estimate the share of purchases that campaigns caused.

    Parameters
    ----------
    tables : LedgerTables
    as_of : date
        The last day whose facts count; waves whose window reaches beyond it are left out.
    window_days : int

    Raises
    ------
    ConfigError
        If the window is not 1 day or more.
    InputError
        If the ledger has no campaigns.
    """
    if window_days < 1:
        message = f"window_days must be 1 or more; got {window_days}."
        raise ConfigError(message)
    if tables.campaigns is None:
        message = "The ledger has no table of campaigns, which their effect could be told from."
        raise InputError(message)
    bought = purchase_days(tables.transactions, until=as_of)
    repeats = bought.count().execute() - bought.customer_id.nunique().execute()
    waves = _waves(tables.campaigns, bought, as_of, window_days)
    if waves.empty or repeats <= 0:
        return CampaignUplift(0.0, 0.0, 0)
    arms = [waves[waves["treated"] == arm].set_index(["action", "wave"]).drop(columns="treated") for arm in (1, 0)]
    both = arms[0].join(arms[1].add_suffix("_control"), how="inner")
    added = float((both["customers"] * (both["mean"] - both["mean_control"])).sum())
    variance = both["variance"] / both["customers"] + both["variance_control"] / both["customers_control"]
    error = float(np.sqrt((both["customers"] ** 2 * variance).sum()))
    return CampaignUplift(added / repeats, error / repeats, len(both))


def without_campaigns(terms: ProfitTerms, uplift: CampaignUplift, ending: float = 1.0) -> ProfitTerms:
    """Terms of a future in which campaigns end, and with them the purchases that they caused.

    Parameters
    ----------
    terms : ProfitTerms
    uplift : CampaignUplift
    ending : float
        Share of the campaigns that end, 0 to 1.
    """
    return replace(terms, purchases_lost=ending * uplift.share, purchases_lost_error=ending * uplift.standard_error)


def _waves(campaigns: Any, bought: Any, as_of: date, window_days: int) -> pd.DataFrame:
    """Customers, and mean and variance of their purchase days in the window, by wave and arm."""
    chosen = campaigns.select(
        "customer_id", "action", treated=campaigns.treated.cast("int64"), wave=business_day(campaigns)
    )
    chosen = chosen.filter((chosen.wave + ibis.interval(days=window_days)).cast("date") <= ibis.date(as_of.isoformat()))
    days = bought.select(of_customer="customer_id", bought_on="day")
    pairs = chosen.left_join(
        days,
        [
            chosen.customer_id == days.of_customer,
            days.bought_on > chosen.wave,
            days.bought_on <= (chosen.wave + ibis.interval(days=window_days)).cast("date"),
        ],
    )
    each = pairs.group_by("customer_id", "action", "wave", "treated").aggregate(bought=_.bought_on.count())
    arms = each.group_by("action", "wave", "treated").aggregate(
        customers=_.count(),
        mean=_.bought.cast("float64").mean(),
        variance=_.bought.cast("float64").var(how="pop"),
    )
    found: pd.DataFrame = arms.order_by("action", "wave", "treated").execute()
    return found
