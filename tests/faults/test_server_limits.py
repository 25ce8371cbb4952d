"""What one request could cost local Kili: 163 bytes of query took 5 GB, eight compressed bodies without a key 2.3 GB.

Right is: each answer has a budget of rows and bytes, each request bounds for what it sends, and what goes beyond is told
as an error before the memory is used. The tests count rows and bytes, not seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query.server import LocalKili
from kili_query.server.graph.budget import MAX_ROOTS, Budget
from tests.server.asking import INTERFACE, Asking, response

ROWS, BYTES = 2_000, 200_000
LABELS, ASSETS = 10, 20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A server with a small budget, and some labels."""
    path = tmp_path_factory.mktemp("records") / "records.json"
    labels = [{"jsonResponse": response(2), "author": {"email": "ann@x.invalid"}} for _ in range(LABELS)]
    pages = [{"pageNumber": n, "width": 1.0, "height": 1.0} for n in range(50)]
    records = [{"id": f"a{n}", "externalId": str(n), "labels": labels, "pageResolutions": pages} for n in range(ASSETS)]
    path.write_text(json.dumps(records))
    with LocalKili(socket=False, max_rows=ROWS, max_bytes=BYTES) as server:
        server.load(path, interface=INTERFACE, input_type="IMAGE")
        yield Asking(server)


def listed(fields: str, first: int = 500) -> str:
    return f"{{ labels(where: {{}}, first: {first}, skip: 0) {{ {fields} }} }}"


def aliases(number: int, what: str) -> str:
    return " ".join(f"n{i}: {what}" for i in range(number))


