"""What campaigns added to purchases: counted by hand, recovered from simulated worlds, refused where nobody knows."""

from dataclasses import replace
from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest

from patronage.errors import ConfigError, InputError
from patronage.ledger.tables import LedgerTables
from patronage.value.campaign_uplift import CampaignUplift, campaign_uplift, without_campaigns
from patronage.value.profit_terms import ProfitTerms
from value_ledgers import by_hand, retailer


def small(treated=(1, 1, 0, 0)):
    """One wave on 10 January: the treated A and B buy thrice in its window, the control group C and D once."""
    con = ibis.duckdb.connect(threads=1)
    days = {"A": (1, 12, 14), "B": (2, 15), "C": (3, 16), "D": (4,)}
    lines = [(who, datetime(2024, 1, day, 12), 10.0) for who, own in days.items() for day in own]
    columns = dict(zip(("customer_id", "timestamp", "amount"), map(list, zip(*lines, strict=True)), strict=True))
    rows = {"customer_id": list(days), "timestamp": [datetime(2024, 1, 10, 9)] * 4, "action": ["voucher"] * 4,
            "treated": list(treated), "cost": [1.0] * 4}  # fmt: skip
    return LedgerTables(
        transactions=con.create_table("transactions", pa.table(columns)),
        campaigns=con.create_table("campaigns", pa.table(rows)),
    )


def test_counted_by_hand():
    """Means of 1.5 and 0.5: two treated bought 2 days more, of 4 days after the first."""
    found = campaign_uplift(small(), date(2024, 3, 31), window_days=10)
    assert (found.share, found.waves) == (pytest.approx(0.5), 1)
    # Variances of 0.25 in both arms of two: 4 (0.125 + 0.125) = 1.
    assert found.standard_error == pytest.approx(1 / 4)


def test_windows_that_are_not_over_and_waves_without_control_tell_nothing():
    assert campaign_uplift(small(), date(2024, 1, 15), window_days=10) == CampaignUplift(0.0, 0.0, 0)
    assert campaign_uplift(small((1, 1, 1, 1)), date(2024, 3, 31), window_days=10).waves == 0


def test_worlds_without_effect_show_none_and_strong_ones_do():
    world, _, _ = retailer(10, 4)
    quiet = {name: {"log_rate": 0.0, "log_rate_spread": 0.0, "log_dropout": 0.0, "log_dropout_spread": 0.0}
             for name in world.campaigns}  # fmt: skip
    none = {name: replace(action, **quiet[name]) for name, action in world.campaigns.items()}
    strong = {name: replace(action, log_rate=1.0) for name, action in world.campaigns.items()}
    by_effect = [
        campaign_uplift(retailer(1500, 4, campaigns=actions)[1], world.observed_until) for actions in (none, strong)
    ]
    assert abs(by_effect[0].share) < 3 * by_effect[0].standard_error
    assert by_effect[1].share > 3 * by_effect[1].standard_error


def test_purchases_are_less_by_the_share_of_campaigns_that_end():
    uplift = CampaignUplift(0.1, 0.01, 3)
    none = without_campaigns(ProfitTerms(365.25, 0.1, 2.0), uplift)
    assert (none.purchases_lost, none.purchases_lost_error) == (0.1, 0.01)
    half = without_campaigns(ProfitTerms(365.25, 0.1, 2.0), uplift, 0.5)
    assert (half.purchases_lost, half.purchases_lost_error) == pytest.approx((0.05, 0.005))
    assert (half.horizon_days, half.cost_per_purchase) == (365.25, 2.0)
    with pytest.raises(ConfigError, match="a share below 1"):
        without_campaigns(ProfitTerms(), CampaignUplift(1.0, 0.0, 1))


def test_ledgers_without_campaigns_are_refused():
    with pytest.raises(InputError, match="no table of campaigns"):
        campaign_uplift(by_hand(campaigns=False), date(2024, 1, 31))
    with pytest.raises(ConfigError, match="window_days"):
        campaign_uplift(small(), date(2024, 1, 31), window_days=0)
