"""A setting that is misspelt, missing or out of range: exit code 2, the key by its name, and no work before it."""

import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main

CONFIG = 2
ROWS = [f"c{i % 40},2023-{1 + i % 12:02d}-{1 + i % 27:02d},{i % 7 + 1}.5" for i in range(400)]
SPLIT = ("dates.cutoff=2023-06-30", "dates.horizon_days=91", "dates.observed_until=2023-12-31")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("train", "foo=1"), "foo"),
        (("train", "+foo=1"), "foo"),
        (("score", "+foo=1"), "foo"),
        (("export", "+foo=1"), "foo"),
        (("report", "+foo=1"), "foo"),
        (("train", "churn.n_treees=3"), "n_treees"),
        (("train", "+churn.bogus=1"), "bogus"),
        (("train", "+purchase.bogus=1"), "bogus"),
        (("train", "+value.bogus=1"), "bogus"),
        (("train", "+panel.bogus=1"), "bogus"),
        (("train", "+tracking.bogus=1"), "bogus"),
        (("train", "+contract.bogus=1"), "bogus"),
        (("train", "churn.horizon_days=30"), "dates.horizon_days"),
    ],
)
def test_unknown_key_is_named(refused, ledger_of, arguments, named):
    command, setting = arguments
    code, said = refused(command, *(ledger_of(ROWS) if command == "train" else []), setting)
    assert code == CONFIG
    assert named in said


def test_unknown_option_of_a_group_lists_the_options(refused):
    code, said = refused("train", "value=profit")
    assert code == CONFIG
    assert "value/profit" in said
    assert "margin" in said
    assert "revenue" in said


@pytest.mark.parametrize(
    "setting",
    [
        "churn.n_trees=abc",
        "churn.n_trees=0",
        "churn.n_folds=1",
        "churn.max_depth=-3",
        "churn.subsample=abc",
        "churn.calibration=magic",
        "churn.features=[height]",
        "dates.horizon_days=abc",
        "dates.horizon_days=0",
        "dates.cutoff=31.12.1997",
        "panel.n_cutoffs=0",
        "panel.step_days=-1",
        "contract.max_set_aside_share=2",
        "value.margin_rate=7",
        "value.margin_rate=abc",
        "value.discount_rate_yearly=-1",
        "value.period_days=0",
        "time_unit=month",
        "time_unit=null",
        "model_engine=magic",
        "refit=perhaps",
        "seed=abc",
    ],
)
def test_train_refuses_the_value_and_names_its_key(refused, ledger_of, setting):
    key = setting.split("=")[0].split(".")[-1].removeprefix("model_")
    code, said = refused("train", *ledger_of(ROWS), setting)
    assert code == CONFIG
    assert key in said


@pytest.mark.parametrize(
    "setting", ["batch_rows=0", "batch_rows=-3", "batch_rows=abc", "as_of=abc", "+contract.bogus=1"]
)
def test_score_refuses_the_value_and_names_its_key(refused, full_run, setting):
    code, said = refused("score", f"tracking.uri={full_run.uri}", "out=scores.parquet", setting)
    assert code == CONFIG
    assert setting.split("=")[0].removeprefix("+") in said


@pytest.mark.parametrize("setting", ["name=Bad-Name", "name=1st", "name=class", "name=", "package_version=latest"])
def test_export_refuses_the_value(refused, full_run, setting):
    code, said = refused("export", f"tracking.uri={full_run.uri}", setting)
    assert code == CONFIG
    assert setting.split("=")[0].removeprefix("package_") in said


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("train", "ledger=files"), ("ledger.path", "dates.cutoff", "dates.horizon_days", "dates.observed_until")),
        (("train", "ledger=files", "ledger.path=a.csv"), ("dates.cutoff", "dates.horizon_days")),
        (("train", "ledger=files", *SPLIT), ("ledger.path",)),
        (("score", "ledger=files", "ledger.path=a.csv"), ("as_of",)),
        (("score", "ledger=files", "as_of=2023-06-30"), ("ledger.path",)),
        (("train", "tracking=server"), ("tracking.uri",)),
    ],
)
def test_settings_that_are_not_given_are_all_named(refused, settings, named):
    code, said = refused(*settings)
    assert code == CONFIG
    for key in named:
        assert key in said


def test_whole_process_says_the_same(patronage, tmp_path):
    done = patronage(tmp_path, "train", "churn.n_treees=3")
    assert done.returncode == CONFIG
    assert "churn.n_treees" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_end_of_observation_long_after_the_last_row_is_refused_before_the_fit(refused, ledger_of):
    code, said = refused("train", *ledger_of(ROWS), "dates.observed_until=2029-12-31")
    assert code == 3
    assert "dates.observed_until is 2029-12-31, but the last transaction is of 2023-12-" in said
    assert "Fit to what was known" not in said


def test_a_password_in_an_address_is_kept_nowhere(tmp_path, monkeypatch, capsys):
    """Neither in what Hydra logs of the command line nor in words, whatever becomes of the command."""
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    secret = "s3c-r@t"
    with pytest.raises(SystemExit):
        main(
            [
                "score",
                f"out=postgresql://crm:{secret}@127.0.0.1:1/crm",
                "out_table=scores",
                "tracking.uri=sqlite:///none.db",
            ]
        )
    said = capsys.readouterr()
    assert secret not in said.out + said.err
    logged = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("postgresql://crm:***@127.0.0.1:1/crm" in text for text in logged)
    assert not any(secret in text for text in logged)
