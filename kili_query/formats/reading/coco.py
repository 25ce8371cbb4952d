"""COCO, read: instances, keypoints, captions, panoptic segments, classes of images; one image at a time, whatever the file's size."""

from __future__ import annotations

import os
import posixpath
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from kili_query.errors import DataError
from kili_query.formats.containers.records import Part, Place, Problem, Record
from kili_query.formats.containers.split import Window
from kili_query.formats.containers.streams import file_chunks, os_problem
from kili_query.formats.reading.coco_shapes import Annotation, Class, Loose, draw, jobs_of
from kili_query.formats.reading.labels import (
    CLASSES,
    POSES,
    TEXTS,
    UNKNOWN_CLASS,
    Draft,
    Losses,
    Outline,
    asset,
    category_code,
)
from kili_query.formats.reading.spans import Items, Value, members
from kili_query.formats.reading.store import Store, pictures
from kili_query.model.decoding import Fault, read_json

PART = 1 << 20
"""Bytes of the annotations of a part."""

_CHUNK = 1 << 20
_GAP = 32 << 10  # bytes that are read for nothing, rather than to read twice
_FILE = 48  # bits of a place in a file; above them the number of the file


class _Image(msgspec.Struct):
    id: Any = None
    file_name: str | None = None
    width: float | None = None
    height: float | None = None
    coco_url: str | None = None


class _Named(msgspec.Struct):
    """Of an annotation what tells whose it is."""

    image_id: int | str | float | None = None


_images = msgspec.json.Decoder(list[_Image])
_named = msgspec.json.Decoder(list[_Named])
_annotations = msgspec.json.Decoder(list[Annotation])


class Source(NamedTuple):
    """An annotation file: the path of its plain text, how messages name it, and where its categories stand."""

    path: str
    where: tuple[str, str | None]
    classes: tuple[tuple[int, int], ...] = ()
    by_kili: bool = False


