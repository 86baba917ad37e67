"""Passwords on a command line: the command reads them, and nothing that is written, logged or printed holds them."""

import os
import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main
from patronage.errors import ConfigError
from patronage.paths import conf_folder
from patronage.pipelines.argument_passwords import passwords_read, without_argument_passwords
from patronage.pipelines.settings import plain

NOBODY = "127.0.0.1:1/crm"
"""Where no database answers."""


@pytest.fixture(autouse=True)
def _no_hydra_left():
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


@pytest.fixture
def left(tmp_path):
    """Run a command that fails, and return its exit code, all that it said and all that it wrote.

    It has a process of its own, for hydra.verbose=true changes the loggers of all libraries.
    """

    def run(*arguments):
        command = [sys.executable, "-m", "patronage.cli", *arguments]
        settings = os.environ | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=settings)
        assert "Traceback" not in done.stderr
        files = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
        return done.returncode, done.stdout + done.stderr, files

    return run


@pytest.mark.parametrize(
    "given",
    [
        ("out=postgresql://sc:s3cret@" + NOBODY,),
        ("--multirun", "out=postgresql://sc:s3cret@" + NOBODY),
        ("--multirun", f"out=postgresql://sc:s3cret@{NOBODY},postgresql://sc:s3cret2@{NOBODY}2"),
        ("hydra.verbose=true", "out=postgresql://sc:s3cret@" + NOBODY),
        (f"out='postgresql://{NOBODY}?user=sc&password=s3cret'",),
        (f"out=postgresql://{NOBODY}?user\\=sc&password\\=s3cret",),
        ("tracking.uri=http://me:s3cret@127.0.0.1:1",),
        ('out="host=h password=s3cret dbname=x.y"', "out_table=null"),
        ("ledger=postgres", 'ledger.uri="host=127.0.0.1 port=1 password=s3cret"', "as_of=2020-01-01"),
        ("ledger=postgres", r'ledger.uri="host=127.0.0.1 port=1 password=x\ s3cret"', "as_of=2020-01-01"),
        (f"out='postgresql://{NOBODY}?user=sc&password=x/s3@s3cret'",),
        (f'out="postgresql://sc:x s3cret@{NOBODY}"',),
        (f'out="postgresql://sc:x/s3cret@{NOBODY}"',),
        (f'out="postgresql://sc:x s3cret@{NOBODY}',),
        ("--multirun", f"out=postgresql://sc:x,s3cret@{NOBODY}"),
    ],
)
def test_a_password_is_kept_and_told_nowhere(left, given):
    table = ["out_table=crm.scores"] if any("postgresql" in one for one in given) else []
    code, said, files = left("score", *given, *table, "tracking.artifacts=null")
    assert code in (2, 4, 5)
    assert "s3cret" not in said
    assert [path for path, text in files.items() if "s3cret" in text] == []


def test_a_configuration_that_is_shown_has_stars(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["score", "--cfg", "job", "--resolve", "out=postgresql://sc:s3cret@h/crm"])
    assert "out: postgresql://sc:***@h/crm" in capsys.readouterr().out


def test_a_password_of_a_file_is_not_kept_by_a_multirun_either(left, tmp_path):
    (tmp_path / "own" / "tracking").mkdir(parents=True)
    (tmp_path / "own" / "tracking" / "mine.yaml").write_text(
        "uri: http://me:s3cret@127.0.0.1:1\nartifacts: null\nexperiment: a\nregistered_model: a\n"
    )
    given = ("tracking=mine", "hydra.verbose=true", "as_of=2020-01-01")
    code, said, files = left("score", "--config-dir", str(tmp_path / "own"), "--multirun", *given)
    assert code == 4
    assert "s3cret" not in said
    assert [str(path) for path, text in files.items() if "s3cret" in text] == ["own/tracking/mine.yaml"]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["out=postgresql://sc:s3c@ret@h/crm"], "postgresql://sc:s3c@ret@h/crm"),
        (["out='postgresql://sc:s3,{c}=(ret)@h/crm'"], "postgresql://sc:s3,{c}=(ret)@h/crm"),
        ([r"out=postgresql://sc:s3\,\=cret@h/crm"], "postgresql://sc:s3,=cret@h/crm"),
        (['out="postgresql://sc:a\\"b\\\\c@h/crm"'], 'postgresql://sc:a"b\\\\c@h/crm'),
        (["out='postgresql://h/crm?user=sc&password=s3cret&sslmode=require'"],
         "postgresql://h/crm?user=sc&password=s3cret&sslmode=require"),
        (["out=\"host=h password='s3 cret' user=sc\""], "host=h password='s3 cret' user=sc"),
        (["out=postgresql://sc:${oc.env:SECRET_OF_TEST}@h/crm"], "postgresql://sc:from outside@h/crm"),
        (["out=scores.parquet"], "scores.parquet"),
    ],
)  # fmt: skip
def test_the_command_reads_what_was_given(monkeypatch, arguments, value):
    monkeypatch.setenv("SECRET_OF_TEST", "from outside")
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        as_given = plain(compose("score", arguments), ("dates",))["out"]
        composed = compose("score", without_argument_passwords(arguments))
    assert "s3" not in str(composed)
    with passwords_read():
        assert plain(composed, ("dates",))["out"] == value == as_given
    assert "s3" not in plain(composed, ("dates",))["out"]


def test_lists_and_mappings_are_gone_through():
    given = "ledger.columns={a:[\"postgresql://u:s3cret@h\",1,'x, y'],b:null,c:true}"
    (kept,) = without_argument_passwords([given])
    assert kept == "ledger.columns={a:[\"postgresql://u:${patronage.password:0}@h\",1,'x, y'],b:null,c:True}"


def test_flags_and_what_holds_no_password_stay_letter_by_letter():
    given = ["--multirun", "-cn", "a, b=c", "seed=1,2", r"ledger.path=a\,b", "out='x y'", "password.none=range(1,4)"]
    assert without_argument_passwords(given) == given


def test_a_password_of_several_values_is_refused():
    with pytest.raises(ConfigError, match=r"one environment variable, 'out=postgresql://user:\${oc.env:NAME}@host"):
        without_argument_passwords(["out=postgresql://sc:a${oc.env:B}@h/crm"])


def test_a_configuration_that_is_shown_has_stars_for_the_environment_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADDRESS_OF_TEST", "postgresql://sc:s3cret@h/crm")
    main(["score", "--cfg", "job", "--resolve", "out=${oc.env:ADDRESS_OF_TEST}"])
    assert "out: postgresql://sc:***@h/crm" in capsys.readouterr().out


def test_whoever_stops_reading_sees_no_traceback(tmp_path):
    command = [sys.executable, "-m", "patronage.cli", "score", "--help"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as told:
        told.stdout.close()
        assert told.stderr.read() == ""
