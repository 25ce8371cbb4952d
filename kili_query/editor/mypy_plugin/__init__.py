"""The mypy plugin, as mypy finds it: `plugins = ["kili_query.editor.mypy_plugin"]` in its settings."""

from __future__ import annotations

from mypy.plugin import Plugin

import kili_query
from kili_query.editor.mypy_plugin.plugin import QueryPlugin
from kili_query.editor.mypy_plugin.settings import have_changed


def __getattr__(name: str) -> str:
    """`__version__`, which mypy's daemon looks at before each run: if it changes, the daemon starts anew.

    So a changed ontology is seen there, too. A run without daemon reads it before any ontology, and always finds the
    same; there, `report_config_data` tells of the change.
    """
    if name != "__version__":
        raise AttributeError(name)
    return kili_query.__version__ + " with another ontology" * have_changed()


def plugin(version: str) -> type[Plugin]:
    """What mypy calls to get the plugin."""
    return QueryPlugin
