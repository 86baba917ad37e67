"""The program before a command is chosen: help, version, and names it does not know."""

import subprocess
import sys

import pytest

import patronage
from patronage.cli import COMMANDS, main

LOADED = "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names))"


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands_and_exit_codes(arguments, capsys):
    main(arguments)
    said = capsys.readouterr()
    assert not said.err
    assert all(f"\n  {command} " in said.out for command in COMMANDS)
    assert "3 input data" in said.out
    assert "patronage train ledger=files" in said.out


def test_the_package_runs_as_the_program():
    done = [
        subprocess.run([sys.executable, "-m", "patronage", word], capture_output=True, text=True, check=False)
        for word in ("--version", "trian")
    ]
    assert [(one.returncode, one.stdout) for one in done] == [(0, f"patronage {patronage.__version__}\n"), (2, "")]
    assert "Did you mean train?" in done[1].stderr


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_is_that_of_the_package(flag, capsys):
    main([flag])
    assert capsys.readouterr().out == f"patronage {patronage.__version__}\n"


@pytest.mark.parametrize(("typed", "meant"), [("trian", "train"), ("scores", "score"), ("Export", "export")])
def test_misspelt_command_is_refused_with_a_suggestion(typed, meant, capsys):
    with pytest.raises(SystemExit) as stop:
        main([typed])
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    assert f"no command '{typed}'. Did you mean {meant}?" in said.err


def test_command_like_none_is_refused_with_the_list(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["xyzzy"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "Did you mean" not in said
    assert f"It has: {', '.join(COMMANDS)}." in said


def test_help_imports_nothing_foreign():
    done = python("from patronage.cli import main; main(['--help'])" + LOADED)
    assert done.returncode == 0, done.stderr
    foreign = set(done.stdout.splitlines()[-1].split())
    assert "patronage" in foreign
    assert not foreign & {"numpy", "hydra", "omegaconf", "pandas", "scipy", "rich", "mlflow", "xgboost", "ibis"}


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (
            "train",
            (
                "ledger: cdnow, customer_table, duckdb, files",
                "value: margin, revenue",
                "setting: contracts, purchases",
                "patronage train --multirun",
                "horizon_days",
            ),
        ),
        ("score", ("ledger: cdnow, customer_table, duckdb, files", "patronage score ledger=files", "batch_rows")),
        ("tune", ("tuning: catboost, hist_gradient_boosting", "trials: 50", "patronage tune trials=")),
        ("check", ("contract: default", "patronage check ledger=files")),
        ("link", ("identity: exact, links, none, splink", "review_rows")),
        ("simulate", ("world: bg, pareto, retailer, subscription", "patronage simulate customers=")),
        ("sql", ("dialect", "patronage sql")),
        ("value", ("costs: observed, rates", "segments: rfm", "patronage value ledger=simulated", "since")),
        ("backtest", ("candidates: churn, none, purchase", "rank_by", "patronage backtest candidates=purchase")),
        ("promote", ("max_calibration_error", "dry_run", "patronage promote rollback=", "Exit code 8")),
        ("describe", ("format: text", "patronage describe models:/patronage@champion")),
        ("export", ("package_version", "patronage export model=")),
        ("report", ("scores:", "patronage report scores=")),
    ],
)
def test_help_of_a_command_shows_settings_and_an_example(command, parts, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert not stop.value.code
    said = capsys.readouterr().out
    for part in parts:
        assert part in said
    assert not list(tmp_path.iterdir())


def test_installed_program_answers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "patronage.cli", "trian"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Did you mean train?" in done.stderr
    assert not done.stdout
