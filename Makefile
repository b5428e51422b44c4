# Two commands matter: `make demo` and `make test`. Everything runs in .venv, made from hash-pinned requirements.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench lock clean

demo: .venv/run
	$(BIN)/readingroom demo --room demo

test: .venv/dev
	$(BIN)/pytest -n 2 --dist loadfile

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/run
	$(BIN)/python -m evals.bench

.venv/run: requirements/run.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Reading Room needs Python 3.11 or newer; say make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

# Writes the pinned requirements anew; needs `uv` on the path. The files name no index.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml requirements/build.in -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev -c requirements/run.txt -o requirements/dev.txt

clean:
	rm -rf .venv demo build dist
