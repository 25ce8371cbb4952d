"""The protocol: routes, keys, bodies, errors, documents of every kind."""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
from typing import Any

import httpx
import pytest
from graphql import build_client_schema, get_introspection_query, is_specified_scalar_type

from kili_query.server import LocalKili
from tests.server.asking import Asking, response
from tests.server.conftest import Load

ASSET = {
    "id": "a1",
    "externalId": "one.jpg",
    "resolution": {"width": 3, "height": 2},
    "labels": [
        {
            "id": "l1",
            "labelType": "DEFAULT",
            "jsonResponse": response(1),
            "author": {"id": "u1", "email": "ann@x.invalid"},
        },
        {"id": "l2", "labelType": "PREDICTION", "jsonResponse": response(2), "modelName": "m"},
    ],
}


def test_the_viewer_is_the_user_of_the_key(asking: Asking) -> None:
    answer = asking.post("{ viewer { id email } }")
    assert answer.status_code == 200
    assert set(answer.json()["data"]["viewer"]) == {"id", "email"}
    assert asking.ask("{ me { email } }") == {"email": "local@kili.invalid"}


@pytest.mark.parametrize("header", ["", "X-API-Key: wrong", "X-API-Key:", "Bearer x", "{key}", "Bearer: {key}"])
def test_a_bad_key_is_refused(asking: Asking, server: LocalKili, header: str) -> None:
    headers = {"Authorization": header.format(key=server.api_key)}
    answer = asking.http.post(asking.endpoint, json={"query": "{ viewer { id } }"}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert answer.json()["data"] is None
    assert "wrong" not in answer.text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET revoked = 1",
        "UPDATE api_keys SET expiry_date = '2024-01-01T00:00:00.000Z'",
        "UPDATE users SET activated = 0",
    ],
)
def test_a_key_that_was_good_is_refused_from_then_on(server: LocalKili, asking: Asking, change: str) -> None:
    assert asking.ask("{ me { id } }")
    with server._running.writing() as connection:
        connection.exec_driver_sql(change)
    answer = asking.post("{ me { id } }")
    assert answer.status_code == 401
    assert "expired or was revoked" in answer.json()["errors"][0]["message"]


def test_api_keys_are_the_users_own(server: LocalKili, asking: Asking) -> None:
    other = server.add_user(email="other@x.invalid")
    document = "query ($where: ApiKeyWhere!) { apiKeys(where: $where, skip: 0, first: 1) { expiryDate } }"
    assert asking.ask(document, where={"key": server.api_key}) == [{"expiryDate": "2099-01-01T00:00:00.000Z"}]
    assert asking.ask(document, where={"key": other}) == []


@pytest.mark.parametrize("prefix", ["", "/api/label/v2"])
def test_both_prefixes_are_served_alike(server: LocalKili, asking: Asking, prefix: str) -> None:
    base = server.url + prefix
    assert asking.http.post(f"{base}/graphql", json={"query": "{ me { email } }"}).json()["data"]["me"]
    assert asking.http.get(f"{base}/version").json()["version"].startswith("local-")
    assert asking.http.get(f"{base}/files?id=unknown").status_code == 404


