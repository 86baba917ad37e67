"""A mistyped key or option: one line with the key, what comes close to it, and where the settings are listed."""

import os

import pytest

CONFIG = 2


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("churn.n_treees=3", "There is no setting churn.n_treees. Did you mean churn.n_trees"),
        ("ledgr=files", "There is no setting ledgr. Did you mean ledger?"),
        ("dates.cutof=2024-01-01", "Did you mean dates.cutoff?"),
        ("n_trees=3", "Did you mean churn.n_trees"),
        ("ledger.columns.amount=total", "ledger.columns.amount is a setting of ledger="),
        ("ledger.columns.amount=total", "not of the ledger that is chosen"),
        ("xyzzy=1", "A key of your own is added with a plus sign: +key=value."),
        ("purchase=bg_nbdd", "Did you mean bg_nbd? There are: auto, bg_cnbd_k"),
        ("dates=my_shop", "There is no dates/my_shop.yaml, so dates=my_shop cannot be chosen."),
        ("+ledger=files", "ledger is chosen already: write ledger=OPTION without a plus sign."),
        ("ledger={a", "The argument 'ledger={a' cannot be read as key=value"),
        ("refit", "The argument 'refit' has no value: write refit=VALUE."),
        ("~bogus", "'bogus' does not exist"),
        ("ledger=files,cdnow", "add --multirun to your command line"),
    ],
)
def test_a_mistyped_argument_is_explained(refused, argument, words):
    code, said = refused("train", argument)
    assert code == CONFIG
    assert words in said
    assert "HYDRA_FULL_ERROR" not in said
    assert "HYDRA_FULL_ERROR" not in os.environ
    if "{" not in argument:
        assert "`patronage train --help` lists the settings." in said or "plus sign" in said


@pytest.mark.parametrize(
    "address",
    ["scores:ge#heim@localhost:5432/crm", "scores:geheim@localhost/crm?sslmode=disable", "s:gehe{im@localhost/crm"],
)
def test_a_password_in_an_argument_that_cannot_be_read_is_not_repeated(refused, address):
    code, said = refused("score", f"out=postgresql://{address}")
    assert (code, "cannot be read as key=value" in said) == (CONFIG, True), said
    assert "***@localhost" in said
    assert "heim" not in said
    assert "gehe" not in said


def test_a_ledger_of_one_s_own_without_its_dates(refused, tmp_path):
    (tmp_path / "own" / "ledger").mkdir(parents=True)
    (tmp_path / "own" / "ledger" / "my_shop.yaml").write_text("defaults: [files]\npath: sales.csv\n")
    code, said = refused("train", "--config-dir", str(tmp_path / "own"), "ledger=my_shop")
    assert code == CONFIG
    assert "ledger=my_shop goes with dates=my_shop unless told otherwise, and there is no dates/my_shop.yaml" in said
    assert "choose dates=files and give dates.cutoff, dates.horizon_days and dates.observed_until" in said


@pytest.mark.parametrize(
    ("command", "days"), [("score", "as_of=DAY"), ("sql", "as_of=DAY"), ("value", "as_of=DAY since=DAY")]
)
def test_a_command_that_looks_at_one_day_needs_no_other_dates(refused, own_ledger, command, days):
    code, said = refused(command, *own_ledger("defaults: [files]\npath: sales.csv\n"), "as_of=2024-01-01")
    assert code == CONFIG
    assert "choose dates=files" in said
    assert f"(here {days} instead of them will do)" in said


def test_the_columns_of_a_database_are_given_as_a_whole(refused, own_ledger):
    code, said = refused("check", "ledger=duckdb", "ledger.columns.order_id=invoice")
    assert code == CONFIG
    assert "ledger.columns is null, as in ledger=duckdb and ledger=postgres" in said
    whole = "'ledger.columns={customer_id: CUSTOMER_ID, timestamp: TIMESTAMP, amount: AMOUNT, order_id: ORDER_ID}'"
    assert whole in said
    for other in (["ledger.columns.order_id=x"], ["ledger=simulated", "ledger.columns.order_id=x"]):
        code, said = refused("check", *other)
        assert (code, "as in ledger=duckdb" in said) == (CONFIG, False)
    mine = own_ledger("defaults: [duckdb]\npath: shop.duckdb\n")
    assert whole in refused("check", *mine, "ledger.columns.order_id=invoice")[1]
