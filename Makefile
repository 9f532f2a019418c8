# The tasks of this project that are done often. `make help` explains them; each works on a fresh clone. What is done
# seldom is a module of Python: CONTRIBUTING.md lists those.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run clean image secrets sbom pin audit compose-backup compose-restore test test-all lint types unit contract integration journey e2e compose-test kubernetes-test upgrade-test chaos bench contracts translations lock

# Python stores what it compiles also where the environment forbids it: a process starts half a second sooner.
export PYTHONDONTWRITEBYTECODE :=

BIN := .venv/bin
PYTHON := $(BIN)/python
# Each writes files from what the code declares; with --check it compares them.
GENERATED := contracts.asyncapi contracts.event_samples contracts.overview contracts.processing \
	services.gateway.documents.openapi_file services.gateway.documents.client_file \
	services.gateway.documents.page_map deploy.grafana deploy.kubernetes.alerts deploy.kubernetes.autoscaling deploy.parts
# As many test processes as there are processors, each with a broker and databases of its own. More would finish
# integration on two processors a tenth sooner, and take a third more of them.
AT_ONCE := -n auto --maxprocesses 4
# Tests of one file share a system.
SYSTEMS := $(AT_ONCE) --dist loadscope
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE := epass:$(VERSION)
# What only terminals and developers see: coloured tracebacks, reloading, WebSockets; and time zones, which the base has.
NOT_IN_IMAGE := pygments rich shellingham typer tzdata watchfiles websockets
DOCKER ?= docker
COMPOSE ?= $(DOCKER) compose --file deploy/compose.yaml
# The folder that deploy/compose.yaml mounts. One of the clone would get into the image, but for deploy/secrets.
NAMED = $(or $(EPASS_SECRETS),$(shell sed -n 's/^EPASS_SECRETS=//p' deploy/.env 2>/dev/null | tail -n 1),./secrets)
SECRETS = $(if $(and $(filter 1,$(words $(NAMED))),$(filter /% ./secrets,$(NAMED))),,$(error \
	EPASS_SECRETS has to be a path that begins with /, without blanks, quotes and comments))$(NAMED:./secrets=deploy/secrets)
# Writes what a container's files say in short, as a setting: at the next `up` compose replaces the container if it differs.
digest = cat $(2) | sha256sum | sed 's/\(.\{16\}\).*/EPASS_FILES=\1/' >$(SECRETS)/$(1).env
SBOM := build
ONE_JOURNEY := tests/e2e/test_from_application_to_gate.py::test_an_application_becomes_a_pass_that_opens_the_gate[Punjabi phone]

##@ Begin

help: ## show this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## create .venv, install RabbitMQ, PostgreSQL, Prometheus and kustomize by apt if missing
	@deploy/local/bootstrap

run: setup ## start everything, run the smoke journey, serve at http://127.0.0.1:8080
	@$(PYTHON) -m deploy.local.run

clean: ## delete the local data, and stop what a killed run has left behind
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m deploy.local.clean; else rm -rf .local; fi

##@ Containers (need Docker, and nothing else of this machine)

image: ## build the one image of all processes, epass:<version> (PULL=yes: on the newest base)
	$(DOCKER) build $(if $(PULL),--pull) --file deploy/Dockerfile --tag $(IMAGE) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null) \
		--build-arg CREATED=$(shell git log -1 --format=%cI 2>/dev/null) .

secrets: image ## make what deploy/compose.yaml needs as secrets in deploy/secrets; keep what is there
	@umask 077 && mkdir -p $(SECRETS) && touch $(SECRETS)/secrets.json \
		&& $(DOCKER) run --rm --interactive --network none --read-only --tmpfs /tmp $(IMAGE) \
			python -m deploy.compose.secrets <$(SECRETS)/secrets.json >$(SECRETS)/new.tar \
		&& tar -xpf $(SECRETS)/new.tar --no-same-owner -C $(SECRETS) && rm $(SECRETS)/new.tar
	@$(call digest,proxy,deploy/compose/Caddyfile)
	@$(call digest,rabbitmq,deploy/compose/rabbitmq.conf)
	@$(call digest,prometheus,deploy/prometheus/prometheus.yml deploy/prometheus/alerts.yml)
	@$(call digest,alertmanager,deploy/compose/alertmanager.yml)

sbom: setup ## list the Python and npm packages of the image as CycloneDX, into build/; not those of its base
	@mkdir -p $(SBOM)
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file $(SBOM)/epass-$(VERSION).cdx.json deploy/requirements.lock
	@(cd web && PATH=$(CURDIR)/$(BIN):$$PATH npm sbom --package-lock-only --sbom-format cyclonedx) \
		>$(SBOM)/epass-web-$(VERSION).cdx.json

pin: ## write the digests of all images that run here into deploy/.env: a later pull brings the same bytes (needs Docker)
	@DOCKER='$(DOCKER)' deploy/compose/pin

audit: setup ## name known weaknesses of all dependencies (needs the internet) and parts whose support ends in 60 days
	@$(PYTHON) -m deploy.local.audit

