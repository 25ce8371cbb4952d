"""A project on local Kili, and the records that it was made of, for the tests of the SDK."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kili_query import Kili
from kili_query.server import LocalKili

INTERFACE = {
    "jobs": {
        "WEATHER": {
            "mlTask": "CLASSIFICATION",
            "content": {"categories": {"SUN": {"name": "Sun"}, "RAIN": {"name": "Rain"}}, "input": "radio"},
        },
        "OBJECTS": {
            "mlTask": "OBJECT_DETECTION",
            "tools": ["rectangle"],
            "content": {
                "categories": {"CAR": {"name": "Car"}, "BUS": {"name": "Bus"}, "fire truck": {"name": "Fire truck"}},
                "input": "radio",
            },
        },
    }
}
TYPES = ("DEFAULT", "REVIEW", "PREDICTION", "INFERENCE")
AUTHORS = (("ada@example.com", "Ada", "King"), ("bob@example.com", "Bob", "Ross"))


class World(NamedTuple):
    """A project on a running server, with the assets that it holds."""

    server: LocalKili
    project: str
    assets: list[dict[str, Any]]

    def kili(self, **settings: Any) -> Kili:
        return Kili(self.server.api_key, self.server.endpoint, transport=self.server.transport, **settings)

    @property
    def labels(self) -> list[dict[str, Any]]:
        return [label for asset in self.assets for label in asset["labels"]]


def _response(random: random.Random) -> dict[str, Any]:
    response: dict[str, Any] = {"WEATHER": {"categories": [{"name": random.choice(["SUN", "RAIN"])}]}}
    names = [name for name in ("CAR", "BUS", "fire truck") for _ in range(random.randrange(4))]
    if names:
        response["OBJECTS"] = {
            "annotations": [
                {"mid": str(n), "type": "rectangle", "categories": [{"name": name}], "boundingPoly": []}
                for n, name in enumerate(names)
            ]
        }
    return response


def make_assets(number: int, seed: int = 7) -> list[dict[str, Any]]:
    """Assets with up to three labels each; always the same for a number and a seed."""
    chance = random.Random(seed)
    assets = []
    for n in range(number):
        labels = []
        for position in range(chance.randrange(4)):
            email, first, last = chance.choice(AUTHORS)
            labels.append(
                {
                    "id": f"label-{n}-{position}",
                    "labelType": chance.choice(TYPES),
                    "createdAt": f"2024-02-{1 + n % 28:02}T10:{position:02}:00.000Z",
                    "secondsToLabel": n % 60,
                    "modelName": chance.choice([None, "m1"]),
                    "author": {"id": f"user-{first}", "email": email, "firstname": first, "lastname": last},
                    "jsonResponse": _response(chance),
                }
            )
        assets.append(
            {
                "id": f"asset-{n}",
                "externalId": f"picture {n}.jpg",
                "content": f"https://example.com/{n}.jpg",
                "createdAt": f"2024-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z",
                "status": chance.choice(["TODO", "ONGOING", "LABELED", "REVIEWED", "TO_REVIEW"]),
                "skipped": n % 10 == 0,
                "jsonMetadata": {"batch": n % 5, "camera": "left" if n % 2 else "right"},
                "labels": labels,
            }
        )
    return assets


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """240 assets: several pages of each kind."""
    assets = make_assets(240)
    export: Path = tmp_path_factory.mktemp("world") / "export.json"
    export.write_text(json.dumps(assets), "utf-8")
    with LocalKili(socket=False) as server:
        project = server.load(export, interface=INTERFACE, input_type="IMAGE", title="World")
        yield World(server, project, assets)
