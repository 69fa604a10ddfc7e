# The commands that people and CI use; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
SHARED_DATA ?= $(wildcard ../shared)
export SHARED_DATA
# MODEL and IMAGES choose another model folder, and other pictures, for `make demo`. In the
# environment, MODEL is a setting of the function, such as `make local` exports it.
ifeq ($(origin MODEL),environment)
override undefine MODEL
endif
DEMO_MODEL := $(if $(MODEL),--model $(MODEL))

# `make layer`: KIND is slim, stock (both OpenCV) or onnxruntime; ARCH x86_64 or arm64
KIND ?= slim
ARCH ?= x86_64
# Lambda's Python, for its layers and for running what was deployed; pyenv's if it is on no PATH
ifndef LAYER_PYTHON
LAYER_PYTHON := $(shell python3.13 --version >/dev/null 2>&1 && echo python3.13 || \
	PYENV_VERSION=$$(pyenv latest 3.13 2>/dev/null) pyenv which python3.13 2>/dev/null || echo python3.13)
endif
export LAYER_PYTHON
# what runs deployed functions on this machine
LAMBDA_PYTHON ?= $(if $(wildcard .venv-lambda/installed),$(CURDIR)/.venv-lambda/bin/python)
export LAMBDA_PYTHON

# How many tests run at once: most of their time is waiting for servers and child processes
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$(( cores > 4 ? 8 : 2 * cores )))

# install ENVIRONMENT,LOCK: by uv, which installs many packages in a fraction of pip's time
install = $(1)/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2)
# new_environment PYTHON,ENVIRONMENT,LOCK: a virtual environment with the packages of a lock file
define new_environment
$(1) -m venv $(2)
$(2)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
$(call install,$(2),$(3))
endef

.PHONY: help setup batch demo page test pytest coverage fuzz orders kills lint audit layer package deploy remove local format lock reference accuracy slices zoo exporters faults http-load bench bench-batch train clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: .venv/installed node_modules/installed ## install everything, from locked versions

.venv/installed: requirements.txt requirements-dev.txt requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; this is $$($(PYTHON) --version). Try make PYTHON=python3.13" >&2; exit 2; }
	$(call new_environment,$(PYTHON),.venv,requirements-dev.txt)
	@touch $@

batch: .venv/batch ## install what the Spark jobs need

.venv/batch: .venv/installed requirements-batch.txt
	$(call install,.venv,requirements-batch.txt)
	$(BIN)/python -m modules.spark.session.class_archive
	@touch $@

node_modules/installed: package.json package-lock.json
	npm ci --silent
	@touch $@

demo: .venv/installed ## put pictures into a local bucket and show the results: MODEL=NAME IMAGES=FOLDER
	@env -u MODEL $(BIN)/python -m modules demo $(DEMO_MODEL) $(IMAGES)

page: .venv/installed ## drop pictures on a page in the browser: MODEL=NAME
	@env -u MODEL $(BIN)/python -m modules page $(DEMO_MODEL)

test: setup batch ## check everything; WORKERS=1 for one test at a time
	@$(MAKE) --no-print-directory -j2 lint pytest

# Many processes import the same modules: the first one keeps what it compiles, whatever the shell says
pytest: export PYTHONDONTWRITEBYTECODE :=
# One thread for each test: the workers share the cores
pytest: export OPENCV_FOR_THREADS_NUM := 1
pytest: export OMP_NUM_THREADS := 1
pytest:
	$(BIN)/pytest --numprocesses $(WORKERS) --no-loadscope-reorder --durations 10 $(PYTEST)

coverage: setup batch ## measure the line coverage of the tests, into .cache/coverage/
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	@$(MAKE) --no-print-directory pytest PYTEST="--cov --cov-report=term --cov-report=xml:.cache/coverage/cobertura.xml --cov-report=html:.cache/coverage/html"

fuzz: .venv/installed ## process thousands of damaged inputs; COUNT=100 of each kind
	$(BIN)/python -m tests.fuzz $(if $(COUNT),--count $(COUNT))

orders: .venv/installed ## test every order in which the requests of two invocations can reach S3
	ORDERS=all $(BIN)/pytest --timeout 3600 tests/function/test_interleavings.py

kills: .venv/installed ## kill invocations at random moments: KILLS=200
	KILLS=$(or $(KILLS),200) $(BIN)/pytest --timeout 3600 tests/function/test_killed.py

lint: .venv/batch ## check formatting, lint rules, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

audit: setup ## check the licences and known vulnerabilities of the dependencies
	$(BIN)/python -m layers.audit

layer: ## build a Lambda layer: KIND=slim|stock|onnxruntime ARCH=x86_64|arm64
	layers/$(if $(filter onnxruntime,$(KIND)),onnxruntime/build.sh,opencv/build.sh $(KIND)) $(ARCH)

package: setup ## build the deployment into .serverless/; PARAMS="--stage prod --param layer=stock"
	npx serverless package $(PARAMS)

deploy: setup ## deploy to the AWS account of the environment: PARAMS="--stage prod"
	npx serverless deploy $(PARAMS)

remove: setup ## delete a deployment: PARAMS="--stage prod"
	npx serverless remove $(PARAMS)

local: setup .venv-lambda/installed ## deploy to an AWS on this machine: KIND=slim|stock
	$(BIN)/python -m modules local --deploy --param layer=$(KIND) \
		--python "$(CURDIR)/.venv-lambda/bin/python" $(DEMO_MODEL)

