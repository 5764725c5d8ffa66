# `make demo` and `make test` do all set-up themselves; `make help` lists the rest.
.PHONY: help setup demo test slow lint figures bench docs clean
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
DEPTH := $(PYTHON) -m depth_snn.cli
OUT ?= out
FRAMES ?= 60
DOCS := README.md $(wildcard docs/*.md)

help:  ## what each target does
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup:  ## create .venv and install the pinned packages; instant when done before
	@sh scripts/bootstrap.sh

demo: setup  ## run the chain on a built-in street scene; CLIP=video.mp4 adds your own clip
	$(DEPTH) run scene:street --out $(OUT)/demo --frames $(FRAMES) --budget street --lava-frames 8
ifdef CLIP
	$(DEPTH) run "$(CLIP)" --out $(OUT)/demo-clip --frames $(FRAMES)
endif

test: setup  ## run the tests, with lint, types and import rules among them; ARGS=... goes to pytest
	$(PYTHON) -m pytest -q --durations=10 $(ARGS)

slow: setup  ## run the tests that are too slow for every change
	$(PYTHON) -m pytest -q -m slow $(ARGS)

lint: setup  ## format, then check style, types and import rules
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -c "from importlinter.cli import lint_imports_command as c; c()"

figures: setup  ## measure again every figure the documents state (takes minutes)
	$(DEPTH) figures measure --into docs/figures.json

bench: setup  ## time the simulators against peers, which it installs (takes an hour); ONLY=lif runs one
	$(DEPTH) figures measure --kind bench --into docs/figures.json $(if $(ONLY),--only $(ONLY))

docs: setup  ## render the figures into README.md and docs/*.md
	$(DEPTH) figures render $(DOCS)

clean:  ## remove what runs and tests leave behind (.venv stays)
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