COSTLY = {
    "levels that multiply": listed("labelOf { labels { labelOf { labels { id } } } }"),
    "the same through fragments": listed("...A") + " fragment A on Label { labelOf { labels { ...B } } } fragment B on Label { labelOf { labels { id } } }",
    "many lists at the root": f"{{ {aliases(20, 'labels(where: {}, first: 500, skip: 0) { id }')} }}",
    "many lists below": f"{{ assets(where: {{}}, first: 20, skip: 0) {{ {aliases(20, 'labels { id }')} }} }}",
    "a second page of them": f"{{ assets(where: {{}}, first: 19, skip: 1) {{ {aliases(20, 'labels { id }')} }} }}",
    "a row above all": listed(aliases(20, "labelOf { project { roles { id } } }")),
    "a text under many names": listed(aliases(200, "jsonResponse"), 20),
    "the same, completed": listed(aliases(200, "jsonResponse") + " ... on Label { id }", 20),
    "embedded objects": f"{{ assets(where: {{}}, first: 20, skip: 0) {{ {aliases(10, 'pageResolutions { pageNumber width height }')} }} }}",
    "the schema many times": f"{{ {aliases(50, '__schema { types { name fields { name description } } }')} }}",
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_an_answer_beyond_its_budget_is_an_error(small: Asking, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[Budget] = []
    made = Budget.spend

    def spend(budget: Budget, rows: int, size: int) -> None:
        spent.append(budget)
        made(budget, rows, size)

    monkeypatch.setattr(Budget, "spend", spend)
    error = small.error(COSTLY[name])
    assert error["extensions"]["code"] == "ANSWER_TOO_LARGE"
    assert "which is the most; a smaller page, or fewer fields, works" in error["message"]
    assert error["extensions"]["context"] == {"rows": ROWS, "bytes": BYTES}
    assert len(spent) < 3 * ROWS  # it ends where the budget does: so many rows and values were read, and no more


def test_the_budget_is_of_one_answer(small: Asking) -> None:
    for _ in range(20):
        assert len(small.labels({}, "id labelOf { id }")) == LABELS * ASSETS
    assert small.ask("{ countLabels(where: {}) }") == LABELS * ASSETS


def test_a_document_has_as_many_roots_as_clients_need(small: Asking) -> None:
    few, many = (f"{{ {aliases(number, 'countLabels(where: {})')} }}" for number in (MAX_ROOTS, MAX_ROOTS + 1))
    assert len(small.ask(few)) == MAX_ROOTS
    assert small.error(many)["extensions"]["code"] == "ANSWER_TOO_LARGE"
    written = f"mutation {{ {aliases(MAX_ROOTS + 1, 'deleteLabels(ids: [])')} }}"
    assert small.error(written)["extensions"]["code"] == "ANSWER_TOO_LARGE"


def test_a_change_whose_answer_is_too_large_is_undone(small: Asking) -> None:
    count = small.count("Label", {})
    entries = [{"assetID": "a0", "jsonResponse": json.dumps({"note": "x" * 30_000})} for _ in range(10)]
    document = "mutation ($d: AppendManyLabelsData!) { appendManyLabels(data: $d, where: {}) { id jsonResponse } }"
    error = small.error(document, d={"labelType": "DEFAULT", "labelsData": entries})
    assert error["extensions"]["code"] == "ANSWER_TOO_LARGE"
    assert small.count("Label", {}) == count


def test_pages_of_honest_clients_fit(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    answers = {"OBJ": {"annotations": []}, "note": {"text": "x" * 20_000}}
    records = [{"externalId": str(n), "labels": [{"jsonResponse": answers, "author": {"id": "u"}}]} for n in range(500)]
    path.write_text(json.dumps(records))
    with LocalKili(socket=False) as server:
        server.load(path, interface=INTERFACE)
        asking = Asking(server)
        page = asking.labels({}, "id jsonResponse author { email } labelOf { externalId labels { id author { id } } }")
        assert sum(len(label["jsonResponse"]) for label in page) > 10_000_000
        whole: Any = asking.assets({}, "id labels { id jsonResponse author { email } } latestLabel { jsonResponse }")
        assert len(whole) == 500


@pytest.mark.parametrize("size", [1_001, 50_000, 60_000])
def test_a_pattern_that_is_too_long_is_no_failure_of_the_server(small: Asking, size: int) -> None:
    document = "query ($w: ProjectWhere!) { countProjects(where: $w) }"
    error = small.error(document, w={"searchQuery": "x" * size})
    assert (error["extensions"]["code"], error["message"]) == (
        "BAD_USER_INPUT",
        "`searchQuery` has at most 1,000 characters",
    )
    assert small.ask(document, w={"searchQuery": "%" + "x" * 998 + "%"}) == 0


INPUTS: dict[str, dict[str, Any]] = {
    "Label": {
        "id": "", "idIn": [], "typeIn": None, "authorIn": [], "labelerIn": [], "labelerNotIn": [], "reviewerIn": [], "reviewerNotIn": [],
        "search": "", "user": {"email": ""}, "consensusMarkGte": 1,
    },
    "Asset": {"id": "", "idIn": [], "idNotIn": [], "externalIdStrictlyIn": [], "externalIdIn": [], "assigneeIn": [], "assigneeNotIn": [],
              "groupNameIn": [], "groupNameNotIn": [], "stepIdIn": [], "metadata": {"k": ""}, "honeypotMarkLte": 1},
    "Project": {"id": "", "searchQuery": "", "organizationId": "", "tagIds": []},
    "User": {"id": "", "idIn": [], "email": "", "apiKey": ""},
}  # fmt: skip
TEXTS = [
    "",
    "\0",
    "a\0b",
    "%",
    "_" * 900,
    "'; DROP TABLE labels",
    "\N{SNOWMAN}" * 900,
    "x" * 100_000,
    "(" * 5_000,
    "A.B.count > " + "9" * 5_000,
]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, fields in INPUTS.items() for name in fields])
def test_no_text_or_number_in_a_filter_is_a_failure_of_the_server(small: Asking, kind: str, name: str) -> None:
    """Whatever stands in a filter, it is answered, or refused as a fault of the input."""
    like = INPUTS[kind][name]
    values: list[Any] = [1e308, -1e308, 10**400, 2**64] if like == 1 else TEXTS
    for value in values:
        filled = [value] if isinstance(like, list) else dict.fromkeys(like, value) if isinstance(like, dict) else value
        document = f"query ($w: {kind}Where!) {{ count{kind}s(where: $w) }}"
        body = small.body(document, w={name: filled})
        codes = {error["extensions"]["code"] for error in body.get("errors", ())}
        assert codes <= {"BAD_USER_INPUT", "BAD_REQUEST"}, (name, str(value)[:40], body)


def test_long_lists_are_answered_or_refused(small: Asking) -> None:
    many = [str(n) for n in range(200_000)]
    assert small.count("Asset", {"idIn": [*many, "a0"]}) == 1
    error = small.error("query ($w: AssetWhere!) { countAssets(where: $w) }", w={"externalIdIn": many})
    assert error["message"].startswith("`externalIdIn` has at most 10,000 entries, and here are 200,000")
