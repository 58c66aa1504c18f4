# Settings, each overridable: make train DATA=photos RUN=runs/photos
PYTHON ?= python3
DATA ?= data/sample
RUN ?= runs/local
IMAGE ?= image-classifier:latest
BASE ?=
PORT ?= 8080
PHOTO ?=
PARAMETERS ?=
COMPARE ?=
TRIALS ?= 20
ARGS ?=

BIN := .venv/bin
# Its own progress for a person; a log gets none.
UV = $(BIN)/uv pip install $$(test -t 2 || echo --quiet) --python $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo setup setup-dev completion data sample test coverage lint style build sbom audit train serve invoke serve-test check-contract report debug-report tune notebook push aws fuzz hostile bench bench-serving bench-training bench-reliability bench-check docs docs-links clean

help: ## list the targets
	@awk -F':.*## ' '/^## /{printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nFirst: make demo, then make demo DATA=your/photos. Variables go on the line (make train DATA=... RUN=...); what else\na command takes: .venv/bin/python -m local_test.train_local --help, and so for each; with TAB: make completion.\n'

## Start here
demo: .venv/ready ## images -> training -> a page in your browser, without AWS or Docker; DATA=folder for your own images
	$(BIN)/python -m local_test.demo $(if $(filter-out file default,$(origin DATA)),--data $(DATA)) $(if $(filter-out file default,$(origin RUN)),--run $(RUN)) $(if $(filter-out file default,$(origin PORT)),--port $(PORT)) $(PARAMETERS) $(ARGS)
setup: .venv/ready ## virtual environment in .venv with everything that training and serving need
setup-dev: .venv/ready-dev ## the same, and what tests, benchmarks and the SageMaker SDK need
completion: .venv/ready-dev ## completion of every command by TAB, for bash and zsh: writes it and says what to source
	@$(BIN)/python -m local_test.completion

## Data
sample: .venv/ready ## draw the sample data set into data/sample
	$(BIN)/python -m local_test.sample_data data/sample
data: .venv/ready ## fetch and check the original dogImages.zip (1.1 GB; goes on where it was cut off)
	$(BIN)/python -m local_test.dog_images

## Train and serve at home, in the image
build: ## build the image on the AWS base; BASE=local: on a stand-in built here, BASE=name@sha256:...: on any other
	$(PYTHON) docker/build.py --tag $(IMAGE) $(if $(BASE),--base $(BASE))
train: .venv/ready ## train DATA in the image, into RUN; goes on where it was stopped; PARAMETERS="-p num_epochs=3" sets hyperparameters
	$(BIN)/python -m local_test.train_local $(DATA) --run $(RUN) --image $(IMAGE) $(PARAMETERS)
serve: .venv/ready ## serve RUN's model from the image on PORT, with a page to drop pictures on, until Ctrl-C
	$(BIN)/python -m local_test.serve_local $(RUN) --image $(IMAGE) --port $(PORT) $(ARGS)
invoke: .venv/ready ## send PHOTO=file.jpg to the server on PORT
	$(BIN)/python -m local_test.invoke --url http://localhost:$(PORT) $(PHOTO)
tune: .venv/ready-dev ## search hyperparameters on DATA at home: TRIALS trials in RUN, with a table and a page of plots
	$(BIN)/python -m local_test.tune $(DATA) --run $(if $(filter file,$(origin RUN)),runs/tune,$(RUN)) --trials $(TRIALS) $(PARAMETERS) $(ARGS)
report: .venv/ready ## a run's data, curves, confusion matrix with its images, mistakes, calibration, as a page; DATA=its images
	$(BIN)/python -m local_test.report $(RUN) $(if $(filter-out file default,$(origin DATA)),--data $(DATA))
notebook: .venv/ready-dev ## run notebooks/train_and_deploy.ipynb from start to end and refresh its outputs; NOTEBOOK_MODE=aws costs money
	rm -rf runs/notebook
	$(BIN)/python -m notebooks.execute $(ARGS)
debug-report: .venv/ready ## rules and profile of a past RUN, a folder or s3://bucket/job, as a page; COMPARE=another run
	$(BIN)/python -m local_test.debug_report $(RUN) $(if $(COMPARE),--compare $(COMPARE))

