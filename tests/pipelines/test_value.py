"""``patronage value`` as a user runs it, and what it refuses."""

import pandas as pd
import pytest

from patronage.schema.value_tables import VALUE_TABLES
from patronage.scoring.batch import arrow_schema

CONFIG, INPUT, MODEL = 2, 3, 4


@pytest.fixture(scope="module")
def stated(full_run, patronage, tmp_path_factory):
    """The command on the CDNOW log, with the champion of the full run."""
    folder = tmp_path_factory.mktemp("value")
    store = [f"tracking.uri={full_run.uri}", f"tracking.artifacts={folder}/artifacts"]
    done = patronage(folder, "value", *store, "futures=40", "ages=20", "track=false")
    assert done.returncode == 0, done.stderr
    return folder / "outputs" / "value", " ".join(done.stdout.split())


@pytest.mark.long
def test_tables_are_as_described(stated):
    import pyarrow.parquet as pq

    folder, _ = stated
    found = {path.stem: path for path in folder.glob("*.parquet")}
    assert {"customer_value", "whale_curves", "equity_bridge", "cohort_curves", "acquisition"} <= set(found)
    for name, path in found.items():
        schema, described = pq.read_schema(path), arrow_schema(VALUE_TABLES[name])
        for field in schema:
            assert field.type == described.field(field.name).type, (name, field.name)


@pytest.mark.long
def test_money_of_the_cdnow_log_is_that_published(stated):
    """The log sells 2,500,315.63 (Fader and Hardie); at an assumed margin of 30 % that earns 750,094.689."""
    folder, said = stated
    customers = pd.read_parquet(folder / "customer_value.parquet")
    assert len(customers) == 23_570
    assert customers["past_revenue"].sum() == pytest.approx(2_500_315.63, abs=0.005)
    assert customers["past_profit"].sum() == pytest.approx(0.3 * 2_500_315.63, abs=0.005)
    assert "750,094.69 of 2,500,315.63 net revenue" in said
    assert "assumed margin 30 %" in said


@pytest.mark.long
def test_page_and_charts_are_there(stated):
    folder, _ = stated
    assert (folder / "value.html").stat().st_size > 500_000
    assert {"whale_curve.png", "equity_bridge.png", "cohorts.png", "value_risk.png"} <= {
        path.name for path in folder.glob("*.png")
    }


@pytest.mark.long
def test_contracts_need_no_model(patronage, tmp_path_factory):
    """A subscription business that was simulated, with a store that holds nothing."""
    folder = tmp_path_factory.mktemp("contracts")
    assert patronage(folder, "simulate", "world=subscription", "customers=150", "out=sub").returncode == 0
    few = ("futures=20", "ages=3", "clusters=false", "track=false", "since=null")
    done = patronage(folder, "value", "setting=contracts", "ledger=simulated", "ledger.path=sub", *few)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "How long contracts last is estimated here" in said
    customers = pd.read_parquet(folder / "outputs" / "value" / "customer_value.parquet")
    assert len(customers) == 150
    assert customers["probability_alive"].isin([0, 1]).all()


@pytest.mark.parametrize(
    ("given", "code", "named"),
    [
        (["since=1998-12-31"], CONFIG, "since must lie before as_of"),
        (["ages=1"], CONFIG, "ages"),
        (["forecast={customers: [5], cost_per_customer: -1}"], CONFIG, "a cost of winning one"),
        (["futures=5"], CONFIG, "futures must be 20 or more"),
        (["periods=week"], CONFIG, "periods"),
        (["costs.margin_rate=1.5"], CONFIG, "costs.margin_rate"),
        (["costs.contact=3"], CONFIG, "contact"),
        (["shift.share=2"], CONFIG, "shift.share"),
        (["season=7"], CONFIG, "season must be null or 1 to 6 waves a year"),
        (["setting=contracts", "season=1"], CONFIG, "season belongs to purchases"),
        (["setting=contracts", "renewal_days=0"], CONFIG, "renewal_days"),
        (["setting=contracts"], INPUT, "needs a table customers with contract_start and contract_end"),
        (["+forecast.customers=[]"], CONFIG, "forecast"),
        (["as_of=1990-01-01", "since=null", "model=nowhere"], MODEL, "No model at 'nowhere'"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused(given, code, named, refused):
    import re

    found, said = refused("value", *given)
    assert found == code, said
    assert re.search(named, said), said