class Index:
    """Where the images of a dataset stand in its files, and the annotations of each."""

    def __init__(self, store: Store, names: Sequence[str], problems: Sequence[Problem] = ()) -> None:
        classes_of.cache_clear()
        self.store, self.names = store, names
        self.files: list[Source] = []
        self._outline = Outline()
        self.problems: list[Problem] = [*problems]
        self._images = array("Q"), array("I")
        self._first: dict[object, int] = {}
        self._owners, self._begins, self._lengths = array("I"), array("Q"), array("I")
        for name in names:
            self._read(name)

    def parts(self) -> Iterator[Part]:
        """The images in parts, in the order of the files, each with all of its annotations."""
        begins, lengths = self._images
        number = len(begins)
        starts = array("L", bytes(array("L").itemsize * (number + 1)))
        for owner in self._owners:
            starts[owner + 1] += 1
        for at in range(number):
            starts[at + 1] += starts[at]
        order = self._ordered(starts)
        with_pictures = self.store.kind != "file" and bool(pictures(self.store))
        first, size = 0, 0
        for at in range(number):
            size += lengths[at] + sum(self._lengths[n] for n in order[starts[at] : starts[at + 1]])
            if size >= PART or at == number - 1:
                mine = order[starts[first] : starts[at + 1]]
                yield CocoImages(
                    self.store, tuple(self.files), begins[first : at + 1], lengths[first : at + 1],
                    array("I", (starts[n + 1] - starts[n] for n in range(first, at + 1))),
                    array("Q", (self._begins[n] for n in mine)), array("I", (self._lengths[n] for n in mine)),
                    size, with_pictures,
                )  # fmt: skip
                first, size = at + 1, 0
        if not number and not any(problem.code == "KQ503" for problem in self.problems):
            self.problems.append(Problem("lists no images", Place(self.store.path), code="KQ503"))
        if self.problems:
            yield Told(self.store.path, self.problems)

    def outline(self) -> Outline:
        """The jobs that annotations may be of, with the categories that the files list."""
        return self._outline

    def _ordered(self, starts: Sequence[int]) -> Sequence[int]:
        """The annotations by image, in the order of the files."""
        if all(one <= two for one, two in zip(self._owners, self._owners[1:], strict=False)):
            return range(len(self._owners))
        free = array("L", starts)
        found = array("L", bytes(free.itemsize * len(self._owners)))
        for number, owner in enumerate(self._owners):
            found[free[owner]] = number
            free[owner] += 1
        return found

    # -- the first look at a file ----------------------------------------------------------------------------------------

    def _read(self, name: str) -> None:
        where, losses = self.store.where(name), Losses()
        try:
            path = self.store.plain(name)
            with open(path, "rb", buffering=0) as file:
                self._take(name, Source(path, where), members(Window(file_chunks(file, _CHUNK)), *where), losses)
        except DataError as error:
            self.problems.append(Problem(error.message, Place(*where), code="KQ503"))
        except OSError as error:
            self.problems.append(Problem(os_problem(error, "").message, Place(*where), code="KQ503"))
        self.problems += losses.problems(*where)

    def _take(self, name: str, source: Source, found: Iterable[Items | Value | Problem], losses: Losses) -> None:
        number, subset = len(self.files), _subset(name) if len(self.names) > 1 else None
        ids: dict[object, int] = {}
        waiting: list[tuple[object, int, int]] = []  # annotations that come before their images
        classes: list[tuple[int, int]] = []
        kinds: set[tuple[str, str]] = set()
        by_kili = False
        for item in found:
            if isinstance(item, Problem):
                self.problems.append(item)
            elif isinstance(item, Value):
                by_kili = by_kili or (item.key == "info" and b'"Kili Technology"' in item.text)
            elif item.key == "images":
                self._take_images(item, number, subset, ids, losses)
            elif item.key == "categories":
                classes.append((item.places[0][0], sum(item.places[-1]) - item.places[0][0]))
            elif item.key == "annotations":
                self._take_annotations(item, number, ids, waiting, kinds, losses)
        unknown = 0
        for image, begin, length in waiting:
            owner = ids.get(image)
            if owner is None:
                unknown += 1
                what = _id_in(_texts([source], array("Q", [begin]), array("I", [length]))[0]) if unknown < 6 else None
                losses.note(
                    "annotations of images that are not listed", what and f"{what}, image {image!r}", fault=True
                )
            else:
                self._own(owner, number, begin, length)
        self.files.append(source._replace(classes=tuple(classes), by_kili=by_kili))
        known = classes_of(source.path, tuple(classes), by_kili)
        for entry in known.values():
            for job, tool in kinds:
                if job in (CLASSES, TEXTS) or (job == POSES and not entry.points):
                    continue
                self._outline.add(entry.job or job, entry.name, tool, entry.points if job == POSES else ())
            if not kinds and entry.name:
                self._outline.add(entry.job or "OBJECT_DETECTION_JOB", entry.name, "rectangle")
            if (CLASSES, "") in kinds:
                self._outline.add(CLASSES, entry.name)
        if (TEXTS, "") in kinds:
            self._outline.add(TEXTS, None)

    def _take_images(self, items: Items, number: int, subset: str | None, ids: dict[object, int], losses: Losses) -> None:  # fmt: skip
        begins, lengths = self._images
        for image, (begin, length) in zip(_each(items, _images, _Image, losses), items.places, strict=True):
            if image is None:
                continue
            name = _hashable(image.id)
            if name in ids:
                losses.note("images whose id another one has", repr(name), fault=True)
                continue
            place = len(begins)
            if subset is not None:
                place = self._first.setdefault((subset, image.file_name, name), place)
            ids[name] = place
            if place == len(begins):
                begins.append(begin | number << _FILE)
                lengths.append(length)

    def _take_annotations(
        self, items: Items, number: int, ids: dict[object, int], waiting: list[tuple[object, int, int]],
        kinds: set[tuple[str, str]], losses: Losses,
    ) -> None:  # fmt: skip
        kinds |= jobs_of(items.text, len(items.places))
        for named, (begin, length) in zip(_each(items, _named, _Named, losses), items.places, strict=True):
            if named is None:
                continue
            owner = ids.get(named.image_id)
            if owner is None:
                waiting.append((named.image_id, begin, length))
            else:
                self._own(owner, number, begin, length)

    def _own(self, owner: int, number: int, begin: int, length: int) -> None:
        self._owners.append(owner)
        self._begins.append(begin | number << _FILE)
        self._lengths.append(length)


def _hashable(value: object) -> object:
    return value if isinstance(value, (int, str, float)) else repr(value)


def _each(items: Items, many: Any, one: Any, losses: Losses) -> Iterator[Any]:
    """The items of a list as structures; None for what is none, and noted."""
    try:
        yield from many.decode(b"[%b]" % items.text)
        return
    except (msgspec.MsgspecError, RecursionError):
        pass
    for number, raw in enumerate(items.raws):
        try:
            yield msgspec.convert(read_json(bytes(raw)), one, strict=False)
        except (msgspec.MsgspecError, Fault, RecursionError) as error:
            reason = _reason(error)
            losses.note(f"items of `{items.key}` that cannot be read: {reason}", f"at byte {items.places[number][0]}", fault=True)  # fmt: skip
            yield None


