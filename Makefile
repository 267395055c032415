# Each target makes .venv and installs what it needs; a second call installs nothing, unless pyproject.toml has changed.

PYTHON ?= python3
# A plain `torch` may bring gigabytes of CUDA libraries. This release has a build for the CPU, which pip prefers wherever
# its index or PIP_FIND_LINKS offers one. Another release, or a wheel's path: make test TORCH=...
TORCH ?= torch==2.13.0
PYTEST_FLAGS ?= -n auto

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-gpu bench docs lint api clean

help:
	@echo 'make demo      the propositions, a verdict on scikit-learn, a training run (demo.png)'
	@echo 'make test      the whole suite'
	@echo 'make test-gpu  the tests that need a CUDA GPU'
	@echo 'make bench     the benchmarks'
	@echo 'make docs      the documentation, in docs/_build'
	@echo 'make lint      ruff and mypy'
	@echo 'make api       public names that changed since the last release'
	@echo 'make clean     removes what was built, keeps .venv'

# `wdref check` exits with 1 where the answer is no. That is an answer: only 2 and above is a failure.
demo: $(VENV)/.demo
	$(BIN)/wdref propositions
	$(BIN)/wdref check sklearn:Adam --claim adam || test $$? -eq 1
	$(BIN)/python -m wdref.analysis.demo

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

test-gpu: $(VENV)/.gpu
	$(BIN)/python -m pytest -m gpu

bench: $(VENV)/.test
	$(BIN)/python -m pytest tests/bench/bench_*.py --benchmark-only --benchmark-columns=min,median,iqr,rounds --benchmark-sort=name
	$(BIN)/wdref bench --markdown docs/benchmarks_table.md --figure docs/benchmarks.svg

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Public names that are gone or are called otherwise fail; before the first tag there is nothing to compare.
api: $(VENV)/.test
	@last=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null) || { echo 'no release yet'; exit 0; }; \
	$(BIN)/griffe check wdref --search . --against "$$last"

clean:
	rm -rf build dist *.egg-info docs/_build docs/jupyter_execute demo.png
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .coverage*
	find wdref backends analysis tests -name __pycache__ -prune -exec rm -rf {} +

# What is installed, as stamps. Editable, because the checkout's wdref/ hides an installed wheel from `python -m`.
$(VENV)/.made:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	@echo 'Installing wdref[oracle,analysis] into $(VENV)'
	$(PIP) install -e '.[oracle,analysis]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@echo 'Installing $(TORCH) and wdref[oracle,bench,docs,dev] into $(VENV)'
	$(PIP) install '$(TORCH)'
	$(PIP) install -e '.[oracle,bench,docs,dev]'
	@touch $@

$(VENV)/.gpu: $(VENV)/.test
	@echo 'Installing wdref[cupy] into $(VENV)'
	$(PIP) install -e '.[cupy]'
	@touch $@

$(VENV)/.docs: $(VENV)/.made pyproject.toml
	@echo 'Installing wdref[oracle,analysis,docs] into $(VENV)'
	$(PIP) install -e '.[oracle,analysis,docs]'
	@touch $@
