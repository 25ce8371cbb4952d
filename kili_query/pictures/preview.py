"""Previews: contact sheets of the assets that match a query, to be looked at in a notebook or written to a file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from kili_query.errors import ArgumentError, DataError, Diagnostic
from kili_query.formats.containers.sources import recognized_dataset
from kili_query.formats.extras import load
from kili_query.formats.reading.dataset import OtherDataset, ontology_of
from kili_query.model.decoding import decode_json
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes, chosen_types, labels_of
from kili_query.model.ontology import Ontology, as_ontology
from kili_query.offline.files import whole_file
from kili_query.offline.select import Assets, Hit, Summary, select
from kili_query.pictures.cards import About, Card, asset_of, card_of
from kili_query.pictures.drawing import house_style, png_of
from kili_query.pictures.fonts import Fonts
from kili_query.pictures.notes import Notes
from kili_query.pictures.page import CANVAS, fragment, whole_page
from kili_query.pictures.palette import EXTRA, THEMES, Palette, ThemeName
from kili_query.pictures.sheet import PER_PAGE, Look, canvas_of, draw_page
from kili_query.pictures.shelf import Found, Shelf
from kili_query.query import Query, parse

if TYPE_CHECKING:
    from PIL.Image import Image

    from kili_query.formats.kili import Source
    from kili_query.offline.index.opening import Index, Unused

MOST = 1_000
"""Assets of a sheet. More would not be looked at, and their images would fill the memory."""

SUFFIXES = (".html", ".htm", ".png", ".svg")
"""Of files that previews are written to."""

Unit = Literal["assets", "labels"]


class Item(NamedTuple):
    """A card, and where its media are."""

    card: Card
    found: Found
    asset: Mapping[str, Any]


@dataclass(slots=True, repr=False)
class Preview:
    """A contact sheet: in notebooks it shows itself, `save` writes it to a file.

    >>> sheet = preview("tests/data/coco.zip", query="OBJECT_DETECTION_JOB.person.count >= 2", limit=1)
    >>> sheet, [card.name for card in sheet.cards]
    (<Preview of 1 asset: the first 1 of 2 that match>, ['coco_1.jpg'])
    """

    items: list[Item]
    title: str
    remark: str
    """How many of how many are shown."""
    ontology: Ontology | None = None
    summary: Summary = field(default_factory=Summary)
    """What was read, and what could not be."""
    unmet: list[Diagnostic] = field(default_factory=list)
    """The names of the query that no label holds."""
    theme: ThemeName = "auto"
    cell: int = 320
    columns: int | None = None
    per_page: int = PER_PAGE
    _shelf: Shelf | None = None
    _notes: Notes = field(default_factory=Notes)
    _box: tuple[int, int] = (0, 0)
    """For which images have been made small."""

    @property
    def cards(self) -> list[Card]:
        """What is shown of each asset."""
        return [item.card for item in self.items]

    @property
    def notes(self) -> list[str]:
        """What is to be told: images that are missing, colours that are none. Complete once the sheet was drawn."""
        return list(self._notes)

    def __repr__(self) -> str:
        return f"<Preview of {len(self.items)} asset{'s' * (len(self.items) != 1)}: {self.remark}>"

    def _repr_html_(self) -> str:
        with house_style():
            palette, fonts = self._prepare(CANVAS, final=False)
            told = [*(diagnostic.message for diagnostic in self.unmet), *self.notes]
            return fragment(self.cards, self.title, self.remark, told, palette, fonts, self.cell)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        theme: ThemeName | None = None,
        on_image: Callable[[], None] | None = None,
    ) -> list[str]:
        """Write the sheet: `.html` all in one file, `.png` or `.svg` in pages. Gives the names of the files.

        Several pages are `sheet-1.png`, `sheet-2.png` and so on. Files appear when all of them are whole.

        Parameters
        ----------
        theme: `"light"`, `"dark"`, or of HTML `"auto"`: as the system says. None: that of the preview; else light.
        on_image: is called for each asset whose image is ready.

        Raises
        ------
        ArgumentError: another suffix or theme, or matplotlib is not installed.
        DataError: a file cannot be written (KQ503).
        """
        name, theme = os.fspath(path), theme or self.theme
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in SUFFIXES:
            raise ArgumentError("path", f"ends with {', '.join(SUFFIXES)}, which say what is written; this is {name}")
        if theme not in ("light", "dark", "auto"):
            raise ArgumentError("theme", f"is one of `light`, `dark`, `auto`, not {theme!r}")
        with house_style():
            if suffix in (".html", ".htm"):
                return self._save_page(name, theme, on_image)
            return self._save_pages(name, suffix, theme, on_image)

    def _save_page(self, name: str, theme: ThemeName, on_image: Callable[[], None] | None) -> list[str]:
        palette, fonts = self._prepare(CANVAS, final=False, on_image=on_image)
        with whole_file(name) as file:
            told = self.notes
            for piece in whole_page(self.cards, self.title, self.remark, told, theme, palette, fonts, self.cell):
                file.write(piece.encode())
        return [name]

    def _save_pages(self, name: str, suffix: str, theme: ThemeName, on_image: Callable[[], None] | None) -> list[str]:
        look = Look(THEMES["light" if theme == "auto" else theme], self.cell, self.columns)
        palette, fonts = self._prepare(canvas_of(look), final=suffix == ".png", on_image=on_image)
        cards = self.cards
        starts = range(0, len(cards), self.per_page) if cards else range(1)
        stem, digits = os.path.splitext(name)[0], len(str(len(starts)))
        names = [f"{stem}-{n:0{digits}}{suffix}" if len(starts) > 1 else name for n in range(1, len(starts) + 1)]
        with ExitStack() as files, ThreadPoolExecutor(max_workers=1) as encoder:
            waiting: Future[None] | None = None  # one page is compressed while the next is drawn
            for page, (first, into) in enumerate(zip(starts, names, strict=True), 1):
                remark = f"{self.remark}, page {page} of {len(starts)}" if len(starts) > 1 else self.remark
                drawing = draw_page(
                    cards[first : first + self.per_page], self.title, remark, look, palette, fonts, first
                )
                file = files.enter_context(whole_file(into))
                if suffix == ".svg":
                    file.write(drawing.svg().encode())
                    continue
                image = drawing.pixels()
                if waiting is not None:
                    waiting.result()
                waiting = encoder.submit(_write_png, image, file)
            if waiting is not None:
                waiting.result()
        return names

    def _prepare(
        self, box: tuple[int, int], *, final: bool, on_image: Callable[[], None] | None = None
    ) -> tuple[Palette, Fonts]:
        """Load images, once for each size, and choose colours and fonts."""
        load("matplotlib", EXTRA)
        if self._shelf is not None and self._box != box:
            for _ in self._shelf.fill(self.items, box):
                if on_image is not None:
                    on_image()
            self._box = box
        palette = Palette(self.ontology, self._notes)
        for card in self.cards:
            for tally in card.tallies:
                palette.color(tally.key)
        return palette, Fonts(self._texts(palette), self._notes, final=final)

    def _texts(self, palette: Palette) -> Iterator[str]:
        yield from (self.title, self.remark)
        for card in self.cards:
            yield from (card.name, card.detail, card.text or "", *card.words)
            yield from (palette.name(tally.key) for tally in card.tallies)


def _write_png(image: Image, file: BinaryIO) -> None:
    file.write(png_of(image))


def preview(
    *sources: Source,
    query: Query | str | None = None,
    ontology: Ontology | Mapping[str, object] | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    unit: Unit = "assets",
    limit: int | None = None,
    sample: int | None = None,
    seed: int = 0,
    media: str | os.PathLike[str] | None = None,
    frames: int = 1,
    theme: ThemeName = "auto",
    cell: int = 320,
    columns: int | None = None,
    workers: int | None = None,
    on_index: Callable[[Index | Unused], None] | None = None,
    on_read: Callable[[int], None] | None = None,
) -> Preview:
    """A contact sheet of the assets of exports that match a query, with their shapes, entities and counts.

    Colours and names of categories are those of the ontology. The objects that made the query true stand out. Images
    come from the folder `media`, or from the export; where there are none, a plain canvas stands for them.

    Parameters
    ----------
    sources: names of files, folders and archives; `-` is standard input. Datasets of other formats, too.
    query: only assets with a label that satisfies it, and that label; None: all.
    ontology: colours and names; tells frames of a video from jobs whose keys are digits. Datasets of other formats have one.
    types: the label types that take part; None: all. By default all but AUTOSAVE.
    latest: only the newest label of each asset.
    unit: `"labels"` for a card for each label that matches, and not only for the first of its asset.
    limit: only the first assets that match, so many.
    sample: so many assets that match, chosen by chance; always the same ones for a `seed`.
    media: a folder; its files are found by the names that assets give, or by external id.
    frames: of a video, so many frames from all over it; 1: the one with most objects, those of the query first.
    theme: `"light"`, `"dark"`, or `"auto"`, as the system of whoever looks at HTML says.
    cell: width of a card in pixels.
    columns: cards beside each other in PNG and SVG; None: by their number.
    workers: number of processes that read; None: one for each core, for large inputs.
    on_index: is given each index that is used, and each that is not.
    on_read: is called with how many bytes have been read.

    Raises
    ------
    ArgumentError: more than 1,000 assets match, and neither `limit` nor `sample` is given.
    DataError: a source cannot be read at all (KQ503).
    QuerySyntaxError: the query is none.

    >>> sheet = preview("tests/data/coco.zip", sample=2, seed=7)
    >>> len(sheet.cards), sheet.cards[0].panels[0].marks[0].kind
    (2, 'area')
    """
    asked = parse(query) if isinstance(query, str) else query
    known, chosen = as_ontology(ontology), chosen_types(types)
    read: list[Source] = [recognized_dataset(source) or source for source in sources]
    others = [source for source in read if isinstance(source, OtherDataset)]
    if known is None and others and len(others) == len(read):
        known = ontology_of(others)
    for name, value in (("limit", limit), ("sample", sample)):
        if value is not None and not 1 <= value <= MOST:
            raise ArgumentError(name, f"is from 1 to {MOST:,}, not {value}")
    if limit is not None and sample is not None:
        raise ArgumentError("sample", "goes without `limit`: one takes the first, the other some by chance")
    summary, total, hits = Summary(), 0, list[Hit]()
    most, chance, assets = sample or limit or MOST, random.Random(seed), Assets()
    every = asked if asked is not None else parse("*.*.count >= 0")
    for part in select(every, *read, ontology=known, types=chosen, latest=latest, workers=workers, on_index=on_index):
        for hit in part.hits:
            if not assets.is_new(hit):
                continue
            total += 1
            if len(hits) < most:
                hits.append(hit)
            elif sample and (at := chance.randrange(total)) < sample:
                hits[at] = hit
        summary.add(part.summary)
        if on_read is not None:
            on_read(part.size)
    if total > MOST and limit is None and sample is None:
        raise ArgumentError(
            "sample", f"is needed: {total:,} assets match, and a sheet shows at most {MOST:,}; `sample` takes some by chance, `limit` the first"
        )  # fmt: skip
    notes = Notes()
    shelf = Shelf(read, None if media is None else os.fspath(media), notes)
    about, items = About(asked, known, frames), list[Item]()
    for hit in hits:
        items += _items(hit, about, shelf, chosen, unit, notes)
    unmet = asked.unmet(summary.names, known, sampled=summary.sampled) if asked is not None and summary.labels else []
    title = str(asked) if asked is not None else ", ".join(os.path.basename(os.fspath(s)) or "." for s in sources)
    remark = _remark(len(hits), total, asked is not None, sample is not None)
    return Preview(items, title, remark, known, summary, unmet, theme, cell, columns, PER_PAGE, shelf, notes)


def preview_labels(
    labels: Iterable[Label], *, query: Query | None = None, ontology: Ontology | None = None, title: str = "", cell: int = 320
) -> Preview:  # fmt: skip
    """A contact sheet of labels in memory, those that satisfy the query. Images are not looked for.

    >>> from kili_query import read_labels
    >>> preview_labels(read_labels("tests/data/coco.zip")).remark
    '3 labels'
    """
    notes, items, about = Notes(), list[Item](), About(query, ontology)
    for label in labels:
        try:
            if query is None or query.matches_label(label, ontology):
                asset = asset_of(label)
                text = asset.get("content") if isinstance(asset.get("content"), str) else None
                is_address = text is not None and text.startswith(("http:", "https:", "assets/"))
                card = card_of(label, about, text=None if is_address else text or None, detail=_detail(label))
                items.append(Item(card, Found(None), asset))
        except DataError as error:
            notes.add("unreadable", str(error), label.name)
        if len(items) > MOST:
            raise ArgumentError("labels", f"are more than {MOST:,}, the most that a sheet shows")
    remark = f"{len(items):,} label{'s' * (len(items) != 1)}" if len(items) != 1 or query is not None else ""
    return Preview(items, title or (str(query) if query is not None else ""), remark, ontology, cell=cell, _notes=notes)


def preview_matches(query: Query, sources: Sequence[object], *, media: object = None, **options: Any) -> Preview:
    """The sheet of `Query.preview`: of exports, or of labels in memory.

    Raises
    ------
    ArgumentError: sources of both kinds, or of neither.
    """
    paths = [source for source in sources if isinstance(source, (str, os.PathLike))]
    if paths and len(paths) == len(sources):
        return preview(*paths, query=query, media=media, **options)  # type: ignore[arg-type]
    first = sources[0] if len(sources) == 1 else None
    if not isinstance(first, Iterable) or paths:
        raise ArgumentError("sources", "are names of exports, or one list of labels")
    known = as_ontology(options.pop("ontology", None))
    if media is not None or options:
        raise ArgumentError(
            next(iter(options), "media"), "goes with exports; of labels in memory all that match are shown"
        )
    return preview_labels(_labels(first), query=query, ontology=known)


def _labels(values: Iterable[object]) -> Iterator[Label]:
    for value in values:
        if isinstance(value, Label):
            yield value
        elif isinstance(value, Mapping):
            yield from labels_of(value)
        else:
            raise ArgumentError("sources", f"are labels, or the objects of assets, and one is {type(value).__name__}")


def _items(
    hit: Hit, about: About, shelf: Shelf, types: LabelTypes | None, unit: Unit, notes: Notes
) -> Iterator[Item]:  # fmt: skip
    record: Any = decode_json(hit.data)
    labels = list(labels_of(record, types=types, where=str(hit.where)))
    matched = []
    for label in labels:
        try:
            if about.query is None or about.query.matches_label(label, about.ontology):
                matched.append(label)
        except DataError:  # told by the summary
            continue
    for label in matched if unit == "labels" else matched[:1]:
        asset = asset_of(label)
        name = label.external_id or label.asset_id or ""
        found = shelf.find(asset, name, hit)
        detail = _detail(label) if len(labels) > 1 else ""
        if len(matched) > 1 and unit == "assets":
            detail += f", {len(matched)} match" if about.query is not None else f" of {len(labels)}"
        card = card_of(label, about, text=None, detail=detail)
        if card.kind in ("text", "words") and (text := shelf.text(asset, name, hit)) is not None:
            card = card_of(label, about, text=text, detail=detail)
        if card.lost:
            one = card.lost == 1
            notes.add(
                "lost", f"{card.name}: {card.lost:,} annotation{'s' * (not one)} cannot be shown: no place that can be read, or one behind the end of the text", card.name
            )  # fmt: skip
        yield Item(card, found, asset)


def _detail(label: Label) -> str:
    where = f"{label.key}[{label.position}]" if label.key in ("labels", "latestLabels") else ""
    return " · ".join(part for part in (where, (label.label_type or "").lower()) if part and part != "default")


def _remark(shown: int, total: int, asked: bool, sampled: bool) -> str:
    what = f"asset{'s' * (total != 1)}" + (f" match{'es' * (total == 1)}" if asked else "")
    if shown == total:
        return f"{total:,} {what}"
    return f"{'a sample of' if sampled else 'the first'} {shown:,} of {total:,}" + (
        " that match" if asked else " assets"
    )


__all__ = ["MOST", "SUFFIXES", "Item", "Preview", "preview", "preview_labels", "preview_matches"]
