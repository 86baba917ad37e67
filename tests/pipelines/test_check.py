"""``patronage check``: what it prints, writes and returns."""

import json

import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main

ROWS = ["a,2024-01-01,1", "a,2024-01-01,1", "b,2024-01-02,2.5", "b,2024-01-03,-1", "c,soon,1", ",2024-01-01,1"]


@pytest.fixture
def sales(tmp_path, monkeypatch):
    """A small file in a working folder of its own, and the settings that read it."""
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    (tmp_path / "sales.csv").write_text("\n".join(["customer_id,timestamp,amount", *ROWS, ""]))
    return ["ledger=files", "ledger.path=sales.csv"]


def report(folder):
    return json.loads((folder / "outputs" / "check" / "report.json").read_text())


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_a_ledger_that_is_borne_ends_well(sales, tmp_path, capsys):
    main(["check", *sales, "contract.max_set_aside_share=0.5"])
    out = said(capsys)
    assert "timestamp not a date" in out
    assert "33.3% of the rows of transactions were set aside, more than 1.0%." in out.replace(" │ │ │ ", " ")
    account = report(tmp_path)["tables"]["transactions"]["account"]
    assert (account["rows_in"], account["rows_used"], account["rows_set_aside"], account["copies"]) == (6, 4, 2, 1)
    page = (tmp_path / "outputs" / "check" / "report.md").read_text()
    assert "| transactions | 6 | 4 | 2 | 2 | 2024-01-01 | 2024-01-03 |" in page
    aside = pq.read_table(tmp_path / "outputs" / "check" / "set_aside.parquet").to_pylist()
    assert [(row["source_row"], row["reasons"]) for row in aside] == [
        (5, "timestamp not a date"), (6, "customer_id missing")
    ]  # fmt: skip


def test_a_ledger_that_is_refused_ends_with_3_and_is_reported_all_the_same(sales, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check", *sales])
    captured = capsys.readouterr()
    assert stop.value.code == 3
    assert "2 of 6 rows" in captured.err
    assert "Traceback" not in captured.err
    findings = report(tmp_path)["findings"]
    assert findings[0] == {
        "level": "stop", "text": "33.3% of the rows of transactions were set aside; at most 10.0% may."
    }  # fmt: skip


def test_a_file_that_cannot_be_read_ends_with_3(sales, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check", "ledger=files", "ledger.path=gone.csv"])
    assert stop.value.code == 3
    assert "gone.csv does not exist" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "outputs" / "check").exists()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("+foo=1", "foo"),
        ("+contract.bogus=1", "contract.bogus"),
        ("contract.duplicates=merge", "contract.duplicates"),
        ("contract.refunds=monthly", "contract.refunds"),
        ("contract.warn_set_aside_share=2", "contract.warn_set_aside_share"),
        ("contract.max_set_aside_share={contacts: 0.1}", "contract.max_set_aside_share"),
        ("contract.latest=tomorrow", "contract.latest"),
        ("contract.largest_amount=-1", "contract.largest_amount"),
        ("ledger.time_zone=Europe/Berln", "Europe/Berlin"),
        ("ledger.columns.amount={formula: a*b}", "formula"),
    ],
)
def test_a_setting_that_does_not_fit_ends_with_2(sales, capsys, setting, named):
    with pytest.raises(SystemExit) as stop:
        main(["check", *sales, setting])
    assert stop.value.code == 2
    assert named in " ".join(capsys.readouterr().err.split())


def test_further_tables_are_given_by_nested_keys(sales, tmp_path):
    (tmp_path / "calls.csv").write_text("who,at,how\na,2024-01-02,call\nz,2024-01-02,chat\n")
    main([
        "check", *sales, "contract.max_set_aside_share={transactions: 0.5, contacts: 0}",
        "ledger.contacts.path=calls.csv", "ledger.contacts.columns.customer_id=who",
        "ledger.contacts.columns.timestamp=at",
        "ledger.contacts.columns.channel=how", "ledger.contacts.columns.kind={constant: service}", "out=quality",
    ])  # fmt: skip
    tables = json.loads((tmp_path / "quality" / "report.json").read_text())["tables"]
    assert tables["contacts"]["account"]["rows_used"] == 2
    assert tables["contacts"]["ids_without_transactions"] == 1


def test_a_clean_ledger_leaves_no_rows_of_an_earlier_run(sales, tmp_path):
    main(["check", *sales, "contract.max_set_aside_share=1"])
    assert (tmp_path / "outputs" / "check" / "set_aside.parquet").exists()
    (tmp_path / "sales.csv").write_text("customer_id,timestamp,amount\na,2024-01-01,1\n")
    GlobalHydra.instance().clear()
    main(["check", *sales])
    assert not (tmp_path / "outputs" / "check" / "set_aside.parquet").exists()
    assert report(tmp_path)["findings"] == []
