"""The exported module as its user has it: tables of every library, files, reasons, licence, parts, signature."""

import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.reasons import ReasonTeller
from patronage.runtime.scorer import load_scorer, model_input
from patronage.schema import PURCHASE_OUTPUTS
from patronage.scoring.wheel import export_wheel
from small_bundles import INPUTS, customers, small_bundle

N = 700


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_bundle(small_bundle(), tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.fixture(scope="module")
def unpacked(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("module")
    wheel = export_wheel(folder, place / "dist", "shop_scores", "1.2.0")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


@pytest.fixture(scope="module")
def module(unpacked):
    sys.path.insert(0, str(unpacked))
    import shop_scores  # type: ignore[import-not-found]
    import shop_scores.__main__

    yield shop_scores
    sys.path.remove(str(unpacked))
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop_scores"]:
        del sys.modules[name]


@pytest.fixture
def expected(folder):
    return load_scorer(folder).score(customers(N))


def as_bytes(scores):
    return {name: np.asarray(values).tobytes() for name, values in scores.items()}


@pytest.mark.parametrize(
    "table",
    [
        dict,
        pd.DataFrame,
        pa.table,
        lambda table: pl.DataFrame(table, strict=False),
        lambda t: pa.table(t).to_batches()[0],
    ],
    ids=["dict", "pandas", "arrow", "polars", "record batch"],
)
def test_every_kind_of_table_gives_the_same_bits(module, expected, table):
    given = {"noise": np.zeros(N), **dict(reversed(customers(N).items()))}
    found = module.score(table(given))
    assert tuple(found) == module.OUTPUT_COLUMNS == tuple(expected)
    assert as_bytes(found) == as_bytes(expected)


def test_nulls_of_arrow_and_polars_are_missing_numbers(module, expected):
    table = customers(N)
    nulls = [None if np.isnan(value) else value for value in table["gap_days_mean"]]
    assert None in nulls
    for given in (pa.table(table | {"gap_days_mean": pa.array(nulls)}), pl.DataFrame(table | {"gap_days_mean": nulls})):
        assert as_bytes(module.score(given)) == as_bytes(expected)


def test_reasons_are_those_of_the_runtime(module, folder, expected):
    bundle = read_bundle(folder)
    columns = model_input(customers(N), INPUTS) | {name: expected[name] for name in PURCHASE_OUTPUTS}
    told = ReasonTeller.of_bundle(bundle).tell(columns, 2, "raises")
    found = module.reasons(customers(N), 2, "raises")
    assert list(found) == ["reason_1", "reason_1_effect", "reason_2", "reason_2_effect"]
    assert found["reason_1"].tolist() == told.text[0].tolist()
    np.testing.assert_array_equal(found["reason_2_effect"], told.effect[1])
    assert any(found["reason_1"])
    with pytest.raises(module.ConfigError, match="direction"):
        module.reasons(customers(3), 2, "sideways")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plan": [1, 2]}, "plan holds text; got 1"),
        ({"T": ["a", "b"]}, "T is not numeric"),
        ({"T": ["1", "2"]}, "T is not numeric: it holds text"),
        ({"T": [b"1", b"2"]}, "T is not numeric: it holds text or bytes"),
        ({"T": pd.date_range("2024", periods=2)}, "T is not numeric: it holds dates"),
        ({"T": [1.0, np.inf]}, "T infinite"),
        ({"T": [50.0, 1e12]}, "T too large"),
        ({"frequency": [1e12, 1.0]}, "frequency too large"),
        ({"gap_days_mean": [1e39, 1.0]}, r"gap_days_mean too large \(1 row, first: 0\)"),
        ({"frequency": np.ma.array([1.0, 1.0], mask=[True, False])}, "frequency missing"),
        ({"frequency": [np.nan, 1.0]}, "frequency missing"),
        ({"recency": [[1.0], [2.0]]}, "one dimension"),
        ({"recency": [1.0]}, "differ in length"),
        ({"recency": [50.0, 50.0]}, "recency"),
    ],
)
def test_rows_that_cannot_be_are_refused(module, change, words):
    with pytest.raises(module.InputError, match=words):
        module.score(customers(2) | change)


