# Pileus: `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENT := .client
CONFORMANCE := .conformance
FEDERATION := .federation
HAS_VENV := $(PYTHON) -c "import ensurepip, venv" 2>/dev/null
# From which libvirt's Python bindings are built.
TO_BUILD := libvirt-dev pkg-config gcc libc6-dev python3-dev
HAS_DATABASES := ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && [ -x /usr/sbin/haproxy ]
HAS_PING := @command -v ping >/dev/null && command -v virt-xml-validate >/dev/null && command -v xmllint >/dev/null
HAS_MMDEBSTRAP := @command -v mmdebstrap >/dev/null
BARE ?= /var/tmp/pileus-bare
PIP := pip install -q --disable-pip-version-check
STATE ?= /var/lib/pileus
IMAGES ?= /var/cache/pileus/images

.DEFAULT_GOAL := help
.PHONY: bare help env host databases ping client up test test-postgresql test-real test-federation directory hosts faults campaign conformance-identity conformance-image conformance-placement check format differential e2e image bench bench-fleet bench-images bench-placement bench-choices golden migration clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

env: $(VENV)/.done ## Make .venv with the locked dependencies
$(VENV)/.done: requirements/dev.txt pyproject.toml
	@$(HAS_VENV) || tools/packages $(STATE) python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) --require-hashes -r requirements/dev.txt
	$(BIN)/$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

host: $(VENV)/.host ## Add what real guests and networks need to .venv (root, Debian 12)
$(VENV)/.host: requirements/host.txt $(VENV)/.done
	@tools/packages $(STATE) $(TO_BUILD)
	$(BIN)/$(PIP) --require-hashes -r requirements/host.txt
	@touch $@

databases: ## Add the throw-away database servers of the tests (root, Debian 12)
	@$(HAS_DATABASES) || tools/databases $(STATE)

directory: $(VENV)/.directory ## Add the LDAP server of the tests, and its client to .venv (root, Debian 12)
$(VENV)/.directory: requirements/ldap.txt $(VENV)/.done
	@tools/directory $(STATE)
	$(BIN)/$(PIP) --require-hashes -r requirements/ldap.txt
	@touch $@

ping: ## Add the ping that the journey sends, and what checks definitions of guests (root, Debian 12)
	$(HAS_PING) || tools/packages $(STATE) iputils-ping libvirt-clients libxml2-utils

client: $(CLIENT)/.done ## Make .client with the real openstack client
$(CLIENT)/.done: requirements/client.txt
	@$(HAS_VENV) || tools/packages $(STATE) python3-venv
	$(PYTHON) -m venv $(CLIENT)
	$(CLIENT)/bin/$(PIP) --require-hashes -r requirements/client.txt
	@touch $@

$(CONFORMANCE)/.done: requirements/conformance.txt
	@$(HAS_VENV) || tools/packages $(STATE) python3-venv
	$(PYTHON) -m venv $(CONFORMANCE)
	$(CONFORMANCE)/bin/$(PIP) --require-hashes -r requirements/conformance.txt
	@touch $@

$(FEDERATION)/.done: requirements/federation.txt
	@$(HAS_VENV) || tools/packages $(STATE) python3-venv
	$(PYTHON) -m venv $(FEDERATION)
	$(FEDERATION)/bin/$(PIP) --require-hashes -r requirements/federation.txt
	@touch $@

up: host ## Install what is missing, start the cloud, say what to do next
	$(BIN)/pileus up --state $(STATE)

test: env ## Unit, API and simulated-cloud tests, and one real guest where this machine can
	tools/test

test-postgresql: env databases ## The API, core, agent and flow tests on PostgreSQL, and several processes on one
	PILEUS_TEST_DATABASE=postgresql $(BIN)/python -m pytest tests/api tests/core tests/wire tests/agent tests/flows tests/databases -o timeout=600

test-real: host ping ## The tests of the real drivers (root)
	$(BIN)/python -m pytest -m real

hosts: host ping ## Three hosts in namespaces: guests across them, moves, kills, cuts (root, ten minutes)
	PILEUS_HOSTS=full $(BIN)/python -m pytest tests/hosts tests/drivers/test_live_contract.py --durations=5

