# One command per job. Needs make and Python 3.11 or newer; everything else goes into .venv, as locked.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 6

# Some machines forbid bytecode: then every process compiles all it imports anew, and pytest rewrites every test in each worker.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage check fix serve bench soak chaos chart image tools systems lock lock-systems clean .venv
.DEFAULT_GOAL := check

demo: .venv  ## a whole ingestion on this machine, from an empty folder
	$(BIN)/python -m benchmarks.demo

test: tools
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadgroup

coverage: tools  ## what the tests reach in this process; the service's own processes are not measured
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadgroup --ignore tests/acceptance --ignore tests/chaos --cov

# Each by itself, so that `make -j2 check` does them side by side.
CHECKS := types style imports dependencies dead-code dockerfile chart-lint architecture
.PHONY: $(CHECKS)

check: $(CHECKS)

types: tools
	$(BIN)/pyright

style: tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check

imports: tools
	$(BIN)/lint-imports --no-cache

dependencies: tools
	$(BIN)/deptry .

dead-code: tools
	$(BIN)/vulture

dockerfile: tools
	.tools/hadolint Dockerfile

chart-lint: tools
	.tools/helm-3.17 lint --strict --quiet helm/headwater
	.tools/helm-4.3 lint --strict --quiet helm/headwater

architecture: tools
	$(BIN)/python -m pytest -q tests/architecture

fix: .venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

serve: .venv
	$(BIN)/headwater serve

bench: .venv  ## writes docs/performance.md; LARGE=1 measures 100,000 tables too
	$(BIN)/python -m benchmarks $(if $(LARGE),--large)

soak: .venv  ## many runs in one service, and what its process holds before and after; RUNS=1000
	$(BIN)/python -m benchmarks.soak --runs $(or $(RUNS),1000)

chaos: .venv  ## breaks two replicas, their store and their catalogue, and looks what was lost; ROUNDS=30
	$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),30) $(if $(SEED),--seed $(SEED))

tools: .venv  ## helm, hadolint, the schemas of Kubernetes and Prometheus, in .tools
	$(BIN)/python -m tests.deployment.tools

# Those that CI installs: the quick ones. The others: tests/systems/requirements.
SYSTEMS ?= moto nx27017 tansu fakesnow dbt

systems: .venv  ## real systems to ingest from, in .systems; SYSTEMS="moto ..."
	$(BIN)/python -m tests.systems $(SYSTEMS)

chart: .venv  ## what of the chart follows from the settings and from values.yaml
	$(BIN)/python -m tests.deployment.documents

image: .venv  ## builds the image without an engine and tries it, or says why not; EXTRAS=embedded,postgres
	@$(BIN)/python -m tests.deployment.image $(EXTRAS)

.venv: .venv/.ready

# Without dependencies: the lock names all of them, and pip, left to resolve, may prefer a newer version to the locked one.
# Not compiled: two thirds of what is installed are never imported, and the rest is compiled when it is.
.venv/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps \
		-r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

# Needs uv, which .venv has once it was made: a change of the dependencies is locked by the tool of the last lock.
UV ?= $(BIN)/uv
COMPILE_ANY = $(UV) pip compile --quiet --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-strip-extras --custom-compile-command "make lock" $(LOCK_FLAGS)
COMPILE = $(COMPILE_ANY) pyproject.toml --extra all

lock:  ## LOCK_FLAGS=--upgrade takes the newest versions
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra hive --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE_ANY) --group build --constraint requirements-dev.lock --output-file requirements-build.lock
	$(COMPILE_ANY) --group tools --no-deps --output-file requirements-tools.lock

lock-systems: $(patsubst %.in,%.txt,$(wildcard tests/systems/requirements/*.in))  ## what `make systems` installs

tests/systems/requirements/%.txt: tests/systems/requirements/%.in
	$(UV) pip compile --quiet --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate \
		--no-strip-extras --custom-compile-command "make lock-systems" $(LOCK_FLAGS) $< --output-file $@

clean:
	rm -rf .venv .tools .systems .peers .coverage .coverage.* .hypothesis .pytest_cache .ruff_cache build dist
	find benchmarks connectors migrations service tests -name __pycache__ -type d -prune -exec rm -rf {} +
