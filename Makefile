# make demo: try it; make test: the tests; make check: what CI runs
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin

$(BIN)/etlrunner: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(BIN)/etlrunner
	$(BIN)/etlrunner demo

test: $(BIN)/etlrunner
	$(BIN)/python -m pytest -m 'not slow' -n 2

test-slow: $(BIN)/etlrunner
	$(BIN)/python -m pytest -m slow

.PHONY: demo test test-slow
