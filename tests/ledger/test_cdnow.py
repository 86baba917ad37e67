"""The figures of the CDNOW log that the literature and the log itself agree on."""

from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from patronage import FilesSource, calibration_holdout, open_ledger, summarise
from patronage.ledger.purchases import purchase_days


def dataset(name):
    return Path(find_spec("lifetimes").origin).parent / "datasets" / name


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The 1/10 sample on which the models were published, as a CSV file of its own."""
    frame = pd.read_csv(
        dataset("CDNOW_sample.txt"),
        sep=r"\s+",
        header=None,
        names=["master", "id", "day", "discs", "amount"],
        dtype=str,
    )
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    frame.to_csv(path, index=False)
    columns = {"customer_id": "id", "timestamp": "day", "amount": "amount"}
    return open_ledger(FilesSource(str(path), columns, timestamp_format="%Y%m%d"))


def test_every_row_of_the_log_is_used(cdnow):
    account = cdnow.account
    assert (account.rows_in, account.rows_used, account.rows_set_aside) == (69_659, 69_659, 0)
    assert account.customers == 23_570
    assert (account.first.date(), account.last.date()) == (date(1997, 1, 1), date(1998, 6, 30))
    assert account.reasons == {}


def test_amounts_of_the_log(cdnow):
    amount = cdnow.transactions.amount
    assert amount.sum().execute() == pytest.approx(2_500_315.63, abs=0.005)
    assert (amount == 0).sum().execute() == 80
    assert (amount < 0).sum().execute() == 0


def test_same_day_purchases_of_the_log_are_one(cdnow):
    assert purchase_days(cdnow.transactions).count().execute() == 67_591


def test_rows_equal_the_file_read_by_pandas(cdnow):
    theirs = pd.read_csv(dataset("CDNOW_master.txt"), sep=r"\s+", dtype={"customer_id": str})
    theirs["timestamp"] = pd.to_datetime(theirs["date"].astype(str))
    ours = cdnow.transactions.execute()
    assert (ours["day"] == ours["timestamp"].dt.normalize()).all()
    keys = ["customer_id", "timestamp", "amount"]
    theirs = theirs.rename(columns={"dollar_value": "amount", "number_of_cds": "quantity"})
    keys = [*keys, "quantity"]
    theirs, ours = (frame[keys].sort_values(keys).reset_index(drop=True) for frame in (theirs, ours))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


def test_sample_is_the_published_one(sample):
    account = sample.account
    assert (account.rows_in, account.rows_used, account.customers) == (6_919, 6_919, 2_357)
    assert sample.transactions.amount.sum().execute() == pytest.approx(244_091.94, abs=0.005)
    assert purchase_days(sample.transactions).count().execute() == 6_696


def test_sample_has_the_published_calibration_period(sample):
    """Fader, Hardie and Lee (2005), Marketing Science 24(2): 39 weeks."""
    summary = summarise(sample.transactions, date(1997, 9, 30), "week")
    frame = summary.to_pandas()
    assert frame["frequency"].sum() == 2_457
    assert frame["frequency"].clip(upper=7).value_counts().sort_index().tolist() == [
        1411,
        439,
        214,
        100,
        62,
        38,
        29,
        64,
    ]
    assert (round(frame["T"].min(), 3), round(frame["T"].max(), 3)) == (27.0, 38.857)
    assert len(summary.histories()) == 1_016


def test_sample_has_the_published_holdout(sample):
    split = calibration_holdout(sample.transactions, date(1997, 9, 30), 273)
    frame = split.table.execute()
    assert split.holdout_end == date(1998, 6, 30)
    assert frame["frequency_holdout"].sum() == 1_882
    assert (frame["frequency_holdout"] > 0).sum() == 684
    assert frame["spend_holdout"].sum() == pytest.approx(70_976.39, abs=0.005)
