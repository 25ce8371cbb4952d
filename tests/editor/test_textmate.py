"""The TextMate grammar colours what the parser reads: the same corpus, through the engine that VS Code uses."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_query import QuerySyntaxError, parse
from kili_query.lang.tokens import Role, words
from tests import strategies
from tests.conftest import ROOT, SPEC
from tests.editor import npm

EDITORS = ROOT / "grammar" / "editors"
QUERY, PYTHON = "source.kili-query", "source.python"
PACKAGES = {"vscode-textmate": "9.3.2", "vscode-oniguruma": "2.0.1", "tm-grammars": "1.32.22"}

ROLES = (
    ("invalid", Role.UNKNOWN),
    ("comment", Role.COMMENT),
    ("entity.name.type.job", Role.JOB),
    ("variable.other.enummember.category", Role.CATEGORY),
    ("variable.other.property.count", Role.COUNT),
    ("keyword.control.logical", Role.KEYWORD),
    ("keyword.control.membership", Role.KEYWORD),
    ("keyword.operator.comparison", Role.OPERATOR),
    ("keyword.operator.range", Role.OPERATOR),
    ("constant.numeric", Role.NUMBER),
    ("punctuation", Role.PUNCTUATION),
)
"""What a scope says of a character; the first that one of its scopes has counts."""


def _role(scopes: list[str]) -> Role | None:
    ours = [scope for scope in scopes if scope.endswith(".kili-query")]
    return next((role for prefix, role in ROLES if any(scope.startswith(prefix) for scope in ours)), None)


class Engine(NamedTuple):
    """vscode-textmate in a process of node."""

    process: subprocess.Popen[str]

    def scopes(self, text: str, scope: str = QUERY) -> list[list[str]]:
        """The scopes of each character."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([scope, text]) + "\n")
        self.process.stdin.flush()
        units: list[list[str]] = [[] for _ in range(len(text.encode("utf-16-le", "surrogatepass")) // 2)]
        for start, end, names in json.loads(self.process.stdout.readline()):
            units[start:end] = [names] * (end - start)
        wide = iter(units)
        found = []
        for char in text:
            found.append(next(wide))
            if ord(char) > 0xFFFF:
                next(wide)
        return found

    def roles(self, text: str, scope: str = QUERY) -> list[Role | None]:
        """The role of each character; None: white space, or not of a query."""
        found = self.scopes(text, scope)
        return [None if char in " \t\r\n" else _role(names) for char, names in zip(text, found, strict=True)]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    manifest = json.dumps({"private": True, "dependencies": PACKAGES}).encode()
    home = npm.installed("textmate", manifest)
    python = home / "node_modules" / "tm-grammars" / "grammars" / "python.json"
    grammars = [str(path) for path in (*EDITORS.glob("*.tmLanguage.json"), python)]
    command = ["node", str(Path(__file__).with_name("textmate_run.mjs"))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=home, stdin=pipe, stdout=pipe, encoding="utf-8") as process:
        assert process.stdin
        injections = {PYTHON: [f"{QUERY}.python"]}
        process.stdin.write(json.dumps({"grammars": grammars, "injections": injections}) + "\n")
        yield Engine(process)
        process.stdin.close()
    assert process.returncode == 0


def _spec(name: str) -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((SPEC / name).read_text(encoding="utf-8"))


def _accepted() -> list[str]:
    syntax = _spec("syntax.toml")["accepted"]
    texts = [row["text"] for row in syntax] + [row["canonical"] for row in syntax]
    texts += [row["query"] for row in _spec("meaning.toml")["meaning"]]
    return list(dict.fromkeys(texts))


def _expected(text: str) -> list[Role | None]:
    """The roles of the characters as `lang` gives them. White space and quoted line breaks have none."""
    roles: list[Role | None] = [None] * len(text)
    for word in words(text):
        roles[word.span.start : word.span.end] = [word.role] * (word.span.end - word.span.start)
    return [None if char in " \t\r\n" else role for char, role in zip(text, roles, strict=True)]


@pytest.mark.parametrize("text", _accepted())
def test_each_character_of_a_query_has_the_colour_of_its_role(engine: Engine, text: str) -> None:
    assert engine.roles(text) == _expected(text)


UNSEEN = {
    "a grammar of this kind does not count parentheses": (
        "A.B.count > 1)",
        "(A.B.count > 1))",
        "A.B.count > 1 ) AND C.D.count > 1",
    ),
    "the closing quote may stand in a later line": (
        'A."B.count > 1',
        '"A.B.count > 1',
        'A."B".count > 1 OR A."x y.count > 1',
    ),
}
"""Rejected texts that look right to any grammar of this kind, with the reason."""


def _rejected() -> list[Any]:
    """The rejected texts whose diagnostic points at characters, not at a place between them."""
    marks = {text: pytest.mark.xfail(reason=reason, strict=True) for reason, texts in UNSEEN.items() for text in texts}
    rows = [row for row in _spec("syntax.toml")["rejected"] if row["text"][slice(*row["span"])].strip(" \t\r\n")]
    return [pytest.param(row, id=row["text"], marks=marks.get(row["text"], ())) for row in rows]


@pytest.mark.parametrize("row", _rejected())
def test_what_the_parser_refuses_is_not_coloured_as_valid(engine: Engine, row: dict[str, Any]) -> None:
    with pytest.raises(QuerySyntaxError):
        parse(row["text"])
    assert Role.UNKNOWN in engine.roles(row["text"])[slice(*row["span"])]


_safe_names = st.sampled_from(
    ["A", "JOB_1", "a-*", "Z9", "traffic light", "É 字", 'a "b"', "c\\d", "# x", "a\nb", "😀", "(x)"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=strategies.trees(strategies.counted(_safe_names) | strategies.small_operands).flatmap(strategies.layouts))
def test_any_layout_is_coloured_alike(engine: Engine, text: str) -> None:
    assert engine.roles(text) == _expected(text)


# -- Python ------------------------------------------------------------------------------------------------------------

IN_PYTHON = {
    "an argument": ('kili.assets(category_search="A.B.count > 0", x="C.D.count > 0")', ["A.B.count > 0"]),
    "an argument of labels": ("kili.labels(label_category_search='A.B.count > 0')", ["A.B.count > 0"]),
    "spaces around the sign": ('f(category_search = "A.B.count > 0")', ["A.B.count > 0"]),
    "a variable of its name": ('category_search = "A.B.count > 0"', ["A.B.count > 0"]),
    "pieces over lines": (
        "f(\n    category_search=(\n        'A.B.count > 0 '  # C.D.count > 0\n        \"AND C.D.count > 0\"\n    ),\n    y='C.D.count'\n)",
        ["A.B.count > 0 ", "AND C.D.count > 0"],
    ),
    "three quotes": (
        'f(category_search="""\n  A.B.count > 0\n  OR C.D.count > 0""", y="C.D.count")',
        ["  A.B.count > 0", "  OR C.D.count > 0"],
    ),
    "the key of a dict": (
        'f(asset_filter_kwargs={"label_category_search": "A.B.count > 0", "x": "C.D.count > 0"})',
        ["A.B.count > 0"],
    ),
    "parse": ('q = parse("A.B.count > 0")', ["A.B.count > 0"]),
    "parse of the package, raw": ('q = kili_query.parse(\n    r"A.B.count > 0"\n)', ["A.B.count > 0"]),
    "the mark": ('x = "A.B.count > 0"  # kili-query\ny = "C.D.count > 0"', ["A.B.count > 0"]),
    "escaped quotes": (r'f(category_search="A.\"b c\".count > 0")', [r"A.\"b c\".count > 0"]),
    "a name with quotes": ("f(category_search='A.\"b c\".count > 0', y='C.D.count')", ['A."b c".count > 0']),
    "parse of something else": ('json.parse("A.B.count > 0")', []),
    "a second argument": ('parse(tree, "A.B.count > 0")', []),
    "an f-string": ('f(category_search=f"A.B.count > {n}", y="C.D.count")', []),
    "bytes": ('f(category_search=b"A.B.count > 0")', []),
    "the argument of a call inside": ('f(category_search=g("A.B.count > 0"))', []),
    "a longer name": ('f(my_category_search="A.B.count > 0")', []),
    "a comparison": ('category_search == "A.B.count > 0"', []),
    "a comment": ('# category_search="A.B.count > 0"', []),
    "a string": ("'category_search=\"A.B.count > 0\"'", []),
    "a plain string": ('x = "A.B.count > 0"', []),
}


@pytest.mark.parametrize(("source", "queries"), IN_PYTHON.values(), ids=IN_PYTHON)
def test_in_python_only_queries_are_coloured(engine: Engine, source: str, queries: list[str]) -> None:
    inside = [any(name.endswith(".kili-query") for name in names) for names in engine.scopes(source, PYTHON)]
    assert _passages(source, inside) == queries
    roles = engine.roles(source, PYTHON)
    for query in queries:
        at = source.index(query)
        assert Role.UNKNOWN not in roles[at : at + len(query)]
        if "\\" not in query:
            assert roles[at : at + len(query)] == _expected(query)


def _passages(text: str, inside: list[bool]) -> list[str]:
    masked = "".join(char if chosen else "\0" for char, chosen in zip(text, inside, strict=True))
    return [passage for passage in masked.split("\0") if passage]


def test_python_goes_on_as_before_behind_a_query(engine: Engine) -> None:
    head, tail = 'f(category_search="A.B.', '", n=len("x"))  # done\nreturn 1'
    plain = engine.scopes('f(category_search="' + tail, PYTHON)[-len(tail) + 1 :]
    assert engine.scopes(head + tail, PYTHON)[-len(tail) + 1 :] == plain
    assert any(name.startswith("keyword.control") for name in plain[-len("return 1")])


def test_an_unfinished_query_leaves_the_next_line_alone(engine: Engine) -> None:
    line = "x = len(y)"
    assert engine.scopes(f'f(category_search="A.B.count >")\n{line}', PYTHON)[-len(line) :] == engine.scopes(
        line, PYTHON
    )
