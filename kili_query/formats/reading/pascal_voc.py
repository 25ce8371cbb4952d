"""Pascal VOC, read: an XML file for each image; boxes, turned boxes and polygons. Entities are refused, never expanded."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from math import cos, isfinite, sin
from typing import Any
from xml.parsers import expat

from kili_query.errors import DataError
from kili_query.formats.containers.records import Part, Place, Problem, Record
from kili_query.formats.reading.labels import BOXES, OUTLINES, XY, Draft, Losses, Outline, asset, box, category_code
from kili_query.formats.reading.store import Store, is_image, stem

PART = 1 << 20
_DEEPEST = 64
_MASKS = ("segmentation", "masks")


class Element:
    """An element of XML: its name, its text, what is in it."""

    __slots__ = ("below", "name", "text")

    def __init__(self, name: str) -> None:
        self.name, self.text, self.below = name, "", list[Element]()

    def first(self, name: str) -> Element | None:
        """The first element of a name in it."""
        return next((element for element in self.below if element.name == name), None)

    def word(self, name: str) -> str:
        """The text of that, without white space around it; empty if there is none."""
        found = self.first(name)
        return found.text.strip() if found else ""

    def number(self, name: str) -> float | None:
        """The same as a number."""
        try:
            found = float(self.word(name))
        except ValueError:
            return None
        return found if isfinite(found) else None


def parse_xml(text: bytes) -> Element:
    """The root of an XML document.

    Raises
    ------
    DataError: it is none, declares entities, or is nested too deep.
    """
    parser = expat.ParserCreate()
    stack = [Element("")]

    def start(name: str, _: Any) -> None:
        if len(stack) > _DEEPEST:
            raise DataError("is nested too deep", code="KQ501")
        element = Element(name.rpartition(":")[2])
        stack[-1].below.append(element)
        stack.append(element)

    def data(piece: str) -> None:
        stack[-1].text += piece

    def refuse(*_: Any) -> None:
        raise DataError("declares entities, which are not expanded", code="KQ501")

    parser.StartElementHandler, parser.CharacterDataHandler = start, data
    parser.EndElementHandler = lambda _: stack.pop()
    parser.EntityDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise DataError(f"not valid XML: {reason}, line {error.lineno}", code="KQ501") from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise DataError(f"not valid XML: {error}", code="KQ501") from None
    return stack[0].below[0]


class VocDataset:
    """The annotation files of a dataset, and its pictures."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.files = [name for name in store.names if store.kind == "file" or name.lower().endswith(".xml")]
        found = [name for name in store.names if is_image(name) and not _is_mask(name)]
        self.masks = sum(is_image(name) for name in store.names) - len(found)
        self._pictures: dict[str, list[str]] = {}
        for name in found:
            self._pictures.setdefault(stem(name), []).append(name)

    def parts(self) -> Iterator[Part]:
        """The images in parts: those with a file, then the pictures without."""
        batch: list[tuple[str, str | None]] = []
        size, taken = 0, set[str]()
        for name in self.files:
            picture = self._picture(name)
            taken.update((picture,) if picture else ())
            batch.append((name, picture))
            size += self.store.size(name)
            if size >= PART:
                yield VocImages(self.store, batch, size)
                batch, size = [], 0
        alone = [("", picture) for pictures in self._pictures.values() for picture in pictures if picture not in taken]
        yield VocImages(self.store, [*batch, *sorted(alone)], size, self.masks)

    def outline(self) -> Outline:
        """The ontology: the classes that `labelmap.txt` lists, and those of all files."""
        found = Outline()
        for name in self.files:
            try:
                root = parse_xml(self.store.read(name))
            except DataError:
                continue
            for entry in _objects(root):
                category = category_code(entry.word("name"))
                if category is not None:
                    kind, tool = (BOXES, "rectangle") if _outline(entry) is None else (OUTLINES, "semantic")
                    found.add(_job(entry, kind), category, tool)
        listed = next((name for name in self.store.names if posixpath.basename(name) == "labelmap.txt"), None)
        if listed is not None:
            lines = self.store.read(listed).decode(errors="replace").splitlines()
            named = [line.partition(":")[0].strip() for line in lines if not line.startswith("#")]
            found.declare(name for name in named if name)
        else:
            found.declare(())
        return found

    def _picture(self, name: str) -> str | None:
        candidates = self._pictures.get(stem(name), [])
        if len(candidates) > 1:  # the same name in several folders: the one that is nearest
            near = sorted(candidates, key=lambda other: -len(posixpath.commonprefix([name, other])))
            return near[0]
        return candidates[0] if candidates else None


def _is_mask(name: str) -> bool:
    folder = posixpath.dirname(name).lower()
    return any(part.startswith(_MASKS) for part in folder.split("/"))


def _objects(root: Element) -> list[Element]:
    return [element for element in root.below if element.name == "object"]


def _job(entry: Element, kind: str) -> str:
    """The job of an object: Kili's files tell it."""
    return entry.word("job_name") or kind


