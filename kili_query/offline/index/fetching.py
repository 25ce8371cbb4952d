"""Records fetched from a source by their places: bytes of a plain file at once; what is compressed is read again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from kili_query.errors import DataError
from kili_query.formats.containers.archive import Member, ZipMembers, plan_zip
from kili_query.formats.containers.sources import PART, folder_parts, plan
from kili_query.formats.containers.streams import ZIP
from kili_query.formats.kili import LineRange, Part, Place, Problem, Record


class Spot(NamedTuple):
    """Where a record stands, as the table of labels has it."""

    record: int
    member: str | None
    start: int | None
    length: int | None
    line: int | None
    item: int | None

    def place(self, source: str, *, in_folder: bool) -> Place:
        """The place that readers give."""
        offset = self.start if self.line is None else None
        if in_folder and self.member is not None:
            return Place(os.path.join(source, self.member), None, self.line, offset, self.item)
        return Place(source, self.member, self.line, offset, self.item)


SPOT = "record, member, start, length, line, item"
"""The columns of a spot."""


def fetch(source: str, spots: list[Spot]) -> Iterator[Record]:
    """The records at some places of a source, in their order: first by file, then by number.

    Raises
    ------
    DataError: a record is not where it was: the source has changed (KQ503).
    """
    in_folder = os.path.isdir(source)
    is_archive = not in_folder and _begins_with(source, ZIP)
    members = {one.name: one for part in plan_zip(source, source, PART) for one in part.members} if is_archive else {}
    for member, group in groupby(spots, lambda spot: spot.member):
        wanted = list(group)
        name = os.path.join(source, member) if in_folder and member is not None else source
        if not is_archive and all(spot.length is not None for spot in wanted) and not _is_packed(name):
            yield from _read_at(name, source, wanted, in_folder=in_folder)
            continue
        left = {spot.place(source, in_folder=in_folder): spot for spot in wanted}
        for record in _read_again(source, member, members.get(member or ""), in_folder=in_folder):
            if isinstance(record, Record) and left.pop(record.where, None) is not None:
                yield record
                if not left:
                    break
        if left:
            raise _moved(source)


def _read_at(name: str, source: str, spots: list[Spot], *, in_folder: bool) -> Iterator[Record]:
    try:
        with open(name, "rb") as file:
            for spot in spots:
                file.seek(spot.start or 0)
                data = file.read(spot.length or 0)
                if len(data) != spot.length or data[:1] != b"{":
                    raise _moved(source)
                yield Record(data, spot.place(source, in_folder=in_folder))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", code="KQ503", where=name) from None


def _read_again(
    source: str, member: str | None, packed: Member | None, *, in_folder: bool
) -> Iterator[Record | Problem]:
    parts: Iterator[Part]
    if packed is not None:
        parts = iter([ZipMembers(source, source, [packed], packed.size)])
    elif in_folder and member is not None:
        parts = folder_parts(source, [(member, "labels" in member.split("/")[:-1])], PART)
    else:
        parts = plan([source])
    lines = 0
    for part in parts:
        if isinstance(part, LineRange):
            part.base = lines if part.start else 0
        yield from part.records()
        if isinstance(part, LineRange):
            lines = part.base + part.lines


def _begins_with(name: str, head: bytes) -> bool:
    with open(name, "rb") as file:
        return file.read(len(head)) == head


def _is_packed(name: str) -> bool:
    return _begins_with(name, b"\x1f\x8b")


def _moved(source: str) -> DataError:
    return DataError("a record is not where the index has it: the source has changed", code="KQ503", where=source)
