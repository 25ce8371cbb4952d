"""The ontology of a project: its jobs and their categories, read from a `jsonInterface`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json, kind_of
from kili_query.model.kili import LABEL_KEYS, VIDEOS
from kili_query.model.spelling import normalized

PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_*-]*")
"""A key that Kili's own language can express (json-formats 4.1)."""

_SINGLE_CHOICE = ("radio", "singleDropdown")
_CLASSIFICATIONS = ("CLASSIFICATION", "PAGE_LEVEL_CLASSIFICATION")


@dataclass(frozen=True, slots=True)
class Category:
    """A category of a job: its key, the name people see, and the nested jobs that it opens."""

    key: str
    name: str
    children: tuple[str, ...] = ()
    points: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Points of a pose: code, and the nested jobs that the point opens."""
    color: str | None = None
    """As it is written, such as `#472CED`."""

    @property
    def opens(self) -> Iterator[str]:
        """All nested jobs attached here, those of pose points included."""
        yield from self.children
        for _, children in self.points:
            yield from children


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its key, its task (`mlTask`), its categories, and what the ontology says of its answers."""

    key: str
    task: str | None
    categories: Mapping[str, Category]
    title: str | None = None
    input: str | None = None
    level: str | None = None
    is_child: bool = False
    is_model: bool = False
    tools: tuple[str, ...] = ()
    """How objects are drawn, such as `rectangle` (json-formats 1.2)."""

    @property
    def searchable(self) -> bool:
        """True if a query can ask for the job: it declares a category (json-formats 1.3)."""
        return bool(self.categories)

    @property
    def is_classification(self) -> bool:
        """True if its answers choose categories rather than mark objects."""
        return self.task in _CLASSIFICATIONS

    @property
    def is_single_choice(self) -> bool:
        """True if an answer chooses at most one category (json-formats 6)."""
        return self.is_classification and self.input in _SINGLE_CHOICE


