"""Asking local Kili: documents and variables go in, data or errors come out."""

from __future__ import annotations

from typing import Any

import httpx

from kili_query.server import LocalKili

INTERFACE = {
    "jobs": {
        "OBJ": {
            "mlTask": "OBJECT_DETECTION",
            "content": {"categories": {name: {"name": name.title()} for name in ("A", "B", "C")}},
        },
        "CLS": {
            "mlTask": "CLASSIFICATION",
            "content": {"categories": {name: {"name": name.title()} for name in ("SUN", "RAIN")}, "input": "checkbox"},
        },
    }
}


def response(a: int = 0, b: int = 0, *classes: str) -> dict[str, Any]:
    """A label's answers: objects of categories A and B, and chosen classes."""
    names = ["A"] * a + ["B"] * b
    objects = [{"mid": str(i), "categories": [{"name": name}]} for i, name in enumerate(names)]
    return {"OBJ": {"annotations": objects}, "CLS": {"categories": [{"name": name} for name in classes]}}


class Asking:
    """A client without conveniences, for one key."""

    def __init__(self, server: LocalKili, key: str | None = None) -> None:
        self.endpoint = server.endpoint
        self.http = httpx.Client(
            transport=server.transport, headers={"Authorization": f"X-API-Key: {key or server.api_key}"}
        )

    def post(self, document: str, **variables: Any) -> httpx.Response:
        return self.http.post(self.endpoint, json={"query": document, "variables": variables})

    def body(self, document: str, **variables: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(document, **variables).json()
        return answer

    def ask(self, document: str, **variables: Any) -> Any:
        """The data, of the root field if there is one."""
        body = self.body(document, **variables)
        assert "errors" not in body, body["errors"]
        data = body["data"]
        return next(iter(data.values())) if len(data) == 1 else data

    def error(self, document: str, **variables: Any) -> dict[str, Any]:
        """The only error; whatever it is, it has a code and its data are null."""
        body = self.body(document, **variables)
        assert body["data"] is None
        (error,) = body["errors"]
        assert error["extensions"]["code"]
        assert isinstance(error["extensions"]["context"], dict)
        return dict(error)

    def labels(self, where: dict[str, Any], fields: str = "id", first: int = 500, skip: int = 0) -> Any:
        document = f"query ($where: LabelWhere!, $first: PageSize!, $skip: Int!) {{ labels(where: $where, first: $first, skip: $skip) {{ {fields} }} }}"
        return self.ask(document, where=where, first=first, skip=skip)

    def assets(self, where: dict[str, Any], fields: str = "id", first: int = 500, skip: int = 0) -> Any:
        document = f"query ($where: AssetWhere!, $first: PageSize!, $skip: Int!) {{ assets(where: $where, first: $first, skip: $skip) {{ {fields} }} }}"
        return self.ask(document, where=where, first=first, skip=skip)

    def count(self, kind: str, where: dict[str, Any]) -> int:
        number = self.ask(f"query ($where: {kind}Where!) {{ count{kind}s(where: $where) }}", where=where)
        assert isinstance(number, int)
        return number
