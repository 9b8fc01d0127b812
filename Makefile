# Needs make and Python 3.11 or newer; everything else goes into .venv. `make demo` and `make test` are the two to start with.

VENV := .venv
BIN := $(VENV)/bin
MAJORS ?= 14 15 16 17 18
DURATION ?=
IMAGE ?= script-tracking-exporter:latest
PYTEST := $(BIN)/python -m pytest

export DURATION

.PHONY: help demo test test-all lint types check-rules image clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

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

$(VENV)/.with-demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.with-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,demo]'
	@touch $@ $(VENV)/.with-demo

demo: $(VENV)/.with-demo ## the main job on an embedded PostgreSQL; DURATION=60 ends it by itself
	@exec $(BIN)/script-tracking-exporter demo

test: $(VENV)/.with-dev ## the tests, on the first PostgreSQL that is found
	$(PYTEST)

test-all: $(VENV)/.with-dev ## the tests on every PostgreSQL major: MAJORS="14 15 16 17 18"
	@for major in $(MAJORS); do \
	  echo "== PostgreSQL $$major"; \
	  POSTGRES_MAJOR=$$major $(PYTEST) || exit 1; \
	done

lint: $(VENV)/.with-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.with-dev ## mypy, strict
	$(BIN)/mypy

check-rules: ## alert rules and their cases, by promtool
	promtool check rules deploy/prometheus/rules/*.yaml
	promtool test rules deploy/prometheus/tests/*.yaml

image: ## the container image, script-tracking-exporter:latest
	docker build --tag $(IMAGE) .

clean: ## removes what make made
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache build dist