.venv-lambda/installed: requirements-runtime.txt requirements-uv.txt
	$(call new_environment,$(LAYER_PYTHON),.venv-lambda,$<)
	@touch $@

format: .venv/installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

exporters: .venv-exporters/installed ## compare detections with those of the projects that export networks
	.venv-exporters/bin/python -m benchmarks.exporters $(or $(IMAGES),"$(SHARED_DATA)/photos") --docs docs/models.md

.venv-exporters/installed: benchmarks/requirements-exporters.txt benchmarks/requirements-yolox.txt
	$(call new_environment,$(PYTHON),.venv-exporters,benchmarks/requirements-exporters.txt)
	.venv-exporters/bin/uv pip install --quiet --python .venv-exporters/bin/python --require-hashes \
		--no-deps --no-build-isolation -r benchmarks/requirements-yolox.txt
	@touch $@

lock: .venv/installed ## update requirements*.txt and package-lock.json from their sources
	for name in requirements requirements-uv requirements-dev requirements-batch requirements-runtime \
		benchmarks/requirements-opencv4 \
		layers/opencv/requirements-build demo/requirements-training \
		benchmarks/requirements-exporters; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-annotate --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; \
	done
	layers/wheels.sh >layers/wheels.txt.new && mv layers/wheels.txt.new layers/wheels.txt
	npm install --package-lock-only --silent

.venv-opencv4/installed: benchmarks/requirements-opencv4.txt requirements-uv.txt
	$(call new_environment,$(PYTHON),.venv-opencv4,$<)
	@touch $@

.venv-training/installed: demo/requirements-training.txt requirements-uv.txt
	$(call new_environment,$(PYTHON),.venv-training,$<)
	@touch $@

train: .venv-training/installed ## train the embedded model from scratch: MINUTES=60
	.venv-training/bin/python demo/train.py demo/fruits/fruits.cfg --minutes $(or $(MINUTES),60)

reference: .venv/installed .venv-opencv4/installed ## record the outputs of OpenCV 4.14 for the parity tests
	for model in yolo-fastest-1.1 yolo-fastest-1.1-xl; do for labels in "" -multi-label; do \
		.venv-opencv4/bin/python benchmarks/opencv4_reference.py "$(SHARED_DATA)/models/$$model" \
			"$(SHARED_DATA)/coco128/images" tests/object_detection/reference/$$model$$labels.json \
			$${labels:+-$$labels} || exit 1; \
	done; done
	$(BIN)/python -m tests.object_detection.darknet.random_models "$(SHARED_DATA)/cfg" \
		tests/object_detection/darknet/cfg .cache/random-models
	.venv-opencv4/bin/python benchmarks/opencv4_outputs.py .cache/random-models \
		tests/object_detection/darknet/reference/random_models.npz

accuracy: .venv/installed .venv-opencv4/installed ## measure COCO mAP, of this project and of OpenCV 4.14
	$(BIN)/python benchmarks/accuracy.py $(or $(MODEL),"$(SHARED_DATA)/models/yolo-fastest-1.1-xl") \
		$(or $(IMAGES),"$(SHARED_DATA)/coco128/images") $(or $(LABELS),"$(SHARED_DATA)/coco128/labels") \
		--reference .venv-opencv4/bin/python

slices: .venv/installed ## measure what SLICE finds in large pictures, and its cost
	$(BIN)/python benchmarks/slices.py "$(SHARED_DATA)/coco128/images" "$(SHARED_DATA)/coco128/labels" \
		"$(SHARED_DATA)/models/yolo-fastest-1.1-xl" "$(SHARED_DATA)/models/yolox-nano"

zoo: .venv/batch .venv-exporters/installed ## time the networks of the zoo, and draw accuracy over milliseconds (10 minutes)
	.venv-exporters/bin/python benchmarks/zoo_networks.py .cache/zoo
	$(BIN)/python benchmarks/zoo.py measure .cache/zoo/* "$(SHARED_DATA)"/models/yolo* \
		"$(SHARED_DATA)"/cfg/yolov3.cfg "$(SHARED_DATA)"/cfg/yolov3-tiny.cfg \
		"$(SHARED_DATA)"/cfg/yolov4.cfg "$(SHARED_DATA)"/cfg/yolov4-tiny.cfg
	$(BIN)/python benchmarks/zoo.py draw

faults: .venv/installed ## serve 2,000 images while a third of all requests to S3 fail
	$(BIN)/python benchmarks/faults.py

http-load: .venv/installed ## send 2,000 requests to a function URL, a third of them broken
	$(BIN)/python benchmarks/http_load.py

.venv-opencv4-lambda/installed: benchmarks/requirements-opencv4.txt requirements-uv.txt
	$(call new_environment,$(LAYER_PYTHON),.venv-opencv4-lambda,$<)
	@touch $@

bench: .venv/batch .venv-opencv4/installed node_modules/installed ## measure the function against a naive one and other engines (half an hour)
	@$(MAKE) --no-print-directory .venv-lambda/installed .venv-opencv4-lambda/installed || \
		echo "Without Python 3.13, cold starts and imports stay as they were measured before" >&2
	$(BIN)/python -m benchmarks.function

bench-batch: .venv/batch ## measure the Spark jobs against plain loops and Spark ML (over an hour)
	$(BIN)/python benchmarks/batch.py

clean: ## delete everything that make installed and built
	rm -rf .venv .venv-lambda .venv-opencv4 .venv-opencv4-lambda .venv-training .venv-exporters \
		node_modules .cache .serverless bundled demo-output
