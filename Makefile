# Queue Ends: every command a developer or operator types. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
STAGE ?= dev
VENV := .venv
PY := $(VENV)/bin/python
CDK := node_modules/.bin/cdk
# The CDK CLI announces the end of life of the Node.js that runs it; not our users' concern.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := true
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := true

.PHONY: help setup lint
help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(VENV)/.installed node_modules/.installed ## create .venv and node_modules; quick when done

$(VENV)/.installed: requirements-dev.txt requirements.txt functions/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Queue Ends needs Python 3.11 or newer; set PYTHON= to one.")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

lint: setup ## ruff and mypy
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
