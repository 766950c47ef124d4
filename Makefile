# Queue Ends: every command a developer or operator types. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
STAGE ?= dev
VENV := .venv
PY := $(VENV)/bin/python
CDK := node_modules/.bin/cdk
# For `demo`: how many conversations, and which. For `chaos`: how many events, and which faults.
EVENTS ?= 400
chaos: EVENTS = 5000
SEED ?= 1
# For both: how events arrive, subscription or eventbridge.
DELIVERY ?= subscription
# For both: what the worker asks Genesys Cloud's analytics for, none or analytics.
DETAILS ?= none
# For `bench`: which parts, such as PART="per_record latency"; all by default.
PART ?=
# For `fuzz`: how many inputs, within how many seconds, of which targets (all by default), and whether
# to go on where the last call ended. REPLAY= names the file of a finding to run again. KEEP= adds so
# many of each target's smallest seeds to the corpus in the repository.
INPUTS ?= 1000000
SECONDS ?= 3600
TARGET ?=
RESUME ?= yes
REPLAY ?=
KEEP ?= 0
# For `deploy` and `destroy`: further settings, such as SETTINGS="-c log_level=DEBUG".
SETTINGS ?=
# Whoever sits at a terminal is asked; a pipeline is not.
APPROVAL = $$(test -t 0 && echo --require-approval broadening || echo --require-approval never)
FORCE = $$(test -t 0 || echo --force)
# Silence the warnings of the AWS SDK and jsii that a working Node.js version is old.
export AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED := true
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20,22
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := true
# Many processes import the same: what one has compiled serves the others, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo chaos bench fuzz test lint lock audit sbom diff deploy drift policy destroy
help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(VENV)/bin/queue-ends node_modules/.installed build/.packages ## fetch all that is needed, into .venv, node_modules and build; quick when done

$(VENV)/.installed: requirements-dev.txt requirements.txt functions/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Queue Ends needs Python 3.11 or newer; set PYTHON= to one.")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The operator's command line, which finds this project wherever it is called.
$(VENV)/bin/queue-ends: $(VENV)/.installed
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s" -m ops "$$@"\n' "$(CURDIR)" "$(CURDIR)/$(PY)" > $@
	@chmod +x $@

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# What the functions need, for this machine and for Lambda: nothing after set-up needs a registry.
build/.packages: $(VENV)/.installed functions/requirements.txt $(wildcard infra/packaging/*.py infra/packaging/*/*.py)
	@$(PY) -m infra.packaging
	@touch $@

# An environment of a user's own, in which pip has installed this package; the tests deploy the
# example app from there. What the package needs is pinned here, and meets the ranges that a user's
# pip would choose from. Of the 480 MB, Python compiles only what the app imports.
OWN_APP := build/own-app
$(OWN_APP)/.installed: $(VENV)/.installed pyproject.toml $(shell find infra functions -name '*.py' -o -name requirements.txt)
	@$(PYTHON) -m venv --clear $(OWN_APP)
	$(VENV)/bin/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --check-build-dependencies --wheel-dir $(OWN_APP) .
	$(OWN_APP)/bin/pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	$(OWN_APP)/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps $(OWN_APP)/queue_ends-*.whl
	@$(OWN_APP)/bin/pip check --disable-pip-version-check
	@touch $@

# Programs with packages of their own, which must not decide on the versions that the project uses.
TOOLS := build/tools
$(TOOLS)/.installed: requirements-tools.txt
	@$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	@touch $@

lint: setup ## ruff and mypy
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# UPGRADE="--upgrade-package requests" takes newer versions; without it only what is missing is added.
lock: UV = $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
lock: $(TOOLS)/.installed ## pin the packages of requirements*.in anew, with their hashes (UPGRADE=--upgrade)
	$(UV) $(UPGRADE) functions/requirements.in -o functions/requirements.txt
	$(UV) $(UPGRADE) requirements.in -c functions/requirements.txt -o requirements.txt
	$(UV) $(UPGRADE) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(UV) $(UPGRADE) requirements-tools.in -c requirements-dev.txt -o requirements-tools.txt

