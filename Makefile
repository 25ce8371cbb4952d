python = .venv/bin/python

.PHONY: setup quick check fix docs bench mutate

setup:  ## a virtual environment with everything that tests and docs need
	python3 -m venv .venv
	.venv/bin/pip install --quiet -e ".[test,docs]"

quick:  ## the language and its laws: less than a minute
	$(python) -m pytest -q -m "not long" tests/test_spec.py tests/lang tests/model

check:  ## all that CI runs, here
	$(python) -m pytest -q

fix:  ## layout of the code, what is generated from it, and what the docs show
	.venv/bin/ruff check --fix --quiet .
	.venv/bin/ruff format --quiet .
	$(python) -m kili_query.client.generate.unasync
	$(python) -m kili_query.lang.generate
	$(python) tests/test_docs.py

docs:  ## the site, in site/
	.venv/bin/mkdocs build --strict --quiet

bench:  ## speed beside named peers
	.venv/bin/pip install --quiet -e ".[test,bench]"
	$(python) -m tests.bench.run

mutate:  ## small changes to the core: do its tests notice?
	$(python) -m tests.mutate
