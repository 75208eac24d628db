# make demo: try it; make test: the tests; make check: what CI runs
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
YAML_SERVER = yaml-language-server@1.25.0

$(BIN)/etlrunner: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(BIN)/etlrunner
	$(BIN)/etlrunner demo

test: $(BIN)/etlrunner
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist worksteal

# The long sweeps, or a part of them: make test-slow ONLY=tests/crash
test-slow: $(BIN)/etlrunner
	$(BIN)/python -m pytest -m slow $(ONLY)

# The language server that VS Code and others use for YAML, for tests/editors. Never in git.
editors: .cache/editors/$(YAML_SERVER)
.cache/editors/$(YAML_SERVER):
	mkdir -p $@
	npm install --prefix $@/.. --silent --no-audit --no-fund --no-package-lock $(YAML_SERVER)

.PHONY: demo editors test test-slow
