# Thin: every target calls a tool that also works by itself.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo check lint test test-database test-planner test-e2e bench faults kills docs

## A virtual environment with everything, and the jars
install: $(STAMP)
	@$(BIN)/python -m footfall.stack.jars

$(STAMP): setup.py constraints.txt
	@command -v python3.11 >/dev/null || command -v python3 >/dev/null || { echo "footfall: Python 3.11 is missing"; exit 1; }
	@test -x $(BIN)/python || $$(command -v python3.11 || command -v python3) -m venv $(VENV)
	@echo "installing Python packages (Flink among them, 850 MB)"
	@$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

## Everything up, a day of visitors, live ones after, and what comes out of it; Ctrl-C ends it
demo: install
	@$(BIN)/footfall demo

QUICK := $(addprefix tests/planner/test_, docker.py new_metric.py show.py validate.py)
## Lint, types, who imports whom, the tests that need no server, and the quick ones of the planner: while you work
check: lint
	@$(BIN)/pytest -q -n 2 -m "not slow" tests/unit $(QUICK)

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

## Lint, types, and all tests: real Kafka, Postgres and Flink on free ports, all stopped afterwards
test: lint
	@mvn -q -B -f flink/pom.xml test
	@$(BIN)/pytest -n 2 --no-loadscope-reorder

## The tests on a Postgres of their own; on Flink's planner; on stacks of their own
test-database test-planner test-e2e: install
	@$(BIN)/pytest -n 2 --no-loadscope-reorder tests/$(@:test-%=%)

## Events a second and latency on this machine
bench: install
	@$(BIN)/footfall bench

## Kills, stops and fills up what runs, N times under load, and compares the tables with a recomputation
## make faults FAULTS=--outages: Postgres, its disk or its logins are away for minutes
N := 30
SEED := 1
FAULTS :=
faults: install
	@cd tests && ../$(BIN)/python -m e2e.faults --runs $(N) --seed $(SEED) --output ../faults.json $(FAULTS)

## Every verb that writes killed at ten random moments and repeated, and each pair of them at once; takes hours
kills: install
	@KILLS=10 $(BIN)/pytest tests/e2e/test_killed_verbs.py

## The documentation as a site, in build/site
docs: install
	@$(BIN)/python docs/generate_reference.py
	@$(BIN)/mkdocs build --strict
	@echo "open build/site/index.html"
