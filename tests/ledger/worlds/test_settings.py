"""Settings of worlds: what comes along is valid, and what cannot be is refused by name."""

from dataclasses import asdict, replace
from datetime import date

import pytest
from omegaconf import OmegaConf

from patronage.errors import ConfigError
from patronage.ledger.worlds.settings import named_world, world_from
from patronage.paths import conf_folder

NAMES = sorted(path.stem for path in (conf_folder() / "world").glob("*.yaml"))


def changed(name, **keys):
    values = OmegaConf.load(conf_folder() / "world" / f"{name}.yaml")
    for key, value in keys.items():
        OmegaConf.update(values, key.replace("__", "."), value, merge=False, force_add=True)
    return OmegaConf.to_container(values)


def test_the_worlds_that_come_along():
    assert NAMES == ["bg", "pareto", "retailer", "subscription"]


@pytest.mark.parametrize("name", NAMES)
def test_named_worlds_are_valid_and_called_by_their_file(name):
    world = named_world(name)
    assert world.name == name
    assert world_from(changed(name)) == world
    assert world.all_days == world.observed_days + world.future_days


def test_observed_time_ends_with_its_last_day():
    assert named_world("retailer").observed_until == date(2024, 12, 31)


def test_unknown_world_is_refused_with_the_list():
    with pytest.raises(ConfigError, match=r"no world 'casino'; there are bg, pareto, retailer, subscription"):
        named_world("casino")


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("retailer", {"observed_days": 0}, "world.observed_days: .*greater than or equal to 1"),
        ("retailer", {"foo": 1}, "world.foo: Unexpected"),
        ("retailer", {"spend__q": 1.0}, "world.spend.q: .*greater than 1"),
        ("retailer", {"spend__q": float("nan")}, "world.spend.q: .*finite"),
        ("retailer", {"purchasing__kind": "nbd"}, "world.purchasing"),
        ("retailer", {"purchasing__s": -1}, "world.purchasing.pareto_nbd.s: .*greater than 0"),
        ("retailer", {"contract": {"plans": {}, "log_odds": 0, "spread": 0}}, "world.contract"),
        ("retailer", {"purchasing": None}, "either purchasing or contract"),
        ("retailer", {"spend": None}, "spend belongs to purchasing"),
        ("retailer", {"goods": None}, "give goods.*whale needs goods and contacts"),
        ("retailer", {"goods__margin_rate": 0.3}, "goods.margin_rate must be null"),
        ("pareto", {"goods": {"margin_rate": None, "customer_spread": 0}}, "and a number without"),
        ("retailer", {"contacts": None}, "whale needs goods and contacts"),
        ("retailer", {"contacts__kinds__service__open_days": 3.0}, "only one kind"),
        ("retailer", {"contacts__kinds__service__scores": [0, 0, 0, 0, 0]}, "service: the probabilities"),
        ("retailer", {"contacts__kinds__service__scores": [1, 1]}, "scores: .*at least 5"),
        ("retailer", {"season__weekdays": [1, 1]}, "weekdays: .*at least 7"),
        ("retailer", {"attributes__age__mean": "old"}, "world.attributes.age.number.mean: .*number.*'old'"),
        ("retailer", {"attributes__region__log_rate": {"moon": 1}}, "region has effects of unknown levels moon"),
        ("retailer", {"attributes__price": {"mean": 1, "standard_deviation": 1}}, "may not be called price"),
        ("retailer", {"attributes__region__shares": {}}, "shares: .*at least 1"),
        ("retailer", {"refunds__latest_days": 2000.0}, "latest_days is longer"),
        ("retailer", {"discounts__depths": [0.1, 1.0]}, "world.discounts.depths.1: .*less than 1"),
        ("subscription", {"season": {}}, "world.season"),
        ("subscription", {"refunds": changed("retailer")["refunds"]}, "with contracts has no refunds"),
        ("subscription", {"campaigns__retention_call__log_rate": 0.1}, "no rate that retention_call could move"),
    ],
)
def test_impossible_settings_are_refused_by_name(name, keys, said):
    with pytest.raises(ConfigError, match=said):
        world_from(changed(name, **keys))


def test_every_problem_is_named_at_once():
    with pytest.raises(ConfigError) as refused:
        world_from(changed("retailer", observed_days=-1, spend__p=0, foo=2))
    assert all(key in str(refused.value) for key in ("observed_days", "spend.p", "foo"))


def test_settings_do_not_change():
    world = named_world("bg")
    with pytest.raises(AttributeError):
        world.name = "other"
    assert replace(world, name="other").name == "other"
    assert asdict(world)["purchasing"]["kind"] == "bg_nbd"
