"""Contents of assets: addresses as they are given, and files of the data folder where the addresses are our own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json
from kili_query.server.bodies import too_many_values
from kili_query.server.graph.conditions import one_of
from kili_query.server.graph.problems import refused
from kili_query.server.graph.reading import Reader
from kili_query.server.measuring import is_picture
from kili_query.server.store import tables as t
from kili_query.server.store.media import LAYERS, STORED
from kili_query.server.store.tables import driver

_NAMED = re.compile(rb"/files\?id=([\w-]{32})")
"""A file that the list of a video's frames names."""

_LONGEST = 64 << 20
"""The longest list of frames that is looked into."""

_TAKE = """
    UPDATE files SET asset_id = CASE WHEN expires_at IS NOT NULL OR asset_id = ?2 THEN ?2 END, expires_at = NULL
    WHERE id = ?1
"""


class Contents:
    """The contents that one change gives to assets of a project."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._facts: dict[str, dict[str, Any]] = {}
        """What files that were looked up say of themselves."""
        self._named: dict[str, str | None] = {}
        """The files that addresses were found to name."""
        self._taken: list[tuple[str, int]] = []

    def look_up(self, given: Iterable[str]) -> None:
        """Learn at once what files of these contents say of themselves."""
        wanted = sorted({file_id for content in given if (file_id := self._file_of(content)) is not None})
        if wanted:
            query = select(t.files.c.id, t.files.c.facts).where(one_of(t.files.c.id, wanted), *self._mine())
            for file_id, facts in self._reader.connection.execute(query):
                self._learn(file_id, facts)

    def stored(self, given: str, what: str) -> str:
        """A content as it is kept.

        Raises
        ------
        GraphQLError: the address is one of ours, and nothing was uploaded there.
        """
        file_id = self._file_of(given)
        if file_id is not None and self._known(file_id):
            return STORED + file_id
        if self._reader.bucket.is_own(given):
            raise refused(f"{what}: nothing was uploaded to its address", content=given.partition("?")[0])
        return given

    def layers(self, layers: list[Any], tiles: str, what: str) -> str:
        """The layers of an image, as its `jsonContent` holds them: uploaded ones, and those of a server of tiles.

        Raises
        ------
        GraphQLError: one of them is no object with an address, or was not uploaded.
        """
        found: list[Any] = []
        for number, layer in enumerate(layers):
            if not isinstance(layer, dict) or not isinstance(layer.get("url"), str):
                raise refused(f"{what}: layer {number} is no object with its address as `url`")
            found.append({**layer, "url": self.stored(layer["url"], f"{what}, layer {number}")})
        if tiles:
            try:
                more = None if too_many_values(tiles) else decode_json(tiles)
            except DataError:
                more = None
            if not isinstance(more, list):
                raise refused(f"{what}: its `jsonContent` is no JSON list of layers")
            found += more
        return LAYERS + json.dumps(found)

    def facts(self, content: str) -> Mapping[str, Any]:
        """Columns of an asset that follow from its content."""
        found = dict(self._facts.get(content.removeprefix(STORED), {}))
        return {name: value if name == "duration" else json.dumps(value) for name, value in found.items()}

    def is_picture(self, content: str) -> bool:
        """Whether a content may be cut into tiles; of one that lies elsewhere it is not known, and so it may."""
        return not content.startswith(STORED) or is_picture(self._path(content.removeprefix(STORED)))

    def belong(self, asset: int, content: str, json_content: str) -> None:
        """The files of these contents go with an asset, whose row is written before `take`."""
        if content.startswith(STORED):
            self._taken.append((content.removeprefix(STORED), asset))
        if json_content.startswith(STORED):
            name = json_content.removeprefix(STORED)
            self._taken += [(file_id, asset) for file_id in (name, *self._frames(name))]
        elif json_content.startswith(LAYERS):
            self._taken += [(name, asset) for name in re.findall(f'"{STORED}([^"]+)"', json_content)]

    def take(self) -> None:
        """Have the files go with their assets. One that two of them have stays when either goes."""
        driver(self._reader.connection).executemany(_TAKE, self._taken)
        self._taken.clear()

    def _frames(self, name: str) -> list[str]:
        """The files that a list of frames names, as far as they are the organization's."""
        path = self._path(name)
        if path.stat().st_size > _LONGEST:
            return []
        named = {found.decode() for found in _NAMED.findall(path.read_bytes())}
        if not named:
            return []
        wanted = select(t.files.c.id).where(one_of(t.files.c.id, sorted(named)), *self._mine())
        return list(self._reader.connection.scalars(wanted))

    def _known(self, file_id: str) -> bool:
        """Whether the organization has a file."""
        if file_id in self._facts:
            return True
        row = self._reader.connection.execute(
            select(t.files.c.facts).where(t.files.c.id == file_id, *self._mine())
        ).first()
        if row is not None:
            self._learn(file_id, row.facts)
        return file_id in self._facts

    def _learn(self, file_id: str, facts: str | None) -> None:
        if self._path(file_id).is_file():
            self._facts[file_id] = json.loads(facts) if facts else {}

    def _file_of(self, given: str) -> str | None:
        """The id of the file that a content names as its address."""
        if given not in self._named:
            self._named[given] = self._reader.bucket.file_of(given)
        return self._named[given]

    def _mine(self) -> list[Any]:
        projects = select(t.projects.c.id).where(t.projects.c.organization_id == self._reader.organization_id)
        return [t.files.c.project_id.in_(projects)]

    def _path(self, file_id: str) -> Path:
        return self._reader.folder / file_id
