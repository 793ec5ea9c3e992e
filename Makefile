# Everything runs in an environment of its own, .venv: only Python 3.11 or later, make and git are needed.
#
#   make demo          ask three questions about Django's source
#   make test          the tests, with coverage of every process; make coverage writes it as HTML
#   make test-outside  the tests that need systemd's tools, zsh and fish, or fit a model, for which LightGBM needs libgomp1
#   make lint          style, types, and the guides' links
#   make docs          the guides as a site, in site/

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
INSTALLED := .venv/installed
DJANGO := .demo/django
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# absolute, because a daemon works in another directory
export COVERAGE_FILE := $(CURDIR)/.coverage

.PHONY: demo test test-outside lint docs format coverage clean

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[daemon,cli]" --group dev
	@touch $@

$(DJANGO)/django: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(DJANGO) "django==5.2.*"
	@touch $(DJANGO)/pyproject.toml $@  # a project of its own: this one ignores it

demo: $(DJANGO)/django
	@BIN=$(BIN) REPOSITORY=$(DJANGO) sh docs/demo.sh

test: $(INSTALLED)
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 3 --dist worksteal
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-outside: $(INSTALLED)
	$(BIN)/pytest -m outside

lint: $(INSTALLED) docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(INSTALLED)
	$(MKDOCS)

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: test
	$(BIN)/coverage html --directory .coverage-html

clean:
	rm -rf .venv .demo .coverage* dist build site
	find client daemon tests bench docs -name __pycache__ -prune -exec rm -rf {} +
