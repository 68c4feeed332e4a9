# The environment lives in .venv, the demo's state in demo/. Both are ignored by git; `make` again is fast.

SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/installed  ## start over: PKI, patients, documents, a server in the background, and the main job on screen
	@$(BIN)/dmp demo --dir demo

.PHONY: stop
stop:  ## stop the demo's server
	@if [ -x $(BIN)/dmp ]; then $(BIN)/dmp demo --dir demo --stop; fi

.PHONY: serve
serve: .venv/installed  ## run a server with the settings in DMP_HOME (ARGS="--https ..." adds flags)
	@$(BIN)/dmp serve $(ARGS)

.PHONY: test
test: .venv/installed-dev .venv/peers  ## run the tests (ARGS="-k name" chooses)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: check
check: .venv/installed-dev  ## style, types, import contract, house rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/house_rules.py

.PHONY: long
long: .venv/installed-dev .venv/peers  ## run the tests that take minutes: kills, big documents, full corpora
	@$(BIN)/python -m pytest -m long $(ARGS)

.PHONY: bench
bench: .venv/installed-dev  ## measure ITI-41, ITI-18 and ITI-43 against this machine's disk and processor
	@$(BIN)/python -m benchmarks $(ARGS)

.venv/bin/python:
	@tools/bootstrap.sh .venv

.venv/installed: setup.cfg pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the server in .venv ..."
	@$(INSTALL) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing the tools for tests in .venv ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $@

.venv/peers: tools/peers.sh | .venv/bin/python
	@tools/peers.sh .venv/peers-missing
	@touch $@
