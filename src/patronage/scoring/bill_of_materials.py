"""What an exported module consists of, as a bill of materials in CycloneDX 1.6.

It is made from the bundle alone, without a clock or a look at what is installed, so that the same bundle gives the same
bytes: packages stand in it with the versions that they are required in.
"""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

from patronage import __version__
from patronage.runtime.bundle import MANIFEST, AnyBundle
from patronage.runtime.vendor import runtime_fingerprint

LICENCE = "Apache-2.0"

REQUIRED = {
    "numpy": (">=2", "BSD-3-Clause"),
    "scipy": (">=1.14", "BSD-3-Clause"),
    "xgboost": (">=3,<4", "Apache-2.0"),
}
"""What a module needs: the versions, and the licence."""

OPTIONAL = {
    "parquet": {"pyarrow": (">=15", "Apache-2.0")},
    "signature": {"cryptography": (">=42", "Apache-2.0 OR BSD-3-Clause")},
}
"""What a module can make use of, by the name of the extra."""


def bill_of_materials(bundle: AnyBundle, bundle_folder: Path, name: str, version: str) -> str:
    """The bill of a module, as JSON.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    bundle_folder : Path
        Where it was read.
    name, version : str
        Of the module.
    """
    module = f"pkg:pypi/{name.replace('_', '-')}@{version}"
    packages = [_package(required, *facts, "required") for required, facts in REQUIRED.items()]
    packages += [
        _package(optional, *facts, "optional") for extra in OPTIONAL.values() for optional, facts in extra.items()
    ]
    runtime = {
        "type": "library",
        "bom-ref": "patronage-runtime",
        "name": "patronage",
        "version": __version__,
        "licenses": [{"expression": LICENCE}],
        "properties": [{"name": "patronage:runtime", "value": runtime_fingerprint()}],
    }
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": "model",
        "version": bundle.fingerprint,
        "components": [
            {"type": "file", "name": path.name, "hashes": [{"alg": "SHA-256", "content": _sha256(path)}]}
            for path in sorted(bundle_folder.iterdir())
        ],
    }
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{module}#{_sha256(bundle_folder / MANIFEST)}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": module,
                "name": name,
                "version": version,
                "purl": module,
                "licenses": [{"expression": LICENCE}],
            }
        },
        "components": [model, runtime, *packages],
        "dependencies": [
            {"ref": module, "dependsOn": sorted(["model", "patronage-runtime", *map(_reference, REQUIRED)])}
        ],
    }
    return json.dumps(bill, indent=2, ensure_ascii=False) + "\n"


def _package(name: str, versions: str, licence: str, scope: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _reference(name),
        "name": name,
        "purl": _reference(name),
        "scope": scope,
        "licenses": [{"expression": licence}],
        "properties": [{"name": "patronage:versions", "value": versions}],
    }


def _reference(name: str) -> str:
    return f"pkg:pypi/{name}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