@dataclass(frozen=True, repr=False)
class Ontology:
    """The jobs of a project, nested ones included, in the order of the `jsonInterface`.

    >>> ontology = Ontology.from_json_interface({"jobs": {"BOATS": {
    ...     "mlTask": "OBJECT_DETECTION", "content": {"categories": {"FERRY": {"name": "Ferry"}}}}}})
    >>> ontology.jobs["BOATS"].categories["FERRY"].name
    'Ferry'
    """

    jobs: Mapping[str, Job]
    input_type: str | None = None
    source: str = field(default="", compare=False)

    @classmethod
    def from_json_interface(cls, json_interface: object, input_type: str | None = None) -> Ontology:
        """The ontology of a `jsonInterface`: an object, or its JSON text.

        A project that holds `jsonInterface` (and perhaps `inputType`) is accepted too, also as the only one of a list
        (`kili.projects()`). Unknown keys are ignored.

        Parameters
        ----------
        json_interface: the object (`dict`), or JSON as `str` or `bytes`.
        input_type: the type of the project's assets, such as `"IMAGE"` or `"VIDEO"`, if known.

        Raises
        ------
        DataError: anything of a wrong shape, with the JSON path of the place.
        """
        decoded = _decoded(json_interface)
        if other := _other_value(decoded):
            raise _wrong("$", f"{other}, and no ontology; {_WHERE_FROM}")
        value = only_project(decoded)
        if isinstance(value, Mapping) and "jobs" not in value and value.get("jsonInterface") is not None:
            found = value.get("inputType")
            return cls.from_json_interface(
                value["jsonInterface"], input_type or (found if isinstance(found, str) else None)
            )
        input_type = input_type.upper() if input_type else None
        if not isinstance(value, Mapping):
            raise _wrong("$", f"an ontology is an object with `jobs`, and this is {kind_of(value)}")
        if "jobs" not in value:
            raise _wrong("$", "there is no `jobs` object")
        jobs = _object(value["jobs"], "$.jobs")
        return cls({key: _job(key, job, json_path("$.jobs", key)) for key, job in jobs.items()}, input_type)

    @classmethod
    def load(cls, path: str | Path, input_type: str | None = None) -> Ontology:
        """The ontology in a JSON file.

        Raises
        ------
        DataError: the file cannot be read, is not JSON, or is not an ontology.
        """
        try:
            text = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise DataError(f"the ontology cannot be read: {reason}", code="KQ503", where=str(path)) from None
        if other := _other_file(text):
            message = f"{other}, and no ontology; {_WHERE_FROM}"
            raise DataError(message, code="KQ502", where=str(path))
        try:
            read = cls.from_json_interface(text, input_type)
        except DataError as error:
            raise error.at(str(path)) from None
        return cls(read.jobs, read.input_type, str(path))

    def __repr__(self) -> str:
        """Short, however many categories there are."""
        categories, jobs = sum(len(job.categories) for job in self.jobs.values()), len(self.jobs)
        kind = f", {self.input_type}" if self.input_type else ""
        return f"<Ontology of {jobs} job{'s' * (jobs != 1)} with {categories} categor{'y' if categories == 1 else 'ies'}{kind}>"

    @cached_property
    def parents(self) -> Mapping[str, tuple[tuple[Job, Category, bool], ...]]:
        """Where each nested job is attached: (job, category, true if at a pose point), in order."""
        found: dict[str, list[tuple[Job, Category, bool]]] = {}
        for job in self.jobs.values():
            for category in job.categories.values():
                for child in category.children:
                    found.setdefault(child, []).append((job, category, False))
                for _, children in category.points:
                    for child in children:
                        found.setdefault(child, []).append((job, category, True))
        return {child: tuple(places) for child, places in found.items()}

    def nested_below(self, key: str) -> list[Job]:
        """The jobs nested below a job, at any depth, nearest first."""
        seen, row = {key: None}, [key]
        while row:
            opened = (
                c
                for k in row
                if k in self.jobs
                for category in self.jobs[k].categories.values()
                for c in category.opens
            )
            row = [child for child in dict.fromkeys(opened) if child not in seen]
            seen.update(dict.fromkeys(row))
        return [self.jobs[k] for k in seen if k != key and k in self.jobs]

    @cached_property
    def answers_per_label(self) -> Mapping[str, int | None]:
        """How many answers of a job one label can hold if it obeys the ontology; None: no bound (json-formats 6)."""
        known: dict[str, int | None] = {}
        for key in self.jobs:
            self._bound_answers(key, known)
        return known

    def largest_count(self, job: Job) -> int | None:
        """The largest count of a category of the job in a label that obeys the ontology; None: no bound."""
        if not job.is_classification or (job.is_child and job.key not in self.parents):
            return None
        return self.answers_per_label[job.key]

    def largest_total(self, job: str | None, category: str | None) -> int | None:
        """The largest count, or total (None: of all jobs, of all categories), in a label that obeys the ontology.

        None: there is no bound, or the ontology lacks a name.
        """
        most: dict[str, int] = {}
        for key, _ in self.counted(job, category):
            bound = self.largest_count(self.jobs[key])
            if bound is None:
                return None
            # in a video the choice can change from frame to frame
            single = self.jobs[key].is_single_choice and self.input_type not in (None, *VIDEOS)
            most[key] = bound if single else most.get(key, 0) + bound
        return sum(most.values()) if most else None

    def counted(self, job: str | None, category: str | None) -> Iterator[tuple[str, str]]:
        """The counts, (job key, category key), that a total is made of (None: of all jobs, of all categories)."""
        jobs = self.jobs.values() if job is None else filter(None, [self.jobs.get(job)])
        for one in jobs:
            if category is None:
                yield from ((one.key, key) for key in one.categories)
            elif category in one.categories:
                yield (one.key, category)

    def _bound_answers(self, start: str, known: dict[str, int | None]) -> None:
        """Bound `start` and, before it, all jobs that it is nested below. A ring of jobs has no bound."""
        todo, open_ = [start], set[str]()
        while todo:
            key = todo[-1]
            places = self.parents.get(key, ()) if self.jobs[key].is_child else ()
            waiting = [parent.key for parent, _, _ in places if parent.key not in known]
            if key not in known and waiting and key not in open_:
                open_.add(key)
                todo += waiting
                continue
            todo.pop()
            if key not in known:
                known[key] = self._sum_of_places(key, places, known)

    def _sum_of_places(
        self, key: str, places: tuple[tuple[Job, Category, bool], ...], known: Mapping[str, int | None]
    ) -> int | None:
        job = self.jobs[key]
        if not job.is_child:
            per_message = self.input_type in ("LLM_STATIC", "LLM_INSTR_FOLLOWING") and job.level != "conversation"
            return None if per_message or (self.input_type is None and job.level in ("round", "completion")) else 1
        total = 0
        for parent, _, at_point in places:
            bound = known.get(parent.key) if parent.is_classification and not at_point else None
            if bound is None:
                return None
            total += bound
        return total


