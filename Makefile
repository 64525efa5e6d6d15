# Everything runs in .venv beside this file; `make demo` and `make test` need Python 3.11+ and make, nothing else.
# The first interpreter that runs and is new enough (a version manager's shim may be there and yet not run).
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	$$p -c "import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
export HF_HUB_OFFLINE := 1
export GRADIO_ANALYTICS_ENABLED := False
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test lint browser bench gates router failure-mode tagger reader sample-plant ocr-hint clean help

help:
	@echo "make demo          set up, index the bundled sample plant, ask it questions"
	@echo "make test          set up, lint, type-check, run the tests"
	@echo "make lint          ruff, mypy, import-linter"
	@echo "make bench         all benchmarks that have their data (see benchmarks/README.md)"
	@echo "make gates         measure a new bilingual body against what is asked of it"
	@echo "make router        train the router that ships, from its seed questions (half an hour)"
	@echo "make failure-mode tagger DATA=FOLDER   train the others that ship, from the public data sets in FOLDER"
	@echo "make reader DATA=FOLDER                train the reader that ships, from public data (an hour)"
	@echo "make sample-plant  write the bundled sample plant again"

# The stamp stands for "installed from these files"; it is made last, so an interrupted install is done again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found; install it, or say make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@$(BIN)/python -c "open('$(VENV)/.installed', 'w').close()"

$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,bench]"
	@$(BIN)/python -c "open('$(VENV)/.bench', 'w').close()"

ocr-hint:
	@command -v tesseract >/dev/null 2>&1 || echo "Scanned pages: tesseract is not installed, they will be reported as 'no text'. Debian/Ubuntu: apt-get install tesseract-ocr tesseract-ocr-chi-sim; macOS: brew install tesseract tesseract-lang; Windows: the UB Mannheim installer."

# A Chromium for the browser tests; where it is missing and cannot be installed, those tests say so and are skipped.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
		if [ "$$(id -u 2>/dev/null)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			{ DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk \
			|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; }; } \
			>/dev/null 2>&1 || true; \
		fi; }
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || echo "Browser tests: no Chromium is installed, they will be skipped. Debian/Ubuntu: apt-get install chromium fonts-noto-cjk."

demo: $(VENV)/.installed ocr-hint
	$(BIN)/copilot demo

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.installed ocr-hint browser lint
	$(BIN)/python -m pytest

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

# What a new bilingual body must pass before it becomes the default.
gates: $(VENV)/.bench
	$(BIN)/python -m benchmarks bilingual
	$(BIN)/python -m benchmarks report
	$(BIN)/python -m benchmarks gates

router: $(VENV)/.installed
	$(BIN)/python -m finetune.ship router --ensemble 2

# DATA holds the folders fmc and maintie as their authors published them.
failure-mode: $(VENV)/.installed
	$(BIN)/python -m finetune.data_sets fmc --from $(DATA)/fmc --to build/fmc.jsonl
	$(BIN)/python -m finetune.data_sets fmc --from $(DATA)/fmc --part dev --to build/fmc_dev.jsonl
	$(BIN)/python -m finetune.ship failure_mode --data build/fmc.jsonl --test build/fmc_dev.jsonl

tagger: $(VENV)/.installed
	$(BIN)/python -m finetune.data_sets maintie --from $(DATA)/maintie --to build/maintie.jsonl
	$(BIN)/python -m finetune.data_sets glossary --count 600 --to build/maintie.jsonl --append
	$(BIN)/python -m finetune.ship tagger --data build/maintie.jsonl

# DATA holds squadshifts, covidqa, cmrc2018, manuals_md, manual_pdfs and parallel_zh_en as their authors published them. About an hour;
# it can be stopped and goes on when started again.
reader: $(VENV)/.installed
	$(BIN)/python -m finetune.reading train --data $(DATA)
	$(BIN)/python -m finetune.reading pack --data $(DATA)
	COPILOT_BENCH_DATA=$(DATA) $(BIN)/python -m benchmarks.calibrate

sample-plant: $(VENV)/.installed
	$(BIN)/python scripts/make_sample_plant.py

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('.mypy_cache', '.ruff_cache', '.pytest_cache', 'build')]"
