# Two commands do all the set-up on a fresh Debian machine: `make demo` and `make test`.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# Reading the system's certificates at each start costs Node 60 ms; nothing here talks to the outside.
unexport NODE_EXTRA_CA_CERTS

.PHONY: deps check test clean generate

deps: node_modules/.installed

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js with npm (any version; the project brings its own Node)" >&2; exit 1; }
	npm ci --loglevel=error
	@touch $@

check: deps
	@node scripts/check.ts

generate: deps
	@node scripts/generate.ts

test: deps
	@node --test --test-reporter=spec "src/**/*.test.ts" "test/**/*.test.ts"

clean:
	rm -rf dist node_modules
