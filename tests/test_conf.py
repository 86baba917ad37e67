"""The configuration: every option composes and fits what it configures."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from patronage.cli import COMMANDS, main
from patronage.ledger.worlds.settings import World, world_from
from patronage.paths import conf_folder
from patronage.pipelines.evaluation_settings import Evaluation
from patronage.pipelines.opening import LedgerContract
from patronage.pipelines.settings import Backtest, Dates, Features, Panel, Tracking, built, plain, settings_from
from patronage.pipelines.table_settings import ChurnSetting, TableDates, Validation, is_customer_table
from patronage.pipelines.time_to_churn import Hazard
from patronage.value.lifetime import value_terms

CONF = conf_folder()
OPTIONS = [(path.parent.name, path.stem) for path in sorted(CONF.glob("*/*.yaml"))]
PARTS = [option for option in OPTIONS if option[0] in ("ledger", "identity", "purchase", "spend", "churn")]
CHECKED = {
    "backtest": Backtest, "contract": LedgerContract, "dates": Dates, "evaluation": Evaluation, "features": Features,
    "hazard": Hazard, "panel": Panel, "setting": ChurnSetting, "tracking": Tracking, "validation": Validation,
}  # fmt: skip
GIVEN = {
    ("ledger", "files"): ["ledger.path=sales.csv"],
    ("ledger", "customer_table"): ["ledger.path=customers.csv"],
    ("experiment", "telco"): ["ledger.path=telco.csv"],
    ("dates", "files"): [
        "ledger=files", "ledger.path=a.csv",
        "dates.cutoff=2023-06-30", "dates.horizon_days=91", "dates.observed_until=2023-12-31",
    ],
    ("tracking", "server"): ["tracking.uri=http://127.0.0.1:5000"],
}  # fmt: skip

OF_TWO_PARAMETERS = {"dropout_effect"}
"""Options that say nothing for purchase models whose dropout has one parameter that covariates move."""


@pytest.fixture(autouse=True)
def hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
    GlobalHydra.instance().clear()


def composed(group: str, option: str) -> DictConfig:
    choice = [] if group == "dates" else [f"{group}={option}"]
    if group == "dates":
        choice = [f"ledger={option}"] if option in ("cdnow", "online_retail", "simulated") else []
    if group == "ledger" and option not in ("cdnow", "online_retail", "simulated"):
        choice += [value for value in GIVEN["dates", "files"] if value.startswith("dates.")]
    return compose("train", [*choice, *GIVEN.get((group, option), [])])


def test_every_group_is_covered():
    parts = {group for group, _ in PARTS}
    assert {group for group, _ in OPTIONS} == {
        "value",
        "experiment",
        "engine",
        "world",
        "costs",
        "segments",
        "tuning",
        "candidates",
        *CHECKED,
        *parts,
    }
    assert {path.stem for path in CONF.glob("*.yaml")} == {"command", *COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_composes_as_it_is(command):
    config = plain(compose(command))
    assert "???" not in str(config)
    assert "hydra" not in config


@pytest.mark.parametrize(("group", "option"), PARTS)
def test_part_is_made(group, option):
    config = plain(composed(group, option))
    part = built(config, group)
    assert f"{type(part).__module__}.{type(part).__name__}" == config[group]["_target_"]


@pytest.mark.parametrize(("group", "option"), PARTS)
def test_keys_of_a_part_are_parameters_of_its_class(group, option):
    keys = set(OmegaConf.load(CONF / group / f"{option}.yaml")) - {"_target_"}
    target = get_class(composed(group, option)[group]["_target_"])
    parameters = inspect.signature(target).parameters
    assert keys <= set(parameters)
    required = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    assert required <= keys


@pytest.mark.parametrize(("group", "option"), [part for part in PARTS if part[0] != "ledger"])
def test_parts_can_be_set_in_full(group, option):
    """A parameter without a key could not be given on the command line without a plus sign."""
    keys = set(OmegaConf.load(CONF / group / f"{option}.yaml")) - {"_target_"}
    target = get_class(composed(group, option)[group]["_target_"])
    moved = getattr(target, "covariate_slots", {}).get("dropout", ())
    assert keys == set(inspect.signature(target).parameters) - (OF_TWO_PARAMETERS if len(moved) == 1 else set())


@pytest.mark.parametrize(("group", "option"), [option for option in OPTIONS if option[0] in CHECKED])
def test_settings_of_a_group_are_valid(group, option):
    settings = settings_from(CHECKED[group], plain(composed(group, option))[group], group)
    assert set(settings.model_dump()) == set(OmegaConf.load(CONF / group / f"{option}.yaml"))


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "engine"])
def test_keys_of_an_engine_are_parameters_of_its_class(option):
    keys = set(OmegaConf.load(CONF / "engine" / f"{option}.yaml")) - {"_target_"}
    assert keys <= set(inspect.signature(get_class(composed("engine", option)["engine"]["_target_"])).parameters)


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "world"])
def test_worlds_are_valid(option):
    assert isinstance(world_from(plain(compose("simulate", [f"world={option}"]))["world"]), World)


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "value"])
def test_value_terms_are_valid(option):
    config = plain(composed("value", option))
    assert value_terms(**config["value"]).margin_rate == config["value"]["margin_rate"]


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "experiment"])
def test_experiment_composes_changes_something_and_fits(option):
    given = GIVEN.get(("experiment", option), [])
    usual, changed = plain(compose("train")), plain(compose("train", [f"experiment={option}", *given]))
    assert changed != usual
    assert set(changed) == set(usual)
    own_days = {"dates": TableDates} if is_customer_table(changed) else {}
    for group, kind in (CHECKED | own_days).items():
        settings_from(kind, changed[group], group)
    for group in ("ledger", "purchase", "spend", "churn"):
        assert built(changed, group) is not None


def test_engine_and_horizon_reach_every_part_that_shares_them():
    config = plain(compose("train", ["model_engine=lifetimes", "dates.horizon_days=91", "seed=7"]))
    assert config["purchase"]["engine"] == config["spend"]["engine"] == "lifetimes"
    assert (config["churn"]["horizon_days"], config["churn"]["seed"]) == (91, 7)


def test_files_ledger_brings_its_own_dates():
    config = compose("train", ["ledger=files"])
    assert OmegaConf.is_missing(config.dates, "cutoff")


def test_margin_discounts_and_revenue_does_not():
    margin, revenue = (plain(compose("train", [f"value={option}"]))["value"] for option in ("margin", "revenue"))
    assert 0 < margin["margin_rate"] < 1 < 1 + margin["discount_rate_yearly"]
    assert (revenue["margin_rate"], revenue["discount_rate_yearly"]) == (1, 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_configuration_can_be_shown_without_running(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    main([command, "--cfg", "job"])
    shown = OmegaConf.create(capsys.readouterr().out)
    assert shown
    assert not list(tmp_path.iterdir())
