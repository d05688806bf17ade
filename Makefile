# Commands for the development of dtf. `make help` lists them.
# DUCKDB=bundled compiles DuckDB from source instead of downloading the prebuilt library.

CARGO := scripts/cargo.sh
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dtf-build

.DEFAULT_GOAL := help
.PHONY: help build test demo wheel bench faults mutation lint fmt generated doc clean-cache

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build dtf
	@$(CARGO) build

test: ## build dtf and run all tests
	@$(CARGO) test

demo: ## build, test four real models on this machine, print the report
	@$(CARGO) build
	@$(CARGO) run --quiet -- run examples/quickstart.yaml

wheel: ## build a wheel that needs nothing else, in dist/
	@scripts/wheel.sh --release --out dist

bench: ## measure speed and size on an idle machine; PARTS="warm rest" runs only these parts
	@scripts/bench.sh $(PARTS)

faults: build ## damage, interrupt and overload the storage of a coordinator, at full size
	@for part in kills limits syscalls flips; do echo "== $$part"; scripts/faults.py $$part || code=1; done; exit $${code-0}

mutation: ## inject all kinds of fault into generated tests, write docs/verdicts.md; PYTHON="..." names a Python with the packages
	@mkdir -p target
	@$(or $(PYTHON),uv run --no-project --with-requirements tests/python/requirements.txt python) scripts/mutation.py --processes 2 --output target/mutation.json --document docs/verdicts.md

lint: ## check format, lints and documentation
	@cargo fmt --check
	@$(CARGO) clippy --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

fmt: ## format the code
	@cargo fmt

generated: build ## write completions, docs/config.md and docs/openapi.json with the built dtf
	@$(CARGO) run --quiet -- completions bash > completions/dtf.bash
	@$(CARGO) run --quiet -- completions zsh > completions/dtf.zsh
	@$(CARGO) run --quiet -- completions fish > completions/dtf.fish
	@$(CARGO) run --quiet -- completions powershell > completions/dtf.ps1
	@$(CARGO) run --quiet -- config-reference > docs/config.md
	@$(CARGO) run --quiet -- openapi > docs/openapi.json

doc: ## build the documentation of the code
	@$(CARGO) doc --no-deps

clean-cache: ## remove the downloaded DuckDB library
	rm -rf "$(CACHE)"
