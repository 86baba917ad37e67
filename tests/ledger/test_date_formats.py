"""Tables that inherit the format of dates, tables that do not, and what is said of dates that cannot be read."""

from datetime import datetime

import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ContractError

COLUMNS = {"customer_id": "customer_id", "timestamp": "timestamp", "channel": "channel", "kind": "kind"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sales.csv").write_text("customer_id,timestamp,amount\na,31.01.2024,1\n")
    (tmp_path / "calls.csv").write_text("customer_id,timestamp,channel,kind\na,2024-02-01 10:00,call,service\n")
    return tmp_path


def opened(folder, connection, **contacts):
    calls = {"path": str(folder / "calls.csv"), "columns": COLUMNS, **contacts}
    return open_ledger(FilesSource(str(folder / "sales.csv"), timestamp_format="%d.%m.%Y", contacts=calls), connection)


@pytest.mark.parametrize("name", ["iso", "ISO"])
def test_a_table_may_be_in_iso_though_the_transactions_are_not(folder, connection, name):
    tables = opened(folder, connection, timestamp_format=name).tables
    assert tables.contacts.to_pyarrow()["timestamp"].to_pylist() == [datetime(2024, 2, 1, 10)]
    assert tables.transactions.to_pyarrow()["timestamp"].to_pylist() == [datetime(2024, 1, 31)]


def test_the_message_names_the_format_and_that_it_is_inherited(folder, connection):
    with pytest.raises(ContractError) as refused:
        opened(folder, connection)
    assert (
        "Dates are read by the pattern '%d.%m.%Y', inherited from the transactions; "
        "ledger.contacts.timestamp_format=iso or a pattern overrules it." in str(refused.value)
    )


def test_the_message_names_a_format_of_the_table_s_own(folder, connection):
    with pytest.raises(ContractError, match=r"by the pattern '%m/%d/%Y' \(ledger.contacts.timestamp_format\)"):
        opened(folder, connection, timestamp_format="%m/%d/%Y")
    (folder / "sales.csv").write_text("customer_id,timestamp,amount\na,31.01.2024,1\n")
    with pytest.raises(ContractError, match=r"Dates are read as ISO 8601 \(ledger.timestamp_format\)"):
        open_ledger(FilesSource(str(folder / "sales.csv")), connection)


def test_formats_are_not_mentioned_where_all_dates_are_read(folder, connection):
    (folder / "sales.csv").write_text("customer_id,timestamp,amount\na,31.01.2024,one\n")
    with pytest.raises(ContractError) as refused:
        opened(folder, connection, timestamp_format="iso")
    assert "Dates are read" not in str(refused.value)
