"""Syntax highlighting as HTML: each token with the class and the colour of its role; names cannot bring in markup."""

from __future__ import annotations

import unicodedata
from html import escape

from kili_query.lang.tokens import Role, words

MAX_SHOWN = 20_000
"""Characters of a query that are shown. A query can be one of a megabyte, and a notebook keeps what it shows."""

COLORS = {
    Role.JOB: "var(--jp-mirror-editor-def-color, #2f7dc4)",
    Role.CATEGORY: "var(--jp-mirror-editor-string-color, #c2571a)",
    Role.COUNT: "var(--jp-mirror-editor-comment-color, #767676)",
    Role.KEYWORD: "var(--jp-mirror-editor-keyword-color, #9a5fd0)",
    Role.OPERATOR: "var(--jp-mirror-editor-operator-color, #9a5fd0)",
    Role.NUMBER: "var(--jp-mirror-editor-number-color, #1b8a5a)",
    Role.COMMENT: "var(--jp-mirror-editor-comment-color, #767676)",
}
"""The colours of JupyterLab's theme; elsewhere ones that can be read on white and on black."""

FONT = 'style="font-family: var(--jp-code-font-family, monospace)"'
"""Exported notebooks give a `pre` the font of prose, and carets would not stand under what they point at."""

_TURNING = frozenset(("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"))


def to_html(text: str) -> str:
    """A query text, complete or not, as an HTML element.

    Words have the classes `kq-job`, `kq-category`, `kq-count`, `kq-keyword`, `kq-operator` and `kq-number`. The colours
    are also written beside them: many places that show notebooks take style sheets away.

    >>> to_html('"<b>".B')
    '<pre class="kili-query" style="..."><span class="kq-job" style="color: ...">&quot;&lt;b&gt;&quot;</span>.<span ...>B</span></pre>'
    """
    shown = text[:MAX_SHOWN]
    parts, position = [f'<pre class="kili-query" {FONT}>'], 0
    for role, (start, end), word in words(shown):
        parts.append(escape(shown[position:start]))
        color = COLORS.get(role)
        html = isolated(word)
        parts.append(f'<span class="kq-{role}" style="color: {color}">{html}</span>' if color else html)
        position = end
    parts.append(escape(shown[position:]))
    if len(shown) < len(text):
        parts.append(f"… and {len(text) - len(shown):,} more characters")
    return "".join([*parts, "</pre>"])


def isolated(word: str) -> str:
    """A token as HTML. If it may run from right to left, or says so, what follows it stays in its place.

    >>> isolated("<b>"), isolated("\u05d0")
    ('&lt;b&gt;', '<bdi>\u05d0</bdi>')
    """
    if word.isascii() or _TURNING.isdisjoint(map(unicodedata.bidirectional, word)):
        return escape(word)
    return f"<bdi>{escape(word)}</bdi>"
