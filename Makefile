# ResNet Lens. `make` lists what there is. On a laptop without a GPU, `make run TORCH=cpu` skips the CUDA libraries.
PYTHON ?= python3
PORT ?= 8501
TORCH ?= auto
BIN := .venv/bin
INSTALL = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(if $(filter-out auto,$(TORCH)),--torch-backend=$(TORCH)) -r
.DEFAULT_GOAL := help
.PHONY: help run test lint bench browser clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*##/ { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/run ## set up what is missing and open the dashboard in the browser (PORT=8501)
	$(BIN)/python -m dashboard --port $(PORT)

test: .venv/dev browser ## every test, a real Chromium among them
	$(BIN)/pytest

lint: .venv/dev ## ruff, mypy and the import contracts
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: .venv/dev ## ratios against named peers, measured here
	$(BIN)/python -m benchmarks.inspect
	$(BIN)/python -m benchmarks.attribution
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.grid
	$(BIN)/python -m benchmarks.train
	$(BIN)/python -m benchmarks.figure6

browser: .venv/dev # a Chromium for the tests, where there is none
	$(BIN)/python -m tests.browser.install

.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv

.venv/run: requirements.txt | .venv/bin/uv
	$(INSTALL) requirements.txt
	@touch $@

.venv/dev: requirements.txt requirements-dev.txt | .venv/bin/uv
	$(INSTALL) requirements-dev.txt
	@touch $@ .venv/run

clean: ## remove what the other targets made here
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
