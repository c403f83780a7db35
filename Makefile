# `make up` is all that a new user needs.
PYTHON ?= python3
export VIRTUAL_ENV := $(CURDIR)/.venv
UV := .venv/bin/uv
SUPERSET_STAMP := .venv-superset/.installed
ANSIBLE_STAMP := .venv-ansible/.installed
SERVICES_STAMP := .venv/.services
DEVELOPMENT_STAMP := .venv/.development
TRACKER_STAMP := tracker/node_modules/.installed

.PHONY: install up down check deploy-check test test-stack test-hosts fuzz engines-up engines-down bench images lock format

install: $(SERVICES_STAMP) $(SUPERSET_STAMP)

up: install
	.venv/bin/headrace up

down:
	.venv/bin/headrace down

check: $(DEVELOPMENT_STAMP) $(TRACKER_STAMP)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python tests/lint/style.py
	cd tracker && npm run --silent check

# ansible-lint starts ansible-playbook from PATH. requirements.yml is the only file beside the playbooks.
PLAYBOOKS := $(filter-out requirements.yml,$(notdir $(wildcard ansible/*.yml)))

deploy-check: export PATH := $(CURDIR)/.venv-ansible/bin:$(PATH)
deploy-check: $(ANSIBLE_STAMP)
	cd ansible && yamllint --strict .
	cd ansible && ansible-lint --offline --profile production --strict
	cd ansible && for inventory in inventories/*.yml; do ansible-playbook --inventory $$inventory --syntax-check $(PLAYBOOKS) || exit 1; done

test: $(DEVELOPMENT_STAMP) $(SUPERSET_STAMP) $(ANSIBLE_STAMP)
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest
	.venv/bin/coverage combine -q
	.venv/bin/coverage report

# On a real Kafka and Druid; the first run downloads 235 MB of jars.
test-stack: $(DEVELOPMENT_STAMP) $(SUPERSET_STAMP)
	.venv/bin/headrace engines fetch
	.venv/bin/python -m pytest tests/stack --timeout 400 $(if $(EVENTS),--events $(EVENTS))

# The Swarm on hosts in namespaces, with Debian 13 or SUITE; SHORT=1: two hosts with Debian 12, in less than ten minutes.
test-hosts: $(DEVELOPMENT_STAMP) $(ANSIBLE_STAMP)
	.venv/bin/headrace engines fetch
	.venv/bin/python -m pytest tests/hosts --timeout 1800 $(if $(SHORT),--short) $(if $(SUITE),--suite $(SUITE))

# Fuzzed inputs for the collector's sources (a million take two minutes) and statements for the SQL port (100,000).
fuzz: $(DEVELOPMENT_STAMP)
	.venv/bin/python tests/fuzz/collector.py -runs=$(or $(INPUTS),1000000)
	.venv/bin/python tests/fuzz/sql.py $(or $(STATEMENTS),100000)

engines-up: $(SERVICES_STAMP)
	.venv/bin/headrace engines up

engines-down:
	.venv/bin/headrace engines down

bench: $(DEVELOPMENT_STAMP)
	for name in $(basename $(notdir $(wildcard bench/*.py))); do .venv/bin/python -m bench.$$name || exit 1; done

# Our five images with the version of the project, built and pushed: make images REGISTRY=registry.example.com/headrace
VERSION ?= $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)

images:
	@test -n "$(REGISTRY)" || { echo "no registry given: make images REGISTRY=registry.example.com/headrace" >&2; exit 1; }
	for target in collector forwarder streams headrace superset; do \
	    docker build $(BUILD_OPTIONS) --target $$target --tag $(REGISTRY)/headrace-$$target:$(VERSION) . \
	    && docker push $(REGISTRY)/headrace-$$target:$(VERSION) || exit 1; done

format: $(DEVELOPMENT_STAMP)
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

$(UV): requirements/installer.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 12) else "headrace needs Python 3.11 or 3.12; %s is %s. Select another one: make PYTHON=python3.11" % (sys.executable, sys.version.split()[0]))'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# `uv pip install`, not `sync`: the services' lock must not remove the development tools.
$(SERVICES_STAMP): requirements/services.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --compile-bytecode --require-hashes -r $<
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT_STAMP): requirements/development.lock $(SERVICES_STAMP)
	$(UV) pip install --quiet --compile-bytecode --require-hashes -r $<
	@touch $@

$(SUPERSET_STAMP): requirements/superset.lock | $(UV)
	$(UV) venv --quiet --clear --python .venv/bin/python .venv-superset
	VIRTUAL_ENV=$(CURDIR)/.venv-superset $(UV) pip sync --quiet --compile-bytecode --require-hashes $<
	@touch $@

$(ANSIBLE_STAMP): requirements/ansible.lock | $(UV)
	$(UV) venv --quiet --clear --python .venv/bin/python .venv-ansible
	VIRTUAL_ENV=$(CURDIR)/.venv-ansible $(UV) pip sync --quiet --require-hashes $<
	@touch $@

$(TRACKER_STAMP): tracker/package-lock.json
	@command -v npm > /dev/null || { echo "the tracker's checks need Node 18.18 or newer with npm; on Debian: apt-get install nodejs npm" >&2; exit 1; }
	cd tracker && npm ci --no-fund --no-audit --silent
	@touch $@

# Versions and hashes only; a lock contains no index URL.
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: | $(UV)
	$(LOCK) pyproject.toml --extra development -o requirements/development.lock
	$(LOCK) pyproject.toml --extra headrace -c requirements/development.lock -o requirements/services.lock
	for service in collector forwarder streams; do $(LOCK) pyproject.toml --extra $$service -c requirements/development.lock -o requirements/$$service.lock || exit 1; done
	$(LOCK) requirements/superset.in -o requirements/superset.lock
	$(LOCK) requirements/ansible.in -o requirements/ansible.lock
