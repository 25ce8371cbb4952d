"""An interface with a job of each kind, and random labels that fit it: for the tests of parsed labels."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy


def _job(
    task: str, input: str = "radio", names: str = "AB", *, opens: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    content: dict[str, Any] = {"input": input}
    if names:
        content["categories"] = {name: {"name": f"Shown {name}", "children": list(opens)} for name in names}
    return {"mlTask": task, "content": content, "required": 0, "isChild": False, "instruction": task} | more


_CHILD: dict[str, Any] = {"isChild": True}
INTERFACE: dict[str, Any] = {
    "jobs": {
        "ONE": _job("CLASSIFICATION", opens=("COLOR", "REMARK")),
        "MANY": _job("CLASSIFICATION", "checkbox", "ABC", opens=("REMARK",)),
        "DROP": _job("CLASSIFICATION", "multipleDropdown", "ABC", required=1),
        "COLOR": _job("CLASSIFICATION", "singleDropdown", "RGB", **_CHILD),
        "REMARK": _job("TRANSCRIPTION", "textField", "", **_CHILD),
        "TEXT": _job("TRANSCRIPTION", "textField", ""),
        "NUMBER": _job("TRANSCRIPTION", "number", ""),
        "DAY": _job("TRANSCRIPTION", "date", ""),
        "DRAWN": _job(
            "OBJECT_DETECTION",
            opens=("COLOR",),
            tools=["rectangle", "polygon", "semantic", "polyline", "vector", "marker"],
        ),
        "SEVERAL": _job("OBJECT_DETECTION", "checkbox", tools=["rectangle"]),
        "POSE": _job("OBJECT_DETECTION", tools=["pose"]),
        "WORDS": _job("NAMED_ENTITIES_RECOGNITION"),
        "LINKS": _job("NAMED_ENTITIES_RELATION"),
        "JOINS": _job("OBJECT_RELATION"),
        "FILE": _job("FILE", "", ""),
    }
}

numbers = st.floats(0, 1) | st.sampled_from([0, 1, -0.5])
vertices = st.fixed_dictionaries({"x": numbers, "y": numbers})
_extras = {
    "labelVersion": st.just("default"),
    "jobName": st.just("DRAWN"),
    "unknown": st.just({"deep": [1, {"x": None}]}),
}
_PSEUDO = {
    "ROTATION_JOB": {"rotation": 90},
    "ANNOTATION_JOB_COUNTER": {"DRAWN": {"A": 1}},
    "ANNOTATION_NAMES_JOB": {"m": "A 1"},
}


@st.composite
def _categories(draw: DrawFn, names: str, most: int, below: SearchStrategy[Any]) -> list[dict[str, Any]]:
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=most, unique=True))
    more = {"confidence": st.integers(0, 100), "children": below, "color": st.just("#fff")}
    return [{"name": name, **draw(st.fixed_dictionaries({}, optional=more))} for name in chosen]


_remarks = st.fixed_dictionaries({"text": st.text(max_size=4)})
_colors = st.fixed_dictionaries({"categories": _categories("RGB", 1, st.just({}))})
_nested = st.fixed_dictionaries({}, optional={"COLOR": _colors, "REMARK": _remarks})


def _rings(least: int, most: int) -> SearchStrategy[Any]:
    ring = st.fixed_dictionaries({"normalizedVertices": st.lists(vertices, min_size=least, max_size=most)})
    return st.lists(ring, min_size=1, max_size=2)


_SHAPES: dict[str, dict[str, SearchStrategy[Any]]] = {
    "rectangle": {"boundingPoly": _rings(4, 4)},
    "polygon": {"boundingPoly": _rings(3, 5)},
    "semantic": {"boundingPoly": _rings(1, 5)},
    "polyline": {"polyline": st.lists(vertices, max_size=3)},
    "vector": {"polyline": st.lists(vertices, max_size=3)},
    "marker": {"point": vertices},
}


@st.composite
def _annotations(draw: DrawFn, job: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"mid": draw(st.sampled_from(["m", "n", "o"]))}
    entry["categories"] = draw(_categories("AB", 2 if job == "SEVERAL" else 1, st.just({})))
    entry |= draw(st.fixed_dictionaries({}, optional=_extras))
    if job == "DRAWN":
        tool = draw(st.sampled_from(list(_SHAPES)))
        entry |= {"type": tool, **draw(st.fixed_dictionaries(_SHAPES[tool]))}
        entry |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "children": st.fixed_dictionaries({}, optional={"COLOR": _colors}),
                    "score": st.integers(0, 100),
                },
            )
        )
    elif job == "SEVERAL":
        entry |= {"type": "rectangle", "boundingPoly": draw(_rings(4, 4))}
    elif job == "POSE":
        point = st.fixed_dictionaries({"code": st.just("NOSE"), "point": vertices, "type": st.just("marker")})
        entry |= {"type": "pose", "kind": "POSE_ESTIMATION", "points": draw(st.lists(point, max_size=2))}
    elif job == "WORDS":
        entry |= {"content": "Ada", "beginOffset": draw(st.integers(0, 9)), "endOffset": 9}
    else:
        side = "Entities" if job == "LINKS" else "Objects"
        entry |= {f"start{side}": [{"mid": "m"}], f"end{side}": draw(st.just([]) | st.just([{"mid": "n"}]))}
    return entry


def _objects(job: str) -> SearchStrategy[Any]:
    return st.fixed_dictionaries({"annotations": st.lists(_annotations(job), max_size=2)})


_answers = {
    "ONE": st.fixed_dictionaries({"categories": _categories("AB", 1, _nested)}),
    "MANY": st.fixed_dictionaries({"categories": _categories("ABC", 3, st.fixed_dictionaries({}, optional={"REMARK": _remarks}))}),
    "DROP": st.fixed_dictionaries({"categories": _categories("ABC", 3, st.just({}))}, optional={"isKeyFrame": st.booleans()}),
    "TEXT": _remarks,
    "NUMBER": st.just({"text": "12"}),
    "DAY": st.just({"text": "2024-02-29"}),
    "FILE": st.just({"fileId": "f", "fileName": "a.pdf", "fileMimeType": "application/pdf"}),
    **{job: _objects(job) for job in ("DRAWN", "SEVERAL", "POSE", "WORDS", "LINKS", "JOINS")},
}  # fmt: skip
_plain = st.fixed_dictionaries({}, optional=_answers)
_with_pseudo = st.tuples(_plain, st.fixed_dictionaries({}, optional={k: st.just(v) for k, v in _PSEUDO.items()}))


@st.composite
def fitting(draw: DrawFn) -> tuple[dict[str, Any], str]:
    """A label that fits the interface, and the input type of its project: of a video, with frames left out, or another."""
    input_type = draw(st.sampled_from(["IMAGE", "PDF", "TEXT", "VIDEO", "VIDEO_LEGACY"]))
    answers = _with_pseudo.map(lambda parts: {**parts[0], **parts[1]})
    if input_type.startswith("VIDEO"):
        answers = st.dictionaries(st.sampled_from(["0", "2", "10", "7"]), answers | st.just({}), max_size=3)
    label = {"id": "l", "author": {"email": "ada@example.com"}, "jsonResponse": draw(answers)}
    return label, input_type
