PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# pip may warn in hundreds of lines: what it says is kept in a file, whose end is shown if it fails.
QUIETLY := >.setup.log 2>&1 || { echo "setup failed; the end of .setup.log:"; tail -n 30 .setup.log; exit 1; } >&2

SUITE := --numprocesses=4 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup up lint check test coverage e2e chaos bench migrate spec lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## make the virtual environment and install everything, locked

up: $(INSTALLED) ## run the whole system with a simulated CRM (ARGS="--port 9000" for more)
	$(BIN)/service6 up --sample $(ARGS)

lint: $(INSTALLED) ## format, lint, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## what lint finds, and the unit tests: no services
	$(BIN)/pytest --quiet --numprocesses=2 tests/unit

test: $(INSTALLED) ## the whole suite
	$(BIN)/pytest $(SUITE)

coverage: $(INSTALLED) ## the whole suite, and how much of the code it runs
	$(BIN)/pytest $(SUITE) --cov --cov-report=term

e2e: $(INSTALLED) ## the page in headless Chromium
	$(BIN)/pytest -m e2e

chaos: $(INSTALLED) ## every fault, alone and many at a time, under load: half an hour
	$(BIN)/pytest -m chaos --soak

bench: $(INSTALLED) ## measure; the results go to benchmarks/results and the README
	set -e; for name in drain intake latency import_leads idle parse page score_lead rescore beside_rescoring; do $(BIN)/python -m benchmarks.$$name; done
	$(BIN)/python -m benchmarks.figures

migrate: $(INSTALLED) ## bring the database to the newest schema
	$(BIN)/service6 db upgrade

spec: $(INSTALLED) ## write the OpenAPI and AsyncAPI documents and the test matrix
	$(BIN)/python -m workers.api.openapi.write
	$(BIN)/python -m coordination.integration_test_matrix

lock: $(INSTALLED) ## renew constraints.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev \
		--no-header --no-annotate --output-file constraints.txt setup.cfg

# Debian's Python may come with pip and without the module that puts pip into a new environment.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Service 6 needs Python 3.11 or newer; say PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@echo "making .venv"
	@{ $(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $@ install pip; }; } $(QUIETLY)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what setup.cfg asks for, as constraints.txt locks it"
	@$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]' $(QUIETLY)
	@touch $@
