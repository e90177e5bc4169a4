# Every target sets up what it needs first; see README.md. COMMAND and IMAGE go to the demo as they
# are, through the environment.
SHELL := /bin/sh
PYTHON3 := $(or $(PYTHON),$(shell command -v python3),$(shell command -v python3.12), \
             $(shell command -v python3.11),$(shell command -v python3.13))
COMMAND ?= pick up the red cup
IMAGE ?=
export COMMAND IMAGE

.PHONY: setup demo test lint clean

setup:
	@test -n "$(strip $(PYTHON3))" || { echo "set-up stopped: no python3 was found" >&2; exit 1; }
	@$(strip $(PYTHON3)) tools/bootstrap

demo: setup
	@. ./activate && python -m groma_ros.ros.demo

test: setup
	@. ./activate && python -m pytest $(PYTEST_ARGS)

lint: setup
	@. ./activate && ruff check .

clean:
	rm -rf .venv build activate
