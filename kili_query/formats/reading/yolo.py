"""YOLO, read: versions 3 to 11 and darknet; boxes, outlines, oriented boxes and poses, by what stands in each row."""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

from kili_query.errors import DataError
from kili_query.formats.containers.records import Part, Place, Problem, Record
from kili_query.formats.extras import load
from kili_query.formats.reading.labels import (
    BOXES,
    OUTLINES,
    POSES,
    XY,
    Draft,
    Losses,
    Outline,
    asset,
    box,
    category_code,
)
from kili_query.formats.reading.store import Store, is_image, open_store, stem

PART = 1 << 20
"""Bytes of label files in a part; pictures are opened beside them."""

_NAMES = ("classes.txt", "obj.names", "_classes.txt", "predefined_classes.txt", "_darknet.labels")
_ROW = re.compile(
    rb"\s*\d++(?:\.0*)?(?:[ \t]++-?(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?\d++)?+){4,}+[ \t]*+\r?(?:\n|$)"
)
_NUMBERED = re.compile(r"(\d+)\s+(\S.*)")
_OF_KILI = re.compile(r"([A-Z][A-Z0-9_]*)/(.+)", re.S)
_JOB_FOLDER = re.compile(r"[A-Z][A-Z0-9_]*")
_SUBSET = re.compile(r"(train|val|valid|validation|test|trainval|training|testing|minival)[\w-]*", re.I)


