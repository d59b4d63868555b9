# Two commands do everything on a fresh Debian 12 with Python 3.11, git and make:
#   make run     install what is missing, start the line, print what to dial
#   make test    install what is missing, run every test
.DEFAULT_GOAL := help
.PHONY: help run test check lint translations bench clean

PYTHON := .venv/bin/python
# Nearly all of the time is waiting for calls: three files of tests at a time, each in its own process.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
RUN_PACKAGES := python3-venv espeak-ng mmdebstrap
WORDS := console/translations
TEST_PACKAGES := $(RUN_PACKAGES) sip-tester postgresql chromium fonts-wqy-microhei

help:
	@echo "make run    start the line: Asterisk, engine, demo stations"
	@echo "make test   every test, real Asterisk, SIPp and PostgreSQL included"
	@echo "make check  lint and the fast tests: no network, no Asterisk, no long computing"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make translations  after a change of the console's words: the English ones to be filled in"
	@echo "make bench  measure beside app_queue and a bare Flask view, write bench/RESULTS.md"
	@echo "make clean  remove the virtual environment and everything under var/"

# A stamp per set of packages, so that a second run asks apt nothing.
var/packages-run: Makefile
	@bin/system-packages $(RUN_PACKAGES)
	@mkdir -p var && touch $@

var/packages-test: Makefile
	@bin/system-packages $(TEST_PACKAGES)
	@mkdir -p var && touch $@

.venv/installed: requirements.lock | var/packages-run
	@echo "Installing Python packages into .venv …"
	@python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

run: .venv/installed
	@exec $(PYTHON) run_ivr.py serve --demo

test: .venv/installed var/packages-test
	@$(MAKE) --no-print-directory lint
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE)

check: .venv/installed lint
	@$(PYTHON) -m pytest -m "not (e2e or postgresql or long)" $(SIDE_BY_SIDE)

lint: .venv/installed
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

# The compiled catalogue is committed: nothing is built at run time.
translations: .venv/installed
	@mkdir -p var
	@.venv/bin/pybabel -q extract -F $(WORDS)/babel.cfg --no-location --sort-output \
	    --project=ivr-12355 --msgid-bugs-address= -o var/console.pot console workorders/life_view.py
	@.venv/bin/pybabel -q update -i var/console.pot -d $(WORDS) -l en -N --no-wrap --ignore-obsolete
	@.venv/bin/pybabel -q compile -d $(WORDS)

bench: .venv/installed var/packages-test
	@$(PYTHON) -m bench

clean:
	@rm -rf .venv var
