# Everything that make sets up lies in .venv; remove it with `make clean`.
PYTHON ?= python3
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PY := .venv/bin/python
# The interpreter's version is part of the stamp, so that PYTHON= takes effect on an existing .venv.
VERSION = $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
VENV = .venv/.python-$(VERSION)
RUN := .venv/.run
DEV := .venv/.dev
BENCH := .venv/.bench
INSTALL := $(PY) -m pip install -qq --no-deps

# Nothing is written outside the checkout: the home may be read-only.
export PIP_CACHE_DIR := $(CURDIR)/.venv/cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export MPLCONFIGDIR := $(CURDIR)/.venv/cache/matplotlib
unexport PYTHONPATH PYTHONHOME

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'PYTHON=... chooses the interpreter (3.11 or newer; default: python3).'

.PHONY: demo
demo: $(RUN) ## set up, then the story in a minute: a ledger, receipts, proofs, tampering found
	$(PY) -m ledger.cli.demo

.PHONY: test
test: $(DEV) ## set up, then every check that needs nothing but Python
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	@set -e; for script in $(notdir $(basename $(GENERATORS))); do \
	    echo "$(PY) -m tests.vectors.$$script --check"; \
	    $(PY) -m tests.vectors.$$script --check; \
	done
	$(PY) -m tests.forger.generate_threats --check
	$(PY) -m pytest

.PHONY: crash
crash: $(DEV) ## the long crash run: kill -9, full disks, flipped bits, hundreds of times
	$(PY) -m pytest tests/crash -m long

.PHONY: cutting
cutting: $(DEV) ## answers and requests of the service cut at every byte, and kill -9 in between
	$(PY) -m pytest tests/api/test_cutting.py -m long

.PHONY: day
day: $(DEV) ## a day of five institutions: 20,000 requests to a service, and every claim checked
	$(PY) -m tests.day

.PHONY: load
load: $(DEV) ## ten times what the service sustains, for a minute: what it takes, refuses and stores
	$(PY) -m tests.api.overload

.PHONY: bytes
bytes: $(DEV) ## every byte of a small log changed, and both readers asked
	$(PY) -m pytest tests/agreement -m long -n 0

MINUTES ?= 10

.PHONY: fuzz
fuzz: $(DEV) ## every parser of both sides, and the service over HTTP, changed at random, MINUTES=10 each
	$(PY) -m tests.fuzz --minutes $(MINUTES)
	$(PY) -m tests.fuzz.surface --minutes $(MINUTES)

SOFTHSM ?= $(firstword $(wildcard /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so))

.PHONY: hsm
hsm: $(DEV) ## keys in tokens, with SoftHSM (needs softhsm2)
	@test -n "$(SOFTHSM)" || { echo 'there is no SoftHSM here' >&2; \
	    echo 'hint: apt-get install softhsm2' >&2; exit 1; }
	SOFTHSM=$(SOFTHSM) $(PY) -m pytest tests -m hsm -n 0

NODE := .venv/node/.clients

.PHONY: clients
clients: $(DEV) $(NODE) ## a FHIR client of Node's, as npm has it, against the service (needs nodejs, npm)
	$(PY) -m pytest tests -m clients -n 0

.PHONY: pyz
pyz: $(VENV) ## dist/counterfoil-verify.pyz: the verifier in one file, the same bytes everywhere
	$(PY) tools/pyz.py dist/counterfoil-verify.pyz

.PHONY: bench
bench: $(BENCH) ## benchmarks against peers in the same run, one million entries
	$(PY) -m benchmarks

.PHONY: bench-quick
bench-quick: $(BENCH) ## the same, small
	$(PY) -m benchmarks --quick

.PHONY: bench-long
bench-long: $(BENCH) ## the same with ten million entries
	$(PY) -m benchmarks --long

# Debian's golang-golang-x-mod-dev puts the source of sumdb under this GOPATH.
.PHONY: interop
interop: $(RUN) ## an export read by Go's sumdb packages (needs golang-go, golang-golang-x-mod-dev)
	@command -v go >/dev/null || { echo 'there is no go here' >&2; \
	    echo 'hint: apt-get install golang-go golang-golang-x-mod-dev' >&2; exit 1; }
	test -d demo/export || $(PY) -m ledger.cli.demo >/dev/null
	GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(CURDIR)/.venv/cache/go \
	    go run tests/interop/main.go demo/export "$$(sed -n 1p demo/vkeys)"

GENERATORS := $(sort $(wildcard tests/vectors/generate_*.py))

.PHONY: vectors
vectors: $(DEV) ## write tests/vectors and the tables of docs/threat-model.md anew
	@set -e; for script in $(notdir $(basename $(GENERATORS))); do \
	    echo "$(PY) -m tests.vectors.$$script"; \
	    $(PY) -m tests.vectors.$$script; \
	done
	$(PY) -m tests.vectors.spec_blocks
	$(PY) -m tests.forger.generate_threats

.PHONY: lock
lock: $(VENV) ## resolve pyproject.toml anew into requirements/*.lock
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet pip-tools==7.6.2
	.venv/lock/bin/python requirements/compile.py

.PHONY: clean
clean: ## remove what make has made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist demo bench-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: setup
setup: $(DEV) ## only the set-up that the tests need

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo 'counterfoil needs Python 3.11 or newer, found: $(or $(VERSION),none) ($(PYTHON))' >&2; \
	    echo 'hint: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    echo '$(PYTHON) has no venv' >&2; \
	    echo 'hint: apt-get install python3-venv' >&2; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	touch $@

# The locks are complete, hence --no-deps: nothing is resolved here.
$(RUN): requirements/server.lock requirements/build.lock pyproject.toml $(VENV)
	$(INSTALL) --require-hashes -r requirements/server.lock -r requirements/build.lock
	$(INSTALL) --no-build-isolation -e .
	touch $@

$(DEV): requirements/dev.lock $(RUN)
	$(INSTALL) --require-hashes -r requirements/dev.lock
	touch $@

# The lock is complete and has a hash for each package; scripts of packages are not run.
$(NODE): tests/clients/node/package.json tests/clients/node/package-lock.json $(VENV)
	@node -e 'process.exit(+(parseInt(process.versions.node) < 20))' 2>/dev/null \
	    && command -v npm >/dev/null || { echo 'there is no Node 20 or newer with npm here' >&2; \
	    echo 'hint: apt-get install nodejs npm' >&2; exit 1; }
	mkdir -p .venv/node
	cp tests/clients/node/package.json tests/clients/node/package-lock.json .venv/node
	cd .venv/node && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier \
	    --cache $(CURDIR)/.venv/cache/npm
	touch $@

$(BENCH): requirements/bench.lock $(DEV)
	$(INSTALL) --require-hashes -r requirements/bench.lock
	touch $@
