"""Cards: what a contact sheet shows of each asset. Which shapes stand where, in which words and colours; nothing is drawn yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, radians
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kili_query.engines.explain import causes as causes_of
from kili_query.formats.images import size_in
from kili_query.model.annotations import Annotation, annotations_of_label, rotation_of
from kili_query.model.counts import Identity, Key, find_objects_of
from kili_query.model.geometry import XY, Line, Pages, Point, Polygons, Pose, Relation, Ring, TextSpan
from kili_query.model.kili import VIDEOS
from kili_query.model.labels import Label, is_bare

if TYPE_CHECKING:
    from PIL.Image import Image

    from kili_query.model.ontology import Ontology
    from kili_query.query import Query

Size = tuple[float, float]

A4: Size = (595, 842)
UNKNOWN: Size = (4, 3)
"""The shape of a canvas whose asset tells no size."""

MOST_PAGES = 4
"""Pages of a document that a card shows: the first that hold anything."""


class Mark(NamedTuple):
    """A shape on a canvas; its places are fractions of the canvas from the top left corner."""

    kind: Literal["area", "line", "arrow", "dots"]
    rings: tuple[Ring, ...]
    """Of an area the outer ring and those of its holes; of lines and dots one row of places."""
    key: Key | None
    strong: bool
    """It made the query true."""
    title: str


@dataclass(slots=True)
class Panel:
    """A canvas with shapes: an image, a page, a frame of a video, or a map."""

    size: Size
    marks: list[Mark]
    number: int | None = None
    """Of a page from 1, of a frame from 0."""
    note: str = ""
    rotation: int = 0
    image: Image | None = None
    """What lies behind the shapes, once it is found."""


class Span(NamedTuple):
    """A part of a text that is marked."""

    begin: int
    end: int
    key: Key | None
    strong: bool
    title: str


class Tally(NamedTuple):
    """How many objects of a category an asset has."""

    key: Key
    objects: int
    strong: bool


Kind = Literal["image", "video", "pdf", "text", "map", "words"]


@dataclass(slots=True)
class Card:
    """What is shown of one asset, or of one of its labels."""

    name: str
    detail: str
    """Which label it is, where that is not plain."""
    kind: Kind
    tallies: list[Tally]
    """What its label holds: what the query asks for first, then the most frequent."""
    panels: list[Panel] = field(default_factory=list)
    text: str | None = None
    spans: list[Span] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """What was written: transcriptions."""
    lost: int = 0
    """Objects and entities that cannot be shown: their place cannot be read, or lies behind the end of the text."""

    @property
    def marks(self) -> int:
        """How many shapes and marked parts of a text there are."""
        return sum(len(panel.marks) for panel in self.panels) + len(self.spans)


class About(NamedTuple):
    """What cards are made by."""

    query: Query | None = None
    ontology: Ontology | None = None
    frames: int = 1
    """Frames of a video on its card."""


def card_of(label: Label, about: About, *, text: str | None = None, detail: str = "") -> Card:
    """The card of a label; its text, if that is known.

    Raises
    ------
    DataError: the label cannot be read.
    """
    ontology = about.ontology
    annotations = list(annotations_of_label(label, ontology))
    objects = find_objects_of(label, ontology)
    causes = causes_of(about.query.tree, objects) if about.query is not None else frozenset()
    card = Card(
        label.external_id or label.asset_id or label.name, detail, "image", _tallies(objects, causes, about.query)
    )
    card.words = [
        f"{a.job}: {' '.join(a.text.split())}"
        for a in annotations
        if a.kind == "transcription" and a.text and not a.parents
    ]
    asset = asset_of(label)
    card.kind = kind_of(annotations, asset, ontology)
    made = _Marks(annotations, causes)
    if card.kind == "text":
        card.text = text
        if text is None or made.in_nodes:
            card.text, spans = _from_words(annotations)
            card.spans = [made.span(annotation, begin, end) for annotation, begin, end in spans]
        else:
            card.spans = made.spans(text)
    elif card.kind == "words":
        card.text = _conversation(asset) or text
    elif card.kind == "pdf":
        card.panels = made.pages(_page_sizes(asset))
    elif card.kind == "video":
        card.panels = made.frames(size_in(asset) or (16, 9), about.frames)
    elif card.kind == "map":
        card.panels = [made.on_map()]
    else:
        rotation = 0 if label.by_level else rotation_of(label.response)
        size = size_in(asset) or UNKNOWN
        turned = (size[1], size[0]) if rotation in (90, 270) else size
        card.panels = [Panel(turned, made.all(None), rotation=rotation)]
    if card.kind == "text":
        card.lost = sum(annotation.kind in ("object", "entity") for annotation in annotations) - len(card.spans)
    elif card.kind != "words":
        card.lost = sum(annotation.kind == "object" and annotation.geometry is None for annotation in annotations)
    return card


def asset_of(label: Label) -> Mapping[str, Any]:
    """What is known of the asset of a label."""
    record = label.asset if label.asset is not None else {}
    owner = record.get("labelOf") if is_bare(record) else None
    return owner if isinstance(owner, Mapping) else record


def kind_of(annotations: Sequence[Annotation], asset: Mapping[str, Any], ontology: Ontology | None) -> Kind:
    """What an asset is: as the ontology says, else as its annotations tell."""
    input_type = ontology.input_type if ontology else None
    if input_type in VIDEOS or any(annotation.frame is not None for annotation in annotations):
        return "video"
    if input_type == "GEOSPATIAL" or any(_is_far(annotation) for annotation in annotations):
        return "map"
    if input_type == "PDF" or asset.get("pageResolutions") or any(isinstance(a.geometry, Pages) for a in annotations):
        return "pdf"
    if (input_type or "").startswith("LLM") or "chatItems" in asset or input_type == "AUDIO":
        return "words"
    if input_type == "TEXT" or any(isinstance(annotation.geometry, TextSpan) for annotation in annotations):
        return "text"
    return "image"


def _tallies(objects: Mapping[Key, Sequence[Identity]], causes: frozenset[Any], query: Query | None) -> list[Tally]:
    asked = query.operands if query is not None else ()
    found = [Tally(key, len(ids), not causes.isdisjoint(ids)) for key, ids in objects.items()]
    wanted = [t for t in found if any(j in (None, t.key[0]) and c in (None, t.key[1]) for j, c in asked if j or c)]
    return sorted(found, key=lambda tally: (not tally.strong, tally not in wanted, -tally.objects, tally.key))


def _is_far(annotation: Annotation) -> bool:
    """True for places that are no fractions: degrees of a map."""
    places: Iterable[XY] = ()
    if isinstance(annotation.geometry, Polygons):
        places = annotation.geometry.outline
    elif isinstance(annotation.geometry, Line):
        places = annotation.geometry.points
    elif isinstance(annotation.geometry, Point):
        places = (annotation.geometry.at,)
    return any(abs(x) > 2 or abs(y) > 2 for x, y in places)


def _page_sizes(asset: Mapping[str, Any]) -> dict[int, Size]:
    """The sizes of the pages of a document, as it tells them, by their numbers from 1."""
    found: dict[int, Size] = {}
    rows = asset.get("pageResolutions")
    for position, row in enumerate(rows if isinstance(rows, list) else [], 1):
        if isinstance(row, Mapping) and (size := size_in({"resolution": row})):
            number = row.get("pageNumber")
            found[number if isinstance(number, int) else position] = size
    return found


def _conversation(asset: Mapping[str, Any]) -> str | None:
    """The messages of a conversation, each with who wrote it."""
    items = asset.get("chatItems")
    lines = [
        f"{item.get('role') or '?'}: {item['content']}"
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, Mapping) and isinstance(item.get("content"), str)
    ]
    return "\n\n".join(lines) or None


def _from_words(annotations: Sequence[Annotation]) -> tuple[str, list[tuple[Annotation, int, int]]]:
    """A text that is not at hand: the words of its entities in their order, with gaps between them."""
    found = sorted(
        (a for a in annotations if isinstance(a.geometry, TextSpan) and a.text),
        key=lambda a: (a.geometry.begin_id or "", a.geometry.begin) if isinstance(a.geometry, TextSpan) else ("", 0),
    )
    text, spans = "", []
    for annotation in found:
        text += " … " if text else "… "
        spans.append((annotation, len(text), len(text) + len(annotation.text or "")))
        text += annotation.text or ""
    return (text + " …" if text else ""), spans


class _Marks:
    """The annotations of a label as shapes."""

    def __init__(self, annotations: Sequence[Annotation], causes: frozenset[Any]) -> None:
        self._annotations = [annotation for annotation in annotations if annotation.geometry is not None]
        self._causes = {identity[:length] for identity in causes for length in range(1, len(identity) + 1)}

    @property
    def in_nodes(self) -> bool:
        """True if entities stand in the nodes of a rich text, which is not laid out."""
        spans = (annotation.geometry for annotation in self._annotations if isinstance(annotation.geometry, TextSpan))
        return any(span.begin_id is not None for span in spans)

    def _strong(self, annotation: Annotation) -> bool:
        return annotation.step is not None and (*annotation.parents, annotation.step) in self._causes

    @staticmethod
    def _key(annotation: Annotation) -> Key | None:
        return (annotation.job, annotation.category) if annotation.category is not None else None

    def _mark(self, annotation: Annotation, kind: Any, rings: tuple[Ring, ...]) -> Mark:
        names = ", ".join(category.name for category in annotation.categories) or "no category"
        mid = f" · {annotation.mid}" if annotation.mid is not None else ""
        return Mark(kind, rings, self._key(annotation), self._strong(annotation), f"{annotation.job}: {names}{mid}")

    def all(self, frame: int | None) -> list[Mark]:
        """The shapes of an image, or of a frame: one for each part of each object."""
        here = [annotation for annotation in self._annotations if annotation.frame == frame]
        marks, middles = list[Mark](), dict[str, XY]()
        for annotation in here:
            geometry = annotation.geometry
            found: list[Mark] = []
            if isinstance(geometry, Polygons):
                found = [self._mark(annotation, "area", part) for part in geometry.parts]
            elif isinstance(geometry, Point):
                found = [self._mark(annotation, "dots", ((geometry.at,),))]
            elif isinstance(geometry, Line):
                found = [self._mark(annotation, "arrow" if annotation.tool == "vector" else "line", (geometry.points,))]
            elif isinstance(geometry, Pose) and geometry.points:
                found = [self._mark(annotation, "dots", (tuple(point.at for point in geometry.points),))]
            elif isinstance(geometry, Pages):
                found = [self._mark(annotation, "area", (ring,)) for _, ring in geometry.rings]
            if found and annotation.mid is not None:
                middles[str(annotation.mid)] = _middle(found[0].rings[0])
            marks += found
        for annotation in here:
            if isinstance(annotation.geometry, Relation):
                for start in annotation.geometry.start:
                    for end in annotation.geometry.end:
                        if start in middles and end in middles:
                            marks.append(self._mark(annotation, "arrow", ((middles[start], middles[end]),)))
        return marks

    def pages(self, sizes: Mapping[int, Size]) -> list[Panel]:
        """The pages that hold anything, those first that made the query true."""
        found: dict[int, list[Mark]] = {}
        for annotation in self._annotations:
            if isinstance(annotation.geometry, Pages):
                for page, ring in annotation.geometry.rings:
                    found.setdefault(page or 1, []).append(self._mark(annotation, "area", (ring,)))
            elif isinstance(annotation.geometry, Polygons):
                page = annotation.raw.get("pageNumber")
                marks = [self._mark(annotation, "area", part) for part in annotation.geometry.parts]
                found.setdefault(page if isinstance(page, int) else 1, []).extend(marks)
        best = sorted(found, key=lambda page: (not any(mark.strong for mark in found[page]), page))[:MOST_PAGES]
        known = next(iter(sizes.values()), A4)
        more = f" of {len(found)} with annotations" if len(found) > MOST_PAGES else ""
        return [
            Panel(sizes.get(page, known), found[page], page, f"page {page}{more}") for page in sorted(best)
        ] or [Panel(known, [], 1)]  # fmt: skip

    def frames(self, size: Size, number: int) -> list[Panel]:
        """The frames with most objects that made the query true, then with most objects."""
        strong, all_of = Counter[int](), Counter[int]()
        for annotation in self._annotations:
            if annotation.frame is not None:
                all_of[annotation.frame] += 1
                strong[annotation.frame] += self._strong(annotation)
        best = sorted(all_of, key=lambda frame: (-strong[frame], -all_of[frame], frame))
        if number > 1 and best:  # a strip: all over the film, rather than neighbours
            ordered, count = sorted(all_of), min(number, len(all_of))
            best = [ordered[(2 * at + 1) * len(ordered) // (2 * count)] for at in range(count)]
        chosen = sorted(best[:number])
        return [Panel(size, self.all(frame), frame, f"frame {frame}") for frame in chosen] or [Panel(size, [], 0)]

    def on_map(self) -> Panel:
        """The shapes of a map, on a canvas around them; north is up."""
        marks = self.all(None)
        xs, ys = ([at[axis] for mark in marks for ring in mark.rings for at in ring] or [0.0, 1.0] for axis in (0, 1))
        left, right, low, high = min(xs), max(xs), min(ys), max(ys)
        if right > 180 or left < -180 or high > 90 or low < -90:  # pixels, with y downwards
            narrow, down = 1.0, 1.0
        else:
            # a degree of longitude, by one of latitude
            narrow, down = max(0.05, cos(radians(min(85.0, abs(low + high) / 2)))), -1.0
        edge = 0.06 * max((right - left) * narrow, high - low, 1e-9)
        width, height = (right - left) + 2 * edge / narrow, (high - low) + 2 * edge
        # not so narrow that nothing could be seen
        width, height = max(width, height / narrow / 3), max(height, width * narrow / 3)
        x0, y0 = (left + right - width) / 2, (low + high - down * height) / 2

        def placed(ring: Ring) -> Ring:
            return tuple(((x - x0) / width, down * (y - y0) / height) for x, y in ring)

        moved = [mark._replace(rings=tuple(placed(ring) for ring in mark.rings)) for mark in marks]
        note = f"{low:.3f} to {high:.3f} N, {left:.3f} to {right:.3f} E" if down < 0 and marks else ""
        return Panel((width * narrow, height), moved, None, note)

    def span(self, annotation: Annotation, begin: int, end: int) -> Span:
        """A part of a text."""
        mark = self._mark(annotation, "area", ())
        return Span(begin, end, mark.key, mark.strong, mark.title)

    def spans(self, text: str) -> list[Span]:
        """The entities, where they stand in the text."""
        found = []
        for annotation in self._annotations:
            if isinstance(annotation.geometry, TextSpan) and annotation.geometry.begin_id is None:
                begin, end = annotation.geometry.begin, annotation.geometry.end
                end = begin + len(annotation.text or "") if end is None else end
                if 0 <= begin < end <= len(text):
                    found.append(self.span(annotation, begin, end))
        return sorted(found)


def _middle(ring: Ring) -> XY:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
