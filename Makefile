# Every target sets up what it needs: a Python environment in .venv, installed once per state of the pyproject files.

VENV := .venv
PYTHON := $(VENV)/bin/python
KEY := $(shell cat pyproject.toml runtime/pyproject.toml | cksum | cut -d ' ' -f 1)
INSTALLED := $(VENV)/.installed-$(KEY)
PIP := $(PYTHON) -m pip --disable-pip-version-check
PYTEST := $(PYTHON) -m pytest
PYTHONS := python3.11 python3.12 python3.13 python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-arm test-vm check bench soak wheels setup clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: setup  ## learn, shrink, prove, pack and run on real photographs
	@$(VENV)/bin/edgevision demo $(ARGS)

test: setup  ## run the tests
	@$(PYTEST) -m "not slow and not arm and not vm" $(ARGS)

test-slow: setup  ## run the tests that build environments or train for minutes
	@$(PYTEST) -m slow $(ARGS)

test-arm: setup  ## run a bundle on the systems and engines of every board, emulated (needs a Debian's apt)
	@$(PYTEST) tests/arm -rs $(ARGS)

test-vm: setup  ## run cameras in an emulated aarch64 machine with a kernel of its own (needs a Debian's apt)
	@$(PYTEST) tests/vm -m vm -rs $(ARGS)

check: setup  ## format, lint, types, import direction, rules of the house
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTEST) tests/architecture $(ARGS)

bench: setup  ## measure against other tools, one JSON per script in benchmarks/
	@set -e; for script in $(filter-out benchmarks/machine.py benchmarks/soak.py benchmarks/discovery.py benchmarks/loop.py,$(wildcard benchmarks/*.py)); do echo "# $$script"; $(PYTHON) $$script; done

soak: setup  ## run on a video for ten minutes and measure what memory does
	$(PYTHON) benchmarks/soak.py $(ARGS)

wheels: setup  ## build both wheels into dist/
	@rm -rf dist
	$(PYTHON) -m build --no-isolation --wheel --outdir dist runtime
	$(PYTHON) -m build --no-isolation --wheel --outdir dist .

setup: $(INSTALLED)  ## only make .venv

clean:  ## remove .venv, wheels, the demo's output and caches (runs/ stays)
	rm -rf $(VENV) dist build demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Where Python came without ensurepip (Debian's python3-venv is missing), the system's own pip installs into .venv.
$(PYTHON):
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    echo "making $(VENV) with $$($$python --version)"; \
	    if $$python -c 'import ensurepip' 2>/dev/null; then exec $$python -m venv $(VENV); fi; \
	    $$python -m venv --without-pip $(VENV) && exec $$python -m pip --python $(PYTHON) install pip; exit 1; \
	  fi; \
	done; \
	echo "edgevision needs Python 3.11, 3.12 or 3.13 (looked for: $(PYTHONS)); install one, such as 'apt install python3.11 python3.11-venv'" >&2; \
	exit 1

# Both distributions in one command: the workstation's depends on this very version of the runtime.
$(INSTALLED): | $(PYTHON)
	@echo "installing edgevision into $(VENV); the first time this downloads TensorFlow and takes minutes"
	@$(PIP) install --quiet --progress-bar off -e './runtime[litert,onnx,camera,sign]' -e '.[dev]'
	@rm -f $(VENV)/.installed-*
	@touch $@
