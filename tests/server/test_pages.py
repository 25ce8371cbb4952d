"""Pages of lists: whatever was learnt from earlier requests, each page is what the data hold now."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kili_query.server import LocalKili
from kili_query.server.graph import reading
from tests.server.asking import Asking, response
from tests.server.conftest import Load

SHORT = 10
"""Keys that are read at once in these tests."""


@pytest.fixture(autouse=True)
def few_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEYS_AHEAD", SHORT)


def records(number: int, name: str = "a") -> Iterator[dict[str, Any]]:
    """Assets with two labels each; many were made at the same moment."""
    for n in range(number):
        made = {"createdAt": f"2024-01-01T00:00:{n // 9:02}.000Z"}
        labels = [{"id": f"{name}{n}-{i}", "jsonResponse": response(n % 3, i), **made} for i in range(2)]
        yield {"id": f"{name}{n}", "externalId": f"{n}.jpg", "labels": labels, "skipped": n % 4 == 0, **made}


@pytest.mark.parametrize(
    "where", [{}, {"search": "OBJ.A.count > 0"}, {"typeIn": ["DEFAULT"], "asset": {"externalIdIn": ["1", "2"]}}]
)
def test_pages_of_any_size_in_any_order_are_parts_of_the_list(
    asking: Asking, load: Load, where: dict[str, Any]
) -> None:
    project = load(*records(40))
    where = {"project": {"id": project}, **where}
    fields = "id skipped isLatestLabelForUser secondsToLabel jsonResponse labelOf { externalId skipped }"
    whole = asking.labels(where, fields)
    assert len(whole) > 2 * SHORT
    assert {type(row["skipped"]) for row in whole} == {type(row["labelOf"]["skipped"]) for row in whole} == {bool}
    chance = random.Random(3)
    for _ in range(60):
        skip, first = chance.randrange(len(whole) + 5), chance.randrange(SHORT + 1)
        assert asking.labels(where, fields, first, skip) == whole[skip : skip + first]


def test_pages_of_assets_hold_their_labels(asking: Asking, load: Load) -> None:
    where = {"project": {"id": load(*records(40))}}
    fields = "id skipped labels { id isLatestLabelForUser author { email } } latestLabel { id } latestLabels { id }"
    whole = asking.assets(where, fields)
    pages = [asking.assets(where, fields, 7, skip) for skip in range(0, 49, 7)]
    assert [row for page in pages for row in page] == whole
    assert sum(row["skipped"] for row in whole) == 10


def test_a_page_after_a_change_shows_it(asking: Asking, load: Load) -> None:
    project = load(*records(20))
    where = {"project": {"id": project}}
    ids = [row["id"] for row in asking.labels(where)]
    assert [row["id"] for row in asking.labels(where, first=5, skip=5)] == ids[5:10]
    asking.ask("mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }", ids=ids[:3])
    assert [row["id"] for row in asking.labels(where, first=5, skip=5)] == ids[8:13]
    everything = len(asking.labels({}, first=8, skip=33))
    load(*records(3, "b"))  # past the API, into another project
    assert (everything, len(asking.labels({}, first=8, skip=33))) == (4, 8)


def test_a_change_that_failed_leaves_no_trace(asking: Asking, load: Load) -> None:
    where = {"project": {"id": load(*records(20))}}
    ids = [row["id"] for row in asking.labels(where)]
    failing = 'mutation ($ids: [ID!]!) { a: deleteLabels(ids: $ids) b: deleteLabels(ids: []) c: createHoneypot(data: {jsonResponse: "{}"}, where: {id: "none"}) { id } }'
    assert asking.labels(where, first=5, skip=5) == [{"id": name} for name in ids[5:10]]
    asking.error(failing, ids=ids[:3])
    assert asking.labels(where, first=5, skip=5) == [{"id": name} for name in ids[5:10]]


def test_a_project_in_the_trash_is_gone_from_the_next_page(asking: Asking, load: Load) -> None:
    project = load(*records(20))
    where = {"project": {"id": project}}
    assert len(asking.labels(where, first=5, skip=5)) == 5
    asking.ask("mutation ($id: ID!) { deleteProjectAsynchronously(where: {id: $id}) }", id=project)
    assert asking.labels(where, first=5, skip=5) == []


def test_the_same_question_of_two_organizations_has_two_answers(server: LocalKili, asking: Asking, load: Load) -> None:
    load(*records(20))
    other = Asking(server, server.add_user(email="eve@other.invalid", organization="Other"))
    for _ in range(2):
        assert len(asking.labels({}, first=5, skip=5)) == 5
        assert other.labels({}, first=5, skip=5) == []


def test_two_lists_in_one_document_are_two(asking: Asking, load: Load) -> None:
    one, two = load(*records(20)), load(*records(20, "b"))
    document = """query ($one: LabelWhere!, $two: LabelWhere!, $skip: Int!) {
        one: labels(where: $one, first: 2, skip: $skip) { id }
        two: labels(where: $two, first: 2, skip: $skip) { id }
    }"""
    for skip in (2, 4):
        found = asking.ask(document, one={"project": {"id": one}}, two={"project": {"id": two}}, skip=skip)
        assert [row["id"][0] for row in found["one"]] == ["a", "a"]
        assert [row["id"][0] for row in found["two"]] == ["b", "b"]


def test_a_known_filter_does_not_hide_mistakes_in_other_variables(asking: Asking, load: Load) -> None:
    document = "query ($where: LabelWhere!, $first: PageSize!) { labels(where: $where, first: $first, skip: 0) { id } }"
    where = {"project": {"id": load(*records(3))}}
    assert asking.ask(document, where=where, first=1) == asking.ask(document, where=where, first=1)
    assert "from 0 to 500" in asking.error(document, where=where, first=501)["message"]
    assert "$first" in asking.error(document, where=where)["message"]
    assert len(asking.body(document, where={"nope": 1}, first=501)["errors"]) == 2
    assert asking.ask(document, where={**where, "id": "nobody"}, first=1) == []


def test_a_page_is_a_part_of_the_list_while_somebody_writes(asking: Asking, load: Load, server: LocalKili) -> None:
    project = load(*records(30))
    document = """query ($where: LabelWhere!, $first: PageSize!, $skip: Int!) {
        whole: labels(where: $where, first: 500, skip: 0) { id labelOf { labels { id } } }
        part: labels(where: $where, first: $first, skip: $skip) { id labelOf { labels { id } } }
        number: countLabels(where: $where)
    }"""
    read = threading.Event()
    sizes: set[int] = set()
    wrong: list[object] = []

    def pages(seed: int) -> None:
        chance, mine = random.Random(seed), Asking(server)
        while not read.is_set():
            where = {"project": {"id": project}, **chance.choice([{}, {"search": "OBJ.A.count > 0"}])}
            first, skip = chance.randrange(SHORT + 1), chance.randrange(60)
            found = mine.ask(document, where=where, first=first, skip=skip)
            sizes.add(len(found["whole"]))
            if found["part"] != found["whole"][skip : skip + first] or found["number"] != len(found["whole"]):
                wrong.append((where, first, skip, found))

    readers = [threading.Thread(target=pages, args=(seed,)) for seed in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(20):
            ids = [row["id"] for row in asking.labels({"project": {"id": project}}, first=3, skip=2)]
            asking.ask("mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }", ids=ids)
    finally:
        read.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert len(sizes) > 2


def test_more_lists_than_are_remembered_are_each_their_own(
    asking: Asking, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_REMEMBERED", 2)
    load(*records(10))
    lists = [f'a{n}: labels(where: {{idIn: ["a{n}-0", "a{n}-1"]}}, first: 1, skip: 1) {{ id }}' for n in range(8)]
    for _ in range(2):
        assert asking.ask(f"{{ {' '.join(lists)} }}") == {f"a{n}": [{"id": f"a{n}-1"}] for n in range(8)}


def test_a_variable_that_is_missing_inside_a_filter_is_told_on_each_page(asking: Asking) -> None:
    document = "query ($value: JSON) { assets(where: {metadata: {k: $value}}, first: 1, skip: 1) { id } }"
    assert asking.ask(document, value=5) == []
    assert "`k` takes a text" in asking.error(document)["message"]