def test_checking_refuses_as_scoring_does(module):
    for table, words in (({}, "lacks 21 of 21 columns"), (customers(2) | {"recency": [50.0, 50.0]}, "recency above T")):
        with pytest.raises(module.InputError, match=words):
            module.check(table)
    assert module.check(customers(2)).refused == ()


def test_a_query_is_no_table(module):
    with pytest.raises(module.InputError, match=r"call collect\(\)"):
        module.score(pl.DataFrame(customers(2), strict=False).lazy())


@pytest.mark.parametrize("table", [None, 3, "table", [[1.0]], object()])
def test_what_is_no_table_is_refused(module, table):
    with pytest.raises(module.InputError, match="Expected a mapping of columns or a table"):
        module.score(table)


def score_file(module, *arguments):
    return module.__main__.main([str(argument) for argument in arguments])


@pytest.fixture
def given(tmp_path):
    ids = {"customer_id": [f"c{k}" for k in range(N)], "clv": np.zeros(N), "joined": pd.date_range("2020", periods=N)}
    pq.write_table(pa.table({**ids, **customers(N)}), tmp_path / "in.parquet", row_group_size=300)
    return tmp_path / "in.parquet"


@pytest.mark.parametrize("rows", [1, 77, 65_536])
def test_a_file_is_scored_in_pieces_of_any_size(module, given, expected, tmp_path, rows):
    if rows == 1:
        pq.write_table(pq.read_table(given).slice(0, 5), given)
        expected = {name: values[:5] for name, values in expected.items()}
    assert score_file(module, given, tmp_path / "out.parquet", "--rows", rows, "--reasons", 2) == 0
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names[:8] == ["customer_id", "joined", *expected]
    assert found.column_names[8:] == ["reason_1", "reason_1_effect", "reason_2", "reason_2_effect"]
    assert as_bytes({name: found[name] for name in expected}) == as_bytes(expected)
    assert found["customer_id"].to_pylist() == [f"c{k}" for k in range(len(found))]
    assert found.schema.metadata[b"patronage.model"].decode() == module.model().fingerprint


def test_a_file_without_rows_gives_one_without_rows(module, given, tmp_path):
    pq.write_table(pq.read_table(given).slice(0, 0), given)
    assert score_file(module, given, tmp_path / "out.parquet") == 0
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 0


def test_columns_to_keep_are_chosen(module, given, tmp_path):
    assert score_file(module, given, tmp_path / "out.parquet", "--keep", "T,customer_id") == 0
    assert pq.read_schema(tmp_path / "out.parquet").names == ["T", "customer_id", *module.OUTPUT_COLUMNS]


def with_columns(given, **columns):
    table = pq.read_table(given)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    pq.write_table(table, given)


def test_columns_that_are_not_written_are_kept(module, given, tmp_path, capsys):
    with_columns(given, reason_for_joining=["ad"] * N, reason_3=["mine"] * N, reason_1=["own"] * N)
    assert score_file(module, given, tmp_path / "out.parquet") == 0
    kept = ["customer_id", "joined", "reason_for_joining", "reason_3", "reason_1"]
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names == [name for name in found.column_names if name in kept] + list(module.OUTPUT_COLUMNS)
    assert found.column_names[:5] == kept
    assert set(found["reason_1"].to_pylist()) == {"own"}
    assert "called like those of the model (clv): they are not copied. Rename them" in capsys.readouterr().err

    assert score_file(module, given, tmp_path / "out.parquet", "--reasons", 2) == 0
    names = pq.read_schema(tmp_path / "out.parquet").names
    assert names[:4] == ["customer_id", "joined", "reason_for_joining", "reason_3"]
    assert names[-4:] == ["reason_1", "reason_1_effect", "reason_2", "reason_2_effect"]
    assert len(set(names)) == len(names)
    assert "(clv, reason_1)" in capsys.readouterr().err

    assert score_file(module, given, tmp_path / "out.parquet", "--keep", "reason_1,reason_1", "--reasons", 2) == 3
    assert "cannot keep reason_1 beside scores or reasons of that name: rename" in capsys.readouterr().err
    assert score_file(module, given, tmp_path / "out.parquet", "--keep", "reason_1,reason_1") == 0
    assert pq.read_schema(tmp_path / "out.parquet").names == ["reason_1", *module.OUTPUT_COLUMNS]
    assert capsys.readouterr().err.count("Mind") == 0


