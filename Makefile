# mentallama: `make demo` runs the whole job, `make test` runs every test. Only Python 3.11+ is needed.
PYTHON ?= python3
VENV ?= .venv
# Another source of torch wheels, for example a CPU-only index: make setup TORCH_INDEX=URL
TORCH_INDEX ?=
# A checkout of the released IMHI data: make demo IMHI=DIR
IMHI ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
       $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: setup demo docs test lint types check clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[train,data,mini,serve]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[train,data,metrics,fast,qlora,cluster,mini,serve,rate,postgres,docs,dev]'
	@touch $@

demo: setup
	$(BIN)/mentallama demo $(if $(IMHI),--imhi $(IMHI))

# The documentation as a site in build/site, which opens from disk.
docs: $(VENV)/.installed
	$(PIP) -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

check: lint types test

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .ruff_cache .pytest_cache
