# Generated from kili_query/client/_async/typed.py by kili_query.client.generate.unasync. Do not edit.
"""The methods as type checkers see them: `typed.pyi` says what each gives for which arguments."""

from kili_query.client._sync.assets import Assets as Assets
from kili_query.client._sync.labels import Labels as Labels
from kili_query.client._sync.projects import Projects as Projects
