# Each target works on a fresh clone with nothing but make and Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help demo test test-all lint bench notebooks format clean
.DEFAULT_GOAL := help

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "patronage needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo             ## the whole way on the CDNOW log: train, score, export, report
	$(BIN)/patronage train backtest=none
	$(BIN)/patronage score
	$(BIN)/patronage export
	$(BIN)/patronage report

test: $(VENV)/.dev              ## all tests but the longest, doctests included
	$(BIN)/pytest -n 2 --dist loadfile -m "not long"

test-all: $(VENV)/.dev          ## all tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/.dev              ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev            ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev             ## speed against named peers, in one run
	$(BIN)/python benchmarks/fit_speed.py

notebooks: $(VENV)/.dev         ## execute every notebook and stop at the first error
	$(BIN)/pytest --nbmake --nbmake-timeout=600 notebooks

clean:           ## remove what the commands made, but for the runs in mlruns/
	rm -rf $(VENV) build dist outputs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
