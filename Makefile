# Every target sets up what it needs first; see README.md. `make demo COMMAND=... IMAGE=...`: make hands
# both to the demo through the environment.
SHELL := /bin/sh
PYTHON3 := $(or $(PYTHON),$(shell command -v python3),$(shell command -v python3.12), \
             $(shell command -v python3.11),$(shell command -v python3.13))
.PHONY: setup demo test fuzz bench sim sim-table lint clean

setup:
	@test -n "$(strip $(PYTHON3))" || { echo "set-up stopped: no python3 was found" >&2; exit 1; }
	@$(strip $(PYTHON3)) -c 'import sys; sys.exit(sys.version_info < (3, 8))' || \
	  { echo "set-up stopped: $(strip $(PYTHON3)) is no Python 3.11 to 3.13" >&2; exit 1; }
	@$(strip $(PYTHON3)) tools/bootstrap

demo: setup
	@. ./activate && python -m groma_ros.ros.demo

test: setup
	@. ./activate && python -m pytest $(PYTEST_ARGS)

fuzz: setup
	@. ./activate && FUZZ_INPUTS=$${FUZZ_INPUTS:-10000} python -m pytest tests/fuzz -q

bench: setup
	@. ./activate && groma bench $(BENCH_ARGS)

sim: setup
	@. ./activate && python -P -m groma_ros.ros.robot.run

sim-table: setup
	@. ./activate && python -P -m groma_ros.ros.robot.run --table

lint: setup
	@. ./activate && ruff check . && ruff format --check . && lint-imports

clean:
	rm -rf .venv build activate