## Check the image
serve-test: .venv/ready ## start the image on RUN's model, ask it about an image, stop it, and say whether all went well
	$(BIN)/python -m local_test.serve_test $(RUN) --data $(DATA) --image $(IMAGE)
check-contract: .venv/ready ## check IMAGE, ours or another's, against every line of SageMaker's contract; ARGS=--help
	$(BIN)/python -m local_test.check_contract $(IMAGE) $(ARGS)
sbom: .venv/ready-dev ## list all that is in IMAGE as CycloneDX JSON, in build/sbom.json
	$(BIN)/python docker/sbom.py --image $(IMAGE) --output build/sbom.json
audit: .venv/ready-dev ## known vulnerabilities of what IMAGE installs; ARGS="--database all.zip": without a network
	$(BIN)/python docker/audit.py $(ARGS)

## AWS: costs money; each says what it creates first, and ARGS=--dry-run only prints the requests
push: .venv/ready-dev ## send IMAGE to ECR
	$(BIN)/python -m deploy push --set image=$(IMAGE) $(ARGS)
aws-%: .venv/ready-dev
	$(BIN)/python -m deploy $* $(ARGS)
aws: .venv/ready-dev ## list the steps: make aws-doctor, aws-role, aws-upload ARGS=data/dogImages, aws-tune, aws-train, ...
	$(BIN)/python -m deploy --help

## Development
test: .venv/ready-dev style ## every test, those of the image too where a Docker engine answers, and lint
	@mkdir -p build; $(BIN)/mypy >build/mypy.txt 2>&1 & types=$$!; \
	$(BIN)/python -m pytest -n logical --dist loadfile; tests=$$?; \
	wait $$types; types=$$?; cat build/mypy.txt; test "$$tests $$types" = "0 0"
coverage: .venv/ready-dev ## every test, and which lines none of them reaches; an eighth slower than `make test`
	$(BIN)/python -m pytest -n logical --dist loadfile --cov --cov-report=term:skip-covered
lint: style ## ruff, mypy, import-linter and pip check
	$(BIN)/mypy
style: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/uv pip check --quiet --python $(BIN)/python
docs: .venv/ready-dev ## build the documentation's site in build/docs; a warning, or a link that leads nowhere, ends it
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
docs-links: .venv/ready-dev ## see whether the addresses that the documentation links to answer; needs the network
	$(BIN)/python -m sphinx -W --keep-going -q -b linkcheck docs build/docs-links
fuzz: .venv/ready-dev ## coverage-guided fuzzing of what reads request bodies, 5 minutes; ARGS="--seconds 3600"
	$(BIN)/python -m tests.hostile.fuzz $(ARGS)
hostile: .venv/ready-dev ## 20000 hostile bodies against the code that reads them; ARGS="--url http://localhost:8080": a server
	$(BIN)/python -m tests.hostile $(ARGS)
bench: .venv/ready-dev ## measure everything against its peers, in about an hour; writes bench/results
	$(BIN)/python -m bench $(ARGS)
bench-serving: .venv/ready-dev ## the server beside TorchServe, LitServe, BentoML, Ray Serve and plain Flask; half an hour
	$(BIN)/python -m bench serving $(ARGS)
bench-training: .venv/ready-dev ## training, loading and tuning beside plain PyTorch, fastai and timm
	$(BIN)/python -m bench training tuning loader decoders $(ARGS)
bench-reliability: .venv/ready-dev ## overload and faults, each with a figure and its limit; a quarter of an hour
	IMAGE=$(IMAGE) $(BIN)/python -m bench reliability $(ARGS)
	$(BIN)/python -m bench.reliability.document
bench-check: .venv/ready-dev ## measure anew, shorter; fails where a ratio to a peer is lower than in bench/results
	$(BIN)/python -m bench --check $(ARGS)
clean: ## remove what was made here: environment, runs and sample data (not data/dogImages)
	rm -rf .venv runs data/sample build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

.venv/ready: .venv/bin/uv docker/requirements.txt docker/requirements-torch.txt
	@echo "Installing PyTorch and the rest into .venv (about 6 GB; a few minutes, once)"
	$(UV) -r docker/requirements.txt -r docker/requirements-torch.txt
	@touch $@

.venv/ready-dev: .venv/ready docker/requirements-dev.txt
	$(UV) -r docker/requirements-dev.txt
	@touch $@
