# Pileus: `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENT := .client
PIP := pip install -q --disable-pip-version-check
STATE ?= /var/lib/pileus
IMAGES ?= /var/cache/pileus/images

.DEFAULT_GOAL := help
.PHONY: help env host client up test test-real faults check format e2e image bench bench-choices golden migration clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

env: $(VENV)/.done ## Make .venv with the locked dependencies
$(VENV)/.done: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tools/apt python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) --require-hashes -r requirements/dev.txt
	$(BIN)/$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

host: $(VENV)/.host ## Add what real guests and networks need to .venv (root, Debian 12)
$(VENV)/.host: requirements/host.txt $(VENV)/.done
	@$(BIN)/python tools/host-packages $(STATE)
	$(BIN)/$(PIP) --require-hashes -r requirements/host.txt
	@touch $@

client: $(CLIENT)/.done ## Make .client with the real openstack client
$(CLIENT)/.done: requirements/client.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tools/apt python3-venv
	$(PYTHON) -m venv $(CLIENT)
	$(CLIENT)/bin/$(PIP) --require-hashes -r requirements/client.txt
	@touch $@

up: host ## Install what is missing, start the cloud, say what to do next
	$(BIN)/pileus up --state $(STATE)

test: env ## Unit, API and simulated-cloud tests, and one real guest where this machine can
	tools/test

test-real: host ## The tests of the real drivers (root)
	$(BIN)/python -m pytest -m real

faults: env ## Crash every flow at every line (the whole campaign)
	PILEUS_FAULTS=full $(BIN)/python -m pytest tests/flows -s -o timeout=1800

check: env ## Format, lint, types, layers
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: env ## Format the code
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

image: env ## Build the tiny and the Debian image (cached)
	$(BIN)/python -m pileus.host.images --tiny --debian --cache $(IMAGES)

e2e: client ## Walk through a running cloud with the real client (after `make up`)
	$(BIN)/python tests/e2e/run.py --state $(STATE) --client $(CLIENT)/bin/openstack \
		$$(ls -t $(IMAGES)/*/*debian*.qcow2 2>/dev/null | sed "s/^/--image /" | head -1)

golden: env ## Write the golden files anew
	PILEUS_GOLDEN=write $(BIN)/python -m pytest tests/rules/test_golden.py tests/drivers/test_compute_domain.py

migration: env ## Write the next migration from the declared tables: make migration m="add volumes"
	$(BIN)/python tools/migration "$(m)"

clean: ## Remove what make built in this checkout
	rm -rf $(VENV) $(CLIENT) .pytest_cache .mypy_cache .ruff_cache build src/*.egg-info

bench-choices: .bench/.done ## Measure the libraries chosen against those not chosen
	cd bench/choices && for each in routing validation database policy servers; do ../../.bench/bin/python $$each.py; done
.bench/.done: requirements/bench.txt
	$(PYTHON) -m venv .bench
	.bench/bin/$(PIP) --require-hashes -r requirements/bench.txt
	.bench/bin/$(PIP) "setuptools>=77" && .bench/bin/$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

bench: env ## Measure the simulated cloud; as root with a cloud up, also a real guest
	$(BIN)/python bench/api.py
	@[ ! -f $(STATE)/accelerator.json ] || $(BIN)/python bench/guest.py --state $(STATE)
