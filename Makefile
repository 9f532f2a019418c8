# Every habit of this project. `make help` explains them; each works on a fresh clone.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run smoke backup restore test lint types unit contract integration journey browser screens e2e e2e-small chaos chaos-small outages bench contracts messages lock clean distclean

BIN := .venv/bin
PYTHON := $(BIN)/python
# As many test processes as there are processors, each with a broker and databases of its own.
AT_ONCE := -n auto --maxprocesses 4
ONE_JOURNEY := tests/e2e/test_from_application_to_gate.py::test_an_application_becomes_a_pass_that_opens_the_gate[Punjabi phone]

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv, install RabbitMQ, PostgreSQL and Prometheus by apt where missing; at once when all is there
	@deploy/local/bootstrap

run: setup ## start everything on this machine, walk one journey through it, serve at http://127.0.0.1:8080
	@$(PYTHON) -m deploy.local.run

smoke: setup ## the same, but stop after the journey
	@$(PYTHON) -m deploy.local.run --once

backup: setup ## copy all databases and secrets of the running system into .local-backups/, or into BACKUP=folder
	@$(PYTHON) -m deploy.local.backup $(if $(BACKUP),--into $(BACKUP))

restore: setup ## a backup (BACKUP=folder) into an empty .local; REPLACE=yes deletes what is there
	@$(PYTHON) -m deploy.local.restore $(BACKUP) $(if $(REPLACE),--replace)

test: setup lint types unit contract integration journey e2e-small chaos-small ## everything that CI asks for

lint: setup ## style, format, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup ## mypy
	$(BIN)/mypy

unit: setup ## tests of single functions and services: no broker, no database
	$(PYTHON) -m pytest tests/unit

contract: setup ## tests of the wire: golden samples, and that the generated documents are fresh
	$(PYTHON) -m contracts.asyncapi --check
	$(PYTHON) -m services.gateway.openapi_file --check
	$(PYTHON) -m pytest tests/contract

integration: setup ## tests on a real broker and real databases
	$(PYTHON) -m pytest tests/integration $(AT_ONCE)

journey: setup ## tests of the whole system through HTTP only
	$(PYTHON) -m pytest tests/journey $(AT_ONCE)

browser: setup
	@deploy/local/bootstrap chromium

screens: browser ## pictures of pages for README.md, into docs/screens
	EPASS_SCREENS=docs/screens $(PYTHON) -m pytest 'tests/e2e/test_apply.py::test_no_page_of_applying_is_wider_than_a_phone[pa]' '$(ONE_JOURNEY)'

e2e: browser ## people in a real Chromium, in three languages, with scripts and without, on a phone and at a desk
	$(PYTHON) -m pytest tests/e2e $(AT_ONCE)

e2e-small: browser ## one journey from the application to the gate, on pages only, in a real Chromium
	$(PYTHON) -m pytest '$(ONE_JOURNEY)'

chaos: setup ## kill -9 everywhere under 10,000 applications and count what came of them, then outages at full length; CHAOS_APPLICATIONS, _KILLS, _SECONDS, _SEED
	$(PYTHON) -m tests.chaos
	CHAOS_OUTAGE_SECONDS=120 CHAOS_ALARM_SECONDS=120 CHAOS_DATABASE_OUTAGE_SECONDS=600 CHAOS_BACKLOG=10000 $(PYTHON) -m pytest tests/chaos -m outage -s

chaos-small: setup ## 300 applications and as many kills as fit into two minutes; each guard taken out once
	$(PYTHON) -m pytest tests/chaos -m "not outage" $(AT_ONCE) --dist loadfile

outages: setup ## what lasts, made short: each part away, broker full, connections half-open, a backlog, restarts, alerts, a restored backup
	$(PYTHON) -m pytest tests/chaos -m outage

bench: setup ## measure scans and journeys a second against a bare RPC and a monolith, and pages on a slow line; asserts nothing
	$(PYTHON) -m bench

contracts: setup ## generate contracts/asyncapi.yaml, openapi.yaml and the dashboard anew
	$(PYTHON) -m contracts.asyncapi
	$(PYTHON) -m services.gateway.openapi_file
	$(PYTHON) -m deploy.grafana.overview

messages: setup ## bring services/gateway/translations/*.po up to date with the texts of the pages; new ones come in empty
	$(PYTHON) -m services.gateway.message_catalogues

lock: ## resolve every dependency anew into requirements.lock (needs uv)
	uv pip compile --universal --generate-hashes --python-version 3.11 --group dev --upgrade pyproject.toml -o requirements.lock

clean: ## delete the local data, and stop what a killed run has left behind
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m deploy.local.clean; else rm -rf .local; fi

distclean: clean ## delete .venv too
	rm -rf .venv
