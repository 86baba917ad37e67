"""What is loaded when: importing the package costs nothing, and the runtime needs three packages only."""

import ast
import subprocess
import sys

import pytest

import patronage

RUNTIME_MAY = {"numpy", "scipy", "xgboost"}

BARRED = """
import sys
from importlib.abc import MetaPathFinder

class Bar(MetaPathFinder):
    names = {names!r}
    tried = set()
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            self.tried.add(name.split(".")[0])
            raise ModuleNotFoundError(f"barred: {{name}}", name=name)

bar = Bar()
sys.meta_path.insert(0, bar)
{body}
"""

HEAVY = (
    "pandas", "pyarrow", "ibis", "duckdb", "mlflow", "hydra", "omegaconf", "pydantic", "sklearn", "lifetimes", "altair",
    "vl_convert", "jinja2", "rich", "hatchling", "matplotlib", "polars",
)  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_nothing_foreign():
    before_and_after = python(
        "import sys; before = set(sys.modules); import patronage\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    assert ast.literal_eval(before_and_after) == ["patronage"]


def test_listing_the_public_names_loads_nothing_foreign():
    loaded = python("import sys, patronage; dir(patronage); print('numpy' in sys.modules)")
    assert loaded.strip() == "False"


@pytest.mark.parametrize("name", patronage.__all__)
def test_public_name_is_there(name):
    assert getattr(patronage, name) is not None
    assert name in dir(patronage)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'BetaGeoNBDD'"):
        patronage.BetaGeoNBDD  # noqa: B018


def test_runtime_works_where_nothing_else_is_installed(tmp_path):
    """Bars the rest, because XGBoost takes pandas and scikit-learn along where they are installed."""
    body = """
from patronage.runtime import bundle, churn, clv, gamma_gamma, histories, scorer, time_unit, vendor
from patronage.runtime.purchase import bg_nbd
import numpy as np, xgboost
from datetime import date
from patronage.schema import FEATURES, MODEL_INPUT
rng = np.random.default_rng(0)
seen = rng.random((50, len(FEATURES.names)))
trees = xgboost.train({"objective": "binary:logistic", "nthread": 1},
    xgboost.DMatrix(seen, label=rng.integers(0, 2, 50), feature_names=list(FEATURES.names)), num_boost_round=2)
model = bundle.Bundle(
    purchase=bg_nbd.BetaGeoParams(r=0.243, alpha=4.414, a=0.793, b=2.426),
    spend=gamma_gamma.GammaGammaParams(p=6.25, q=3.74, v=15.44),
    churn=churn.ChurnModel(trees, FEATURES.names, 273, churn.Calibration("sigmoid", (), (0.0, 1.0))),
    value=clv.ValueTerms(0.3, 0.15, 7.0), as_of=date(1997, 9, 30), time_unit=time_unit.TimeUnit.WEEK, horizon_days=273)
folder = bundle.write_bundle(model, sys.argv[-1])
given = {name: np.array([2.0]) for name in MODEL_INPUT.names}
given |= {"recency": np.array([30.43]), "T": np.array([38.86])}
scores = scorer.load_scorer(folder).score(given)
foreign = {name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names
print(sorted(foreign & bar.names), scores["expected_purchases"][0])
"""
    code = BARRED.format(names=set(HEAVY), body=body)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bundle")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded, _, expected = done.stdout.strip().rpartition(" ")
    assert ast.literal_eval(loaded) == []
    # Fader, Hardie and Lee (2005), section 4: x = 2, t_x = 30.43, T = 38.86; E[Y(39 weeks)] = 1.226.
    assert float(expected) == pytest.approx(1.226, abs=5e-4)


def test_what_the_runtime_imports_itself_is_three_packages():
    """Of its own source, by its import statements."""
    from pathlib import Path

    package = Path(patronage.__file__).parent
    rooms = [*(package / "runtime").rglob("*.py"), *(package / "schema").rglob("*.py")]
    files = [*rooms, package / "errors.py", package / "files.py"]
    named = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                named |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                named.add(str(node.module).split(".")[0])
    # Only where a key is configured, within a function.
    assert named - sys.stdlib_module_names - {"cryptography"} == RUNTIME_MAY
