"""The pages and settings that follow from the definitions of the features."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from patronage.features.catalogue import catalogue, main
from patronage.features.groups import GROUPS
from patronage.paths import conf_folder

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_is_up_to_date(tmp_path):
    main([str(tmp_path / "features.md")])
    assert (tmp_path / "features.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8"), (
        "docs/features.md is out of date: python -m patronage.features.catalogue docs/features.md"
    )


def test_every_column_has_a_row_of_its_own():
    rows = re.findall(r"^\| `(\w+)` \|", catalogue(), flags=re.MULTILINE)
    features = [feature.name for group in GROUPS.values() for feature in group.features]
    assert [name for name in rows if name in set(features)] == features


def test_every_column_has_a_unit_and_whole_sentences():
    without = {feature.name for group in GROUPS.values() for feature in group.features if not feature.unit}
    assert without == {
        "recency_over_mean_gap", "recency_over_longest_gap", "gap_variation", "gap_regularity",
        "acquisition_channel", "plan",
    }  # fmt: skip
    for group in GROUPS.values():
        for text in (group.about, *(feature.meaning for feature in group.features)):
            assert text.endswith("."), text


@pytest.mark.parametrize("path", sorted((conf_folder() / "features").glob("*.yaml")), ids=lambda path: path.stem)
def test_options_name_groups_that_there_are(path):
    groups = OmegaConf.load(path).groups
    assert groups is None or (set(groups) <= GROUPS.keys() and len(set(groups)) == len(groups))
