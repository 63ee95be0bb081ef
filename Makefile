# The everyday commands. PYTHON picks the interpreter the environment is made from, JOBS the number of test processes.
PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EMBEDDED_TOOLS := arm-none-eabi-gcc qemu-system-arm riscv64-unknown-elf-gcc qemu-system-riscv32 qemu-aarch64
EMBEDDED_PACKAGES := gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm \
  gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc qemu-user

# One thread per process: tests run in parallel, and sums are added in the same order everywhere.
test test-slow test-simulators test-embedded: export OMP_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-simulators test-embedded check format docs-conformance docs-native bench

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

setup: $(STAMP) ## make .venv and install everything (again only if pyproject.toml or constraints.txt changed)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "setup: neurofer needs Python 3.11 or newer, $(PYTHON) is older or missing; try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setup: installing into $(VENV), a few minutes the first time"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

demo: setup ## train, export, verify and weigh a small network on real data
	@$(BIN)/neurofer demo

test: setup ## run the tests, without the slow ones
	@$(BIN)/python -m pytest -q -m 'not slow' -n $(JOBS) --dist loadfile

test-slow: setup ## run the slow tests, one at a time
	@$(BIN)/python -m pytest -q -m slow

test-simulators: setup ## set up the simulators with an environment of their own, and test them
	@$(BIN)/neurofer targets setup all
	@$(BIN)/python -m pytest -q -m slow tests/backends/test_sinabs.py tests/backends/test_nest.py tests/backends/test_brian2.py \
	  tests/backends/test_spyx.py tests/backends/test_rockpool.py

test-embedded: setup ## test microcontrollers and NEON under qemu; installs cross compilers and qemu with apt, as root
	@missing=; for tool in $(EMBEDDED_TOOLS); do command -v $$tool > /dev/null || missing="$$missing $$tool"; done; \
	  test -z "$$missing" || { \
	    echo "test-embedded: not installed:$$missing; installing $(EMBEDDED_PACKAGES)"; \
	    test "$$(id -u)" = 0 \
	      || { echo "test-embedded: that needs root; next: sudo apt-get install $(EMBEDDED_PACKAGES)" >&2; exit 1; }; \
	    apt-get update -qq && apt-get install -qq -y $(EMBEDDED_PACKAGES); \
	  }
	@$(BIN)/python -m pytest -q -m embedded

check: setup ## lint, formatting and types
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "check: not formatted; next: make format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@echo "check: lint, formatting and types are clean"

format: setup ## format the code and sort its imports
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

docs-conformance: setup ## measure every simulator that is set up, for docs/conformance.md
	@$(BIN)/neurofer conformance --on all --markdown > docs/conformance.md.new || test $$? -eq 1
	@mv docs/conformance.md.new docs/conformance.md

docs-native: setup ## measure the native target, for docs/native.md and its picture
	@{ echo "# The native target, measured"; echo; echo 'Made by `make docs-native`.'; echo; \
	  echo '![Times over firing rates and input densities](native.svg)'; \
	  for suite in native density scaling roof memory; do \
	    echo; $(BIN)/neurofer bench --suite $$suite --markdown $$(test $$suite != density || echo --plot docs/native.svg) || exit 1; \
	  done; } > docs/native.md.new
	@mv docs/native.md.new docs/native.md

bench: setup ## measure speed, all suites
	@$(BIN)/neurofer bench
