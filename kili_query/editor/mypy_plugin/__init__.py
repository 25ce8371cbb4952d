"""The mypy plugin, as `plugins = ["kili_query.editor.mypy_plugin"]` in mypy's settings names it."""

from kili_query.editor.mypy_plugin.plugin import plugin as plugin
