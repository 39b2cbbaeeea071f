# Chapterhouse. `make demo` and `make test` need Python 3.11+ and make; they bring everything else.
# Without make: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python manage.py demo

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
EMBEDDED := $(BIN)/python -m integrations.embedded
ARGS ?=
# How many processes share the suite, each with a database of its own: one for each core, four at most. 0: pytest itself runs it.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(os.cpu_count() or 1, 4))')
# By group: tests marked xdist_group("crowd") take many processes or connections, and run one at a time.
PARALLEL = -n $(WORKERS) --dist loadgroup
# A PostgreSQL that flushes to disk, as production's does: a bench on the embedded one of the tests would flatter.
BENCH_SERVER ?= postgres://root@127.0.0.1:5432
BENCH_VENV := .venvs/bench
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.DEFAULT_GOAL := help
.PHONY: help demo test test-services test-browser faults lint audit bench-pull bench-feed bench-webhooks clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "Chapterhouse needs Python 3.11 or newer, and found: $$(python3 --version 2>&1 || echo none)."; \
		echo "Install one (https://www.python.org/downloads/) or name it: make demo PYTHON=/path/to/python3.11"; exit 1; fi
	@echo "Installing into $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

demo: $(VENV)/.installed ## the whole product with sample vendors (ARGS=--no-serve: set up, sync once, exit)
	@$(BIN)/python manage.py demo $(ARGS)

test: $(VENV)/.installed ## the whole suite on an embedded PostgreSQL (WORKERS=1, ARGS="tests/sync -x")
	@$(EMBEDDED) $(BIN)/python -m pytest -m "not browser" $(PARALLEL) $(ARGS)

test-services: $(VENV)/.installed ## what touches database and broker, on the servers named by DATABASE_URL and BROKER_URL
	@$(BIN)/python -m pytest -m services $(PARALLEL) $(ARGS)

test-browser: $(VENV)/.installed ## the pages in a real Chromium
	@if [ -z "$(CHROMIUM)" ]; then echo "No Chromium found. Install one (apt-get install chromium) or name it: make test-browser CHROMIUM=/path"; exit 1; fi
	@CHROMIUM=$(CHROMIUM) $(EMBEDDED) $(BIN)/python -m pytest -m browser $(ARGS)

faults: $(VENV)/.installed ## workers killed, servers crashed, vendors misbehaving, at full volume (ARGS="kills --seed 7")
	@$(BIN)/python -m tests.faults $(ARGS)

lint: $(VENV)/.installed ## ruff, mypy, the rooms' import rules, bandit
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy integrations/provider providers
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/bandit -q -ll -c pyproject.toml -r config integrations providers members finance

audit: $(VENV)/.installed ## known vulnerabilities in what requirements.txt pins
	@$(BIN)/python .ci/audit

$(BENCH_VENV)/.installed: bench/requirements.txt $(VENV)/.installed
	@$(BIN)/python -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

bench-pull: $(BENCH_VENV)/.installed ## how fast a pull is, beside its limit and dlt (BENCH_SERVER=postgres://..., ARGS="--records 10000")
	@$(BIN)/python bench/pull.py --server $(BENCH_SERVER) --dlt $(BENCH_VENV)/bin/python $(ARGS)

bench-feed: $(VENV)/.installed ## how long a feed of a million changes makes people wait (BENCH_SERVER, ARGS="--rows 100000")
	@$(BIN)/python bench/feed_pages.py --server $(BENCH_SERVER) $(ARGS)

bench-webhooks: $(VENV)/.installed ## how fast webhooks go out, and with one receiver that hangs (BENCH_SERVER, ARGS="--events 2000")
	@$(BIN)/python bench/outbound.py --server $(BENCH_SERVER) $(ARGS)

clean: ## forget the demo's database and files
	rm -rf .demo
