# ResNet Lens. `make` lists what there is. On a laptop without a GPU, `make run TORCH=cpu` skips the CUDA libraries.
PYTHON ?= python3
PORT ?= 8501
TORCH ?= auto
BIN := .venv/bin
INSTALL = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(if $(filter-out auto,$(TORCH)),--torch-backend=$(TORCH)) -r
PYTEST = $(BIN)/pytest -n 2 --no-loadscope-reorder
NUMERIC = tests/resnet_core/inspection tests/resnet_core/networks $(addprefix tests/resnet_core/,training/test_compiled.py \
	training/test_loop.py training/test_resume.py studies/test_measurements.py studies/test_repeat.py)
.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-avx2 test-package lint bench gpu-check browser nginx clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*##/ { printf "%-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/run ## set up what is missing and open the dashboard in the browser (PORT=8501)
	$(BIN)/python -m dashboard --port $(PORT)

test: .venv/dev browser ## the tests, some in a real Chromium; at most 5 minutes on two cores
	$(PYTEST) -m "not slow"

test-slow: .venv/dev browser nginx ## the tests that take long: kills, compiling, Ray, every page in Chromium
	$(PYTEST) -m slow

test-avx2: .venv/dev ## the tests of numbers, with the kernels of a processor without AVX-512
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(PYTEST) $(NUMERIC)

test-package: .venv/dev ## the wheel, installed into an environment of its own
	$(BIN)/pytest tests/test_package.py

lint: .venv/dev ## ruff, mypy and the import contracts
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: .venv/dev ## ratios against named peers, measured here
	$(BIN)/python -m benchmarks.inspect
	$(BIN)/python -m benchmarks.attribution
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.grid
	$(BIN)/python -m benchmarks.train
	$(BIN)/python -m benchmarks.figure6

gpu-check: .venv/dev ## a GPU's numbers against the CPU's, and the benchmarks there; at most 3 minutes (without one: a dry run)
	$(BIN)/python -m benchmarks.gpu_check

browser: .venv/dev # a Chromium for the tests, where there is none
	$(BIN)/python -m tests.browser.install chromium

nginx: .venv/dev # the same for the test of the guide to serving
	$(BIN)/python -m tests.browser.install nginx

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
