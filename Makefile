# `make rehearse` and `make test` work on a fresh machine with make and Python >= 3.11; `make help` lists the rest.

BIN := .venv/bin
PYTHON ?=
SCENARIO ?= tabletop
ARGS ?=

export PYTHON

.DEFAULT_GOAL := help
.NOTPARALLEL: # every target begins with the same .venv
.PHONY: help rehearse test lint types imports rules wheel check bench docs soak tools clean installed installed-dev

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo
	@echo 'PYTHON=python3.12 chooses the interpreter, SCENARIO=calm the rehearsal, ARGS="..." adds arguments.'

rehearse: installed tools ## rehearse the three incidents of the tabletop report
	@$(BIN)/syncstorm rehearse $(SCENARIO) $(ARGS)

test: installed-dev tools ## run the tests
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: installed-dev ## check style and formatting
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .

types: installed-dev ## check types
	@$(BIN)/python -m mypy

imports: installed-dev ## check which module may import which
	@$(BIN)/lint-imports

rules: installed-dev tools ## check the bundled alert rules with promtool
	@$(BIN)/python scripts/check_rules.py

wheel: installed-dev ## build the wheel and run the command from it
	@scripts/check-wheel

check: lint types imports rules wheel test ## everything that CI runs

bench: installed-dev tools ## measure the figures that README.md quotes
	@status=0; for part in virtual live steering tuning; do $(BIN)/python -m benchmarks.$$part $(ARGS) || status=1; done; exit $$status

docs: installed-dev ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

soak: installed-dev tools ## run the long tests, try other examples, and hold 10,000 connections for ten minutes
	@$(BIN)/python -m pytest -n auto -m 'soak or hypothesis' --hypothesis-profile explore $(ARGS)
	@$(BIN)/python -m benchmarks.live --soak

tools: installed ## get Prometheus into .tools, if PATH has none
	@for tool in prometheus promtool; do \
		command -v $$tool >/dev/null || \
		test -x "$${SYNCSTORM_TOOLS:-.tools}/usr/bin/$$tool" || \
		exec $(BIN)/syncstorm doctor --fetch; \
	done

clean: ## remove everything that make has made, except rehearsals
	rm -rf .venv .tools dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

installed:
	@scripts/setup run

installed-dev:
	@scripts/setup dev
