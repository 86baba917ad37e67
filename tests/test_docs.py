"""Documents that are written from the schema say what the schema says."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from patronage.schema import LEDGER_TABLES
from patronage.schema.markdown import column_table
from patronage.schema.value_tables import VALUE_TABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("**/*.md"))]
SETTING = re.compile(r"[+~]{0,2}[a-z_][\w.@/]*=")


@pytest.mark.parametrize("name", LEDGER_TABLES)
def test_the_tables_of_the_ledger_are_described(name):
    text = (DOCS / "ledger.md").read_text(encoding="utf-8")
    assert f"### {name}\n\n{column_table(LEDGER_TABLES[name])}\n" in text


@pytest.mark.parametrize("name", VALUE_TABLES)
def test_the_tables_of_value_are_described(name):
    text = (DOCS / "value.md").read_text(encoding="utf-8")
    assert f"### {name}\n\n{column_table(VALUE_TABLES[name])}\n" in text


def settings_of(text):
    """What a page shows to be typed: words such as key=value, of commands and of code that begins with one."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [line for line in lines if re.match(r"\s*([A-Z_]+=\S+ )*patronage ", line)]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    shown = [one for one in spans if SETTING.match(one.lstrip("'")) or one.startswith("patronage ")]
    # What has parentheses is Python.
    for code in (*commands, *(one for one in shown if "(" not in one)):
        yield from (word for word in shlex.split(code, comments=True) if SETTING.match(word) and "..." not in word)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_are_shown_as_a_shell_and_hydra_take_them(page):
    for word in settings_of(page.read_text(encoding="utf-8")):
        OverridesParser.create().parse_override(word)


def test_settings_are_found_where_pages_show_them():
    found = {word for page in PAGES for word in settings_of(page.read_text(encoding="utf-8"))}
    assert len(found) > 100
    assert 'engine.master="local[8]"' in found


class EachKeyOnce(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, as YAML 1.2 does and PyYAML alone does not."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = sorted({key for key in keys if keys.count(key) > 1})
        if doubled:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {', '.join(doubled)}", node.start_mark)
        return super().construct_mapping(node, deep)


def yaml_blocks(page):
    return re.findall(r"```ya?ml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_yaml_block_can_be_used_as_it_stands(page):
    for block in yaml_blocks(page):
        assert yaml.load(block, Loader=EachKeyOnce) is not None


def test_yaml_blocks_are_found_and_a_key_that_is_there_twice_is_refused():
    assert "columns" in yaml.load(yaml_blocks(DOCS / "ledger.md")[0], Loader=EachKeyOnce)
    with pytest.raises(yaml.constructor.ConstructorError, match="twice: amount"):
        yaml.load("columns: {amount: a, amount: b}", Loader=EachKeyOnce)
