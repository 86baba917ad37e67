"""The files and folders that ``patronage score`` is told of, beside those that it writes."""

from collections.abc import Iterator
from typing import Any

from patronage.pipelines.score_inputs import Score
from patronage.scoring.places import Given, places_in

READ = ("ledger", "identity")
"""Groups whose paths are read."""


def given_places(settings: Score, config: dict[str, Any]) -> list[Given]:
    """Every place that the settings name and that scores must not replace.

    All of them count, also those that this very job does not read.

    Parameters
    ----------
    settings : Score
    config : dict
        The groups ``ledger``, ``identity`` and ``contract`` are looked at.
    """
    found = [Given("input", settings.input)] if settings.input else []
    for group in READ:
        found += _named(group, config[group])
    found.append(Given("contract.set_aside", str(config["contract"]["set_aside"])))
    return [given for given in found if "://" not in given.location.removeprefix("file://")]


def _named(setting: str, part: Any) -> Iterator[Given]:
    """What the keys of a group name: a path, the file of reviewed links, or files in a query."""
    if not isinstance(part, dict):
        return
    for key, value in part.items():
        name = f"{setting}.{key}"
        if key in ("path", "reviewed") and isinstance(value, str) and value:
            yield Given(name, value)
        elif key == "query" and isinstance(value, str):
            yield from (Given(name, place) for place in places_in(value))
        elif key != "columns":
            yield from _named(name, value)
