# The commands that people and CI use; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
SHARED_DATA ?= $(wildcard ../shared)
export SHARED_DATA
# MODEL and IMAGES choose another model folder, and other pictures, for `make demo`
DEMO_MODEL := $(if $(MODEL),--model $(MODEL))

.PHONY: help setup demo test lint format lock reference accuracy clean

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: .venv/installed node_modules/installed ## install everything, from locked versions

.venv/installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; this is $$($(PYTHON) --version). Try make PYTHON=python3.13" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

node_modules/installed: package.json package-lock.json
	npm ci --silent
	@touch $@

demo: .venv/installed ## drop pictures into a local bucket, and look at what comes out
	@env -u MODEL $(BIN)/python -m modules demo $(DEMO_MODEL) $(IMAGES)

test: setup lint ## check everything
	$(BIN)/pytest

lint: .venv/installed ## formatting, linting and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## bring requirements*.txt and package-lock.json up to date with their sources
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv==0.13.9
	for name in requirements requirements-dev benchmarks/requirements-opencv4; do \
		.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-annotate --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; \
	done
	npm install --package-lock-only --silent

.venv-opencv4/installed: benchmarks/requirements-opencv4.txt
	$(PYTHON) -m venv .venv-opencv4
	.venv-opencv4/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

reference: .venv-opencv4/installed ## record what OpenCV 4.14 detects, for the parity test
	for model in yolo-fastest-1.1 yolo-fastest-1.1-xl; do \
		.venv-opencv4/bin/python benchmarks/opencv4_reference.py $(SHARED_DATA)/models/$$model \
			$(SHARED_DATA)/coco128/images tests/object_detection/reference/$$model.json || exit 1; \
	done

accuracy: .venv/installed .venv-opencv4/installed ## COCO mAP of our core and of OpenCV 4.14's
	$(BIN)/python benchmarks/accuracy.py $(or $(MODEL),$(SHARED_DATA)/models/yolo-fastest-1.1-xl) \
		$(or $(IMAGES),$(SHARED_DATA)/coco128/images) $(or $(LABELS),$(SHARED_DATA)/coco128/labels) \
		--reference .venv-opencv4/bin/python

clean: ## remove what was installed and made here
	rm -rf .venv .venv-lock .venv-opencv4 node_modules .cache .serverless demo-output
