# Everything runs in .venv, made by the first target that needs it. `make PYTHON=/path/to/python` chooses another interpreter.

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint notebooks docs clean

VENV := .venv
BIN := $(VENV)/bin

# A pyenv shim can be on the path without running, so every candidate is asked for its version.
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3)
IS_NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))

# One BLAS thread: two that fight over a core make small factorisations many times slower.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.dev  ## Fit sleepstudy, print its tables, compare two models, draw the shrinkage
	$(BIN)/python examples/sleepstudy_demo.py

test: $(VENV)/.dev  ## Run the fast tests
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/.dev  ## Run every test, those that sample included
	$(BIN)/python -m pytest -n auto -m ""

lint: $(VENV)/.dev  ## Check style (ruff) and types (mypy)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

notebooks: $(VENV)/.dev  ## Run the examples and keep their outputs in notebooks
	$(BIN)/python examples/build_notebooks.py

docs: $(VENV)/.docs  ## Build the documentation site in docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:  ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist docs/_build docs/examples examples/output .pytest_cache .mypy_cache .ruff_cache
	find bayesmix tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for candidate in $(CANDIDATES); do \
		if "$$candidate" -c '$(IS_NEW_ENOUGH)' >/dev/null 2>&1; then \
			echo "Making $(VENV) with $$("$$candidate" --version)"; \
			exec "$$candidate" -m venv $(VENV); \
		fi; \
	done; \
	echo "bayesmix needs Python 3.12 or newer with the venv module; none of these is: $(CANDIDATES)." >&2; \
	echo "Install one (python.org, pyenv, conda, your system's packages), or name it: make PYTHON=/path/to/python" >&2; \
	exit 1

# pip 25.1 is the first that reads dependency groups.
$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

$(VENV)/.docs: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@
