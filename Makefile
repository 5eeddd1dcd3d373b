# Thin: every target calls a tool that also works by itself.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test bench docs

## A virtual environment with everything, and the jars
install: $(STAMP)
	@$(BIN)/python -m footfall.stack.java

$(STAMP): setup.py constraints.txt
	@command -v python3.11 >/dev/null || command -v python3 >/dev/null || { echo "footfall: Python 3.11 is missing"; exit 1; }
	@test -x $(BIN)/python || $$(command -v python3.11 || command -v python3) -m venv $(VENV)
	@echo "installing Python packages (Flink among them, 850 MB)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

## Everything up, a day of visitors, live ones after, and what comes out of it; Ctrl-C ends it
demo: install
	@$(BIN)/footfall demo

## Lint, types, and all tests: real Kafka, Postgres and Flink on free ports, all stopped afterwards
test: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest -n 2 --no-loadscope-reorder

## Events a second and latency on this machine
bench: install
	@$(BIN)/footfall bench

## The documentation as a site, in build/site
docs: install
	@$(BIN)/python -m footfall.reference
	@$(BIN)/mkdocs build --quiet
	@echo "open build/site/index.html"
