# Needs make, and Python 3.11 or newer (as root on Debian not even that). Everything else is fetched
# into this folder: .tools (uv), .venv (what requirements/ locks), var (what runs leave behind).
VENV := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # else each of our processes compiles all its libraries anew

help: ## say what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/'

demo: .venv/ready ## run everything with a sample store, to click through
	@$(VENV)/regulars demo

tour: .venv/ready .tools/browser ## play the whole story in a real browser
	@$(VENV)/regulars tour

test: lint .tools/browser ## every check there is: what CI runs
	@$(MAKE) --no-print-directory -j2 types tests

# Four at once on two cores: many wait for processes. What waits for what: tests/conftest.py
tests: .tools/browser
	@echo "tests" && $(VENV)/pytest -n 4 --dist loadfile --no-loadscope-reorder -q $(ARGS)

# Also what promises a deadline: nothing else runs beside it here, so the limits are what is promised.
PROMPT := $(addprefix tests/attacks/test_,s06_bombs.py s16_templates.py) $(addprefix tests/operations/test_,serve.py supervisor.py valkey.py)
faults: .venv/ready ## kill, fill and cut off whatever can be, at full size: about an hour
	@FAULTS=full $(VENV)/pytest -q -s tests/faults $(PROMPT) $(ARGS)

check: lint types ## lint, types and the contracts between our folders

lint: .venv/ready
	@echo "lint" && $(VENV)/ruff check . && $(VENV)/ruff format --check .

types: .venv/ready
	@echo "types" && $(VENV)/mypy
	@echo "contracts" && $(VENV)/lint-imports
	@echo "structure" && $(VENV)/python scripts/structure.py --check

bench: .venv/ready ## measure; NAME=ingest for one benchmark
	@$(VENV)/python -m benchmarks $(NAME) $(ARGS)

lock: .venv/ready ## lock newer packages, without naming where they come from
	@scripts/setup lock

setup: .venv/ready .tools/browser ## only fetch what the others need

.venv/ready: scripts/setup pyproject.toml requirements/dev.txt requirements/tools.txt
	@scripts/setup python

.tools/browser: scripts/setup devstore/chromium.py | .venv/ready
	@scripts/setup browser

.PHONY: help demo tour test tests faults check lint types bench lock setup