def test_answers_have_a_request_id(asking: Asking) -> None:
    ids = {asking.post("{ me { id } }").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_bodies_may_be_compressed(asking: Asking) -> None:
    body = gzip.compress(json.dumps({"query": "{ me { email } }"}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert asking.http.post(asking.endpoint, content=body, headers=headers).json()["data"]["me"]
    assert asking.http.post(asking.endpoint, content=body[:-9], headers=headers).status_code == 400
    assert asking.http.post(asking.endpoint, content=b"plain", headers=headers).status_code == 400
    assert asking.http.post(asking.endpoint, content=body + body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"query": 3}', {}, 400),
        (b'{"query": "{ me { id } }", "variables": []}', {}, 400),
        (b'{"query": "{ me { id } }", "operationName": 1}', {}, 400),
        (b'[{"query": "{ me { id } }"}]', {}, 400),
        (b'{"query": "{ me { id } } # \xff"}', {}, 400),
        (b'{"query": "{ me { id } }", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", {}, 400),
        (b'{"query": "{ me { id } }"}', {"Content-Type": "text/plain"}, 415),
        (b'{"query": "{ me { id } }"}', {"Content-Encoding": "br"}, 415),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    asking: Asking, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = asking.http.post(asking.endpoint, content=content, headers={"Content-Type": "application/json", **headers})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]


def test_an_oversize_body_is_refused(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_query.server.bodies.MAX_BODY", 100)
    headers = {"Content-Type": "application/json"}
    assert asking.http.post(asking.endpoint, content=b" " * 101, headers=headers).status_code == 413
    bomb = gzip.compress(b" " * 100_000)
    answer = asking.http.post(asking.endpoint, content=bomb, headers={**headers, "Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_unknown_addresses_and_methods_are_told(asking: Asking, server: LocalKili) -> None:
    assert asking.http.get(f"{server.url}/nothing").json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    asked = asking.http.get(asking.endpoint)  # as a browser does
    assert asked.status_code == 405
    assert asked.headers["allow"] == "POST"
    assert asked.json()["errors"][0]["message"].endswith("queries are sent to /api/label/v2/graphql with POST")


def test_the_schema_is_given_whole(asking: Asking) -> None:
    introspection = asking.body(get_introspection_query(input_value_deprecation=True, schema_description=True))["data"]
    schema = build_client_schema(introspection)
    assert schema.query_type
    assert schema.mutation_type
    assert "countLabels" in schema.query_type.fields
    assert "appendManyLabels" in schema.mutation_type.fields


def test_everything_in_the_schema_is_described(asking: Asking) -> None:
    introspection = asking.body(get_introspection_query(schema_description=True))["data"]
    bare = []
    for name, kind in build_client_schema(introspection).type_map.items():
        if name.startswith("__") or is_specified_scalar_type(kind):
            continue
        parts: dict[str, Any] = getattr(kind, "fields", None) or getattr(kind, "values", None) or {}
        of_arguments = {f"{n}.{a}": arg for n, part in parts.items() for a, arg in getattr(part, "args", {}).items()}
        bare += [f"{name}.{n}" for n, part in {"": kind, **parts, **of_arguments}.items() if not part.description]
    assert bare == []


def test_every_field_of_a_type_with_a_table_can_be_read() -> None:
    from graphql import GraphQLObjectType

    from kili_query.server.graph.kinds import KINDS
    from kili_query.server.graph.resolvers import make_documents

    types = make_documents().schema.type_map
    for name, kind in KINDS.items():
        of_schema = types[name]
        assert isinstance(of_schema, GraphQLObjectType)
        assert set(of_schema.fields) == set(kind.fields), name


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        ("{ labels(where: {}, first: 1, skip: 0) { idx } }", "GRAPHQL_VALIDATION_FAILED", "Did you mean 'id'"),
        ("{ labels(where: {}, first: 501, skip: 0) { id } }", "GRAPHQL_VALIDATION_FAILED", "from 0 to 500"),
        ("{ labels(where: {}, first: -1, skip: 0) { id } }", "GRAPHQL_VALIDATION_FAILED", "from 0 to 500"),
        ("{ labels(where: {}, first: 1, skip: -1) { id } }", "BAD_USER_INPUT", "`skip`"),
        ("{ labels(where: {}, first: 1, skip: 0) { id }", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ('{ countLabels(where: {createdAt: "soon"}) }', "GRAPHQL_VALIDATION_FAILED", "`YYYY-MM-DD`"),
        ('{ countLabels(where: {search: "A.B.count >"}) }', "BAD_USER_INPUT", "category search"),
        ('{ countAssets(where: {metadata: {a: [1, "b"]}}) }', "BAD_USER_INPUT", "metadata filter `a`"),
        ("{ labels(where: {}, first: 1.0, skip: 0) { id } }", "GRAPHQL_VALIDATION_FAILED", "whole number"),
        (f"{{ labels(where: {{}}, first: {'9' * 5000}, skip: 0) {{ id }} }}", "GRAPHQL_VALIDATION_FAILED", "whole number"),
        ("{ me " * 5000, "GRAPHQL_PARSE_FAILED", "too deeply"),
        ("{ labels(where: {}, first: 1, skip: 0) { ...A } } fragment A on Label { labelOf { labels { ...A } } }", "GRAPHQL_VALIDATION_FAILED", "within itself"),
        ("subscription { label }", "GRAPHQL_VALIDATION_FAILED", "type 'Subscription'"),
        ('{ createUploadBucketSignedUrls(filePaths: ["x"]) }', "BAD_USER_INPUT", "`x` is no path of a file"),
        ('{ createUploadBucketSignedUrls(filePaths: ["projects/p/a/../b"]) }', "BAD_USER_INPUT", "is no path of a file"),
        ('{ createUploadBucketSignedUrls(filePaths: ["projects/p/assets/a/content"]) }', "NOT_FOUND", "no project `p`"),
        ("query A { me { id } } query B { me { id } }", "BAD_USER_INPUT", "operationName"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(asking: Asking, document: str, code: str, words: str) -> None:
    error = asking.error(document)
    assert error["extensions"]["code"] == code
    assert words in error["message"]


def test_variables_are_checked(asking: Asking) -> None:
    document = "query ($first: PageSize!) { labels(where: {}, first: $first, skip: 0) { id } }"
    for wrong in (501, -1, "1", 1.5, True, None):
        assert asking.error(document, first=wrong)["extensions"]["code"] == "BAD_USER_INPUT"


PLAIN = "data: labels(where: {{}}, first: 10, skip: 0) {{ {0} }}"
FIELDS = (
    "id type: labelType secondsToLabel skipped modelName author { mail: email organization { name } } "
    "labelOf { externalId resolution { w: width } labels { id } latestLabel { id author { id } } project { roles { role } } }"
)


@pytest.mark.parametrize(
    "document",
    [
        "{{ {plain} __typename }}",
        "query ($yes: Boolean = true) {{ data: labels(where: {{}}, first: 10, skip: 0) @include(if: $yes) {{ {fields} }} }}",
        "{{ data: labels(where: {{}}, first: 10, skip: 0) {{ ...F }} }} fragment F on Label {{ {fields} }}",
        "{{ data: labels(where: {{}}, first: 10, skip: 0) {{ ... on Label {{ {fields} }} id }} }}",
        "{{ data: labels(where: {{}}, first: 10, skip: 0) {{ id {fields} author {{ mail: email }} }} }}",
    ],
)
def test_documents_that_are_not_plain_have_the_same_answer(asking: Asking, load: Load, document: str) -> None:
    load(ASSET)
    plain = PLAIN.format(FIELDS)
    expected = asking.body(f"{{ {plain} }}")["data"]["data"]
    assert len(expected) == 2
    assert expected[0]["labelOf"]["latestLabel"]["id"] == "l1"
    assert asking.body(document.format(plain=plain, fields=FIELDS))["data"]["data"] == expected


def test_annotations_are_told_apart_by_type(asking: Asking, load: Load) -> None:
    annotation = {
        "__typename": "ClassificationAnnotation",
        "id": "n1",
        "job": "CLS",
        "path": [],
        "labelId": "l1",
        "annotationValue": {"categories": ["SUN"]},
    }
    load(
        {
            "id": "a1",
            "externalId": "x",
            "labels": [{"id": "l1", "jsonResponse": response(), "annotations": [annotation]}],
        }
    )
    fields = "annotations { __typename id ... on ClassificationAnnotation { annotationValue { categories } } ... on TranscriptionAnnotation { annotationValue { text } } }"
    (label,) = asking.labels({}, fields)
    assert label == {"annotations": [{k: annotation[k] for k in ("__typename", "id", "annotationValue")}]}


def test_directives_decide_what_is_in_the_answer(asking: Asking, load: Load) -> None:
    load(ASSET)
    document = 'query ($s: Boolean!) { labels(where: {id: "l1"}, first: 1, skip: 0) { id @skip(if: $s) labelType @include(if: $s) } }'
    assert asking.ask(document, s=True) == [{"labelType": "DEFAULT"}]
    assert asking.ask(document, s=False) == [{"id": "l1"}]
    assert asking.error(document)["extensions"]["code"] == "BAD_USER_INPUT"
    written = 'mutation ($s: Boolean!) { deleteLabels(ids: ["l1"]) @include(if: $s) }'
    assert asking.ask(written, s=False) == {}
    assert asking.count("Label", {}) == 2


def test_a_field_under_many_names_is_read(asking: Asking, load: Load) -> None:
    load(ASSET)
    names = [f"n{i}" for i in range(2500)]  # more than a statement of SQLite has columns
    fields = " ".join(f"{name}: id" for name in names)
    (label,) = asking.ask(f'{{ labels(where: {{id: "l1"}}, first: 1, skip: 0) {{ {fields} }} }}')
    assert label == dict.fromkeys(names, "l1")


def nested(levels: int, inner: str) -> str:
    return (
        f"{{ labels(where: {{}}, first: 10, skip: 0) {'{ labelOf { labels ' * levels} {{ {inner} }} {'} }' * levels} }}"
    )


@pytest.mark.parametrize("inner", ["id", "id __typename"])
def test_selections_that_are_too_deep_are_refused(asking: Asking, load: Load, inner: str) -> None:
    load(ASSET)
    assert asking.ask(nested(5, inner))
    assert "12 deep" in asking.error(nested(6, inner))["message"]


def test_pages_are_stable_and_complete(asking: Asking, load: Load) -> None:
    same = "2024-01-01T00:00:00Z"
    load(*({"id": f"a{i}", "externalId": str(i), "createdAt": same, "labels": []} for i in range(25)))
    paged = [a["id"] for skip in range(0, 30, 10) for a in asking.assets({}, first=10, skip=skip)]
    assert paged == [f"a{i}" for i in range(25)]
    assert asking.assets({}, first=0) == []


def test_contents_of_labels_can_be_behind_addresses(tmp_path: Any) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([ASSET]))
    with LocalKili(socket=False, response_urls=True) as server:
        server.load(path, interface={"jobs": {}}, input_type="IMAGE")
        labels = Asking(server).labels({}, "id jsonResponse jsonResponseUrl")
        client = httpx.Client(transport=server.transport)  # without a key: the address is the secret
        for label, number in zip(labels, (1, 2), strict=True):
            assert label["jsonResponse"] is None
            assert client.get(label["jsonResponseUrl"]).json() == response(number)
        for wrong in ("/2/l2?", "/1/l2?", "/2/l1?", "/1/?", "/" + "9" * 30 + "/l1?"):
            assert client.get(labels[0]["jsonResponseUrl"].replace("/1/l1?", wrong)).status_code == 404


def test_a_database_that_another_program_holds_is_told(asking: Asking, server: LocalKili) -> None:
    folder = server._running.folder
    with contextlib.closing(sqlite3.connect(folder / "kili.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with server._running.engine.connect() as connection:  # the pool gives this one to the next request
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        error = asking.error('mutation { deleteLabels(ids: ["x"]) }')
    assert error["extensions"]["code"] == "STORAGE_FAILED"
    assert "another program" in error["message"]


def test_a_failing_disk_is_told_by_every_address(server: LocalKili, asking: Asking) -> None:
    database = server._running.folder / "kili.db"
    server._running.engine.dispose()
    database.rename(database.with_name("away"))
    database.mkdir()
    for answer in (asking.post("{ me { id } }"), asking.http.get(f"{server.url}/files?id=x")):
        assert answer.status_code == 500
        assert answer.json()["errors"][0]["extensions"]["code"] == "STORAGE_FAILED"


def test_a_failure_of_the_server_names_the_request(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("kili_query.server.graph.resolvers.page", broken)
    answer = asking.post("{ labels(where: {}, first: 1, skip: 0) { id } }")
    error = answer.json()["errors"][0]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert answer.headers["x-request-id"] in error["message"]
    assert "secret" not in error["message"]
    assert "secret detail" in caplog.text
