# The two commands: `make lab` and `make test`. Everything else is for maintainers and instructors.
# Recipes call programs by their path below this folder, so that they work in a folder whose name has a space.
SHELL := /bin/sh

# What comes from outside is text, never make's language nor the shell's: a pipeline's parameter is an environment variable, make
# expands those like its own, and NAME='$(shell ...)' would run. So each is looked at first, unexpanded ($(value)): which
# characters, and no word that begins with a dash and so would be an option. Tried by tests/unit/test_makefile.py
LETTERS := a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R S T U V W X Y Z 0 1 2 3 4 5 6 7 8 9 _ -
COMMA := ,
define NEWLINE


endef
without = $(if $(1),$(call without,$(wordlist 2,$(words $(1)),$(1)),$(subst $(firstword $(1)),,$(2))),$(2))
other = $(strip $(call without,$(2),$(value $(1)))$(if $(findstring $(NEWLINE),$(value $(1))),newline))
refuse = $(error $(1) is refused: $(strip letters, digits, _ - $(2)) are taken, in words that do not begin like an option)
checked = $(foreach v,$(1),$(if $(value $(v)),$(if $(call other,$(v),$(LETTERS) $(2))$(filter $(3),$(value $(v))),$(call refuse,$(v),$(2)))))
$(call checked,NAME WORKERS JOBS FRESH,,-%)
$(call checked,UNIT CHANGED LINT TESTS REPORTS,. / : = @ + ~ ^ $(COMMA),-%)
$(call checked,LAB_OPTIONS MUTANTS,. / : = @ + ~ ^ $(COMMA) ' ")
# what is given on the command line goes into every program's environment, and is expanded on the way; the environment's own is not
$(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(v)))),$(if $(findstring $$,$(value $(v))),$(error $(v) is refused: a dollar sign on the command line would be expanded))))

# the pipeline runs make, and `make test` runs the pipeline: its log must not depend on how deep it is
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
# two more than the two cores that the book is made for: whoever waits for an engine leaves a core to the others.
# A notebook runs in one test, under nbval in a process of its own (tests/notebooks/test_runs.py)
WORKERS ?= 4
START := /lab/tree/notebooks/00-start-here/start_here.ipynb
ROOT_OK := $(shell test "$$(id -u)" = 0 && echo --allow-root)

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# a run starts hundreds of Pythons: without bytecode each of them compiles its packages again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env lab test check drills notebooks new navigation release grade prose mutants bench lock clean models
.PHONY: cluster cluster-down
.PHONY: lint style unit compare scan machine images staging smoke promote rollback status

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile

env:  ## make .venv from the lock (the other targets do it by themselves)
	@scripts/setup.sh

lab: env  ## make the environment, check the engines, open JupyterLab on the start page
	@$(PYTHON) -m companion doctor || echo "The notebooks of a missing engine can't run; all others can."
	@$(PYTHON) -m jupyterlab $(ROOT_OK) --ip=127.0.0.1 --LabApp.default_url=$(START) $(LAB_OPTIONS)

# all of it, or everything about some notebooks, or what a change can touch
CHOICE = $(if $(strip $(NAME)),--about "$(strip $(NAME))") $(if $(strip $(CHANGED)),--changed "$(strip $(CHANGED))")

# a whole run checks the types beside the other tests (tests/unit/test_types.py): before them one core would wait for most of a minute
test: env $(if $(strip $(NAME)$(CHANGED)),lint,style)  ## everything CI checks; for some notebooks (NAME="dask_audio ..."), or what a change can touch (CHANGED=origin/main)
	@$(PYTHON) -m companion doctor || echo "What needs a missing engine is skipped, and listed at the end."
	@$(PYTEST) -n $(WORKERS) -rs --durations=15 $(CHOICE)

check: env lint  ## the fast subset: lint, and the tests that run no notebook
	@$(PYTEST) -n $(WORKERS) -m "not slow" -rs $(CHOICE)

drills: env  ## kill and interrupt every notebook's kernel, grade every notebook by nbgrader in kernels (NAME="dask_audio ...")
	@$(PYTEST) -n $(WORKERS) --drills -m drill -rs $(CHOICE)

notebooks: env navigation  ## re-execute the notebooks in place and normalise them (NAME="dask_audio ..." for some)
	@$(PYTHON) -m ruff format --quiet notebooks
	@$(PYTHON) scripts/notebooks.py $(NAME)
	@$(PYTHON) scripts/navigation.py

new: env  ## begin a notebook that passes every check (UNIT=05-auto-scaling NAME=my_notebook TITLE="..." UNIT_TITLE="...")
	@$(PYTHON) scripts/new.py "$(UNIT)" "$(NAME)" --title "$$TITLE" --unit-title "$$UNIT_TITLE"

navigation: env  ## write the navigation and the contents tables from companion/book.py
	@$(PYTHON) scripts/navigation.py

