# make demo   simulate a survey, train on it, classify a held-out night   (about 3 minutes on 2 cores)
# make test   all tests
# make lint   style, types, and which folder imports which
# make lowest the fast tests with the lowest versions of the dependencies that pyproject.toml allows
#
# Everything is installed into .venv, from the locked and hashed requirements.lock; for `lowest` into .venv-lowest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STUBS := $(VENV)/stubs/tensorrt
LOWEST := .venv-lowest

.PHONY: demo test lint lowest clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/ceres-fast demo --overwrite

test: $(READY) $(STUBS)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY) $(STUBS)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Old versions among new ones that they do not know yet use what is deprecated there.
lowest: $(LOWEST)/.ready
	$(LOWEST)/bin/python -m pytest -n 2 --dist worksteal -m "not slow" -W ignore::DeprecationWarning

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and f"Python 3.11, 3.12 or 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

# Anew whenever the bounds change: what is there already would be kept. What the bounds do not name is as new as it can be.
$(LOWEST)/.ready: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		--editable '.[test,parquet]'
	touch $@

# The types of TensorRT, which itself cannot be installed everywhere.
$(STUBS): tools/tensorrt-stubs tools/tensorrt-stubs.txt $(READY)
	$(BIN)/python tools/tensorrt-stubs
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
