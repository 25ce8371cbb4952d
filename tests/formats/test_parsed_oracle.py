"""Labels that were changed here are read by the real `kili` 26.2.4 as if they had been changed there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kili_query import ParsedLabel
from tests.conftest import FUZZ
from tests.formats.parsed_labels import INTERFACE, fitting

pytestmark = pytest.mark.oracle

RING = "[{'x': 0.1, 'y': 0.2}, {'x': 0.3, 'y': 0.2}, {'x': 0.3, 'y': 0.4}, {'x': 0.1, 'y': 0.4}]"
EDITS = (
    "label.jobs['ONE'].add_category('A', 30)",
    "label.jobs['ONE'].category.name = 'B'",
    "label.jobs['ONE'].category.display_name = 'Shown C'",
    "label.jobs['ONE'].category.confidence = -1.5",
    "label.jobs['ONE'].category.children = {'COLOR': {'categories': [{'name': 'G'}]}}",
    "label.jobs['ONE'].category.children['COLOR'].category.name = 'B'",
    "label.jobs['MANY'].add_category('C')",
    "label.jobs['MANY'].add_category('D')",
    "label.jobs['MANY'].categories[0].name = 'A'",
    "label.jobs['TEXT'].text = 'new'",
    "label.jobs['NUMBER'].text = '7'",
    "label.jobs['NUMBER'].text = '7.5'",
    "label.jobs['DAY'].text = '2024-02-30'",
    f"label.jobs['DRAWN'].add_annotation({{'type': 'polygon', 'boundingPoly': [{{'normalizedVertices': {RING}}}], 'categories': [{{'name': 'A'}}]}})",
    "label.jobs['DRAWN'].add_annotation({'type': 'pose', 'categories': [{'name': 'A'}]})",
    "label.jobs['DRAWN'].annotations[0].category.display_name = 'Shown B'",
    "label.jobs['DRAWN'].annotations[0].mid = 'z'",
    "label.jobs['DRAWN'].annotations[0].score = 7",
    "label.jobs['DRAWN'].annotations[0].score = 107",
    f"label.jobs['DRAWN'].annotations[0].bounding_poly[0].normalized_vertices = {RING}",
    f"label.jobs['DRAWN'].annotations[0].bounding_poly.add_bounding_poly({{'normalizedVertices': {RING}}})",
    "label.jobs['DRAWN'].annotations[0].polyline = [{'x': 0.5, 'y': 1}]",
    "label.jobs['DRAWN'].annotations[-1].point = {'x': 0.5, 'y': 0.25}",
    "label.jobs['DRAWN'].annotations[0].children = {'COLOR': {'categories': [{'name': 'R'}]}}",
    "label.jobs['SEVERAL'].annotations[0].add_category('B', 3)",
    "label.jobs['SEVERAL'].annotations[0].category.name = 'B'",
    "label.jobs['WORDS'].annotations[0].end_offset = 12",
    "label.jobs['WORDS'].annotations[0].begin_offset = -1",
    "label.jobs['WORDS'].annotations[0].content = 'Bob'",
    "label.jobs['LINKS'].annotations[0].start_entities = [{'mid': 'y'}]",
    "label.jobs['JOINS'].annotations[0].end_objects = [{'mid': 'y'}]",
    "label.jobs['JOINS'].annotations[0].content = 'no'",
    "label.jobs['GHOST'].text = 'no'",
)

THEIRS = """
import json, sys
from kili.utils.labels.parsing import ParsedLabel
interface, asked = json.load(sys.stdin)
answers = []
for source, input_type, edits, changed in asked:
    label, failed = ParsedLabel(source, interface, input_type), []
    for edit in edits:
        try:
            exec(edit)
            failed.append(None)
        except Exception as error:
            failed.append(type(error).__name__)
    try:
        read = ParsedLabel(changed, interface, input_type).to_dict()
    except Exception:  # a name set twice, which it takes, and does not read again
        read = None
    answers.append([label.to_dict(), read, failed])
json.dump(answers, sys.stdout)
"""


def _without_colors(value: dict[str, Any]) -> dict[str, Any]:
    """An object without a key of categories on which the real parser fails."""
    return {key: item for key, item in value.items() if key != "color"}


def test_labels_changed_here_are_read_as_if_they_were_changed_there(oracle: Path) -> None:
    asked: list[Any] = []
    refused: list[list[tuple[str, ...]]] = []

    @settings(max_examples=max(40, FUZZ), derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(fitting(), st.lists(st.sampled_from(EDITS), min_size=1, max_size=12))
    def collect(drawn: tuple[dict[str, Any], str], edits: list[str]) -> None:
        source, input_type = json.loads(json.dumps(drawn), object_hook=_without_colors)
        if input_type.startswith("VIDEO"):
            edits = [edit.replace("']", "'].frames[0]", 1) for edit in edits]
        label = ParsedLabel(source, INTERFACE, input_type)
        failures: list[tuple[str, ...]] = []
        for edit in edits:
            try:
                exec(edit, {"label": label})
                failures.append(())
            except Exception as error:
                failures.append(tuple(kind.__name__ for kind in type(error).__mro__))
        asked.append([source, input_type, edits, label.to_dict()])
        refused.append(failures)

    collect()
    done = subprocess.run(
        [str(oracle), "-I", "-W", "ignore", "-c", THEIRS],
        input=json.dumps([INTERFACE, asked]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sum(not kinds for failures in refused for kinds in failures) > 30  # many are taken, and many are not
    for (_, _, edits, _), failures, (changed, read, failed) in zip(
        asked, refused, json.loads(done.stdout), strict=True
    ):
        for edit, ours, theirs in zip(edits, failures, failed, strict=True):
            assert (theirs in ours) if theirs else not ours, (edit, ours, theirs)
        assert read is None or read == changed, edits
