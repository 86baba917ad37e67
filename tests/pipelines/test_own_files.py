"""A ledger of one's own whose YAML is wrong: the file, the line and what to do, and no traceback."""

import pytest

CONFIG = 2


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        (
            "defaults: [files]\npath: a.csv\ncolumns:\n  amount: total\n  amount: sum\n",
            "line 5",
            "amount is set a second time, in the same block. Keep one of the two.",
        ),
        (
            "defaults: [files]\npath: a.csv\ncolumns:\n\tamount: total\n",
            "line 4",
            "a tab stands where YAML takes spaces only. Indent with spaces.",
        ),
        ("defaults: [files]\npath: [a.csv\ncolumns: null\n", "line 3", "a bracket, a brace or a quote that is not"),
    ],
)
def test_a_line_that_is_no_yaml_is_named(refused, own_ledger, tmp_path, text, place, told):
    code, said = refused("check", *own_ledger(text))
    assert code == CONFIG
    assert f"ConfigError: {tmp_path / 'own' / 'ledger' / 'my_shop.yaml'}, {place}: " in said
    assert told in said


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("path: a.csv\n", "my_shop.yaml does not say what ledger=my_shop is made from."),
        ("", "my_shop.yaml is empty and does not say"),
        ("# nothing but a remark\n", "my_shop.yaml is empty and does not say"),
        ("- path\n- a.csv\n", "my_shop.yaml holds no settings as NAME: VALUE and does not say"),
    ],
)
def test_a_ledger_that_does_not_say_what_it_is_made_from(refused, own_ledger, text, how):
    code, said = refused("check", *own_ledger(text))
    assert code == CONFIG
    assert how in said
    assert "Write `defaults: [files]` into its first line, or another of cdnow, customer_table, duckdb" in said


def test_a_model_that_does_not_say_what_it_is_made_from(refused, tmp_path):
    (tmp_path / "own" / "churn").mkdir(parents=True)
    (tmp_path / "own" / "churn" / "mine.yaml").write_text("n_trees: 3\n")
    code, said = refused("train", "--config-dir", str(tmp_path / "own"), "churn=mine")
    assert code == CONFIG
    assert "mine.yaml does not say what churn=mine is made from" in said


def test_defaults_that_are_no_list_and_letters_that_are_not_utf8(refused, own_ledger):
    code, said = refused("check", *own_ledger("defaults: files\npath: a.csv\n"))
    assert (code, "'ledger/my_shop', defaults must be a list" in said) == (CONFIG, True)
    code, said = refused("check", *own_ledger("defaults: [files]\npath: K\xe4ufe.csv\n".encode("latin-1")))
    assert (code, "is not written in UTF-8" in said, "Save it as UTF-8." in said) == (CONFIG, True, True)


def test_a_ledger_that_begins_with_a_shipped_one_is_read(refused, own_ledger, tmp_path):
    code, said = refused("check", *own_ledger(f"defaults: [files]\npath: {tmp_path / 'none.csv'}\n"))
    assert (code, "none.csv does not exist" in said) == (3, True)
