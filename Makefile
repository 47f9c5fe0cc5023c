# make demo   simulate a survey, train on it, classify a held-out night   (about 3 minutes on 2 cores)
# make test   all tests
# make lint   style, types, and which folder imports which
#
# Everything is installed into .venv, from the locked and hashed requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STUBS := $(VENV)/stubs/tensorrt

.PHONY: demo test lint clean
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

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and f"Python 3.11, 3.12 or 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

# The types of TensorRT, which itself cannot be installed everywhere.
$(STUBS): tools/tensorrt-stubs tools/tensorrt-stubs.txt $(READY)
	$(BIN)/python tools/tensorrt-stubs
	touch $@

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
