"""The export of a scoring module: a wheel that holds one bundle and the runtime that predicts with it."""

import json
import keyword
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from patronage.errors import ConfigError, OutputError
from patronage.files import written_whole
from patronage.runtime.bundle import AnyBundle, read_bundle
from patronage.runtime.bundle_signature import sign_bundle
from patronage.runtime.vendor import copy_runtime
from patronage.scoring.bill_of_materials import LICENCE, OPTIONAL, REQUIRED, bill_of_materials
from patronage.scoring.wheel_readme import wheel_readme

TEMPLATES = {"__init__.py": "scorer_module.py.in", "__main__.py": "scorer_main.py.in"}
"""The module's own files, and what they are made from."""

BILL = "sbom.cdx.json"

TAKEN_NAMES = {
    "altair", "catboost", "cryptography", "dask", "duckdb", "filelock", "hatchling", "hydra", "ibis", "jinja2",
    "lifetimes", "lightgbm", "matplotlib", "mlflow", "numpy", "omegaconf", "onnx", "onnxruntime", "optuna", "pandas",
    "patronage", "pip", "polars", "psycopg", "pyarrow", "pydantic", "pyspark", "rich", "scipy", "setuptools", "sklearn",
    "splink", "sqlglot", "test", "threadpoolctl", "vl_convert", "wheel", "xgboost", "yaml", *sys.stdlib_module_names,
}  # fmt: skip
"""A module of such a name would stand in the way of what it needs itself, or of what its users import beside it."""

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
description = "Customer scores by patronage, model {fingerprint}."
readme = "README.md"
license = "{licence}"
license-files = ["LICENSE"]
requires-python = ">=3.11"
dependencies = {required}

[project.optional-dependencies]
{optional}

[tool.hatch.build.targets.wheel]
packages = ["{name}"]
"""


def export_wheel(
    bundle_folder: Path, out: Path | str, name: str, version: str, sign_key: Path | str | None = None
) -> Path:
    """Build the wheel of a bundle.

    Parameters
    ----------
    bundle_folder : Path
        A bundle; it is checked before it is packed.
    out : path
        Folder to put the wheel in.
    name : str
        Name of the module, a Python identifier in lower case.
    version : str
        Version of the wheel, for example ``0.1.0``.
    sign_key : path, optional
        PEM file of the private key to sign the model with; without it, a signed model stays so.

    Returns
    -------
    Path
        The wheel, for example ``dist/patronage_scorer-0.1.0-py3-none-any.whl``. The same bundle, name and version give
        the same bytes.

    Raises
    ------
    BundleError
        If the bundle is incomplete or altered.
    ConfigError
        If the name or version is not of the form required, or the key cannot be used.
    OutputError
        If the wheel cannot be written.
    """
    from hatchling.builders.wheel import WheelBuilder

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        message = f"The name of the module must be a Python identifier in lower case, got {name!r}."
        raise ConfigError(message)
    if name in taken_names():
        message = (
            f"The name of the module must not be taken by Python or a dependency, got {name!r}: with such a module "
            f"installed, import {name} would give another one than it did. Choose another name."
        )
        raise ConfigError(message)
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", version):
        message = f"The version must look like 1.2.3, got {version!r}."
        raise ConfigError(message)
    bundle = read_bundle(bundle_folder)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        stage_project(root, bundle, bundle_folder, name, version, sign_key)
        (built,) = WheelBuilder(str(root)).build(directory=str(root / "dist"), versions=["standard"])
        target = Path(out) / Path(built).name
        with written_whole(target) as unfinished:
            shutil.copyfile(built, unfinished)
    return target


def stage_project(
    root: Path, bundle: AnyBundle, bundle_folder: Path, name: str, version: str, sign_key: Path | str | None = None
) -> None:
    """Lay out the project of the wheel in the empty folder `root`."""
    package = root / name
    copy_runtime(package / "_patronage")
    packed = shutil.copytree(bundle_folder, package / "_bundle")
    if sign_key is not None:
        sign_bundle(packed, sign_key)
    for place, template in TEMPLATES.items():
        (package / place).write_text(_filled(template, bundle, name, version), encoding="utf-8")
    (package / "py.typed").touch()
    (package / BILL).write_text(bill_of_materials(bundle, packed, name, version), encoding="utf-8")
    (root / "README.md").write_text(wheel_readme(bundle, name), encoding="utf-8")
    (root / "LICENSE").write_text(licence_text(), encoding="utf-8")
    project = _PYPROJECT.format(
        name=name,
        version=version,
        fingerprint=bundle.fingerprint,
        licence=LICENCE,
        required=_requirements(REQUIRED),
        optional="\n".join(f"{extra} = {_requirements(packages)}" for extra, packages in OPTIONAL.items()),
    )
    (root / "pyproject.toml").write_text(project, encoding="utf-8")


@cache
def taken_names() -> frozenset[str]:
    """`TAKEN_NAMES`, and whatever else the installed packages that patronage needs are called or imported as."""
    wanted: set[str] = set()
    left = ["patronage"]
    while left:
        package = _normal(left.pop())
        if package in wanted:
            continue
        try:
            required = distribution(package).requires or ()
        except PackageNotFoundError:
            continue
        wanted.add(package)
        # Extras of the others, such as for their tests, are not followed.
        left += [
            found[0]
            for one in required
            if (package == "patronage" or "extra ==" not in one) and (found := re.match(r"[\w.-]+", one))
        ]
    imported = {name for name, owners in packages_distributions().items() if wanted & set(map(_normal, owners))}
    return frozenset(TAKEN_NAMES | imported | {package.replace("-", "_") for package in wanted})


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def licence_text() -> str:
    """The licence that the code of a module is under: that of the installed patronage.

    Raises
    ------
    OutputError
        If patronage was installed without it.
    """
    try:
        found = [path for path in distribution("patronage").files or () if path.name == "LICENSE"]
    except PackageNotFoundError:
        found = []
    for path in (*(Path(str(path.locate())) for path in found), Path(__file__).parents[3] / "LICENSE"):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    message = "The licence of patronage is missing from its installation; install it again before exporting."
    raise OutputError(message)


def _filled(template: str, bundle: AnyBundle, name: str, version: str) -> str:
    module = Path(__file__).with_name(template).read_text(encoding="utf-8")
    module = module.replace("patronage_scorer", name).replace('"VERSION"', json.dumps(version))
    for place, table in (("INPUTS", bundle.inputs), ("OUTPUTS", bundle.outputs)):
        columns = ",\n    ".join(json.dumps(column, ensure_ascii=False) for column in table.names)
        module = module.replace(f'("{place}",)', f"(\n    {columns},\n)")
    return module


def _requirements(packages: Mapping[str, tuple[str, str]]) -> str:
    return json.dumps([f"{package}{versions}" for package, (versions, _) in packages.items()])