def _reason(error: Exception) -> str:
    return re.sub(r"\s*\(byte \d+\)| - at `\$\[\.\.\.\]`", "", str(error)) or type(error).__name__


_TASKS = re.compile(r"(?:instances|person_keypoints|keypoints|captions|stuff|panoptic|labels|image_info)_?(.*)", re.I)


def _subset(name: str) -> str:
    """The part of a dataset that a file is about: `instances_val2017` and `captions_val2017` are about the same images."""
    folder, base = posixpath.split(name)
    if base == "labels.json":  # Kili's layout of a folder for each job
        return posixpath.dirname(folder)
    stem = base.rsplit(".", 1)[0]
    found = _TASKS.fullmatch(stem)
    return f"{folder}/{found[1]}" if found else name


class _Category(msgspec.Struct):
    id: Any = None
    name: Any = None
    supercategory: Any = None
    keypoints: Any = None


@lru_cache(maxsize=16)
def classes_of(path: str, places: tuple[tuple[int, int], ...], by_kili: bool) -> dict[object, Class]:
    """The categories of a file by their ids."""
    found: dict[object, Class] = {}
    with open(path, "rb") as file:
        for begin, length in places:
            file.seek(begin)
            text = file.read(length)
            for one in _categories(text):
                name, job = category_code(one.name), None
                above = category_code(one.supercategory)
                if by_kili and name and above:
                    name, job = name.removeprefix(f"{above}/"), above
                listed = one.keypoints if isinstance(one.keypoints, list) else []
                points = [category_code(point) or str(number) for number, point in enumerate(listed)]
                found.setdefault(_hashable(one.id), Class(name, _distinct(points), job))
    return found


def _categories(text: bytes) -> Iterator[_Category]:
    """Categories as they are listed; what is none is left out, so that its annotations are of an unknown class."""
    try:
        yield from msgspec.json.decode(b"[%b]" % text, type=list[_Category])
        return
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        listed = read_json(b"[%b]" % text)
    except Fault:
        return
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield msgspec.convert(one, _Category)


def _distinct(points: list[str]) -> tuple[str, ...]:
    return tuple(points) if len(set(points)) == len(points) else tuple(f"{n}_{point}" for n, point in enumerate(points))


class Told(Part):
    """What is wrong with a dataset as a whole."""

    __slots__ = ("items", "size", "source")

    def __init__(self, source: str, items: list[Problem]) -> None:
        self.source, self.items, self.size = source, items, 0

    def records(self) -> Iterator[Record | Problem]:
        """The problems."""
        return iter(self.items)