compose-backup: ## copy databases and secrets of the running installation, encrypted to EPASS_BACKUP_TO (needs age)
	@COMPOSE='$(COMPOSE)' SECRETS='$(SECRETS)' deploy/compose/backup create '$(BACKUP)'

compose-restore: ## restore such a backup (BACKUP=folder IDENTITY=file), start all but the proxy (REPLACE=yes deletes data)
	@COMPOSE='$(COMPOSE)' SECRETS='$(SECRETS)' KEYS='$(KEYS)' IDENTITY='$(IDENTITY)' KEYS_IDENTITY='$(KEYS_IDENTITY)' SIGNER='$(SIGNER)' \
		UNSIGNED='$(UNSIGNED)' deploy/compose/backup restore '$(BACKUP)' $(if $(REPLACE),replace)

##@ Tests

test: export EPASS_TEST_SHORT := yes
test: setup lint types unit contract integration ## run what each change needs: these in short, a journey in a browser, applications under kill -9
	@deploy/local/bootstrap chromium
	$(PYTHON) -m pytest tests/journey/test_from_application_to_gate.py '$(ONE_JOURNEY)' \
		tests/chaos/test_small_chaos.py $(SYSTEMS)

test-all: setup lint types unit contract integration journey e2e ## run these suites whole, and all browser tests: before a release
	$(PYTHON) -m pytest tests/chaos -m "not outage" $(SYSTEMS)

lint: setup ## check style, format and imports between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup ## check types with mypy, and those of the gate's app with TypeScript
	$(BIN)/mypy
	@cd web && PATH=$(CURDIR)/$(BIN):$$PATH npm run --silent types

unit: setup ## run tests of single functions, services and the gate's app, without a broker or a database
	$(PYTHON) -m pytest tests/unit $(AT_ONCE)
	@cd web && PATH=$(CURDIR)/$(BIN):$$PATH npm test --silent

contract: setup ## run tests of wire formats, and check the generated documents
	@for one in $(GENERATED); do $(PYTHON) -m $$one --check || exit 1; done
	$(PYTHON) -m pytest tests/contract $(AT_ONCE)

integration: setup ## run tests on a real broker and real databases
	@deploy/local/bootstrap caddy || echo "  the tests of the proxy are skipped"
	$(PYTHON) -m pytest tests/integration $(AT_ONCE) --dist loadgroup

journey: setup ## run tests of the whole system through HTTP
	$(PYTHON) -m pytest tests/journey $(SYSTEMS)

e2e: setup ## run browser tests in Chromium, in three languages, with and without scripts
	@deploy/local/bootstrap chromium
	$(PYTHON) -m pytest tests/e2e $(AT_ONCE)

compose-test: setup ## start deploy/compose.yaml, run the journey and refusals, kill each container (needs Docker)
	@deploy/local/bootstrap chromium
	EPASS_TEST_SYSTEM=compose $(PYTHON) -m pytest tests/compose tests/journey/test_refusals.py '$(ONE_JOURNEY)' -s

kubernetes-test: setup image ## in the local cluster that kubectl means: from nothing, kill, restart, upgrade, roll back, restore (EPASS_LOAD)
	DOCKER='$(DOCKER)' $(PYTHON) -u -m tests.kubernetes

upgrade-test: setup ## upgrade from the previous release under load (from 0.18.0 on; needs the history of git)
	$(PYTHON) -m pytest tests/chaos/test_upgrade.py -s -rs

chaos: setup ## kill -9 everywhere during 10,000 applications, then long outages, then nodes of clusters (an hour)
	@deploy/local/bootstrap faketime
	$(PYTHON) -m tests.chaos
	EPASS_TEST_DURABLE=yes CHAOS_OUTAGE_SECONDS=120 CHAOS_ALARM_SECONDS=120 CHAOS_DATABASE_OUTAGE_SECONDS=600 CHAOS_BACKLOG=10000 $(PYTHON) -m pytest tests/chaos -m outage -s
	[ -x build/barman/bin/moto_server ] || { $(PYTHON) -m venv build/barman && \
		build/barman/bin/pip install --quiet 'barman[cloud]==3.*' 'moto[server]==5.*' 'psycopg2-binary==2.*'; }
	EPASS_TEST_DURABLE=yes $(PYTHON) -m pytest tests/cluster -s

bench: setup ## measure scans, journeys and pages (BASE=revision: compare with it, by turns)
	$(PYTHON) -m bench$(if $(BASE),.compare $(BASE))

##@ Generated files

contracts: setup ## generate what the code declares: asyncapi, openapi, samples, tables of docs, dashboards, scaling
	@for one in $(GENERATED); do $(PYTHON) -m $$one || exit 1; done

translations: setup ## update services/gateway/translations/*.po from the texts of the pages
	$(PYTHON) -m services.gateway.documents.message_catalogues

lock: ## resolve all dependencies into requirements.lock, and those of the image beside it (needs uv)
	uv pip compile --universal --generate-hashes --python-version 3.11 --group dev --upgrade pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --python-version 3.11 --constraint requirements.lock \
		$(NOT_IN_IMAGE:%=--no-emit-package %) \
		--no-annotate --custom-compile-command "make lock" pyproject.toml -o deploy/requirements.lock
