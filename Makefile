# make run    three servers and a client        make test   everything CI runs
# Both install what they need; see `make help`.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help run client demo test quick coverage lint type protos protos-check test-postgres simulate search explore mutants faults upgrade drill soak hostile bench screenshots clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.txt .ci/bootstrap
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash .ci/bootstrap
	@touch $(STAMP)

run: $(STAMP) ## Start three servers and a client (Ctrl+C ends them all)
	@$(BIN)/python -m chat.launch run

client: $(STAMP) ## Start another client: make client PROFILE=name
	@$(BIN)/python -m chat.launch client --profile "$(or $(PROFILE),second)"

demo: $(STAMP) ## Two windows, ada and grace, talking: kill a server and watch
	@$(BIN)/python -m chat.demo

lint: $(STAMP) ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(STAMP) ## Check types
	$(BIN)/mypy

protos: $(STAMP) ## Generate chat/rpc from protos/
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Ichat/rpc=protos \
		--python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:. protos/*.proto

protos-check: protos
	@git diff --exit-code --stat -- chat/rpc || { echo "chat/rpc differs from protos/: run make protos and commit it"; exit 1; }

test: lint type protos-check ## Lint, type-check and run every test
	@$(BIN)/python -m tests.whole

quick: lint type ## The inner loop, half a minute: lint, types, tests that start nothing
	@$(BIN)/python -m pytest -q -x --ff @tests/quick.txt

coverage: $(STAMP) ## Which lines and branches of chat/core and chat/server the tests reach
	@mkdir -p build
	$(BIN)/python -m coverage run -m pytest -q tests/core tests/simulation tests/server
	@$(BIN)/python -m coverage report

simulate: $(STAMP) ## Random faults on simulated clusters: make simulate SEEDS=1000 FIRST=0
	@$(BIN)/python -m tests.simulation.campaign --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0)

search: $(STAMP) ## Random faults that learn from what they meet: make search RUNS=1000 FIRST=0
	@$(BIN)/python -m tests.simulation.search --runs $(or $(RUNS),1000) --first $(or $(FIRST),0)

mutants: $(STAMP) ## What the search finds without each rule, or with the core changed: make mutants MINUTES=30
	@$(BIN)/python -m tests.mutants.campaign --minutes $(or $(MINUTES),30) \
		$(if $(SECONDS_EACH),--seconds $(SECONDS_EACH))

explore: $(STAMP) ## Every order of events within bounds: make explore DEPTH=40 MINUTES=10 JOB="two cuts"
	@$(BIN)/python -m tests.explore.campaign $(if $(DEPTH),--depth $(DEPTH)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(JOB),--job "$(JOB)") $(if $(WITHOUT),--without "$(WITHOUT)")

bench: $(STAMP) ## Measure: make bench BENCH="sends streams" for some; BENCH=compare REF=v1.0
	@$(BIN)/python -m bench $(BENCH) $(if $(REF),--ref $(REF)) $(if $(ROUNDS),--rounds $(ROUNDS))

test-postgres: $(STAMP) ## The engine in PostgreSQL: its rules, its servers, and the database killed
	@$(BIN)/python -m pytest -q tests/database

faults: $(STAMP) ## Kill, freeze and tear real servers: make faults TIMES=50
	@for each in kill-leader kill-two freeze mid-write restart-orders catch-up chaos; do \
		echo "== $$each"; $(BIN)/python -m tests.faults.campaign $$each --times $(or $(TIMES),5) || exit 1; done

upgrade: $(STAMP) ## From another revision to this one under load: make upgrade REF=v1.0.0 [TOGETHER=1]
	@$(BIN)/python -m tests.faults.upgrade --ref $(REF) $(if $(TOGETHER),--together)

drill: $(STAMP) ## An administrator's afternoon as OPERATIONS has it, on machines made of network namespaces (root)
	@$(BIN)/python -m tests.drill.afternoon

soak: $(STAMP) ## Servers at work under all of it at once: make soak MINUTES=20
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),20) --seed $(or $(SEED),1) \
		--csv build/soak.csv --picture docs/images/soak.svg

hostile: $(STAMP) ## Attack real servers while people send: make hostile SECONDS=20
	@$(BIN)/python -m tests.hostile.campaign --seconds $(or $(SECONDS),20)
	@$(BIN)/python -m tests.hostile.any_call --calls $(or $(CALLS),20000)
	@$(BIN)/python -m tests.damage --times $(or $(FILES),2000)

screenshots: $(STAMP) ## Take the pictures of docs/images anew (needs Xvfb and ImageMagick)
	@$(BIN)/python -m tests.ui.screenshots docs/images

clean: ## Remove what was built (not your data)
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