class CocoImages(Part):
    """Some images: their places, how many annotations each has, and the places of these."""

    __slots__ = ("begins", "counts", "files", "lengths", "pictures", "places", "size", "sizes", "source", "store")

    def __init__(
        self, store: Store, files: tuple[Source, ...], begins: array[int], lengths: array[int], counts: array[int],
        places: array[int], sizes: array[int], size: int, pictures: bool,
    ) -> None:  # fmt: skip
        self.source, self.store, self.files = store.path, store, files
        self.begins, self.lengths, self.counts, self.places, self.sizes = begins, lengths, counts, places, sizes
        self.size, self.pictures = size, pictures

    def records(self) -> Iterator[Record | Problem]:
        """The assets of the images."""
        texts = _texts(self.files, self.places, self.sizes)
        heads = _texts(self.files, self.begins, self.lengths)
        at, losses = 0, [Losses() for _ in self.files]
        for number, head in enumerate(heads):
            spans = range(at, at + self.counts[number])
            at = spans.stop
            where = self._where(self.begins[number])
            try:
                image = msgspec.json.decode(head, type=_Image)
                text = self._asset(image, spans, texts, losses, self.begins[number] >> _FILE)
            except (msgspec.MsgspecError, DataError) as error:
                yield Problem(f"the image cannot be read: {error}", where)
                continue
            yield Record(text, where)
        for source, noted in zip(self.files, losses, strict=True):
            yield from noted.problems(*source.where)

    def _where(self, place: int) -> Place:
        source, member = self.files[place >> _FILE].where
        return Place(source, member, None, place & ((1 << _FILE) - 1))

    def _asset(self, image: _Image, spans: range, texts: Sequence[bytes], losses: list[Losses], file: int) -> bytes:
        name = image.file_name or posixpath.basename(image.coco_url or "") or str(image.id)
        if self.files[file].by_kili:
            name = name.removeprefix("data/")
        size = (image.width, image.height) if image.width and image.height and image.width > 0 and image.height > 0 else None  # fmt: skip
        if self.pictures:
            size = self._compared(name, size, losses[file])
        draft = Draft(size)
        for number, group in _by_file(spans, self.places):
            source = self.files[number]
            known = classes_of(source.path, source.classes, source.by_kili)
            for found in _decoded([texts[n] for n in group], losses[number]):
                if found.caption is not None and found.category_id is None:
                    draft.write(found.caption)
                    continue
                entry = known.get(found.category_id)
                if entry is None and not found.segments_info:
                    losses[number].note(f"annotations {UNKNOWN_CLASS}", f"category {found.category_id!r}", fault=True)
                elif entry is not None and entry.name is None:
                    losses[number].note("annotations without a class name", f"category {found.category_id!r}", fault=True)  # fmt: skip
                else:
                    draw(draft, found, entry, known, size, source.by_kili, losses[number])
        if size is None and draft.response:
            losses[file].note("places as fractions: the size of the image is not known", name)
        return asset(name, draft.response, size)

    def _compared(self, name: str, size: tuple[float, float] | None, losses: Losses) -> tuple[float, float] | None:
        """The size that the file tells, or else the one of the picture; told where they differ."""
        found = _picture(pictures(self.store), name)
        measured = self.store.image_size(found) if found else None
        if size is None or measured is None or measured == size:
            return size or measured
        told = f"{name} has {measured[0]} x {measured[1]}, and not {size[0]:g} x {size[1]:g}"
        losses.note("pictures of another size than the annotations say", told, fault=True)
        return size


def _picture(known: dict[str, list[str]], name: str) -> str | None:
    """The picture that a file name means."""
    candidates = known.get(posixpath.basename(name), [])
    whole = [found for found in candidates if found == name or found.endswith(f"/{name}")]
    return whole[0] if len(whole) == 1 else candidates[0] if len(candidates) == 1 else None


def _by_file(spans: range, places: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    found: dict[int, list[int]] = {}
    for n in spans:
        found.setdefault(places[n] >> _FILE, []).append(n)
    yield from found.items()


def _decoded(texts: list[bytes], losses: Losses) -> Iterator[Annotation]:
    if not texts:
        return
    try:
        yield from _annotations.decode(b"[%b]" % b",".join(texts))
        return
    except (msgspec.MsgspecError, RecursionError):
        pass
    for text in texts:
        try:
            yield msgspec.convert(read_json(text), Loose, strict=False).strict()
        except (msgspec.MsgspecError, Fault, ValueError, RecursionError) as error:
            losses.note(f"annotations that cannot be used: {_reason(error)}", _id_in(text), fault=True)


def _id_in(text: bytes) -> str:
    found = re.search(rb'"id"\s*:\s*("[^"]*"|[\d.-]+)', text)
    return f"annotation {found[1].decode(errors='replace')}" if found else "no id"


def _texts(files: Sequence[Source], places: Sequence[int], sizes: Sequence[int]) -> list[bytes]:
    """The texts at some places, read in as few pieces as are worth it."""
    found = [b""] * len(places)
    order: Iterable[int] = range(len(places))
    if any(places[n] > places[n + 1] for n in range(len(places) - 1)):
        order = sorted(order, key=places.__getitem__)
    opened: dict[int, int] = {}
    group: list[int] = []
    end = 0

    def flush() -> None:
        if not group:
            return
        number, begin = places[group[0]] >> _FILE, places[group[0]]
        if number not in opened:
            opened[number] = os.open(files[number].path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        data = _read_at(opened[number], begin & ((1 << _FILE) - 1), end - begin)
        for n in group:
            found[n] = data[places[n] - begin : places[n] - begin + sizes[n]]
        group.clear()

    try:
        for n in order:
            if group and (places[n] - end > _GAP or places[n] >> _FILE != places[group[0]] >> _FILE):
                flush()
            group.append(n)
            end = places[n] + sizes[n]
        flush()
    except OSError as error:
        raise os_problem(error, "") from None
    finally:
        for handle in opened.values():
            os.close(handle)
    return found


def _read_at(handle: int, offset: int, size: int) -> bytes:
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, size)
