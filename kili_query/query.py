"""Query: the face that ties the tree, its checks, its rewrites and the engines together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeAlias, overload

from kili_query.errors import Diagnostic, QueryCheckError, Severity
from kili_query.lang import ast
from kili_query.lang.operators import Operator
from kili_query.lang.parser import MAX_COMPARISONS, limit_tree, parse_tree
from kili_query.lang.printer import to_lines, to_text

if TYPE_CHECKING:
    from kili_query.engines.dialects import DialectName, Statement
    from kili_query.engines.explain import Explanation
    from kili_query.model.counts import Counts, Key, Selector
    from kili_query.model.labels import Label
    from kili_query.model.ontology import Ontology
    from kili_query.pictures.preview import Preview

CategoryQuery: TypeAlias = Annotated[str, "category query"]
"""The text of a category query, for annotations. To type checkers it is `str`.

With the plugin `kili_query.editor.mypy_plugin`, mypy checks literals that are given where it is asked for.
"""


class Query:
    """A category query: immutable, hashable; two queries with the same canonical text are equal.

    Make one with `parse("JOB.CATEGORY.count > 2")` or `count("JOB", "CATEGORY") > 2`, combine with `&`, `|`, `~`.

    >>> cars = parse("CARS.TRUCK.count >= 2")
    >>> print(cars & ~(count("CARS", "BUS") > 0))
    CARS.TRUCK.count >= 2 AND NOT CARS.BUS.count > 0
    """

    __slots__ = ("__dict__", "__weakref__", "_source", "_tree")
    _tree: ast.Node
    _source: str | None

    def __init__(self, tree: ast.Node, source: str | None = None) -> None:
        if not isinstance(tree, ast.Node):
            raise TypeError(f"a Query is made from a tree, and this is {type(tree).__name__}; parse() takes text")
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "_source", source)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Query cannot be changed; `{name}` was not set")

    @property
    def tree(self) -> ast.Node:
        """The typed tree (`kili_query.lang.ast`)."""
        return self._tree

    @property
    def source(self) -> str:
        """The text that the query was parsed from, else its canonical text. Spans count in it."""
        return str(self) if self._source is None else self._source

    @cached_property
    def operands(self) -> tuple[Selector, ...]:
        """The (job, category) pairs that the query asks for, each once, in order; None is the `*` of a total."""
        return tuple(dict.fromkeys(key for leaf in ast.leaves(self._tree) for key in leaf.operand.keys))

    # -- text and data ---------------------------------------------------------------------------------------------

    @cached_property
    def _text(self) -> str:
        return to_text(self._tree)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"parse({self._text!r})"

    def _repr_html_(self) -> str:
        from kili_query.lang.assist.html import to_html

        return to_html(to_lines(self._tree, width=100))

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Query) else NotImplemented

    def __hash__(self) -> int:
        return hash((Query, self._text))

    def __reduce__(self) -> tuple[Callable[..., Query], tuple[str, bool]]:
        return (_restored, (self.source, self._source is not None))

    def format(self, width: int = 88) -> str:
        """The canonical text, broken over lines where it is longer than `width` columns."""
        return to_lines(self._tree, width)

    def to_json(self) -> str:
        """The tree as JSON text.

        Raises
        ------
        UnsupportedQueryError: the query is nested too deep for JSON (KQ402).

        >>> parse("A.B.count > 1").to_json()
        '{"job":"A","category":"B","type":"comparison","operator":">","number":1}'
        """
        from kili_query.lang.json_form import tree_to_json

        return tree_to_json(self._tree)

    @classmethod
    def from_json(cls, data: object) -> Query:
        """The query whose tree is given as JSON text (`str` or `bytes`), or as the same decoded.

        Raises
        ------
        DataError: it is not the JSON form of a tree.
        QuerySyntaxError: it passes a limit of the language.
        """
        from kili_query.lang.json_form import tree_from_json

        return _built(tree_from_json(data))

    @cached_property
    def _located(self) -> ast.Node:
        """The tree with spans that count in `source`; one that was built has none before."""
        return parse_tree(self.source, limited=False) if self._source is None else self._tree

    # -- combining -------------------------------------------------------------------------------------------------

    def __and__(self, other: Query) -> Query:
        return _built(ast.conjunction([self._tree, other._tree])) if isinstance(other, Query) else NotImplemented

    def __or__(self, other: Query) -> Query:
        return _built(ast.disjunction([self._tree, other._tree])) if isinstance(other, Query) else NotImplemented

    def __invert__(self) -> Query:
        return _built(ast.Not(self._tree))

    def __bool__(self) -> NoReturn:
        raise TypeError("a Query is neither true nor false; combine queries with &, | and ~, not with and, or, not")

    # -- checks and rewrites ---------------------------------------------------------------------------------------

    def check(self, ontology: Ontology | None = None) -> list[Diagnostic]:
        """All diagnostics of the query, in source order; never raises.

        Spans count in `source`. Without an ontology, only what holds in every project is said.
        """
        from kili_query.lang.checker import check_tree
        from kili_query.model.ontology import as_ontology

        return check_tree(self._located, as_ontology(ontology), self._source)

    def require(self, ontology: Ontology) -> Query:
        """The query itself, if nothing in it is an error for the ontology.

        Raises
        ------
        QueryCheckError: a name that the ontology does not have (KQ2xx).
        """
        errors = [d for d in self.check(ontology) if d.severity is Severity.ERROR]
        if errors:
            raise QueryCheckError(self.source, errors)
        return self

    def unmet(
        self,
        names: Iterable[Key],
        ontology: Ontology | None = None,
        *,
        first: int | None = None,
        sampled: bool = False,
    ) -> list[Diagnostic]:
        """The operands that labels hold nowhere (KQ507; KQ508 if the ontology has them), and what is near: a name that
        is wrong counts 0 in each label, and no label by itself can tell.

        Parameters
        ----------
        names: the (job, category) pairs that the labels hold: the keys of their counts, or the `names` of a `Summary`.
        first: the number of labels that were looked at, if there are more.
        sampled: not all names of the labels are among `names`; those of the query are if they are there.

        >>> [d.message for d in parse("CARS.bus.count > 0").unmet([("CARS", "BUS")])]
        ['`bus` occurs in no label; `BUS` does']
        """
        from kili_query.lang.unmet import Looked, find_unmet
        from kili_query.model.ontology import as_ontology

        return find_unmet(self._located, names, as_ontology(ontology), Looked(first, sampled))

    def simplify(self) -> Query:
        """The query without parts that are always true, never true or redundant; NOT is pushed inwards."""
        from kili_query.lang.simplifier import simplify

        return Query(simplify(self._tree))

    def negate(self) -> Query:
        """The opposite, with NOT pushed inwards to the operators: of `a > 2`, `a <= 2`."""
        from kili_query.lang.rewrites import push_not

        return Query(push_not(self._tree, negated=True))

    def to_portable(self) -> Query:
        """The same query without extensions.

        Raises
        ------
        UnsupportedQueryError: a name that Kili's own language cannot express (KQ401).
        """
        from kili_query.lang.portable import portable

        return Query(portable(self._located, self.source))

    def to_server(self) -> str:
        """The text that Kili's server takes as `category_search`.

        Raises
        ------
        UnsupportedQueryError: a name that Kili's own language cannot express (KQ401).

        >>> parse("NOT A.B.count != 2").to_server()
        'A.B.count == 2'
        """
        from kili_query.engines.remote import compile_filter

        return compile_filter(self._located, self.source)

    @overload
    def to_sql(
        self, dialect: DialectName, *, parameters: Literal[False] = False, counts: str = ..., labels: str = ...
    ) -> str: ...

    @overload
    def to_sql(
        self, dialect: DialectName, *, parameters: Literal[True], counts: str = ..., labels: str = ...
    ) -> Statement: ...

    def to_sql(
        self, dialect: DialectName, *, parameters: bool = False, counts: str = "counts", labels: str = "labels"
    ) -> str | Statement:
        """The SELECT that gives the labels which satisfy the query, over the tables of an index (docs/scale.md).

        Parameters
        ----------
        dialect: `"duckdb"`, `"sqlite"`, `"spark"`, `"postgres"`, `"bigquery"` or `"snowflake"`.
        parameters: True for names as parameters, `(text, values)`, in the style of the dialect's usual driver.
        counts, labels: SQL of the two tables, such as `read_parquet('labels.kqindex/counts/*.parquet')`.

        Raises
        ------
        UnsupportedQueryError: the database cannot hold a name (KQ401), or the query is too large for it (KQ402).

        >>> print(parse("A.B.count > 1 OR A.C.count > 1").to_sql("duckdb"))
        SELECT * FROM labels WHERE label IN (SELECT label FROM counts
          WHERE job = 'A' AND category IN ('B', 'C') AND n >= 2)
        >>> parse('A."it\\'s".count == 0').to_sql("bigquery", parameters=True).parameters
        {'k0': 'A', 'k1': "it's"}
        """
        from kili_query.engines.dialects import compile_select

        made = compile_select(self._tree, dialect, parameters=parameters, counts=counts, labels=labels)
        return made if parameters else made.text

    def equivalent(self, other: Query | CategoryQuery) -> bool:
        """True if the same labels satisfy both queries, whatever their counts. Exact.

        Raises
        ------
        UnsupportedQueryError: the question is too large to decide (KQ402).
        """
        from kili_query.lang.decide import equivalent

        return self == _query(other) or equivalent(self._tree, _query(other)._tree)

    def implies(self, other: Query | CategoryQuery) -> bool:
        """True if every label that satisfies this query satisfies the other. Exact.

        Raises
        ------
        UnsupportedQueryError: the question is too large to decide (KQ402).
        """
        from kili_query.lang.decide import implies

        return self == _query(other) or implies(self._tree, _query(other)._tree)

    # -- answers ---------------------------------------------------------------------------------------------------

    @cached_property
    def _predicate(self) -> Callable[[Counts], bool]:
        from kili_query.engines.memory import compile_predicate

        return compile_predicate(self._tree)

    def holds(self, counts: Counts) -> bool:
        """The truth for given counts: (job, category) -> number; what is not there counts 0."""
        return self._predicate(counts)

    def matches(self, json_response: object, ontology: Ontology | None = None) -> bool:
        """The truth for a label: its `jsonResponse`, as an object or JSON text.

        Raises
        ------
        DataError: the response cannot be read (json-formats 3.5).

        >>> parse("WEATHER.SUN.count == 1").matches({"WEATHER": {"categories": [{"name": "SUN"}]}})
        True
        """
        from kili_query.model.counts import count_categories

        return self._predicate(count_categories(json_response, ontology))

    def matches_label(self, label: Label, ontology: Ontology | None = None) -> bool:
        """The truth for a label of `read_labels`, or a DataError where it cannot be read. `unmet` tells of wrong names."""
        from kili_query.model.counts import count_label

        return self._predicate(count_label(label, ontology))

    def explain(self, json_response: object, ontology: Ontology | None = None) -> Explanation:
        """Why a label satisfies the query or not: each comparison with its count, its truth and its objects.

        Raises
        ------
        DataError: the response cannot be read.
        """
        from kili_query.engines.explain import explain
        from kili_query.model.counts import find_objects

        return explain(self._tree, find_objects(json_response, ontology))

    def explain_label(self, label: Label, ontology: Ontology | None = None) -> Explanation:
        """`explain` for a label of `read_labels`."""
        from kili_query.engines.explain import explain
        from kili_query.model.counts import find_objects_of

        return explain(self._tree, find_objects_of(label, ontology))

    def preview(self, *sources: Any, **options: Any) -> Preview:
        """A contact sheet of what matches in exports, or in one list of labels; `kili_query.preview` has the options.

        >>> parse("OBJECT_DETECTION_JOB.person.count >= 2").preview("tests/data/coco.zip")
        <Preview of 2 assets: 2 assets match>
        """
        from kili_query.pictures.preview import preview_matches

        return preview_matches(self, sources, **options)


def parse(text: CategoryQuery) -> Query:
    """The query that a text means.

    Raises
    ------
    QuerySyntaxError: the text is not a query; `diagnostics[0]` says what is wrong and where.
    TypeError: it is not text.

    >>> str(parse("(A.B.count>0)OR C.D.count == 01"))
    'A.B.count > 0 OR C.D.count == 1'
    """
    return Query(parse_tree(text), text)


def check(query: Query | str, ontology: Ontology | None = None) -> list[Diagnostic]:
    """All diagnostics of a query or its text, syntax errors included; never raises for text.

    >>> [d.code for d in check("A.B.count >> 1")]
    ['KQ105']
    """
    from kili_query.lang.checker import diagnose
    from kili_query.model.ontology import as_ontology

    return query.check(ontology) if isinstance(query, Query) else diagnose(query, as_ontology(ontology))


def _query(query: Query | str) -> Query:
    return query if isinstance(query, Query) else parse(query)


def _restored(text: str, parsed: bool) -> Query:
    """A query out of a pickle. The text of one that was built may be longer than one that people may give."""
    return Query(parse_tree(text, limited=parsed), text if parsed else None)


def _built(tree: ast.Node) -> Query:
    """A query that was not parsed, within the limits of the language: its text can be parsed."""
    limit_tree(tree)
    return Query(tree)


class CountOperand:
    """`JOB.CATEGORY.count`, or a total, to be compared with a whole number. Made by `count`."""

    __slots__ = ("_operand",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, operand: ast.Operand) -> None:
        self._operand = operand

    def __gt__(self, number: int) -> Query:
        return self._compare(Operator.GT, number)

    def __ge__(self, number: int) -> Query:
        return self._compare(Operator.GE, number)

    def __lt__(self, number: int) -> Query:
        return self._compare(Operator.LT, number)

    def __le__(self, number: int) -> Query:
        return self._compare(Operator.LE, number)

    def __eq__(self, number: object) -> Query:  # type: ignore[override]
        return self._compare(Operator.EQ, number)

    def __ne__(self, number: object) -> Query:  # type: ignore[override]
        return self._compare(Operator.NE, number)

    def in_(self, numbers: Iterable[int]) -> Query:
        """True for one of these numbers; a `range` with step 1 becomes `IN 2..5`.

        >>> print(count("A", "B").in_([1, 3]), "/", count("A", "B").in_(range(2, 6)))
        A.B.count IN (1, 3) / A.B.count IN 2..5
        """
        return self._in(numbers, negated=False)

    def not_in(self, numbers: Iterable[int]) -> Query:
        """True for any number but these."""
        return self._in(numbers, negated=True)

    def between(self, low: int | None, high: int | None) -> Query:
        """True from `low` to `high`, both included; None leaves an end open.

        Raises
        ------
        ValueError: both ends are open.
        """
        if low is None and high is None:
            raise ValueError("a range has at least one end")
        bounds = [None if bound is None else _whole(bound) for bound in (low, high)]
        return Query(ast.InRange(self._operand, bounds[0], bounds[1]))

    def __repr__(self) -> str:
        names = {"job": self._operand.job, "category": self._operand.category}
        return f"count({', '.join(f'{which}={name!r}' for which, name in names.items() if name is not None)})"

    def _compare(self, operator: Operator, number: object) -> Query:
        return Query(ast.Comparison(self._operand, operator, _whole(number)))

    def _in(self, numbers: Iterable[int], *, negated: bool) -> Query:
        if isinstance(numbers, (str, bytes, bytearray)):
            raise TypeError(f"numbers are given as a list or a range, and this is {numbers!r}")
        if isinstance(numbers, range) and abs(numbers.step) == 1 and numbers:
            return Query(ast.InRange(self._operand, min(numbers), max(numbers), negated))
        values = tuple(map(_whole, islice(numbers, MAX_COMPARISONS + 1)))  # one too many is enough to refuse them
        if not values:
            raise ValueError("a list of numbers holds at least one")
        return _built(ast.InList(self._operand, values, negated))


class All(Enum):
    """All jobs, or all categories: what `count` is asked for when one of them is left out."""

    ALL = "*"

    def __repr__(self) -> str:
        return "ALL"


def count(job: str | All = All.ALL, category: str | All = All.ALL) -> CountOperand:
    """The number of objects of a category that a label holds, to be compared: `count("CARS", "BUS") > 2`.

    Without a category, the total of the job; without a job, that of the category in all jobs; without both, all objects.
    Keys are taken as they are; those that a plain name cannot express are quoted when the query is printed.

    >>> print(count("CARS", "school bus") > 2)
    CARS."school bus".count > 2
    >>> print((count("CARS") == 0) | (count(category="BUS") > 2))
    CARS.*.count == 0 OR *.BUS.count > 2
    """
    return CountOperand(ast.operand_of(_key(job), _key(category)))


def _key(name: str | All) -> str | None:
    if name is All.ALL:
        return None
    if not isinstance(name, str):
        raise TypeError(f"a key is text, and this is {type(name).__name__}")
    return name


def _whole(number: Any) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"counts are compared with whole numbers, and this is {number!r}")
    return int(number.__index__())
