# One runner for people and for CI. `make check` is exactly what CI runs.

PYTHON := $(or $(MOKHATAB_PYTHON),python3)
BIN := .venv/bin
SERVE ?= 1
DATA ?= world
WORKERS ?= 2
export LIGHTFM_NO_CFLAGS := 1
# Each worker takes one core: two that share both would wait for each other in BLAS. Bytecode is
# kept even where an environment forbids it: tests start hundreds of processes.
PYTEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

.PHONY: help install demo test test-slow check bench serve lock clean

help:  ## What can be made here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | column -t -s '	'

install: .venv/installed  ## Make .venv from the lock

.venv/installed: requirements.lock pyproject.toml
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo 'A C compiler and the Python headers are needed to build LightFM: apt-get install gcc python3-dev'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; name one: MOKHATAB_PYTHON=python3.12 make install'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<1'
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## A planted world: train, compare with the truth, serve (SERVE=0 ends; DATA=movielens)
	$(BIN)/mokhatab --home var/demo-$(DATA) demo --data $(DATA) $(if $(filter 0,$(SERVE)),--no-serve)

serve: install  ## Serve the champion over HTTP
	$(BIN)/mokhatab serve

test: install  ## The quick suite
	$(PYTEST)

test-slow: install  ## The long tests: worlds at size, faults, a real server
	$(BIN)/python -m pytest -q -m slow

check: install  ## Lint, types, import contracts, dependencies, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(PYTEST)

bench: install  ## Ratios of tests/benchmarks/, printed as they are written in RESULTS.md
	$(BIN)/python -m tests.benchmarks

lock:  ## Resolve pyproject.toml into requirements.lock for Python 3.11 to 3.13
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev --extra postgresql pyproject.toml --output-file requirements.lock

clean:  ## Remove the virtual environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
