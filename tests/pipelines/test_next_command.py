"""The command that a training ends with reads the same customers by the same settings, wherever it is pasted."""

import shlex

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from patronage.paths import conf_folder
from patronage.pipelines.next_command import READING, export_command, override, score_command
from patronage.pipelines.settings import plain

DATES = ("dates.cutoff=2024-06-30", "dates.horizon_days=91", "dates.observed_until=2024-12-31")


@pytest.fixture(autouse=True)
def _no_hydra_left():
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


def composed(command, *overrides):
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return plain(compose(command, list(overrides)), ("dates",))


@pytest.mark.parametrize(
    "value",
    [
        "id", "customer id", ",", ".", "\t", "true", "null", "007", "%d/%m/%Y", "it's", 'a"b', "C:\\data\\", "a\\\"b",
        "local[*]", "data/sales-2024.csv", "../x.csv", "models:/p/1", "", True, False, None, 7, -0.25, 1e-05, 1e16,
        ["n/a", "?", 'a"b'], {"column": "Type (new)", "values": ["refund", 1]},
        {"product_of": ["Menge", "Preis, netto"]}, {"a b": "x", "c:d": [{"e": None}]},
    ],
)  # fmt: skip
def test_overrides_come_back_as_they_were(value):
    (typed,) = shlex.split(override("ledger.missing", value))
    found = OverridesParser.create().parse_override(typed).value()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("ledger=online_retail", "ledger.path=my data/retail.csv", 'ledger.timestamp_format="%m/%d/%Y %H:%M"'),
        ("ledger=online_retail", "dates.cutoff=2011-06-09", "dates.observed_until=2011-11-30"),
        ("ledger=files", "ledger.path=sales.csv", 'ledger.delimiter=";"', *DATES,
         "ledger.columns.amount={column: cents, scale: 0.01, negate: true}", "ledger.columns.product=Artikel",
         "ledger.tolerated=[customer_id missing]", "ledger.customers.path=customers.csv"),
        ("ledger=online_retail", "~ledger.columns.currency", "+ledger.columns.category=Group",
         "ledger.columns.amount={product_of: [Quantity, Price]}"),
        ("setting=contracts", "ledger=simulated", "ledger.path=world", "features.leave_out=[points]"),
        ("ledger=duckdb", "ledger.table=null", "ledger.query=\"SELECT a, 'x' FROM t\"", *DATES,
         "ledger.columns={customer_id: id, timestamp: at, amount: sum}"),
        ("contract.max_set_aside_share=0.3", "contract.warn_set_aside_share={transactions: 0.1}", "engine=spark",
         'engine.master="local[2]"', "+engine.config={spark.executor.memory: 8g}"),
        ("identity=exact", "identity.keys=[[email], [first_name, last_name]]", 'identity.phone_country="49"'),
        ("tracking.uri=sqlite:///elsewhere/mlflow.db", "tracking.experiment=tried", "tracking.registered_model=mine"),
        ("tracking=server", "tracking.uri=http://host:5000"),
    ],
)  # fmt: skip
def test_the_command_composes_to_the_settings_of_the_training(given):
    trained = composed("train", *given)
    program, command, *typed = shlex.split(score_command(trained, "models:/patronage/3"))
    assert (program, command) == ("patronage", "score")
    scored = composed(command, *typed)
    recorded = {"tracking": ("experiment", "registered_model")}
    for group in READING:
        left_out = recorded.get(group, ())
        wanted, found = ({k: v for k, v in one[group].items() if k not in left_out} for one in (trained, scored))
        assert found == wanted, group
    assert (scored["as_of"] or scored["dates"]["observed_until"]) == trained["dates"]["observed_until"]
    assert scored["model"] == "models:/patronage/3"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), "patronage score model=models:/p/1"),
        (("ledger=online_retail", "ledger.path=retail.csv"),
         "patronage score ledger=online_retail ledger.path=retail.csv model=models:/p/1"),
        (("setting=contracts", "ledger=simulated", "ledger.path=world"),
         "patronage score setting=contracts ledger=simulated ledger.path=world model=models:/p/1"),
        (("ledger=files", "ledger.path=s.csv", *DATES),
         "patronage score ledger=files ledger.path=s.csv as_of=2024-12-31 model=models:/p/1"),
    ],
)  # fmt: skip
def test_only_what_differs_from_the_defaults_is_told(given, expected):
    assert score_command(composed("train", *given), "models:/p/1") == expected


def test_passwords_are_not_told():
    uri = "postgresql://me:secret@host/shop"
    trained = composed("train", "ledger=postgres", f"ledger.uri={uri}", f"tracking.uri={uri}", *DATES)
    command = score_command(trained, "models:/p/1")
    assert "secret" not in command
    told = "tracking.uri=postgresql://me:PASSWORD@host/shop"
    assert told.replace("tracking", "ledger") in command
    assert export_command(trained, "models:/p/1") == f"patronage export {told} model=models:/p/1"


def test_an_address_that_an_environment_variable_holds_is_told_by_it(monkeypatch):
    uri = "postgresql+psycopg://me:secret@host/shop?password=secret"
    monkeypatch.setenv("STORE_OF_TEST", uri)
    trained = composed("train", f"tracking.uri={uri}".replace("?password=", "?password\\="))
    program, _, *typed = shlex.split(export_command(trained, "models:/p/1"))
    assert (program, typed) == ("patronage", ["tracking.uri=${oc.env:STORE_OF_TEST}", "model=models:/p/1"])
    assert composed("export", *typed)["tracking"]["uri"] == uri