class Classes(NamedTuple):
    """The classes of a folder: job (None: by the row) and name of each, and how many points a pose has."""

    folder: str
    names: tuple[tuple[str | None, str | None], ...] | None
    """None: the dataset does not name its classes."""
    points: tuple[int, int] | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An image: its external id, its picture, and its label files, each with the number of its classes."""

    external_id: str
    picture: str | None
    labels: tuple[tuple[int, str], ...]


class YoloDataset:
    """The images of a dataset, and their label files."""

    def __init__(self, store: Store, about: Store | None = None) -> None:
        """`about`: the file that names the classes, if that was given; its `path` may lead elsewhere."""
        self._about = about
        self.store = store if about is None else _followed(store, about)
        self.problems: list[Problem] = []
        self.classes: list[Classes] = []
        self._pictures = [name for name in self.store.names if is_image(name)]
        self._find_classes()
        self.entries = self._paired()

    def parts(self) -> Iterator[Part]:
        """The images in parts."""
        batch: list[Entry] = []
        size = 0
        for entry in self.entries:
            batch.append(entry)
            size += sum(self.store.size(name) for _, name in entry.labels) + 512
            if size >= PART:
                yield YoloImages(self.store, tuple(self.classes), batch, size)
                batch, size = [], 0
        yield YoloImages(self.store, tuple(self.classes), batch, size, tuple(self.problems))

    def outline(self) -> Outline:
        """The ontology: each label file is looked at for what kinds of rows it has."""
        found, met = Outline(), set[tuple[int, str | None, str, str]]()
        for entry in self.entries:
            for number, name in entry.labels:
                classes = self.classes[number]
                try:
                    lines = self.store.read(name).splitlines()
                except DataError:
                    continue
                for line in lines:
                    numbers = line.split()
                    if len(numbers) < 5:
                        continue
                    job, tool = _kind(len(numbers), classes.points)
                    named = _class(numbers[0], classes)
                    met.add((number, named[0], job, tool))
                    if classes.names is None and named[1]:
                        found.add(named[0] or job, named[1], tool, classes.codes if job == POSES else ())
        for number, of in enumerate(self.classes):
            kinds = {(job, tool) for n, _, job, tool in met if n == number} or {(BOXES, "rectangle")}
            for own_job, category in of.names or ():
                if category is None:
                    continue
                own = {(kind, tool) for n, j, kind, tool in met if n == number and j == own_job} or kinds
                for kind, tool in sorted(own if own_job else kinds):
                    found.add(own_job or kind, category, tool, of.codes if kind == POSES else ())
        return found

    # -- classes ---------------------------------------------------------------------------------------------------------

    def _find_classes(self) -> None:
        found: dict[str, Classes] = {}
        for name in self.store.names:
            folder, base = posixpath.split(name)
            if base.lower() in _NAMES and folder not in found:
                found[folder] = Classes(folder, self._listed(name))
        for name in self.store.names:  # what a data.yaml says goes before lists
            folder = posixpath.dirname(name)
            if name.lower().endswith((".yaml", ".yml")) and (read := self._yaml(name, folder)) is not None:
                found[folder] = read
        if self._about is not None and (read := self._given(self._about)) is not None:
            found = {"": read}
        if not found:  # a file of names with another name: `coco.names`
            for name in self.store.names:
                if name.lower().endswith(".names"):
                    found[posixpath.dirname(name)] = Classes(posixpath.dirname(name), self._listed(name))
        if len(found) == 1:  # it names the classes of the whole, wherever it stands
            found = {"": next(iter(found.values()))._replace(folder="")}
        self.classes = [self._by_kili(classes, alone=len(found) == 1) for classes in found.values()] or [Classes("", None)]  # fmt: skip

    def _given(self, about: Store) -> Classes | None:
        """The classes of the file that was given."""
        name, here = about.names[0], self.store
        if name.lower().endswith(".data"):
            return None
        self.store = about
        try:
            return self._yaml(name, "") if name.lower().endswith((".yaml", ".yml")) else Classes("", self._listed(name))
        finally:
            self.store = here

    def _listed(self, name: str) -> tuple[tuple[str | None, str | None], ...]:
        try:
            text = self.store.read(name).decode("utf-8-sig", "replace")
        except DataError as error:
            self._tell(error, name)
            return ()
        lines = text.splitlines()
        while lines and not lines[-1].strip():
            lines.pop()
        numbered = [_NUMBERED.fullmatch(line.strip()) for line in lines]
        if lines and all(match and int(match[1]) == n for n, match in enumerate(numbered)):  # as Kili writes them
            lines = [match[2] for match in numbered if match]
        return tuple((None, category_code(line)) for line in lines)

    def _yaml(self, name: str, folder: str) -> Classes | None:
        """The classes that a YAML file names; None if it is about something else."""
        yaml = load("yaml", "formats")
        try:
            found = yaml.load(self.store.read(name), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except DataError as error:
            self._tell(error, name)
            return None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(getattr(error, "problem", None) or error).split())
            self._tell(DataError(f"is no YAML that can be read: {reason}", code="KQ503"), name)
            return None
        if not isinstance(found, Mapping) or "names" not in found:
            return None
        names, told = found["names"], found.get("nc")
        if isinstance(names, str):
            at = posixpath.normpath(posixpath.join(folder, names))
            listed = self._listed(at) if at in self.store.names else ()
        elif isinstance(names, Mapping):
            by_number = {int(key): value for key, value in names.items() if str(key).isdigit() and int(key) < 1 << 24}
            listed = tuple((None, category_code(by_number.get(n))) for n in range(max(by_number, default=-1) + 1))
        elif isinstance(names, list):
            listed = tuple((None, category_code(value)) for value in names)
        else:
            self._tell(DataError("`names` is neither a list nor numbered names", code="KQ503"), name)
            return None
        if isinstance(told, int) and told != len(listed) and listed:
            self._tell(DataError(f"`nc` is {told}, and there are {len(listed)} names", code="KQ501"), name)
        shape = found.get("kpt_shape")
        points = None
        if isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) and 0 < n < 10_000 for n in shape):
            points = (shape[0], shape[1])
        codes: Any = found.get("kpt_names") or found.get("keypoint_names")
        codes = next(iter(codes.values()), None) if isinstance(codes, Mapping) else codes
        numbers = [str(n) for n in range(points[0])] if points else []
        if isinstance(codes, list) and len({*map(str, codes)}) == len(codes) == len(numbers):
            numbers = [str(code) for code in codes]
        return Classes(folder, listed, points, tuple(numbers))

    def _by_kili(self, classes: Classes, *, alone: bool) -> Classes:
        """The classes with their jobs, if Kili wrote them: in the names, or as the name of the folder."""
        names = [name for _, name in classes.names or ()]
        merged = [_OF_KILI.fullmatch(name) if name else None for name in names]
        if merged and all(merged):
            return classes._replace(names=tuple((m[1], m[2]) for m in merged if m))
        job = posixpath.basename(classes.folder)
        if not alone and _JOB_FOLDER.fullmatch(job) and not any(p.startswith(f"{classes.folder}/") for p in self._pictures):  # fmt: skip
            return classes._replace(names=tuple((job, name) for name in names))
        return classes

    def _tell(self, error: DataError, name: str) -> None:
        self.problems.append(Problem(error.message, Place(*self.store.where(name)), code=error.code))

    # -- label files and pictures ----------------------------------------------------------------------------------------

    def _paired(self) -> list[Entry]:
        labels = list(self._label_files())
        by_key: dict[str, list[str]] = {}
        by_stem: dict[str, list[str]] = {}
        for name in labels:
            by_key.setdefault(_key(name), []).append(name)
            by_stem.setdefault(stem(name), []).append(name)
        pictures_of: dict[str, list[str]] = {}
        stems: dict[str, int] = {}
        for name in self._pictures:
            pictures_of.setdefault(name.rsplit(".", 1)[0], []).append(name)
            stems[stem(name)] = stems.get(stem(name), 0) + 1
        named, addresses = self._lists()
        found: list[Entry] = []
        taken: set[str] = set()
        for key, pictures in pictures_of.items():
            for picture in pictures:
                mine = by_key.get(key, [])
                others = by_stem.get(stem(picture), [])
                if not mine and stems[stem(picture)] == 1 and (len(others) == 1 or self._split(others)):
                    mine = others
                if len(pictures) > 1 and mine:
                    self.problems.append(Problem(
                        f"the label file `{mine[0]}` belongs to {len(pictures)} pictures; each gets its objects",
                        Place(self.store.path), skipped=True))  # fmt: skip
                taken.update(mine)
                found.append(Entry(picture, picture, tuple((self._classes_of(name), name) for name in mine)))
        alone: dict[str, list[str]] = {}
        for name in labels:
            if name not in taken:
                below = name.rpartition("labels/")[2]
                known = addresses.get(below) or named.get(stem(name)) or (below.rsplit(".", 1)[0] if addresses else "")
                alone.setdefault(known or name, []).append(name)
        found += [
            Entry(known if known not in names else stem(known), None, tuple((self._classes_of(n), n) for n in names))
            for known, names in alone.items()
        ]
        return sorted(self._renamed(found), key=lambda entry: entry.picture or entry.labels[0][1])

    def _split(self, names: Sequence[str]) -> bool:
        """True for label files of one image in the folders of several jobs."""
        return len({self._classes_of(name) for name in names}) == len(names) > 1

    def _label_files(self) -> Iterator[str]:
        beside = {name.rsplit(".", 1)[0] for name in self._pictures}
        for name in self.store.names:
            folder, base = posixpath.split(name)
            if not base.lower().endswith(".txt") or base.lower() in _NAMES or base.upper().startswith("README"):
                continue
            if "labels" in folder.split("/") or name[:-4] in beside or _ROW.match(self.store.head(name, 4096)):
                yield name

    def _lists(self) -> tuple[dict[str, str], dict[str, str]]:
        """The names of pictures that are not at hand: in lists such as `train.txt`, by stem; in Kili's list, by label file."""
        named: dict[str, str] = {}
        addresses: dict[str, str] = {}
        for name in self.store.names:
            folder, base = posixpath.split(name)
            if base == "remote_assets.csv":
                rows = csv.reader(self.store.read(name).decode(errors="replace").splitlines())
                addresses.update({row[2]: row[0] for row in rows if len(row) >= 3 and row[0] != "external id"})
            elif base.lower().endswith(".txt") and _SUBSET.fullmatch(stem(base)) and "labels" not in folder.split("/"):
                for line in self.store.read(name).decode(errors="replace").splitlines():
                    if is_image(line.strip()):
                        listed = line.strip().replace("\\", "/")
                        named.setdefault(stem(listed), posixpath.basename(listed))
        return named, addresses

    def _classes_of(self, name: str) -> int:
        """Which classes a label file is about: those that stand nearest above it."""
        within = [
            (len(classes.folder), number) for number, classes in enumerate(self.classes)
            if not classes.folder or name.startswith(f"{classes.folder}/")
        ]  # fmt: skip
        return max(within)[1] if within else 0

    @staticmethod
    def _renamed(entries: list[Entry]) -> Iterator[Entry]:
        """Pictures by their names without folders; where that names two, with the folders below `images`."""
        times: dict[str, int] = {}
        for entry in entries:
            base = posixpath.basename(entry.external_id)
            times[base] = times.get(base, 0) + 1
        for entry in entries:
            if entry.picture is None:
                yield entry
                continue
            base = posixpath.basename(entry.picture)
            yield Entry(base if times[base] == 1 else entry.picture, entry.picture, entry.labels)


