# The menu: `make help`. Every target does its own set-up; a clean clone needs Node >= 20.19, npm
# and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build generate baseline lint fix proto-lint proto-breaking check-generated \
	check test test-unit test-architecture test-contract test-integration test-fault test-e2e \
	test-storm demo bench bench-large clean

INSTALLED := node_modules/.package-lock.json
NODE_TEST := node --enable-source-maps --test --test-concurrency=2 --test-timeout=300000
TESTS = $$(find $(1) -path '*/dist/*' -name '*.test.js' -not -path '*/node_modules/*' | sort)

help: ## Show this menu
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

$(INSTALLED): package.json package-lock.json $(wildcard packages/*/package.json services/*/package.json)
	npm ci --no-fund --no-audit
	@touch $@

setup: $(INSTALLED) ## Install dependencies, exactly as locked

build: $(INSTALLED) ## Compile everything, bundle the CLI
	npx tsc -b
	node packages/cli/bundle.mjs

generate: $(INSTALLED) ## Regenerate code and descriptor image from proto/
	npx buf generate
	npx buf build -o proto/image.binpb

baseline: $(INSTALLED) ## Take the contract as it is for the one `proto-breaking` compares with
	npx buf build -o proto/baseline.binpb

lint: $(INSTALLED) ## Check format, lint and import order
	npx biome check .

fix: $(INSTALLED) ## Repair what `lint` finds, where a tool can
	npx biome check --write .

proto-lint: $(INSTALLED) ## Lint the contract
	npx buf lint
	npx buf format --diff --exit-code --path proto/holdfast

proto-breaking: generate ## Refuse changes of the contract that break its users
	npx buf breaking proto/image.binpb --against proto/baseline.binpb

check-generated: generate ## Fail if committed generated code is not what the contract gives
	@test -z "$$(git status --porcelain -- packages/api/src/gen proto/image.binpb)" || \
		{ git status --short -- packages/api/src/gen proto/image.binpb; \
		  echo "Generated code is stale: run 'make generate' and commit."; exit 1; }

check: lint proto-lint proto-breaking check-generated test ## All of it, as CI does

test: build ## Run every test (under 10 minutes)
	$(NODE_TEST) $(call TESTS,packages services test)

test-unit: build ## Tests beside their sources
	$(NODE_TEST) $(call TESTS,packages services)

test-architecture: build ## Import table and house rules
	$(NODE_TEST) $(call TESTS,test/dist/architecture)

test-contract: build ## Both services against the proto
	$(NODE_TEST) $(call TESTS,test/dist/contract)

test-integration: build ## Both services together
	$(NODE_TEST) $(call TESTS,test/dist/integration)

test-fault: build ## Kills, flipped bits, vanished clients (short, seeded)
	$(NODE_TEST) $(call TESTS,test/dist/fault)

test-e2e: build ## Real processes and the CLI
	$(NODE_TEST) $(call TESTS,test/dist/e2e)

test-storm: build ## The long versions of the fault tests (minutes); STORM_SEED=n repeats a run
	HOLDFAST_STORM=1 node --enable-source-maps --test --test-concurrency=1 --test-timeout=3600000 \
		$(call TESTS,test/dist/fault)

demo: build ## The main job on real data, start to end (under two minutes)
	node --enable-source-maps test/dist/demo/demo.js

bench: build ## Measure the table of docs/operations.md beside etcd, when it is installed
	node --enable-source-maps test/dist/bench/bench.js

bench-large: build ## The same with ten times the items
	node --enable-source-maps test/dist/bench/bench.js --large

clean: ## Remove everything that was built
	rm -rf packages/*/dist services/*/dist test/dist bench-results
