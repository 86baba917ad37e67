"""The exported wheel: the same bytes each time, what is in it, and what is refused."""

import json
import re
import subprocess
import sys
import zipfile
from typing import Any

import pytest

from patronage.errors import BundleError, ConfigError, OutputError
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.scorer import load_scorer
from patronage.schema import SCORE_VALUES
from patronage.scoring.wheel import export_wheel, taken_names
from small_bundles import small_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_bundle(small_bundle(), tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.fixture(scope="module")
def wheel(folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return export_wheel(folder, tmp_path_factory.mktemp("wheel"), "shop_scores", "1.2.0")


def test_two_exports_are_the_same_bytes(folder, wheel, tmp_path):
    again = export_wheel(folder, tmp_path / "dist", "shop_scores", "1.2.0")
    assert again.name == wheel.name == "shop_scores-1.2.0-py3-none-any.whl"
    assert again.read_bytes() == wheel.read_bytes()


def test_wheel_needs_three_packages_and_holds_no_pickle(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("METADATA"))
        requires = re.findall(r"^Requires-Dist: (\w+)(.*)$", archive.read(metadata).decode(), re.MULTILINE)
    assert sorted(name for name, rest in requires if "extra" not in rest) == ["numpy", "scipy", "xgboost"]
    assert sorted(name for name, rest in requires if "extra" in rest) == ["cryptography", "pyarrow"]
    assert {"shop_scores/_bundle/manifest.json", "shop_scores/_bundle/churn.ubj", "shop_scores/py.typed"} <= set(names)
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".pyc"))]


def test_readme_lists_every_column(folder, wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        readme = archive.read(metadata).decode()
    inputs = read_bundle(folder).inputs
    assert all(f"| `{name}` |" in readme for name in (*inputs.names, *SCORE_VALUES.names))


def test_module_scores_from_the_wheel_without_patronage(folder, wheel, tmp_path):
    """Imported straight from the archive's files, with the package patronage barred."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    inputs = read_bundle(folder).inputs
    given = {name: [2.0, 0.0] for name in inputs.names}
    given |= {"recency": [10.0, 0.0], "T": [30.0, 30.0], "plan": ["b", None]}
    code = (
        "import sys, json; sys.modules['patronage'] = None\n"
        "from shop_scores import INPUT_COLUMNS, OUTPUT_COLUMNS, model, score\n"
        "scores = score(json.loads(sys.argv[1]))\n"
        "assert list(scores) == list(OUTPUT_COLUMNS)\n"
        "print(json.dumps({name: [value.hex() for value in column] for name, column in scores.items()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(given)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = load_scorer(folder).score(given)
    assert json.loads(done.stdout) == {name: [v.hex() for v in column.tolist()] for name, column in expected.items()}


@pytest.mark.parametrize("name", ["Shop", "shop-scores", "1shop", "", "shop scores", "../shop", "class", "schön"])
def test_name_that_is_no_module_is_refused(folder, tmp_path, name):
    with pytest.raises(ConfigError, match="name"):
        export_wheel(folder, tmp_path / "dist", name, "1.0.0")
    assert not list(tmp_path.rglob("*.whl"))


@pytest.mark.parametrize(
    "name",
    ["pandas", "polars", "pyarrow", "sklearn", "numpy", "mlflow", "duckdb", "json", "test", "patronage", "pip", "yaml",
     "dateutil", "flask", "hydra_core", "scikit_learn", "jinja2", "ibis"],
)  # fmt: skip
def test_name_that_is_taken_is_refused(folder, tmp_path, name):
    with pytest.raises(ConfigError, match=f"taken by Python or a dependency, got '{name}'"):
        export_wheel(folder, tmp_path / "dist", name, "1.0.0")
    assert not list(tmp_path.rglob("*.whl"))


def test_names_of_exported_modules_are_free():
    assert not {"patronage_scorer", "shop_scores", "scores", "churn", "model", "scorer"} & taken_names()


@pytest.mark.parametrize("version", ["", "latest", "v1.0", "1.0-final", "1..0", "1.0\n"])
def test_version_that_is_none_is_refused(folder, tmp_path, version):
    with pytest.raises(ConfigError, match="version"):
        export_wheel(folder, tmp_path / "dist", "shop_scores", version)
    assert not list(tmp_path.rglob("*.whl"))


def test_folder_that_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"manifest\.json"):
        export_wheel(tmp_path / "empty", tmp_path / "dist", "shop_scores", "1.0.0")
    assert not (tmp_path / "dist").exists()


def test_place_that_cannot_be_written_is_refused(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        export_wheel(folder, tmp_path / "file" / "dist", "shop_scores", "1.0.0")