def _outline(entry: Element) -> list[XY] | None:
    """The corners of an object that is no upright box: a polygon, or a box with an angle. None: it has a box."""
    turned = entry.first("robndbox")
    if turned is not None:
        values = [turned.number(name) for name in ("cx", "cy", "w", "h", "angle")]
        if None not in values:
            x, y, width, height, angle = (value or 0.0 for value in values)
            along, across = (cos(angle) * width / 2, sin(angle) * width / 2), (-sin(angle) * height / 2, cos(angle) * height / 2)  # fmt: skip
            return [
                (x + one * along[0] + two * across[0], y + one * along[1] + two * across[1])
                for one, two in ((-1, 1), (-1, -1), (1, -1), (1, 1))
            ]
    drawn = entry.first("polygon") or entry.first("segmentation")
    if drawn is None:
        return None
    points = [element for element in drawn.below if element.name in ("point", "pt", "points")]
    found = [(point.number("x"), point.number("y")) for point in points]
    number = 1
    while not points and (drawn.first(f"x{number}") is not None):
        found.append((drawn.number(f"x{number}"), drawn.number(f"y{number}")))
        number += 1
    ring = [(x, y) for x, y in found if x is not None and y is not None]
    ring = ring[:-1] if len(ring) > 3 and ring[0] == ring[-1] else ring
    return ring if len(ring) > 2 else None


class VocImages(Part):
    """Some annotation files with their pictures, and pictures without a file."""

    __slots__ = ("files", "masks", "size", "source", "store")

    def __init__(self, store: Store, files: Sequence[tuple[str, str | None]], size: int, masks: int = 0) -> None:
        self.source, self.store, self.files, self.size, self.masks = store.path, store, files, size, masks

    def records(self) -> Iterator[Record | Problem]:
        """The assets of the images."""
        losses = Losses()
        if self.masks:
            losses.note("masks in PNG files", number=self.masks)
        for name, picture in self.files:
            measured = self.store.image_size(picture) if picture else None
            if not name:
                yield Record(asset(posixpath.basename(picture or ""), {}, measured), Place(*self.store.where(picture or "")))  # fmt: skip
                continue
            where = Place(*self.store.where(name))
            try:
                root = parse_xml(self.store.read(name))
                if root.name != "annotation":
                    raise DataError(f"is XML, but not of Pascal VOC: its root is `{root.name}`", code="KQ503")
            except DataError as error:
                yield Problem(error.message, where, code=error.code)
                continue
            yield Record(_asset(root, name, picture, measured, losses), where)
        yield from losses.problems(self.source)


def _asset(root: Element, name: str, picture: str | None, measured: tuple[int, int] | None, losses: Losses) -> bytes:
    external_id = posixpath.basename(picture) if picture else root.word("filename") or stem(name)
    told = root.first("size")
    sides = (told.number("width"), told.number("height")) if told is not None else (None, None)
    size = (sides[0], sides[1]) if sides[0] and sides[1] and sides[0] > 0 and sides[1] > 0 else None
    if size and measured and size != measured:
        losses.note(
            "pictures of another size than the annotations say",
            f"{external_id} has {measured[0]} x {measured[1]}, and not {size[0]:g} x {size[1]:g}", fault=True,
        )  # fmt: skip
    draft = Draft(size or measured)
    for entry in _objects(root):
        category = category_code(entry.word("name"))
        if category is None:
            losses.note("objects without a class name", name, fault=True)
            continue
        _note_what_is_lost(entry, losses)
        if (ring := _outline(entry)) is not None:
            draft.outline(category, [[ring]], job=_job(entry, OUTLINES))
        elif (corners := _box(entry)) is not None:
            draft.rectangle(category, corners, job=_job(entry, BOXES))
        else:
            losses.note("objects without a box", f"`{category}` in {name}", fault=True)
    if not draft.sized and draft.response:
        losses.note("places as fractions: the size of the image is not known", external_id)
    return asset(external_id, draft.response, size or measured)


def _box(entry: Element) -> list[XY] | None:
    bounds = entry.first("bndbox")
    if bounds is None:
        return None
    left, top, right, bottom = (bounds.number(name) for name in ("xmin", "ymin", "xmax", "ymax"))
    return box(left, top, right, bottom) if None not in (left, top, right, bottom) else None  # type: ignore[arg-type]


def _note_what_is_lost(entry: Element, losses: Losses) -> None:
    parts = sum(element.name == "part" for element in entry.below)
    if parts:
        losses.note("parts of objects", number=parts)
    for flag in ("difficult", "truncated", "occluded"):
        if entry.word(flag) not in ("", "0"):
            losses.note(f"marks that an object is {flag}")
    if entry.word("pose") not in ("", "Unspecified"):
        losses.note("poses of objects (`pose`)")
    for name in ("actions", "attributes"):
        if (found := entry.first(name)) is not None and found.below:
            losses.note(f"{name} of objects")
