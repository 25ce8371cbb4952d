"""What notebooks show: findings about a query with carets, and tables of labels. In terminals the same as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from kili_query.errors import Diagnostic, Severity, render_all
from kili_query.lang.assist.html import FONT
from kili_query.model.labels import Label

_COLORS = {
    Severity.ERROR: "var(--jp-error-color1, #d0433f)",
    Severity.WARNING: "var(--jp-warn-color1, #a8741a)",
    Severity.HINT: "var(--jp-info-color1, #0e8a8a)",
}
_CARETS = re.compile(r"^ +\^+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a query text, to be shown: the last value of a notebook's cell, or printed.

    >>> from kili_query import check
    >>> Findings("A.B.count = 1", check("A.B.count = 1"))
    error[KQ105]: `=` is not an operator
      A.B.count = 1
                ^
      hint: `=` is written `==`
    """

    source: str
    diagnostics: Sequence[Diagnostic]

    def __repr__(self) -> str:
        return render_all(self.diagnostics, self.source) or "nothing found"

    def _repr_html_(self) -> str:
        return "".join(_to_html(d, self.source) for d in self.diagnostics) or "<p>nothing found</p>"


def list_to_html(values: Sequence[object]) -> str | None:
    """A list of diagnostics, without the text they are about, or of labels, as pictures; None for any other list."""
    if values and isinstance(values[0], Label):
        from kili_query.pictures.shown import labels_to_html

        return labels_to_html(values)
    diagnostics = [value for value in values if isinstance(value, Diagnostic)]
    if not values or len(diagnostics) < len(values):
        return None
    return "".join(_to_html(d, "") for d in diagnostics)


def _to_html(diagnostic: Diagnostic, source: str) -> str:
    """The rendered text, its headline and its carets in the colour of the severity."""
    color = f'style="color: {_COLORS[diagnostic.severity]}; font-weight: bold"'
    head = f"{diagnostic.severity}[{diagnostic.code}]"
    body = escape(diagnostic.render(source).removeprefix(head))
    body = _CARETS.sub(lambda carets: f"<span {color}>{carets[0]}</span>", body)
    return f'<pre class="kili-query kq-{diagnostic.severity}" {FONT}><span {color}>{head}</span>{body}</pre>'


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of the same columns, to be shown where pandas is not installed.

    >>> Table([{"asset": "a.jpg", "BOATS.FERRY": 2}], ["asset", "BOATS.FERRY"])
    asset  BOATS.FERRY
    a.jpg  2
    """

    rows: Sequence[Mapping[str, object]]
    columns: Sequence[str]

    def __repr__(self) -> str:
        lines = [[_shown(cell) for cell in line] for line in self._lines()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        rows = "".join(_row(line, "td") for line in lines)
        return f'<table class="kili-query"><thead>{_row(head, "th")}</thead><tbody>{rows}</tbody></table>'

    def _lines(self) -> list[list[object]]:
        return [[*self.columns], *([row[name] for name in self.columns] for row in self.rows)]


def _row(cells: Iterable[object], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(_shown(cell))}</{tag}>" for cell in cells) + "</tr>"


_WIDTH = 50


def _shown(cell: object) -> str:
    """A cell as one short line of text."""
    text = "" if cell is None else cell if isinstance(cell, str) else json.dumps(cell, default=str)
    text = "".join(c if c.isprintable() else " " for c in text[: _WIDTH + 1])
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