def _followed(store: Store, about: Store) -> Store:
    """Where the files of a dataset lie: beside the file that tells of it, or else where its `path` leads."""
    if any(is_image(name) or name.lower().endswith(".txt") for name in store.names):
        return store
    try:
        found = load("yaml", "formats").safe_load(about.read(about.names[0]))
        path = found.get("path") if isinstance(found, Mapping) else None
        at = os.path.join(os.path.dirname(about.path), path) if isinstance(path, str) else ""
        return open_store(at) if at and os.path.isdir(at) else store
    except Exception as error:
        if isinstance(error, DataError) or type(error).__module__.startswith("yaml"):
            return store  # who reads the classes tells why
        raise


def is_rows(head: bytes) -> bool:
    """True if a text begins with a row of YOLO."""
    return _ROW.match(head) is not None


def _key(name: str) -> str:
    """A label file as the picture beside which it stands, without its ending: `labels` in place of `images`."""
    folders, dot, base = name[:-4].rpartition("/")
    parts = folders.split("/")
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == "labels":
            parts[at] = "images"
            break
    return f"{'/'.join(parts)}{dot}{base}"


def _kind(length: int, points: tuple[int, int] | None) -> tuple[str, str]:
    """The job and the tool of a row with so many numbers."""
    if points is not None and length - 5 - points[0] * points[1] in (0, 1):
        return POSES, "pose"
    return (BOXES, "rectangle") if length < 7 else (OUTLINES, "semantic")


def _class(word: bytes, classes: Classes) -> tuple[str | None, str | None, bool]:
    """The job and the name of a class; and whether it is listed."""
    try:
        number = float(word)
    except ValueError:
        return None, None, False
    if number < 0 or not number.is_integer():
        return None, None, False
    if classes.names is None:
        return None, str(int(number)), True
    if number >= len(classes.names):
        return None, None, False
    return (*classes.names[int(number)], True)


class YoloImages(Part):
    """Some images with their label files."""

    __slots__ = ("classes", "entries", "problems", "size", "source", "store")

    def __init__(
        self, store: Store, classes: tuple[Classes, ...], entries: Sequence[Entry], size: int, problems: tuple[Problem, ...] = ()
    ) -> None:  # fmt: skip
        self.source, self.store, self.classes = store.path, store, classes
        self.entries, self.size, self.problems = entries, size, problems

    def records(self) -> Iterator[Record | Problem]:
        """The assets of the images."""
        yield from self.problems
        losses = Losses()
        if any(classes.names is None for classes in self.classes) and any(entry.labels for entry in self.entries):
            losses.note("lists of class names (`data.yaml`, `classes.txt`): classes are called by their numbers")
        for entry in self.entries:
            draft = Draft()
            size = self.store.image_size(entry.picture) if entry.picture else None
            where = Place(*self.store.where(entry.labels[0][1] if entry.labels else entry.picture or ""))
            unread = None
            for number, name in entry.labels:
                try:
                    text = self.store.read(name)
                except DataError as error:
                    unread = Problem(error.message, Place(*self.store.where(name)), code=error.code)
                    continue
                _rows(text, name, self.classes[number], draft, losses)
            if unread:
                yield unread
            if unread is None or draft.response:
                yield Record(asset(entry.external_id, draft.response, size), where)
        yield from losses.problems(self.source)


def _rows(text: bytes, name: str, classes: Classes, draft: Draft, losses: Losses) -> None:
    """Put the objects of a label file into a label."""
    for line, row in enumerate(text.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        words = row.split()
        if not words:
            continue
        job, category, listed = _class(words[0], classes)
        try:
            numbers = [float(word) for word in words[1:]]
        except ValueError:
            numbers = []
        if len(numbers) < 4 or not all(map(isfinite, numbers)):
            losses.note("rows that are none of YOLO", f"{name}, line {line}", fault=True)
        elif not listed:
            losses.note("objects of a class that is not listed", f"class {words[0].decode(errors='replace')} in {name}, line {line}", fault=True)  # fmt: skip
        elif category is None:
            losses.note("objects without a class name", f"{name}, line {line}", fault=True)
        else:
            _draw(draft, job, category, numbers, classes, losses)


def _draw(draft: Draft, job: str | None, category: str, numbers: list[float], classes: Classes, losses: Losses) -> None:
    kind, tool = _kind(len(numbers) + 1, classes.points)
    x, y, width, height = numbers[:4]
    corners = box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if kind == BOXES:
        draft.rectangle(category, corners, score=numbers[4] if len(numbers) == 5 else None, job=job or BOXES)
    elif tool == "pose" and classes.points is not None:
        number, each = classes.points
        score = numbers[-1] if len(numbers) - 4 - number * each == 1 else None
        points = list(_points(numbers[4:], number, each, classes.codes, losses))
        if points:
            losses.note("boxes of objects with points")
            draft.pose(category, points, score=score)
        else:
            draft.rectangle(category, corners, score=score, job=job or BOXES)
    else:
        score = numbers[-1] if len(numbers) % 2 else None
        even = numbers[:-1] if len(numbers) % 2 else numbers
        ring: list[XY] = list(zip(even[::2], even[1::2], strict=True))
        ring = ring[:-1] if ring[0] == ring[-1] and len(ring) > 3 else ring
        draft.outline(category, [[ring]], score=score, job=job or OUTLINES)


def _points(numbers: Sequence[float], number: int, each: int, codes: Sequence[str], losses: Losses) -> Iterator[tuple[str, XY]]:  # fmt: skip
    for n in range(number):
        at = numbers[n * each : n * each + each]
        seen = at[2] if each > 2 else float(at[0] != 0 or at[1] != 0)
        if seen:
            if seen == 1 and each > 2:
                losses.note("marks that a point is hidden")
            yield codes[n], (at[0], at[1])
