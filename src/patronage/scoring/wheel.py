"""The export of a scoring module: a wheel that holds one bundle and the runtime that predicts with it."""

import json
import keyword
import re
import shutil
import sys
import tempfile
from pathlib import Path

from patronage.errors import ConfigError
from patronage.files import written_whole
from patronage.runtime.bundle import AnyBundle, Bundle, TableBundle, read_bundle
from patronage.runtime.vendor import copy_runtime
from patronage.schema.markdown import column_table

TEMPLATE = Path(__file__).with_name("scorer_module.py.in")

TAKEN_NAMES = {"numpy", "scipy", "xgboost", "patronage", *sys.stdlib_module_names}

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
description = "Customer scores by patronage, model {fingerprint}."
readme = "README.md"
license = "Apache-2.0"
requires-python = ">=3.11"
dependencies = ["numpy>=2", "scipy>=1.14", "xgboost>=3,<4"]

[tool.hatch.build.targets.wheel]
packages = ["{name}"]
"""

_README = """\
# {name}

Scores customers with the model `{fingerprint}`, fitted to {fitted_to}.

```python
from {name} import score

scores = score(table)     # a dict of arrays, or a pandas, Polars or Arrow table
```

{terms}

## Columns that go in

{inputs}

## Columns that come out

{outputs}
"""


_LEDGER_TERMS = """\
`recency` and `T` are in {time_unit}s, counted up to the day for which scores are wanted; scores look
{horizon_days} days ahead of it. The clv counts {margin:.4g} of the spend as margin and discounts
by {discount:.4g} a year."""

_TABLE_TERMS = """\
The columns are those of the table that the model was trained on: numbers may be missing, and a text that was not seen
in training counts as missing. What leaving means is what the label of that table says: {label}.{horizon}"""


def export_wheel(bundle_folder: Path, out: Path | str, name: str, version: str) -> Path:
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
        If the name or version is not of the form required.
    OutputError
        If the wheel cannot be written.
    """
    from hatchling.builders.wheel import WheelBuilder

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or name in TAKEN_NAMES:
        message = (
            "The name of the module must be a Python identifier in lower case, not taken by "
            f"Python or a dependency, got {name!r}."
        )
        raise ConfigError(message)
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", version):
        message = f"The version must look like 1.2.3, got {version!r}."
        raise ConfigError(message)
    bundle = read_bundle(bundle_folder)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        stage_project(root, bundle, bundle_folder, name, version)
        (built,) = WheelBuilder(str(root)).build(directory=str(root / "dist"), versions=["standard"])
        target = Path(out) / Path(built).name
        with written_whole(target) as unfinished:
            shutil.copyfile(built, unfinished)
    return target


def stage_project(root: Path, bundle: AnyBundle, bundle_folder: Path, name: str, version: str) -> None:
    """Lay out the project of the wheel in the empty folder `root`."""
    package = root / name
    copy_runtime(package / "_patronage")
    shutil.copytree(bundle_folder, package / "_bundle")
    module = TEMPLATE.read_text(encoding="utf-8").replace("patronage_scorer", name)
    for place, table in (("INPUTS", bundle.inputs), ("OUTPUTS", bundle.outputs)):
        columns = ",\n    ".join(json.dumps(column, ensure_ascii=False) for column in table.names)
        module = module.replace(f'("{place}",)', f"(\n    {columns},\n)")
    (package / "__init__.py").write_text(module, encoding="utf-8")
    (package / "py.typed").touch()
    facts = {"name": name, "version": version, "fingerprint": bundle.fingerprint}
    (root / "pyproject.toml").write_text(_PYPROJECT.format(**facts), encoding="utf-8")
    readme = _README.format(
        **facts,
        fitted_to=f"facts up to {bundle.as_of}" if bundle.as_of else "a table of customers",
        terms=_terms(bundle),
        inputs=column_table(bundle.inputs),
        outputs=column_table(bundle.outputs),
    )
    (root / "README.md").write_text(readme, encoding="utf-8")


def _terms(bundle: AnyBundle) -> str:
    """What a reader of the scores has to know."""
    if isinstance(bundle, Bundle):
        return _LEDGER_TERMS.format(
            time_unit=bundle.time_unit.value,
            horizon_days=bundle.horizon_days,
            margin=bundle.value.margin_rate,
            discount=bundle.value.discount_rate_yearly,
        )
    return _table_terms(bundle)


def _table_terms(bundle: TableBundle) -> str:
    horizon = f" Scores look {bundle.horizon_days} days ahead." if bundle.horizon_days else ""
    return _TABLE_TERMS.format(label=bundle.training.get("label", "not recorded"), horizon=horizon)
