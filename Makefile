# Every target does all the set-up it needs: Python 3.11, 3.12 or 3.13 and make are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
DATA ?= ../shared/data

.PHONY: demo test slow test-all lint bench docs audit fuzz app train-embedded ci-setup clean

# Tests run in as many processes as there are cores, four at most, each with one thread (tests/conftest.py).
PROCESSES ?= auto
TESTS ?=
unexport PYTHONDONTWRITEBYTECODE # tests start some hundred processes, each of which would compile what it imports

.venv/.installed: pyproject.toml requirements-embedded.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[app,dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-embedded.txt
	touch $@

demo: .venv/.installed
	$(BIN)/adcreative demo --out demo

# TESTS takes options and paths for pytest: make test TESTS="--no-skips tests/ctr"
test: .venv/.installed
	$(BIN)/python -m pytest -n $(PROCESSES) --maxprocesses 4 --dist loadfile --no-loadscope-reorder --ignore tests/real \
		-m 'not planted and not slow' $(TESTS)

# What `make test` leaves out: learning on planted data, and tests of 5 s and more whose behaviour a quicker one guards too.
slow: .venv/.installed
	$(BIN)/python -m pytest -n $(PROCESSES) --maxprocesses 4 --dist worksteal --ignore tests/real -m 'planted or slow' $(TESTS)

test-all: test slow

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# FuxiCTR, which the networks are measured against, needs an older pandas: it lives in an environment on top of .venv.
.venv-bench/.installed: .venv/.installed
	$(BIN)/python -m venv .venv-bench
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> $$(.venv-bench/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/zz_project.pth
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	touch $@

# BENCH names figures and options: make bench BENCH="loop synthesis", make bench BENCH=--tiny
bench: .venv-bench/.installed
	.venv-bench/bin/python -m tests.bench $(BENCH)

# Asks for known faults of what is installed; needs a network, and fails where the advisory service does not answer. SECURITY.md
# says which floors stand for which fault.
audit: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip_audit --skip-editable --format json --progress-spinner off | $(BIN)/python -m tests.check_audit

# Damaged files for every reader, by chance and led by coverage: make fuzz CASES=100000 SEED=7 SECONDS_EACH=600
CASES ?= 20000
SEED ?= 1
SECONDS_EACH ?= 120
fuzz: .venv/.installed
	$(BIN)/python -m tests.security.fuzz_readers --cases $(CASES) --seed $(SEED)
	$(BIN)/python -m tests.security.fuzz_readers --names | while read -r name; do \
		$(BIN)/python -m tests.security.fuzz_with_atheris "$$name" -max_total_time=$(SECONDS_EACH) -seed=$(SEED) \
			-rss_limit_mb=4096 || exit 1; done

docs: .venv/.installed
	mkdir -p build
	$(BIN)/typer adcreative.cli.app utils docs --name adcreative --output build/commands.md
	$(BIN)/python -m data.make.measured

app: .venv/.installed
	$(BIN)/adcreative app

# Trains every embedded weight from DATA (see data/README.md for where to get it); hours on two cores, resumable.
train-embedded: .venv/.installed
	$(BIN)/python -m data.make.face_model $(DATA)/faces --out runs/faces --minutes 600
	$(BIN)/python -m data.make.face_model $(DATA)/faces --out runs/faces --export runs/first
	$(BIN)/python -m data.make.face_model $(DATA)/faces --out runs/sharp --start runs/first --adversarial-from 0 --freeze-norm-from 0 \
		--encoder-lr 0 --generator-lr 8e-4 --code-noise 0.2 --num-images 46000 --minutes 600
	$(BIN)/python -m data.make.face_model $(DATA)/faces --out runs/sharp --encoder-lr 0 --export data/weights/faces
	$(BIN)/python -m data.make.face_pool $(DATA)/faces # then look: --sheet, --reject
	$(BIN)/python -m data.make.directions $(DATA)/faces
	$(BIN)/python -m data.make.headline_training $(DATA)/upworthy/packages-train.parquet --cache runs/headline-states
	$(BIN)/python -m data.make.clip_training $(DATA)/faces
	$(BIN)/python -m data.make.adapter_data $(DATA)/upworthy/packages-train.parquet runs/lora
	$(BIN)/python -m adcreative.papers.post_training sft runs/lora/approved.jsonl --out runs/lora/sft
	$(BIN)/python -m adcreative.papers.post_training dpo runs/lora/pairs.jsonl --out runs/lora/dpo \
		--start runs/lora/sft/adapter
	$(BIN)/python -m data.make.adapter_card $(DATA)/upworthy/packages-train.parquet \
		--adapter runs/lora/dpo/adapter --export data/weights/copywriter
	$(BIN)/python -m data.make.shipped_training $(DATA)/upworthy/packages-train.parquet
	$(BIN)/python -m data.make.trade_reference $(DATA)/upworthy/packages-train.parquet
	$(BIN)/python -m data.make.adapter_wins $(DATA)/upworthy/packages-train.parquet data/weights/copywriter

# What the tests need that pip does not bring: a browser, tesseract with five of its languages, fonts of other scripts. Only
# where they are missing and apt-get may be used.
ci-setup: .venv/.installed
	@missing=""; for name in chromium; do command -v $$name >/dev/null || missing="$$missing $$name"; done; \
	for name in ara rus ukr kor tha; do ls /usr/share/tesseract-ocr/*/tessdata/$$name.traineddata >/dev/null 2>&1 \
		|| missing="$$missing tesseract-ocr tesseract-ocr-$$name"; done; \
	ls /usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf >/dev/null 2>&1 || missing="$$missing fonts-noto-core"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
		else echo "missing:$$missing; install them, the tests need them" >&2; exit 2; fi; \
	fi

clean:
	rm -rf demo dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis
