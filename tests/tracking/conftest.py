"""Fixtures of this room."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def shared(name: str) -> ModuleType:
    """A helper module of the tests; they are no package, so it is found by its path and shared by its name."""
    if f"shared_{name}" not in sys.modules:
        spec = spec_from_file_location(f"shared_{name}", Path(__file__).parents[1] / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[f"shared_{name}"] = module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[f"shared_{name}"]


@pytest.fixture(scope="session")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The four commands on the CDNOW log; see ``tests/full_run.py``. Its folder is read only."""
    return shared("full_run").run_once(tmp_path_factory.mktemp("cdnow"))