def as_ontology(value: object) -> Ontology | None:
    """An ontology as it is, a `jsonInterface` as an ontology, None as none.

    Raises
    ------
    TypeError: anything else.
    DataError: a `jsonInterface` of a wrong shape.
    """
    if value is None or isinstance(value, Ontology):
        return value
    if isinstance(value, Mapping):
        return Ontology.from_json_interface(value)
    raise TypeError(f"an ontology is an Ontology or a jsonInterface, and this is {type(value).__name__}")


def only_project(value: object) -> object:
    """The project of a list that holds one; anything but such a list as it is.

    Raises
    ------
    DataError: there are several projects, or none.
    """
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        return value
    if len(value) == 1:
        return value[0]
    if not value:
        raise _wrong("$", "this is a list of projects without any project in it")
    names = [str(item.get("title") or item.get("id") or "?") for item in value]
    shown = ", ".join(f"`{name}` ([{i}])" for i, name in enumerate(names[:5])) + (", …" if len(names) > 5 else "")
    raise _wrong(
        "$",
        f"this is a list of {len(value)} projects: {shown}; "
        "write the one that is meant to a file of its own, such as with `jq '.[0]'`",
    )


_WHERE_FROM = "`kili-query ontology pull PROJECT_ID -o kili-ontology.json` writes that of a project"
_HEADS = {
    b"PK\3\4": "this is a zip archive, such as an export of labels",
    b"PK\5\6": "this is a zip archive",
    b"\x1f\x8b": "this is compressed with gzip",
    b"<": "this is XML, such as a Pascal VOC file",
}


def _other_file(head: bytes) -> str | None:
    """What a file is whose first bytes are of no JSON."""
    return next((what for begin, what in _HEADS.items() if head.startswith(begin)), None)


def _other_value(value: object) -> str | None:
    """What a JSON value is that people take for an ontology: labels, or annotations in another format."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, Mapping) or first.keys() & {"jobs", "jsonInterface"}:
        return None
    if first.keys() & {*LABEL_KEYS, "jsonResponse"}:
        return "these are labels"
    if {"images", "annotations"} <= first.keys():
        return "this is a COCO file"
    if first.get("type") in ("FeatureCollection", "Feature"):
        return "this is a GeoJSON file"
    return None


def is_plain_name(key: str) -> bool:
    """True if Kili's own language can express the key."""
    return PLAIN_NAME.fullmatch(key) is not None


def one_form(name: str) -> str:
    """A name in one Unicode form: names that look the same and are written with other characters become equal.

    >>> one_form("cafe\u0301") == one_form("caf\u00e9")
    True
    """
    return name if name.isascii() else normalized("NFKC", name)


def folded(name: str) -> str:
    """A name without what is overlooked when it is typed: its letter case and its Unicode form."""
    return one_form(one_form(name).casefold())


