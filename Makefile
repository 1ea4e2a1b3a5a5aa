# The one list of commands. `make help` prints it from the comments behind the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# sqruff compiles the models with dbt, which opens a warehouse. It gets its own warehouse, so that a build can run at the
# same time.
SQRUFF = scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && MERGANSER_HOME=$$scratch DBT_TARGET_PATH=$$scratch \
	DBT_LOG_PATH=$$scratch PATH="$(BIN):$$PATH" $(BIN)/sqruff lint

export DO_NOT_TRACK := 1
# Some containers forbid Python to keep compiled modules. Every command would then compile thousands, which takes longer
# than most commands themselves.
unexport PYTHONDONTWRITEBYTECODE
# Prerequisites of a target run in parallel, two at a time: the SQL linter beside the other checks, then the tests.
MAKEFLAGS += --jobs=2

.DEFAULT_GOAL := help
.PHONY: help install demo dev check lint-sql test test-only torture bench bench-identity scoreboard docs lock clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Merganser needs Python 3.11 or newer; name one with: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@# uv, where it is installed, needs a tenth of pip's time. --no-compile halves pip's time: Python compiles a module at
	@# its first import, and most are never imported.
	@if command -v uv > /dev/null; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock; \
	else \
		$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --require-hashes --requirement requirements.lock; \
	fi
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(INSTALLED) ## create .venv from the pinned, hashed lock

demo: $(INSTALLED) ## the whole product on a synthetic business, from nothing
	$(BIN)/merganser demo

dev: $(INSTALLED) ## Dagster's web UI on 127.0.0.1:3000
	$(BIN)/merganser dev

check: $(INSTALLED) ## under a minute: format, lint, types, dbt parse, architecture tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@changed="$$(git diff --name-only --diff-filter=d HEAD -- 'dbt_project/models/*.sql' 'dbt_project/tests/*.sql')"; \
		if [ -n "$$changed" ]; then $(SQRUFF) $$changed; fi
	$(BIN)/pytest -q tests/architecture

lint-sql: $(INSTALLED) ## lint every model; `make check` lints those that changed
	$(SQRUFF) dbt_project

test: $(INSTALLED) check lint-sql test-only ## every check and test

test-only: $(INSTALLED)
	$(BIN)/pytest -q --durations=15 --numprocesses 3 --dist loadfile --no-loadscope-reorder tests --ignore=tests/architecture

torture: $(INSTALLED) ## the same tests with bigger counts: hundreds of kills, larger worlds
	TORTURE=1 $(BIN)/pytest -q --durations=25 --numprocesses 2 --dist loadfile tests

bench: $(INSTALLED) ## measure speed against alternatives and the physical bound; prints JSON
	$(BIN)/python -m benchmarks

bench-identity: $(INSTALLED) ## the identity graph at ten million edges, against Splink and the bound; some minutes, 5 GB of disk
	$(BIN)/python -m benchmarks identity

scoreboard: $(INSTALLED) ## matching quality on public labelled data sets, against Splink and exact keys; writes docs/reference/scoreboard.md
	$(BIN)/python -m benchmarks.scoreboard

docs: $(INSTALLED) ## dbt's documentation site, under target/
	$(BIN)/dbt docs generate

lock: $(INSTALLED) ## recreate requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-strip-extras --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock

clean: ## remove what can be recreated: .venv, caches, the demo's home
	rm -rf $(VENV) .merganser target logs .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