faults: env ## Crash every flow at every line, kill a real process at every step (an hour)
	PILEUS_FAULTS=full $(BIN)/python -m pytest tests/flows tests/killed -s -o timeout=3600

campaign: env ## 20 clients and 100,000 calls while everything breaks (CAMPAIGN_SEED= repeats one)
	CAMPAIGN=full $(BIN)/python -m pytest tests/campaign -s -o timeout=10000

differential: env ## Compare allocation candidates with brute force, thousands of times (WORLDS= of 18 requests)
	PILEUS_DIFFERENTIAL=$(or $(WORLDS),500) $(BIN)/python -m pytest tests/api/placement/test_differential.py

conformance-identity: env $(CONFORMANCE)/.done ## Upstream's Tempest tests of identity against a simulated cloud (SUITES= chooses)
	$(BIN)/python tests/conformance/run.py $(CONFORMANCE)/bin/python identity $(SUITES)

conformance-image: env $(CONFORMANCE)/.done ## Upstream's Tempest tests of image against a simulated cloud (SUITES= chooses)
	$(BIN)/python tests/conformance/run.py $(CONFORMANCE)/bin/python image $(SUITES)

conformance-placement: env $(CONFORMANCE)/.done ## Upstream's suites of placement against a simulated cloud (SUITES= chooses)
	$(BIN)/python tests/conformance/placement/run.py $(CONFORMANCE)/bin/python $(SUITES)

test-federation: env directory $(FEDERATION)/.done ## Logins between two clouds, at an OpenID Connect provider and an LDAP server
	PILEUS_FEDERATION=full $(BIN)/python -m pytest tests/federation -o timeout=600

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

e2e: client ping ## Walk through a running cloud with the real client (after `make up`)
	$(BIN)/python tests/e2e/run.py --state $(STATE) --client $(CLIENT)/bin/openstack \
		$$(ls -t $(IMAGES)/*/*debian*.qcow2 2>/dev/null | sed "s/^/--image /" | head -1)

bare: ## Prove all of this on a bare Debian, made in BARE and removed again (root)
	@[ ! -e $(BARE) ] || { echo "$(BARE) is there already: remove it, or give another BARE=" >&2; exit 1; }
	$(HAS_MMDEBSTRAP) || tools/packages $(STATE) mmdebstrap
	tests/bare/machine $(BARE) && git clone -q --no-hardlinks . $(BARE)/srv/pileus && \
		tests/bare/enter $(BARE) /srv/pileus/tests/bare/walk /srv/pileus; \
		status=$$?; rm -rf --one-file-system $(BARE); exit $$status

golden: env ## Write the golden files anew
	PILEUS_GOLDEN=write $(BIN)/python -m pytest tests/rules/test_golden.py tests/drivers/test_compute_domain.py

migration: env ## Write the next migration from the declared tables: make migration m="add volumes"
	$(BIN)/python tools/migration "$(m)"

clean: ## Remove what make built in this checkout
	rm -rf $(VENV) $(CLIENT) $(CONFORMANCE) $(FEDERATION) .pytest_cache .mypy_cache .ruff_cache build src/*.egg-info

bench-choices: .bench/.done ## Measure the libraries chosen against those not chosen
	cd bench/choices && for each in routing validation database policy servers flows; do ../../.bench/bin/python $$each.py; done
.bench/.done: requirements/bench.txt
	$(PYTHON) -m venv .bench
	.bench/bin/$(PIP) --require-hashes -r requirements/bench.txt
	.bench/bin/$(PIP) "setuptools>=77" && .bench/bin/$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

bench-fleet: env ## Measure 500, 1,000 and 5,000 simulated hosts (BENCH_FILL= more servers on the last)
	$(BIN)/python bench/fleet.py

bench-images: env ## Measure images going up and down against a plain copy (MEGABYTES= of one)
	$(BIN)/python bench/images.py $(MEGABYTES)

bench-placement: env databases ## Measure candidates, claims and the choice of hosts, with 1,000 and 10,000 hosts
	$(BIN)/python bench/placement.py
	$(BIN)/python bench/scheduling.py

bench: env ## Measure the simulated cloud; as root with a cloud up, also a real guest
	$(BIN)/python bench/api.py
	@[ ! -f $(STATE)/accelerator.json ] || $(BIN)/python bench/guest.py --state $(STATE)