mutants: env  ## change each reference solution of a notebook in one place at a time; list what gets full marks (NAME=kubernetes_hpa)
	@$(PYTHON) scripts/mutants.py $(NAME) $(MUTANTS)

release: env  ## the student version of every unit in release/ (UNIT=01-distributed-computing for one)
	@$(PYTHON) scripts/release.py $(UNIT)

grade: env  ## a round of grading, after `make release`: collect, grade everybody, grades.csv, feedback, table (UNIT=... JOBS=2)
	@$(PYTHON) -m companion grade $(UNIT) $(if $(JOBS),--jobs $(JOBS))

prose: env  ## the numbers in the notebooks' prose that no cell and no source explains (NAME="dask_audio ..." for some)
	@$(PYTHON) scripts/prose.py $(NAME)

bench: env  ## measure speed-ups, sizes, connect times, each notebook's run time and memory; table and JSON (FRESH=1: alone)
	@$(PYTHON) scripts/bench.py $(if $(FRESH),--fresh)

# What jenkins/Jenkinsfile calls, stage by stage (its first one is `make env`). Each runs by hand as well.
# make has a LINT of its own, the name of a program
ifeq ($(origin LINT),default)
LINT := .
endif
TESTS ?= tests packages/jenkinsfile/tests
JUNIT = $(if $(REPORTS),--junitxml=$(REPORTS)/$@.xml)
NOTEBOOKS_NAMED = $(if $(NAME),$(foreach name,$(NAME),notebooks/*/$(name).ipynb),notebooks)

style:
	@$(PYTHON) -m ruff check $(LINT)
	@$(PYTHON) -m ruff format --check $(LINT)

lint: style  ## a pipeline's stage: style, errors and types of every source and notebook (LINT="companion ..." for the style of some)
	@$(if $(and $(filter .,$(LINT)),$(if $(strip $(NAME)),,all)),$(PYTHON) -m mypy)  # types: of everything, or not at all

unit:  ## a pipeline's stage: the tests that run no notebook (TESTS="tests/unit/test_draw.py ..." for some)
	@$(PYTEST) -n $(WORKERS) -m "not slow" -q $(JUNIT) $(TESTS)

compare:  ## a pipeline's stage: run notebooks and compare every output with the stored one (NAME="dask_audio ...")
	@$(PYTEST) -n $(WORKERS) --dist loadscope --nbval -q $(JUNIT) $(NOTEBOOKS_NAMED)

scan:  ## a pipeline's stage: secrets, dangerous code, Dockerfiles, pipelines, packages; offline (SCAN="docker ...")
	@$(PYTHON) scripts/scan.py

machine:  ## what releases run on where no Docker engine is, in the foreground until Ctrl-C; then TARGET=process for the next four
	@$(PYTHON) scripts/machine.py

images:  ## a pipeline's stage: an image of each service, named by TAG (TARGET=process where no Docker engine is)
	@$(PYTHON) scripts/deploy.py images

staging:  ## a pipeline's stage: put that release on trial, by compose
	@$(PYTHON) scripts/deploy.py staging

smoke:  ## a pipeline's stage: ask the services on trial; wrong answers fail it
	@$(PYTHON) scripts/deploy.py smoke

promote:  ## a pipeline's stage: what has passed goes live, is asked there, and goes back by itself when it is wrong
	@$(PYTHON) scripts/deploy.py promote

rollback:  ## what has not passed where it is goes back to the release before (WHERE=production: also what has)
	@$(PYTHON) scripts/deploy.py rollback

status:  ## what is meant to be where, and what answers there
	@$(PYTHON) scripts/deploy.py status

models: env  ## train the models of the services in docker/
	@$(PYTHON) -m model_server.train
	@$(PYTHON) -m nlp_service.train

cluster: models  ## start the services and a small cluster in containers, and print what to export (needs Docker and compose)
	@scripts/cluster.sh up

cluster-down:  ## stop and remove what make cluster has started
	@scripts/cluster.sh down

lock: env  ## resolve pyproject.toml again into requirements.lock, with hashes and without addresses
	@.venv/bin/uv --no-config pip compile --quiet --upgrade --universal --python-version 3.12 --extra dev --extra reference pyproject.toml \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock
	@.venv/bin/uv --no-config pip compile --quiet --universal --python-version 3.12 docker/serving/requirements.in -c requirements.lock \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o docker/serving/requirements.txt
	@.venv/bin/uv --no-config pip compile --quiet --universal --python-version 3.12 docker/recommender/requirements.in -c requirements.lock \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o docker/recommender/requirements.txt
	@.venv/bin/uv --no-config pip compile --quiet --universal --python-version 3.12 docker/book/tasks.in -c requirements.lock \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o docker/book/tasks.txt

clean:  ## remove all that was made here: environment, caches, scratch folder, released and graded copies
	@rm -rf .venv .cache .workspace docker/*/model release submitted autograded feedback downloaded gradebook.db* grades.csv
	@rm -rf *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +
