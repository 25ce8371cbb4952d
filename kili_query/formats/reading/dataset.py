"""Datasets of other formats as sources: which format a file, a folder or an archive has, by what is in it."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from kili_query.errors import DataError
from kili_query.formats.containers.records import Part, Place, Problem
from kili_query.formats.reading.labels import Outline
from kili_query.formats.reading.store import Store, folder_store, open_store
from kili_query.model.kili import LABEL_KEYS
from kili_query.model.ontology import Ontology

OtherFormat = Literal["coco", "yolo", "pascal_voc", "geojson"]
OTHER_FORMATS: tuple[OtherFormat, ...] = get_args(OtherFormat)
"""The formats that are read beside Kili's own."""

TITLES = {"coco": "COCO", "yolo": "YOLO", "pascal_voc": "Pascal VOC", "geojson": "GeoJSON"}
SUFFIXES = (".xml", ".geojson", ".yaml", ".yml", ".names", ".data")
"""What only files of other formats are called."""

_SOME = 8  # files that are looked into, of each kind
_README = "README.kili.txt"


class KiliExport(os.PathLike[str]):
    """A source that is read in Kili's own format, whatever it looks like."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


class OtherDataset(os.PathLike[str]):
    """A dataset of another format: a source for whatever reads labels, with an ontology of its own."""

    def __init__(
        self, path: str, format: OtherFormat, store: Store, class_property: str | None = None, about: Store | None = None
    ) -> None:  # fmt: skip
        self.path, self.format = path, format
        self._store, self.class_property = store, class_property
        self._about = about  # a file that names the classes, where that was given

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<{TITLES[self.format]} dataset {self.path}>"

    def parts(self) -> Iterator[Part]:
        """The parts in which it is read."""
        yield from self._reader.parts()

    @cached_property
    def outline(self) -> Outline:
        """Its jobs, with their categories."""
        found: Outline = self._reader.outline()
        return found

    @property
    def json_interface(self) -> dict[str, Any]:
        """The ontology, as a project of Kili has it."""
        return self.outline.interface()

    @property
    def ontology(self) -> Ontology:
        """The same, as queries are checked against it."""
        return ontology_of([self])

    @property
    def input_type(self) -> str:
        """The type of project that its labels fit."""
        return "GEOSPATIAL" if self.format == "geojson" else "IMAGE"

    @cached_property
    def _reader(self) -> Any:
        store = self._store
        match self.format:
            case "coco":
                from kili_query.formats.reading.coco import Index

                names = [name for name in _jsons(store) if store.kind == "file" or kind_of_json(store.head(name)) == "coco"]  # fmt: skip
                if not names:
                    raise _holds_none(self)
                return Index(store, names, _others(store, set(names)))
            case "yolo":
                from kili_query.formats.reading.yolo import YoloDataset

                yolo = YoloDataset(store, self._about)
                if not yolo.entries:
                    raise DataError(
                        "names classes, but holds neither label files nor pictures", code="KQ503", where=self.path
                    )
                return yolo
            case "pascal_voc":
                from kili_query.formats.reading.pascal_voc import VocDataset

                voc = VocDataset(store)
                if not voc.files:
                    raise _holds_none(self)
                return voc
        from kili_query.formats.reading.geojson import GeoDataset

        names = [
            name for name in store.names
            if store.kind == "file" or name.lower().endswith(".geojson") or (name.lower().endswith(".json") and kind_of_json(store.head(name)) == "geojson")
        ]  # fmt: skip
        if not names:
            raise _holds_none(self)
        return GeoDataset(store, names, self.class_property)


def open_dataset(path: str | os.PathLike[str], format: OtherFormat | None = None, *, class_property: str | None = None) -> OtherDataset:  # fmt: skip
    """A dataset of another format, as a source for `read_labels`, `to_df`, `Kili` and whatever reads exports.

    Parameters
    ----------
    path: a folder, a zip archive, or a file.
    format: `"coco"`, `"yolo"`, `"pascal_voc"` or `"geojson"`; None: found out by what is there.
    class_property: GeoJSON: the property of features that holds their class; None: found out.

    Raises
    ------
    DataError: it cannot be read, holds no such files, or files of several formats (KQ503).
    """
    name = os.fspath(path)
    if format is not None and format not in OTHER_FORMATS:
        from kili_query.errors import ArgumentError

        raise ArgumentError("format", f"is one of {', '.join(OTHER_FORMATS)}, not {format!r}")
    store = open_store(name)
    found = format or format_of(store)
    if found is None:
        raise DataError(f"holds no dataset of {_several([*TITLES.values()])}", code="KQ503", where=name)
    return _opened(name, found, store, class_property)


def _opened(name: str, found: OtherFormat, store: Store, class_property: str | None = None) -> OtherDataset:
    about = None
    if store.kind == "file" and found == "yolo" and not _is_rows(store, store.names[0]):
        about, store = store, open_store(os.path.dirname(name) or os.curdir)  # it tells of the files beside it
    return OtherDataset(name, found, store, class_property, about)


def ontology_of(datasets: Sequence[OtherDataset], input_type: str | None = None) -> Ontology:
    """The ontology of some datasets together."""
    return Ontology.from_json_interface(interface_of(datasets), input_type or datasets[0].input_type)


def interface_of(datasets: Sequence[OtherDataset]) -> dict[str, Any]:
    """The same, as a project of Kili has it."""
    together = Outline()
    for dataset in datasets:
        together.take_in(dataset.json_interface)
    return together.interface()


def recognized(path: str, names: Iterable[str] | None = None) -> OtherDataset | None:
    """A dataset of another format, if a path has one; None for Kili's own, and what nobody knows.

    Parameters
    ----------
    names: of a folder, its files, if they are known already.

    Raises
    ------
    DataError: it holds files of several other formats.
    """
    store = open_store(path) if names is None else folder_store(path, names)
    found = format_of(store)
    return None if found is None else _opened(path, found, store)


def format_of(store: Store) -> OtherFormat | None:
    """Which format the files have; None: Kili's own, or none.

    Raises
    ------
    DataError: they have several.
    """
    names = store.names
    if store.kind == "file":
        return _format_of_file(store, names[0])
    if _README in names and re.search(rb"^- Exported format: (?:raw|kili)\b", store.head(_README), re.M):
        return None
    found: dict[OtherFormat, str] = {}
    jsons = _jsons(store)
    for name in jsons[:_SOME]:
        kind = kind_of_json(store.head(name))
        if kind == "kili":
            return None
        if kind is not None:
            found.setdefault(kind, name)  # type: ignore[arg-type]
    for name in (name for name in names if name.lower().endswith(".geojson")):
        found.setdefault("geojson", name)
    for name in [name for name in names if name.lower().endswith(".xml")][:_SOME]:
        if b"<annotation" in store.head(name):
            found.setdefault("pascal_voc", name)
    rows, lists = _yolo(store)
    if rows or (lists and not found):
        found["yolo"] = rows or lists
    if len(found) > 1:
        told = _several([f"{TITLES[kind]} ({name})" for kind, name in found.items()])
        raise DataError(f"holds files of {told}; `--from {next(iter(found))}` reads one of them", code="KQ503", where=store.path)  # fmt: skip
    return next(iter(found), None)


def _format_of_file(store: Store, name: str) -> OtherFormat | None:
    head = store.head(name)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        kind = kind_of_json(head)
        return None if kind == "kili" else kind  # type: ignore[return-value]
    if text.startswith(b"<"):
        return "pascal_voc" if b"<annotation" in head else None
    base = posixpath.basename(name).lower()
    if base.endswith((".yaml", ".yml")):
        return "yolo" if _NAMED.search(head) else None
    if base.endswith((".names", ".data")) or base in ("classes.txt", "_classes.txt"):
        return "yolo"
    return "yolo" if base.endswith(".txt") and _is_rows(store, name) else None


_NAMED = re.compile(rb"(?:\A|\n)names[ \t]*:")


def _is_rows(store: Store, name: str) -> bool:
    from kili_query.formats.reading.yolo import is_rows

    return name.lower().endswith(".txt") and is_rows(store.head(name, 4096))


def _yolo(store: Store) -> tuple[str, str]:
    """A file with rows of YOLO, and one that names its classes; empty if there is none."""
    lists = ""
    texts = []
    for name in store.names:
        base = posixpath.basename(name).lower()
        if base in ("classes.txt", "_classes.txt", "obj.names", "_darknet.labels") or base.endswith(".names"):
            lists = lists or name
        elif base.endswith((".yaml", ".yml")):
            lists = lists or (name if _NAMED.search(store.head(name)) else "")
        elif base.endswith(".txt"):
            texts.append(name)
    below = [name for name in texts if "labels" in name.split("/")[:-1]]
    rows = next((name for name in (below or texts)[: _SOME * 4] if _is_rows(store, name)), "")
    return rows or (below[0] if below and lists else ""), lists


def _jsons(store: Store) -> list[str]:
    if store.kind == "file":
        return list(store.names)
    return [name for name in store.names if name.lower().endswith((".json", ".json.gz"))]


_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{}:,]', re.S)
_KILI = {*LABEL_KEYS, "label", "jsonResponse", "json_response", "jsonResponseUrl", "jobs", "jsonInterface"}
_GEO = (
    b'"FeatureCollection"',
    b'"Feature"',
    b'"GeometryCollection"',
    b'"Polygon"',
    b'"MultiPolygon"',
    b'"Point"',
    b'"LineString"',
)


def kind_of_json(head: bytes) -> str | None:
    """What a JSON text holds, by its first bytes: `coco`, `geojson`, `kili`, or None.

    >>> kind_of_json(b'{"info": {}, "images": []')
    'coco'
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        first = text[1:].lstrip()
        kind = kind_of_json(first) if first.startswith(b"{") else None
        return kind if kind == "kili" or (kind == "geojson" and _top(first).get("type") == b'"Feature"') else None
    if not text.startswith(b"{"):
        return None
    keys = _top(text)
    if not keys.keys().isdisjoint(_KILI):
        return "kili"
    if keys.get("type", b"") in _GEO or keys.get("features") == b"[":
        return "geojson"
    lists = [key for key in ("images", "annotations", "categories") if keys.get(key) == b"["]
    if "images" in lists or len(lists) > 1 or (lists and (b'"image_id"' in text or b'"supercategory"' in text)):
        return "coco"
    return None


def _top(text: bytes) -> dict[str, bytes]:
    """The keys of an object, as far as they can be seen, each with the token that its value begins with."""
    found: dict[str, bytes] = {}
    depth, key, wanted = 0, "", False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if depth == 1 and wanted and token != b",":
            found.setdefault(key, token)
            wanted = False
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if not depth:
                break
        elif depth == 1 and token == b":":
            wanted = True
        elif depth == 1 and token == b",":
            wanted = False
        elif depth == 1:
            key = token[1:-1].decode(errors="replace")
            if key in _KILI:
                return {key: b""}
    return found


def _others(store: Store, taken: set[str]) -> list[Problem]:
    """JSON files that are none of the format: told."""
    left = [name for name in _jsons(store) if name not in taken]
    some = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
    text = f"JSON files of other kinds: {len(left)} ({some})"
    return [Problem(text, Place(store.path), skipped=True)] if left else []


def _holds_none(dataset: OtherDataset) -> DataError:
    return DataError(f"holds no files of {TITLES[dataset.format]}", code="KQ503", where=dataset.path)


def _several(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