@pytest.mark.parametrize(("name", "others"), [("T", []), ("customer_id", []), ("customer_id", ["--keep", "joined"])])
def test_a_file_with_a_column_twice(module, given, expected, tmp_path, capsys, name, others):
    table = pq.read_table(given)
    pq.write_table(table.append_column(name, table[name]), given)
    code = score_file(module, given, tmp_path / "out.parquet", *others)
    said = capsys.readouterr().err
    if others:
        assert code == 0
        assert as_bytes(pd.read_parquet(tmp_path / "out.parquet")[[*expected]]) == as_bytes(expected)
    else:
        assert code == 3
        assert f"The file has columns more than once: {name}." in said
        assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("code", "words", "prepare"),
    [
        (3, "cannot be read as Parquet", lambda given: given.write_text("customer_id,T\n1,2\n")),
        (3, "cannot be read as Parquet", lambda given: given.write_bytes(given.read_bytes()[:-100])),
        (3, "No such file", lambda given: given.unlink()),
        (3, "lacks 1 of 21 columns: T", lambda given: pq.write_table(pq.read_table(given).drop(["T"]), given)),
        (3, r"(?s)rows 601 to 700 of the file.*T missing \(1 row, first: 50\)", lambda given: spoilt(given)),
        (3, r"(?s)rows 601 to 700 of the file.*T too large \(1 row, first: 50\)", lambda given: spoilt(given, 1e12)),
        (3, "T is not numeric: it holds text or bytes, such as '1'", lambda given: retyped(given, ["1"] * N)),
        (3, "T is not numeric: it holds dates", lambda given: retyped(given, pd.date_range("2020", periods=N))),
    ],
)
def test_a_bad_file_is_refused_and_leaves_nothing(module, given, tmp_path, capsys, code, words, prepare):
    prepare(given)
    before = sorted(tmp_path.iterdir())
    assert score_file(module, given, tmp_path / "out.parquet", "--rows", 100) == code
    said = capsys.readouterr().err
    assert re.search(words, said)
    assert "Traceback" not in said
    assert sorted(tmp_path.iterdir()) == before


def retyped(given, values):
    table = pq.read_table(given)
    pq.write_table(table.set_column(table.schema.get_field_index("T"), "T", pa.array(values)), given)


def spoilt(given, value=None):
    table = pq.read_table(given)
    lifetimes = table["T"].to_pylist()
    lifetimes[650] = value
    pq.write_table(
        table.set_column(table.schema.get_field_index("T"), "T", pa.array(lifetimes)), given, row_group_size=N
    )


def test_other_refusals(module, given, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert score_file(module, given, given) == 2
    assert score_file(module, given, tmp_path / "file" / "out.parquet") == 5
    assert score_file(module, given, tmp_path / "out.parquet", "--keep", "nobody") == 3
    assert score_file(module, given, tmp_path / "out.parquet", "--keep", "clv") == 3
    assert score_file(module, given, tmp_path / "out.parquet", "--reasons", "1000000000") == 2
    assert "more than there can be" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()
    for arguments in ([], [given], [given, "out", "--rows", "0"], [given, "out", "--reasons", "many"]):
        with pytest.raises(SystemExit) as stop:
            score_file(module, *arguments)
        assert stop.value.code == 2


def run(unpacked, *arguments, **environment):
    command = [sys.executable, *map(str, arguments)]
    given = {**os.environ, **environment, "PYTHONPATH": str(unpacked)}
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def test_the_command_needs_no_patronage(unpacked, given, tmp_path):
    code = (
        "import sys, runpy\nfor name in ('patronage', 'sklearn', 'polars', 'cryptography'):\n"
        "    sys.modules[name] = None\n"
        "sys.argv = ['shop_scores', *sys.argv[1:]]\nrunpy.run_module('shop_scores', run_name='__main__')"
    )
    done = run(unpacked, "-c", code, given, tmp_path / "out.parquet")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{N} rows scored by the model [0-9a-f]{{12}}", done.stderr)
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == N


def test_what_a_killed_command_left_is_gone_after_the_next(unpacked, given, module, tmp_path):
    code = (
        "import os, signal, sys\nimport shop_scores.__main__ as command\n"
        "command._scored = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\ncommand.main(sys.argv[1:])"
    )
    before = sorted(tmp_path.iterdir())
    assert run(unpacked, "-c", code, given, tmp_path / "out.parquet").returncode == -9
    assert len(list(tmp_path.glob(".out.parquet.*.part"))) == 1
    assert score_file(module, given, tmp_path / "out.parquet") == 0
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "out.parquet"])