def _decoded(value: object) -> object:
    if not isinstance(value, (str, bytes, bytearray)):
        return value
    text = value.encode(errors="surrogatepass") if isinstance(value, str) else bytes(value)
    text = text.removeprefix(b"\xef\xbb\xbf")
    if text.startswith((b"http:", b"https:")):
        raise _wrong("$", "this is an address, and must be the ontology itself")
    try:
        return decode_json(text)
    except DataError as error:
        raise _wrong("$", error.message) from None


def _job(key: str, value: object, path: str) -> Job:
    job = _object(value, path)
    content = _object(job.get("content"), f"{path}.content", optional=True)
    flags = {name: _flag(job.get(name), f"{path}.{name}") for name in ("isChild", "isModel")}
    return Job(
        key=key,
        task=_optional_text(job.get("mlTask"), f"{path}.mlTask"),
        categories=_categories(content.get("categories"), f"{path}.content.categories"),
        title=_optional_text(job.get("instruction"), f"{path}.instruction"),
        input=_optional_text(content.get("input"), f"{path}.content.input"),
        level=_optional_text(job.get("level"), f"{path}.level"),
        is_child=flags["isChild"],
        is_model=flags["isModel"],
        tools=tuple(tool for tool in _listed(job.get("tools")) if isinstance(tool, str)),
    )


def _categories(value: object, path: str) -> dict[str, Category]:
    if isinstance(value, list):  # an old form: a list of names (json-formats 1.2)
        for i, name in enumerate(value):
            if not isinstance(name, str):
                raise _wrong(f"{path}[{i}]", f"a category is a key here, and this is {kind_of(name)}")
        return {name: Category(name, name) for name in value}
    categories = _object(value, path, optional=True)
    return {key: _category(key, category, json_path(path, key)) for key, category in categories.items()}


def _category(key: str, value: object, path: str) -> Category:
    category = _object(value, path)
    points = []
    for i, point in enumerate(_list(category.get("points"), f"{path}.points")):
        fields = _object(point, f"{path}.points[{i}]")
        code = fields.get("code")
        children = _keys(fields.get("children"), f"{path}.points[{i}].children")
        points.append((code if isinstance(code, str) else str(i), children))
    name = _optional_text(category.get("name"), f"{path}.name")
    color = category.get("color")
    return Category(
        key, key if name is None else name, _keys(category.get("children"), f"{path}.children"), tuple(points),
        color if isinstance(color, str) else None,
    )  # fmt: skip


def _keys(value: object, path: str) -> tuple[str, ...]:
    keys = _list(value, path)
    for i, key in enumerate(keys):
        if not isinstance(key, str):
            raise _wrong(f"{path}[{i}]", f"a job key is a text, and this is {kind_of(key)}")
    return tuple(str(key) for key in keys)


def _object(value: object, path: str, *, optional: bool = False) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _wrong(path, f"keys are texts, and this has {key!r}")
        return value
    if value is None and optional:
        return {}
    raise _wrong(path, f"must be an object, and is {kind_of(value)}")


def _list(value: object, path: str) -> list[object]:
    if value is None or value == {}:  # real ontologies write an empty object for an empty list
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    raise _wrong(path, f"must be a list, and is {kind_of(value)}")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []  # what no query needs is no reason to refuse an ontology


def _flag(value: object, path: str) -> bool:
    if value is None or value in (0, 1):  # 0 and 1 are written for false and true in older projects
        return bool(value)
    raise _wrong(path, f"must be true or false, and is {kind_of(value)}")


def _optional_text(value: object, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _wrong(path, f"must be a text, and is {kind_of(value)}")


def json_path(path: str, key: str) -> str:
    """The JSON path of a key below a path.

    >>> json_path("$.jobs", "traffic light")
    '$.jobs["traffic light"]'
    """
    return f"{path}.{key}" if PLAIN_NAME.fullmatch(key) else f'{path}["{key}"]'


def _wrong(path: str, message: str) -> DataError:
    return DataError(message, code="KQ502", where=path)
