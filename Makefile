# Everything a newcomer, a developer and CI run. Needs Python 3.11+ with venv, make and git; the rest installs itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEWEST := .venv-newest
DISTRIBUTIONS := . $(wildcard plugins/*)
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
DEMO := examples/demo

.PHONY: help demo loket test test-newest check docs bench bench-peers schema lock clean

help:
	@echo "make demo    set up and run the main job on the demo chats"
	@echo "make loket   open the Mijn Loket page on what the demo delivered (stop with Ctrl-C)"
	@echo "make test    set up and run all tests"
	@echo "make check   lint, types, import rules, docs"
	@echo "make docs    build the documentation in site/"
	@echo "make bench   measure speed and memory against floors in the same run"

# Two environments in one: `run` is what a municipality installs, `dev` adds what tests and checks need.
$(VENV)/run.done: requirements/run.txt $(PROJECTS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.11 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(foreach d,$(DISTRIBUTIONS),-e $(d))
	touch $@

$(VENV)/dev.done: requirements/dev.txt $(VENV)/run.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

demo: $(VENV)/run.done
	@rm -rf $(DEMO)/state
	@mkdir -p $(DEMO)/state
	@$(BIN)/mijn-loket residents import $(DEMO)/residents.csv --database $(DEMO)/state/loket.sqlite
	@$(BIN)/gemeente-connect --config $(DEMO)/gemeente-connect.toml sync
	@echo
	@echo "The conversations are in Mijn Loket now. Open the page with: make loket"

loket: $(VENV)/run.done
	@$(BIN)/mijn-loket serve --demo --municipality Waterveen --database $(DEMO)/state/loket.sqlite

test: $(VENV)/dev.done
	$(BIN)/python -m pytest

# Celery pins python-dateutil to an older version than the core can do with, so what uses it is tested on both.
test-newest: $(NEWEST)/done
	$(NEWEST)/bin/python -m pytest --no-cov tests/test_timestamps.py tests/test_http.py tests/test_docs.py tests/test_end_to_end.py

$(NEWEST)/done: requirements/newest.txt $(PROJECTS)
	test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/newest.txt
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(foreach d,$(DISTRIBUTIONS),-e $(d))
	touch $@

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for tests in $(wildcard plugins/*-*/tests); do MYPYPATH=$$tests $(BIN)/mypy $$tests || exit 1; done
	$(BIN)/lint-imports
	$(MAKE) docs

docs: $(VENV)/dev.done
	$(BIN)/mkdocs build --quiet --strict

bench: $(VENV)/dev.done
	$(BIN)/python -m bench

# The same, with other tools beside it, each in an environment of its own: parsers of exported chats for bench.parse
# (whatstk is GPL: nothing of ours needs it), and tools that keep what an API tells for bench.sync and bench.push.
PARSERS := whatstk chat-miner chatpack node
bench-peers: $(VENV)/dev.done $(PARSERS:%=.venv-peers/%/done) .venv-peers/dlt/done .venv-peers/singer/done
	$(BIN)/python -m bench

.venv-peers/whatstk/done: PEER = whatstk==0.9.1
.venv-peers/chat-miner/done: PEER = chat-miner==0.6.0
.venv-peers/chatpack/done: PEER = chatpack==0.1.0
.venv-peers/dlt/done: PEER = 'dlt[duckdb,parquet,sqlalchemy]==1.31.0' duckdb==2.0.0 sqlalchemy==2.1.9
.venv-peers/singer/done: PEER = singer-sdk==0.54.9 sqlalchemy==2.1.9
.venv-peers/%/done:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(PEER)
	touch $@

# Left out where there is no npm: the tables say so.
.venv-peers/node/done:
	mkdir -p $(@D)
	if command -v npm >/dev/null; then \
	  npm install --prefix $(@D) --silent --no-audit --no-fund whatsapp-chat-parser@4.0.2 && touch $@; fi

schema: $(VENV)/run.done
	$(BIN)/python -c 'from gemeente_connect.models import json_schema; print(json_schema())' > docs/reference/models.schema.json

# Needs uv on the PATH. The files name no index: where packages come from is the reader's own setting.
lock:
	cd requirements && for name in run dev newest; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-strip-extras --custom-compile-command "make lock" --output-file $$name.txt $$name.in || exit 1; \
	done

clean:
	rm -rf $(VENV) $(NEWEST) .venv-peers site artefacts $(DEMO)/state