# Where the advisories cannot be asked, this fails. PRIVATE names packages that nobody else can know.
audit: setup $(TOOLS)/.installed ## look for known vulnerabilities in all packages; needs the network (STAGE=dev PRIVATE=)
	@$(CDK) synth --quiet -c stage=$(STAGE) $(SETTINGS)
	@$(PY) -m infra.supply_chain audit cdk.out/QueueEnds-$(STAGE).template.json $(CURDIR)/$(TOOLS)/bin/pip-audit $(PRIVATE)

sbom: setup ## write the bill of materials of the functions into build/sbom (STAGE=dev)
	@$(CDK) synth --quiet -c stage=$(STAGE) $(SETTINGS)
	@$(PY) -m infra.supply_chain bill cdk.out/QueueEnds-$(STAGE).template.json build/sbom/QueueEnds-$(STAGE).cdx.json

demo: setup ## deploy to an emulated AWS and run conversations through (EVENTS= SEED= DELIVERY=eventbridge DETAILS=analytics)
	@$(PY) -m local.demo --events $(EVENTS) --seed $(SEED) --delivery $(DELIVERY) --details $(DETAILS)

chaos: setup ## the same while faults strike, and an account of every end (EVENTS= SEED= DELIVERY=eventbridge DETAILS=analytics)
	@$(PY) -m local.chaos --events $(EVENTS) --seed $(SEED) --delivery $(DELIVERY) --details $(DETAILS)

bench: setup ## measure speed, memory and calls against what people would use instead (PART=per_record)
	@$(PY) -m bench $(PART)

fuzz: setup ## try mutated inputs on all that reads them (INPUTS= SECONDS= SEED= TARGET=client RESUME=no REPLAY=file)
	@PYTHONPATH=functions $(PY) -m tests.fuzz --inputs $(INPUTS) --seconds $(SECONDS) --seed $(SEED) --resume $(RESUME) \
		$(if $(TARGET),--targets $(TARGET)) $(if $(REPLAY),--replay $(REPLAY)) --keep $(KEEP)

# More processes than a small machine has cores, as the tests of deployed stacks wait a lot.
test: lint $(OWN_APP)/.installed ## everything that needs no real AWS
	$(VENV)/bin/pytest -n 4 --dist loadgroup

diff: setup ## show what a deploy would change, and warn of data that it would lose (STAGE=dev)
	@$(PY) -m infra.target Comparing QueueEnds-$(STAGE) with
	@$(PY) -m infra.losses show $(CDK) -c stage=$(STAGE) $(SETTINGS)

# The time makes CloudFormation look up the names of the queues anew. Where data would be lost, whoever
# sits at a terminal is asked, and a pipeline fails unless it sets ACCEPT_LOSS=yes. What is deployed
# is what was compared.
deploy: setup ## deploy to your AWS account (STAGE=dev)
	@$(PY) -m infra.target Deploying QueueEnds-$(STAGE) to
	@$(PY) -m infra.losses accept $(CDK) -c stage=$(STAGE) -c deployed_at=$$(date -u +%Y-%m-%dT%H:%M:%SZ) $(SETTINGS)
	$(CDK) deploy $(SETTINGS) --app cdk.out $(APPROVAL)

drift: setup ## fail if somebody has changed the deployed stack by hand (STAGE=dev)
	@$(PY) -m infra.target Looking for drift of QueueEnds-$(STAGE) in
	@$(CDK) drift --fail -c stage=$(STAGE) $(SETTINGS)

policy: setup ## write the IAM policies that a deploy needs into build/policy (STAGE=dev ACCOUNT= REGION=)
	@$(CDK) synth --quiet -c stage=$(STAGE) $(SETTINGS)
	@$(PY) -m infra.deploy_policy cdk.out/QueueEnds-$(STAGE).template.json "$(ACCOUNT)" "$(REGION)" build/policy/QueueEnds-$(STAGE)

destroy: setup ## remove it from your AWS account and from Genesys Cloud (STAGE=dev)
	@$(PY) -m infra.target Destroying QueueEnds-$(STAGE) in
	$(CDK) destroy -c stage=$(STAGE) $(SETTINGS) $(FORCE)
