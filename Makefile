# Two commands do all the set-up on a fresh Debian machine: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# Reading the system's certificates at each start costs Node 60 ms; nothing here talks to the outside.
unexport NODE_EXTRA_CA_CERTS

.PHONY: help deps runtime build package check generate test demo bench soak fuzz clean

help: ## these lines
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: node_modules/.installed ## the packages, Node itself among them

node_modules/.installed: package.json package-lock.json
	@$(tied) scripts/install-packages

runtime: ## criu, crun, runc, podman and containerd, in a folder of their own
	@scripts/runtime-root make

# What runs in a machine ends with make, even when that is killed.
tied := setpriv --pdeathsig TERM

sources := $(shell find src -name '*.ts' ! -name '*.test.ts')

build: dist/stasis ## dist/stasis, the command line as one executable file

dist/stasis: node_modules/.installed scripts/build $(sources)
	@scripts/build

package: deps ## dist/stasis-VERSION.tgz, the npm package: commands, daemon, libraries
	@node scripts/make-package.ts

check: deps ## types, lint, format, import rules, generated files
	@node scripts/check.ts

generate: deps ## src/gen from proto
	@node scripts/generate.ts

# All tests: `make test`. Some: `make test TESTS=src/archive/*.test.ts ARGS=--test-name-pattern=zstd`
test: deps runtime build ## every test, with real container runtimes
	@$(tied) scripts/test $(ARGS) $(TESTS)

demo: deps runtime build ## checkpoints moved from one node to another, told as a story
	@$(tied) scripts/runtime-root run -- node scripts/demo/main.ts

bench: deps runtime build ## against the tools of today, side by side (SIZES="1 100" for less than 1 GiB)
	@$(tied) scripts/bench $(SIZES)

# `make soak CHECKPOINTS="1000 8"`: how many, how many at once.
CHECKPOINTS := 500 4

# How many pods, one after the other.
PODS := 50

soak: deps runtime ## hundreds of checkpoints in a row, and what they leave behind
	@$(tied) scripts/runtime-root run -- node scripts/benchmarks/soak.ts $(CHECKPOINTS)
	@STASIS_POD_ROUNDS=$(PODS) $(tied) scripts/test --test-timeout=3600000 test/reliability/pods-in-a-row.test.ts

# Each fuzz test goes on for this many seconds; in `make test` it takes a few.
SECONDS_EACH := 60

fuzz: deps runtime ## every parser against broken input, a minute each
	@STASIS_FUZZ_SECONDS=$(SECONDS_EACH) $(tied) scripts/test --test-name-pattern=^fuzz $(ARGS)

clean: ## everything that was built or installed here
	@scripts/runtime-root clean
	rm -rf dist node_modules .runtime