def test_without_pyarrow_it_says_what_to_install(unpacked, given, tmp_path):
    code = (
        "import sys; sys.modules['pyarrow'] = None\nfrom shop_scores.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = run(unpacked, "-c", code, given, tmp_path / "out.parquet")
    assert (done.returncode, done.stderr) == (2, "Files need pyarrow: pip install 'shop_scores[parquet]'.\n")


def test_an_altered_model_inside_is_refused(unpacked, folder, tmp_path):
    export_wheel(folder, tmp_path, "altered_scores", "1.0")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        archive.extractall(tmp_path)
    place = tmp_path / "altered_scores" / "_bundle" / "churn.json"
    place.write_text(place.read_text().replace("0.9", "0.8"))
    done = run(tmp_path, "-c", "import altered_scores; altered_scores.model()")
    assert "BundleError" in done.stderr
    assert "SHA-256 of churn.json" in done.stderr


def test_a_key_of_the_environment_asks_for_a_signed_model(unpacked, folder, tmp_path):
    key = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(secret)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pub").write_bytes(public)
    export_wheel(folder, tmp_path / "signed", "signed_scores", "1.0", sign_key=tmp_path / "key.pem")
    with zipfile.ZipFile(next((tmp_path / "signed").glob("*.whl"))) as archive:
        archive.extractall(tmp_path / "signed")
    asked = {"PATRONAGE_PUBLIC_KEY": str(tmp_path / "key.pub")}
    assert run(tmp_path / "signed", "-c", "import signed_scores; signed_scores.model()", **asked).returncode == 0
    refused = run(unpacked, "-c", "import shop_scores; shop_scores.model()", **asked)
    assert "BundleError" in refused.stderr
    assert "is not signed" in refused.stderr
    assert not (folder / "manifest.sig").exists()


def test_licence_and_parts_are_in_it(unpacked, folder):
    assert "Apache License" in next(unpacked.glob("*.dist-info/licenses/LICENSE")).read_text()
    bill = json.loads((unpacked / "shop_scores" / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    by_name = {part["name"]: part for part in bill["components"]}
    assert {"numpy", "scipy", "xgboost", "patronage", "model"} <= set(by_name)
    assert all(part["licenses"] for name, part in by_name.items() if name != "model")
    references = [part["bom-ref"] for part in bill["components"]]
    assert len(set(references)) == len(references)
    assert set(bill["dependencies"][0]["dependsOn"]) <= set(references)
    required = {name: part for name, part in by_name.items() if part.get("scope") == "required"}
    metadata = next(unpacked.glob("*.dist-info/METADATA")).read_text()
    plain = [line for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE) if "extra" not in line]
    assert {re.split(r"[<>=]", line)[0] for line in plain} == set(required)
    stated = {file["name"]: file["hashes"][0]["content"] for file in by_name["model"]["components"]}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {name: facts["sha256"] for name, facts in manifest["files"].items()}.items() <= stated.items()


def test_the_example_of_the_readme_runs(unpacked):
    readme = next(unpacked.glob("*.dist-info/METADATA")).read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    done = run(unpacked, "-c", example + "\nprint(*scores, *why)")
    assert done.returncode == 0, done.stderr
    assert "probability_alive" in done.stdout
    assert "reason_3_effect" in done.stdout


@pytest.mark.parametrize("given", [{}, {"OMP_WAIT_POLICY": "ACTIVE", "OPENBLAS_THREAD_TIMEOUT": "9"}])
def test_idle_threads_sleep_unless_the_environment_says_otherwise(unpacked, given):
    """They are told before numpy is imported, or OpenBLAS would not read it."""
    told = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"} | given
    code = f"import shop_scores, os, sys; print([os.environ[name] for name in {list(told)}])"
    environment = {name: value for name, value in os.environ.items() if name not in told} | given
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | {"PYTHONPATH": str(unpacked)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(list(told.values()))
    module = (unpacked / "shop_scores" / "__init__.py").read_text()
    assert module.index("OPENBLAS_THREAD_TIMEOUT") < module.index("\nfrom ._patronage")
