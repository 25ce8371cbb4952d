"""The time from a key press to an answer, in a Python file of 5,000 lines with 100 queries; the peer is `ast.parse`.

    python -m tests.bench.editing

Each figure is the best and the median of many rounds, of the server's own work: without the delay after typing, and
without the pipe. `ast.parse` of the same text is what any tool pays that reads the file anew for each letter.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import tempfile
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lsprotocol import types

from kili_query.editor.lsp import answers
from kili_query.editor.lsp.documents import Change, Document
from kili_query.editor.lsp.server import make_server
from kili_query.editor.positions import Position
from tests.conftest import SPEC

FILLER = '''
def step_{n}(values: list[int], *, limit: int = {n}) -> dict[str, int]:
    """Step {n}: what becomes of the values."""
    result = {{}}
    for index, value in enumerate(values):
        if value > limit and index % 2 == 0:
            result[f"value-{{index}}"] = value * {n} + limit
        else:
            result["other"] = result.get("other", 0) + value
    return result

'''
QUERY = (
    "(OBJECTS.CAR.count > {n} OR WEATHER.SUN.count == 1) AND NOT OBJECTS.\\\\'traffic light\\\\'.count IN 2..5".replace(
        "\\\\'", '"'
    )
)


def source(lines: int, queries: int) -> str:
    """A module of so many lines, with queries spread over it."""
    parts = ["import kili\n"]
    every = max(1, lines // 11 // queries)
    for n in range(lines // 11):
        parts.append(FILLER.format(n=n))
        if n % every == 0 and n // every < queries:
            parts.append(f"found_{n} = kili.labels('p', category_search='{QUERY.format(n=n % 7)}')\n")
    return "".join(parts)


def in_a_class(text: str) -> str:
    """The functions of a module as methods of one class."""
    methods = re.sub(r"(?m)^(found_\d+) =", r"def \1(self):\n    return", text.partition("\n")[2])
    methods = textwrap.indent(methods, "    ").replace("(values:", "(self, values:")
    return "import kili\n\n\nclass Steps:\n" + methods


def measured(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Best and median, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1_000)
    return min(times), statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=5_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = json.loads((SPEC / "ontology.json").read_text("utf-8"))
        Path(folder, "kili-ontology.json").write_text(json.dumps(data), "utf-8")
        text = source(options.lines, options.queries)
        _report(text, str(Path(folder, "a.py")), options.rounds)


def _report(text: str, path: str, rounds: int) -> None:
    server = make_server()
    server.protocol.client_capabilities = types.ClientCapabilities()
    server.text_document_publish_diagnostics = lambda params: None  # type: ignore[method-assign]
    broken = text + "\nfor x in kili.labels(category_search='OBJECTS.CA\n"
    print(
        f"{text.count(chr(10)):,} lines, {len(Document('u', path, 'python', 1, text).found.queries)} queries; milliseconds"
    )
    print(f"{'':63}{'best':>9}{'median':>9}{'x ast':>8}")

    def tokens(document: Document) -> object:
        return answers.tokens(server.checked(document))

    peer, _ = (best, median) = measured(lambda: ast.parse(text), rounds)
    rows = [("ast.parse", best, median)]
    for name, source_text in (("", text), (" (file does not parse)", broken), (" (one class)", in_a_class(text))):
        document = Document("file:///a.py", path, "python", 1, source_text)
        server.documents = {document.uri: document}
        inside = source_text.rindex("OBJECTS.CA") + len("OBJECTS.CA")
        typed: set[int] = set()

        def press(offset: int, document: Document = document, typed: set[int] = typed) -> None:
            """Type a letter, or take it back."""
            typed.symmetric_difference_update([offset])
            letter = offset in typed
            start, end = (Position(*document.lines.position(o)) for o in (offset, offset + (not letter)))
            document.change([Change("X" * letter, start, end)], 1)

        def diagnosed(offset: int, document: Document = document, press: Callable[[int], None] = press) -> object:
            press(offset)
            return server.diagnostics(document)

        def answered(offset: int, document: Document = document, press: Callable[[int], None] = press) -> object:
            """All that an editor asks for after a letter, of the whole file."""
            press(offset)
            queries = server.checked(document)
            outline = [answers.symbols(checked) for checked in queries]
            return server.diagnostics(document), tokens(document), outline, [[*answers.hints(one)] for one in queries]

        def completed(
            inside: int = inside, document: Document = document, press: Callable[[int], None] = press
        ) -> object:
            press(inside)
            at = document.lines.position(inside)
            found = server.at(document.uri, types.Position(*at))
            return found and answers.completions(*found)

        def hovered(inside: int = inside, document: Document = document) -> object:
            found = server.at(document.uri, types.Position(*document.lines.position(inside - 1)))
            return found and answers.hover(*found)

        def opened(document: Document = document) -> object:
            return server.diagnostics(Document(document.uri, path, "python", 1, document.text))

        elsewhere = source_text.index("step_0") + 6
        rows += [
            (f"open -> diagnostics{name}", *measured(opened, rounds)),
            (f"letter in a query -> diagnostics{name}", *measured(partial(diagnosed, inside), rounds)),
            (f"letter elsewhere -> diagnostics{name}", *measured(partial(diagnosed, elsewhere), rounds)),
            (f"letter elsewhere -> tokens, outline, hints{name}", *measured(partial(answered, elsewhere), rounds)),
            (f"letter in a query -> completion{name}", *measured(completed, rounds)),
            (f"hover{name}", *measured(hovered, rounds)),
            (f"semantic tokens{name}", *measured(partial(tokens, document), rounds)),
        ]
    for name, best, median in rows:
        print(f"{name:63}{best:9.2f}{median:9.2f}{best / peer:8.2f}")


if __name__ == "__main__":
    main()
