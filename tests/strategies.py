"""Random trees, texts, ontologies and labels."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from kili_query.lang.ast import And, Comparison, Count, InList, InRange, Leaf, Node, Not, Operand, Or, Total, operand_of
from kili_query.lang.operators import Operator

# -- names and numbers -------------------------------------------------------------------------------------------------

KEYWORDS = ("AND", "OR", "NOT", "IN", "count", "NOTIN", "ANDNOT", "and", "not")
PLAIN = ("A", "B", "J-1", "x_*", "JOB_0", *KEYWORDS)
QUOTED = (
    "traffic light",
    "1",
    "",
    " ",
    "É",
    'a "b"',
    "c\\d",
    "a.b",
    "# no comment",
    "(x)",
    "A.B.count > 1",
    "a\nb",
    "字\u0301",
    "\x00",
)

plain_names = st.sampled_from(PLAIN) | st.from_regex(r"[A-Za-z][A-Za-z0-9_*-]{0,6}", fullmatch=True)
names = plain_names | st.sampled_from(QUOTED) | st.text(max_size=6).filter(lambda text: text.isprintable())
numbers = st.integers(-3, 8) | st.integers(0, 3) | st.integers(-(10**30), 10**30)
small_numbers = st.integers(-1, 4) | st.integers(-1, 4) | st.integers(0, 12)
LARGEST = 12

# -- trees -------------------------------------------------------------------------------------------------------------

SMALL_KEYS = (("A", "B"), ("A", "C"), ("traffic", "a light"))
"""Few keys, so that the comparisons of a tree meet each other."""


def counted(names: SearchStrategy[str] = names) -> SearchStrategy[Count]:
    return st.builds(Count, names, names)


any_operands = counted() | counted() | st.builds(operand_of, st.none() | names, st.none() | names)
small_counts = st.sampled_from([Count(job, category) for job, category in SMALL_KEYS])
SMALL_TOTALS = (("A", None), ("traffic", None), (None, "B"), (None, "a light"), (None, None))
small_operands: SearchStrategy[Operand] = small_counts | st.sampled_from([Total(*names) for names in SMALL_TOTALS])
portable_operands = counted(plain_names)


def comparisons(
    operands: SearchStrategy[Operand] = any_operands, numbers: SearchStrategy[int] = numbers
) -> SearchStrategy[Leaf]:
    """All kinds of leaves."""
    ends = st.tuples(st.none() | numbers, st.none() | numbers).filter(lambda ends: ends != (None, None))
    lists = st.lists(numbers, min_size=1, max_size=4).map(tuple)
    return (
        st.builds(Comparison, operands, st.sampled_from(Operator), numbers)
        | st.builds(InList, operands, lists, st.booleans())
        | st.builds(
            lambda operand, ends, negated: InRange(operand, ends[0], ends[1], negated), operands, ends, st.booleans()
        )
    )


def trees(
    operands: SearchStrategy[Operand] = any_operands, numbers: SearchStrategy[int] = numbers, max_leaves: int = 12
) -> SearchStrategy[Node]:
    """Trees as the parser makes them: no AND directly in an AND, no OR directly in an OR."""

    def grow(below: SearchStrategy[Node]) -> SearchStrategy[Node]:
        row = st.lists(below, min_size=2, max_size=4)
        return (
            st.builds(Not, below) | row.map(lambda items: _flat(And, items)) | row.map(lambda items: _flat(Or, items))
        )

    return st.recursive(comparisons(operands, numbers), grow, max_leaves=max_leaves)


small_trees = trees(small_operands, small_numbers, max_leaves=8)
counting_trees = trees(small_counts, small_numbers, max_leaves=8)
"""The same without totals."""
portable_trees = trees(portable_operands)


def _flat(kind: type[And] | type[Or], items: list[Node]) -> Node:
    return kind(tuple(part for item in items for part in (item.items if isinstance(item, kind) else (item,))))


counts = st.dictionaries(st.sampled_from(SMALL_KEYS), st.integers(0, 6) | st.integers(0, LARGEST + 2))

# -- texts of trees ----------------------------------------------------------------------------------------------------

_gaps = st.sampled_from(["", "", " ", "  ", "\t", "\n", "\r\n", "# c\n", " #\n", "#A.B.count > 1 AND (\n ", '# "\n'])


@st.composite
def layouts(draw: DrawFn, tree: Node) -> str:
    """A text of the tree with random white space, comments, redundant parentheses, signs and zeros."""

    def gap() -> str:
        return draw(_gaps)

    def space() -> str:
        """Between two words."""
        return gap() or " "

    def number(value: int) -> str:
        sign = "-" if value < 0 else draw(st.sampled_from(["", "", "+"]))
        return sign + draw(st.sampled_from(["", "", "0", "00"])) + str(abs(value))

    def name(text: str | None) -> str:
        if text is None:
            return "*"
        plain = text[:1].isalpha() and text.isascii() and all(c.isalnum() or c in "_-*" for c in text)
        if plain and draw(st.integers(0, 4)):
            return text
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def operand(count: Operand) -> str:
        return f"{name(count.job)}{gap()}.{gap()}{name(count.category)}{gap()}.{gap()}count"

    def leaf(node: Leaf) -> str:
        text = operand(node.operand)
        if isinstance(node, Comparison):
            return f"{text}{gap()}{node.operator.symbol}{gap()}{number(node.number)}"
        text += gap() + ("NOT" + gap()) * node.negated + "IN" + gap()
        if isinstance(node, InList):
            return text + "(" + ",".join(gap() + number(n) + gap() for n in node.numbers) + ")"
        low, high = ("" if end is None else number(end) for end in (node.low, node.high))
        return f"{text}{low}{gap()}..{gap()}{high}"

    def written(node: Node, wrap: bool) -> str:
        match node:
            case And(items):
                text = f"{space()}AND{space()}".join(written(item, isinstance(item, Or)) for item in items)
            case Or(items):
                text = f"{space()}OR{space()}".join(written(item, False) for item in items)
            case Not(item):
                text = f"NOT{space()}{written(item, isinstance(item, (And, Or)))}"
            case _:
                text = leaf(node)
        for _ in range(max(wrap, draw(st.sampled_from([0, 0, 0, 1, 2])))):
            text = f"({gap()}{text}{gap()})"
        return text

    return gap() + written(tree, False) + draw(st.sampled_from(["", " ", "\n", "# the end", "\t# c\n"]))


_pieces = st.sampled_from(
    ["AND", "OR", "NOT", "IN", "and", "count", "A", "*", ".", "..", "(", ")", ",", "==", "=", "!=", ">", "<=", "1", "-2", "1.5",
     "1e3", '"', '"a b"', "#", "# c\n", " ", "\u00a0", "\v", "É", "\u0661", "&&", "|", "!", "\\", "A.B.count > 1", "A.B", "\x00"]
)  # fmt: skip


@st.composite
def near_misses(draw: DrawFn) -> str:
    """A valid text with a few characters dropped, doubled, replaced, or pieces put in."""
    text = draw(small_trees.flatmap(layouts))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.integers(0, 4)))
        text = text[:at] + draw(st.sampled_from(["", text[at:to] * 2, ""]) | _pieces) + text[to:]
    return text


any_text = (
    st.text(max_size=40) | st.lists(_pieces, max_size=12).map(" ".join) | st.lists(_pieces, max_size=12).map("".join)
)

# -- ontologies --------------------------------------------------------------------------------------------------------

JOBS = ("J", "K", "NESTED", "DEEP", "POSE", "7", "traffic job", "assetLevel")
CATEGORIES = ("A", "B", "a", "traffic light", "3", "J")
INPUT_TYPES = (None, "IMAGE", "VIDEO", "TEXT", "LLM_STATIC", "LLM_RLHF")
_TASKS = (
    "CLASSIFICATION",
    "OBJECT_DETECTION",
    "NAMED_ENTITIES_RECOGNITION",
    "OBJECT_RELATION",
    "TRANSCRIPTION",
    "NEW_TASK",
)
_inputs = st.sampled_from(["radio", "checkbox", "singleDropdown", "multipleDropdown", None])


@st.composite
def json_interfaces(draw: DrawFn) -> dict[str, Any]:
    """A `jsonInterface` of a right shape; children may form rings and name jobs that do not exist."""
    children = st.lists(st.sampled_from([*JOBS, "GONE"]), max_size=2)
    jobs: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(JOBS), unique=True, max_size=5)):
        categories: Any = {}
        for name in draw(st.lists(st.sampled_from(CATEGORIES), unique=True, max_size=4)):
            category: dict[str, Any] = {"name": draw(st.sampled_from(["Shown", name, "A"]))}
            if draw(st.booleans()):
                category["children"] = draw(children)
            if draw(st.integers(0, 5)) == 0:
                category["points"] = [{"code": "NOSE", "children": draw(children)}]
            categories[name] = category
        if draw(st.integers(0, 9)) == 0:
            categories = list(categories)
        jobs[key] = {
            "mlTask": draw(st.sampled_from(_TASKS)),
            "instruction": draw(st.sampled_from([None, "Title", "J"])),
            "isChild": draw(st.booleans()),
            "isModel": draw(st.integers(0, 9)) == 0,
            "level": draw(st.sampled_from([None, None, "round", "completion", "conversation"])),
            "content": {"categories": categories, "input": draw(_inputs)},
        }
    return {"jobs": jobs}


# -- labels ------------------------------------------------------------------------------------------------------------

_odd: SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, "x", 0, True, [None], [[]], {"x": 1}, [{"name": None}], [{"noname": "A"}]]
)
_mids = st.sampled_from(["m1", "m2", "", 1, 2, 1.5, "1", None, True, ["m"]])
_names = st.sampled_from(CATEGORIES)
_PSEUDO = {
    "ANNOTATION_JOB_COUNTER": {"J": {"A": 7}},
    "ANNOTATION_NAMES_JOB": {"m1": "x"},
    "ROTATION_JOB": {"categories": [{"name": "A"}]},
}


@st.composite
def _entries(draw: DrawFn, below: SearchStrategy[Any]) -> Any:
    name = draw(_names)
    form = draw(st.integers(0, 7))
    if form == 0:
        return name  # a plain text, as in the conversation form
    if form == 1:
        return draw(_odd)
    entry: dict[str, Any] = {"name": name, "confidence": 100}
    if draw(st.integers(0, 2)) == 0:
        entry["children"] = draw(below)
    return entry


@st.composite
def _annotations(draw: DrawFn, below: SearchStrategy[Any]) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(_odd)
    annotation: dict[str, Any] = {"type": "rectangle", "categories": draw(_lists(_entries(below), 2))}
    if draw(st.integers(0, 3)):
        annotation["mid"] = draw(_mids)
    if draw(st.booleans()):
        annotation["children"] = draw(below)
    if draw(st.integers(0, 3)) == 0:  # a pose; in the older form its points repeat the category
        annotation["points"] = draw(_lists(st.fixed_dictionaries(
            {"code": st.sampled_from(["NOSE", "TAIL", None, 3, []])},
            optional={"children": below, "categories": st.just([{"name": "A"}]), "mid": _mids},
        ) | _odd, 2))  # fmt: skip
    if draw(st.integers(0, 5)) == 0:  # PDF: the inner list holds places, no objects
        annotation["annotations"] = [{"pageNumberArray": [1], "categories": [{"name": "A"}]}]
    if draw(st.integers(0, 5)) == 0:  # relation
        annotation |= {"startObjects": [{"mid": "m1"}], "endObjects": [{"mid": "m2", "categories": [{"name": "A"}]}]}
    return annotation


def _lists(items: SearchStrategy[Any], max_size: int) -> SearchStrategy[Any]:
    return st.lists(items, max_size=max_size)


@st.composite
def _answers(draw: DrawFn, below: SearchStrategy[Any]) -> Any:
    if draw(st.integers(0, 11)) == 0:
        return draw(_odd)
    answer: dict[str, Any] = {}
    if draw(st.booleans()):
        answer["categories"] = draw(_lists(_entries(below), 3) | _odd)
    if draw(st.booleans()):
        answer["annotations"] = draw(_lists(_annotations(below), 3) | _odd)
    if draw(st.integers(0, 3)) == 0:
        answer["children"] = draw(below)
    if draw(st.integers(0, 5)) == 0:
        answer |= {"text": "free", "isKeyFrame": True}
    return answer


def _jobs(below: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(JOBS), _answers(below), max_size=2) | st.sampled_from([{}, None, []])


_deep: SearchStrategy[Any] = st.deferred(
    lambda: st.just({}) | _jobs(st.just({"DEEP": {"categories": [{"name": "A"}, {"name": "A"}]}}))
)
_plain = st.dictionaries(st.sampled_from(JOBS), _answers(_jobs(_deep)), max_size=4)


@st.composite
def responses(draw: DrawFn) -> dict[str, Any]:
    """A `jsonResponse` of any format: plain, video (with `assetLevel`), pseudo jobs, odd shapes at every place."""
    response = dict(draw(_plain))
    if draw(st.booleans()):
        frames: SearchStrategy[Any] = st.dictionaries(
            st.sampled_from(["0", "1", "2", "10", "7"]), _plain | st.sampled_from([{}, None, []]), max_size=4
        )
        response |= draw(frames)
    if draw(st.integers(0, 3)) == 0:
        response["assetLevel"] = draw(_plain)
    if draw(st.integers(0, 3)) == 0:
        response |= _PSEUDO
    return response


@st.composite
def level_labels(draw: DrawFn) -> dict[str, Any]:
    """The conversation form of an LLM label: three levels."""
    keyed = st.dictionaries(
        st.sampled_from(JOBS), st.dictionaries(st.sampled_from(["0", "msg-1"]), _answers(_deep)) | _odd
    )
    levels = {"conversation": _plain, "round": keyed, "completion": keyed, "other": keyed}
    return draw(st.fixed_dictionaries({}, optional=levels))


def as_text(response: object) -> str:
    """The JSON text of a response."""
    return json.dumps(response)
