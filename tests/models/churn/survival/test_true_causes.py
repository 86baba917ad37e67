"""Reasons against the truth of a simulated business with contracts; the benchmark of the same name, in small."""

import importlib.util
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "reasons.py"


@pytest.fixture(scope="module")
def benchmark():
    if not BENCHMARK.exists():
        pytest.skip("the benchmarks do not come with the source distribution")
    spec = importlib.util.spec_from_file_location("benchmark_of_reasons", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_first_reason_names_the_true_cause(benchmark, monkeypatch):
    """Of customers in whom one cause outweighs all others, for whom the model was not fitted: 80 % and more."""
    monkeypatch.setattr(benchmark, "TRAINED", 6000)
    monkeypatch.setattr(benchmark, "JUDGED", 3000)
    found = {what: (value, kept) for what, value, kept in benchmark.drivers()}
    share, kept = found["first reason names it, cause above 50%"]
    assert share >= 0.8
    assert kept
    assert found["customers with a cause above 50% of all that was added"][0] > 1000
