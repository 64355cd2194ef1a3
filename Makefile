# Two commands do everything on a fresh machine: `make serve` and `make test`. Each creates what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Processes that share the tests; tests/conftest.py says how, and how many "auto" is. 0: no process but pytest's own.
WORKERS ?= auto

EXTRAS := .venv-extras
EXTRAS_TESTS := tests/engines/cascade/recognisers tests/engines/cascade/voices tests/engines/cascade/test_models.py \
	tests/engines/cascade/brain tests/engines/native tests/server/test_tracing.py tests/console/test_export.py

TYPESCRIPT := $(VENV)/typescript-7.0.2

# Only what the tests use, without optimisation: a third less time.
LLAMA_BUILD := CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DLLAVA_BUILD=OFF \
	-DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TOOLS=OFF \
	-DGGML_OPENMP=OFF -DGGML_LLAMAFILE=OFF -DGGML_NATIVE=OFF"

.PHONY: serve test test-extras lint lint-js bench clean

serve: $(VENV)/.installed
	$(BIN)/antiphon serve $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

# What needs the heavy extras, in an environment of its own: some two gigabytes, and a compiler for llama-cpp-python.
test-extras: $(EXTRAS)/.installed
	ANTIPHON_TEST_EXTRAS=1 $(EXTRAS)/bin/python -m pytest -n $(WORKERS) --dist loadfile $(EXTRAS_TESTS) $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Checks the types of the console's scripts, as their comments tell them. The only command here that needs Node.js.
lint-js: $(TYPESCRIPT)/node_modules/.bin/tsc
	$< --project tools/console

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench $(ARGS)

$(TYPESCRIPT)/node_modules/.bin/tsc:
	mkdir -p $(TYPESCRIPT)
	npm install --prefix $(TYPESCRIPT) --no-audit --no-fund --silent typescript@7.0.2

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Antiphon needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

$(EXTRAS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(EXTRAS)
	$(EXTRAS)/bin/python -m pip install --quiet --upgrade pip
	$(EXTRAS)/bin/python -m pip install --quiet torch==2.13.0
	$(LLAMA_BUILD) $(EXTRAS)/bin/python -m pip install --quiet --editable '.[kokoro,llama,moshi,omni,otel,piper,sherpa,vertex,whisper]' onnx gguf
	$(EXTRAS)/bin/python -m pip install --quiet --group dev
	$(EXTRAS)/bin/python -m pip install --quiet --no-deps moshi==0.2.13
	touch $@

clean:
	rm -rf $(VENV) $(EXTRAS) .pytest_cache .mypy_cache .ruff_cache .hypothesis
