# Two commands matter: `make up` runs everything on this machine, `make test` proves it. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# Test processes; each starts its own MongoDB and Temporal.
WORKERS ?= 3
# Compiled modules are kept: tests start hundreds of processes that would compile them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down reset status test lint format rules suite bench chaos fuzz lock venv

help: ## list these targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

up: $(STAMP) ## start everything on this machine and wait until it is green; Ctrl-C stops it
	@$(BIN)/planwright up

down: $(STAMP) ## stop what `make up` started
	@$(BIN)/planwright down

reset: $(STAMP) ## stop it and delete its data (.local)
	@$(BIN)/planwright reset

status: $(STAMP) ## say what runs
	@$(BIN)/planwright status

test: lint rules suite ## lint, types, import rules, and the whole suite against real servers

lint: $(STAMP) ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP) ## write the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

rules: $(STAMP) ## the pure rules, every branch of them
	$(BIN)/coverage run -m pytest -n $(WORKERS) tests/planning
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

suite: $(STAMP) ## every other test
	$(BIN)/python -m pytest -n $(WORKERS) --ignore=tests/planning

bench: $(STAMP) ## throughput and load times, printed
	$(BIN)/python -m bench

chaos: $(STAMP) ## kill processes at random moments and count what is lost (CHAOS_ARGS="--kills 60 --seed 2")
	$(BIN)/python -m bench.chaos $(CHAOS_ARGS)

fuzz: $(STAMP) ## the running API and the rules against random requests and examples, 5 minutes (FUZZ_ARGS="--seed 2")
	$(BIN)/python -m bench.fuzz $(FUZZ_ARGS)

venv: $(STAMP) ## install what requirements.lock names

# uv itself comes from the lock too, with its hash; the checkout is put on the path instead of being built.
$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Planwright needs Python 3.11 or newer as '$(PYTHON)': install it, or name yours with 'make PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python can't make virtual environments: install its venv package ('apt-get install python3-venv')." >&2; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@awk '/^uv==/ {take = 1; print; next} /^[A-Za-z0-9]/ {take = 0} take' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@echo '$(CURDIR)' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/planwright.pth"
	@printf '#!/bin/sh\nexec "%s" -m ops.cli "$$@"\n' '$(CURDIR)/$(BIN)/python' > $(BIN)/planwright
	@chmod +x $(BIN)/planwright
	@touch $(STAMP)

LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 --universal

lock: $(STAMP) ## resolve the dependencies anew (LOCK_ARGS=--upgrade takes newer versions)
	$(LOCK) $(LOCK_ARGS) --group embedded --group dev --output-file requirements.lock
	$(LOCK) --constraints requirements.lock --output-file requirements-runtime.lock
