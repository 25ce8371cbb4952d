"""Where the media of assets lie: in a folder that is given, or in the export itself; and how images become small ones."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from kili_query.errors import DataError
from kili_query.formats.extras import load
from kili_query.formats.images import size_in
from kili_query.formats.reading.dataset import OtherDataset
from kili_query.offline.media import File, Origin
from kili_query.pictures.cards import Card, Panel
from kili_query.pictures.notes import Notes
from kili_query.pictures.palette import EXTRA

if TYPE_CHECKING:
    from PIL.Image import Image

    from kili_query.formats.kili import Source
    from kili_query.offline.select import Hit

LARGEST_FILE = 1 << 30
"""Bytes of a file that is read as a whole."""

LARGEST_IMAGE = 178_956_970
"""Pixels of an image that is decoded; more may be made to fill the memory."""

_READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "ICO", "PPM", "AVIF", "JPEG2000")
"""The formats of images that are read: those that run no other program, and are what annotation tools show."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".pdf", ".txt", ".mp4", ".mov", ".webm")


_PDF_LOCK = Lock()


class Found(NamedTuple):
    """Media of an asset."""

    content: File | None
    frames: tuple[File | None, ...] = ()


class Shelf:
    """Finds media by the names that assets give them."""

    def __init__(self, sources: Sequence[Source], folder: str | None, notes: Notes) -> None:
        self._origins = [Origin(os.fspath(source)) for source in sources if source != "-"]
        self._notes = notes
        self._by_name: dict[str, File] = {}
        self._folder = folder
        if folder is not None:
            if not os.path.isdir(folder):
                raise DataError("cannot be read: it is no folder", code="KQ503", where=folder)
            for place, folders, names in os.walk(folder):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    path = os.path.join(place, name)
                    below = os.path.relpath(path, folder).replace(os.sep, "/")
                    self._know(File(below, path))
        for source in sources:
            if isinstance(source, OtherDataset):  # which has its images where it likes
                for file in Origin(os.fspath(source)).files.values():
                    self._know(file)

    def _know(self, file: File) -> None:
        stem, suffix = os.path.splitext(file.name)
        if suffix.lower() in _SUFFIXES:
            last = file.name.rpartition("/")[2]
            for known in (file.name, last, stem, os.path.splitext(last)[0]):
                self._by_name.setdefault(known, file)

    def find(self, asset: Mapping[str, Any], name: str, hit: Hit | None) -> Found:
        """The media of an asset, by its record and its external id."""
        content, frames = asset.get("content"), asset.get("jsonContent")
        listed = tuple(frames) if isinstance(frames, list) and all(isinstance(f, str) for f in frames) else ()
        return Found(
            self._one(content if isinstance(content, str) else "", name, hit),
            tuple(self._one(frame, "", hit) for frame in listed),
        )

    def _one(self, content: str, name: str, hit: Hit | None) -> File | None:
        remote = content.startswith(("http://", "https://"))
        last = (
            unquote(urlsplit(content).path.rpartition("/")[2])
            if remote
            else content.replace("\\", "/").rpartition("/")[2]
        )
        plain = name.replace("\\", "/")
        for known in (content, plain, last, plain.rpartition("/")[2], *(plain + suffix for suffix in _SUFFIXES)):
            if known and (there := self._by_name.get(known)):
                return there
        if content and not remote and hit is not None and len(content) < 4096 and "\0" not in content:
            for origin in self._origins:
                if origin.holds(hit) and (file := origin.find(content, hit.where)):
                    return file
        if self._folder is not None:
            self._notes.add(
                "missing",
                f"{name or last}: no file of {self._folder} is called so; a plain canvas stands for it",
                name or last,
            )
        elif content.startswith("assets/"):
            self._notes.add("missing", f"{name}: `{content}` is not there; a plain canvas stands for it", content)
        return None

    def text(self, asset: Mapping[str, Any], name: str, hit: Hit | None) -> str | None:
        """The text of an asset: that of its file, else what it holds in place of an address."""
        found = self.find(asset, name, hit).content
        if found is not None:
            try:
                return b"".join(found.chunks()).decode("utf-8-sig", errors="replace")
            except DataError as error:
                self._notes.add("broken", f"{name}: {error.message}", name)
                return None
        content = asset.get("content")
        is_address = isinstance(content, str) and (content.startswith(("http:", "https:", "assets/")) or not content)
        return content if isinstance(content, str) and not is_address else None

    def fill(self, work: Sequence[tuple[Card, Found, Mapping[str, Any]]], box: tuple[int, int]) -> Iterator[int]:
        """Put images behind shapes, small enough for a box of so many pixels; gives how many cards are done, now and then.

        Several threads decode: Pillow lets others run meanwhile.
        """
        with _quiet(), ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            tasks = [pool.submit(self._fill, card, found, asset, box) for card, found, asset in work]
            try:
                for number, ((card, _, _), task) in enumerate(zip(work, tasks, strict=True), 1):
                    for kind, told in task.result():
                        self._notes.add(kind, f"{card.name}: {told}", card.name)
                    yield number
            except BaseException:  # Ctrl-C does not wait for what nobody will see
                pool.shutdown(cancel_futures=True)
                raise

    def _fill(self, card: Card, found: Found, asset: Mapping[str, Any], box: tuple[int, int]) -> list[tuple[str, str]]:
        """What is to be told of an asset's media."""
        told: list[tuple[str, str]] = []
        try:
            if card.kind == "pdf" and found.content:
                _draw_pages(card.panels, found.content, box)
            elif card.kind == "video":
                _show_frames(card.panels, found, asset, box, told)
            elif card.kind in ("image", "map") and found.content and card.panels:
                panel = card.panels[0]
                if card.kind == "image":
                    panel.image, size = small_image(_content(found.content), box, panel.rotation)
                    _fit(panel, size, size_in(asset), told)
        except DataError as error:
            told.append(("broken", error.message))
        return told


def _fit(panel: Panel, size: tuple[int, int], said: tuple[int, int] | None, told: list[tuple[str, str]]) -> None:
    """The canvas becomes that of the image. If annotations were made on another size, that is told."""
    if said is not None and said != size:
        message = f"the image has {size[0]} x {size[1]} pixels, and the annotations were made on {said[0]} x {said[1]}"
        told.append(("size", message))
    turned = panel.rotation in (90, 270)
    panel.size = (size[1], size[0]) if turned else size


def _content(file: File) -> bytes:
    pieces, size = [], 0
    for piece in file.chunks():
        size += len(piece)
        if size > LARGEST_FILE:
            raise DataError(f"`{file.name}` is larger than {LARGEST_FILE >> 30} GB, and is not shown", code="KQ503")
        pieces.append(piece)
    return b"".join(pieces)


def small_image(data: bytes, box: tuple[int, int], rotation: int = 0) -> tuple[Image, tuple[int, int]]:
    """An image that fits in a box, and the size of the whole one; as it is stored, but for its own orientation (EXIF).

    Parameters
    ----------
    box: width and height in pixels.
    rotation: by how many degrees it is turned clockwise, as annotators saw it; the size is that before.

    Raises
    ------
    DataError: it cannot be read, or is larger than what is decoded.
    """
    images, ops = load("PIL.Image", EXTRA), load("PIL.ImageOps", EXTRA)
    try:
        with images.open(BytesIO(data), formats=_known_formats(images)) as image:
            size = image.size
            if size[0] * size[1] > LARGEST_IMAGE:
                message = f"the image has {size[0]:,} x {size[1]:,} pixels, more than are decoded; a plain canvas stands for it"
                raise DataError(message, code="KQ503")
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
                size = (size[1], size[0])
            side = max(box)
            image.draft("RGB", (side, side))  # a JPEG is decoded smaller at once
            image.thumbnail((side, side), images.Resampling.BILINEAR, reducing_gap=2.0)
            shown = ops.exif_transpose(_rgb(image, images))
    except images.DecompressionBombError:
        raise DataError(
            "the image is so large that it is not decoded; a plain canvas stands for it", code="KQ503"
        ) from None
    except images.UnidentifiedImageError:
        raise DataError("no image that can be read; a plain canvas stands for it", code="KQ503") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        MemoryError,
        IndexError,
        TypeError,
        KeyError,
    ) as error:  # of codecs
        raise DataError(f"the image is broken ({error}); a plain canvas stands for it", code="KQ503") from None
    if rotation:
        turn = {90: images.Transpose.ROTATE_270, 180: images.Transpose.ROTATE_180, 270: images.Transpose.ROTATE_90}
        shown = shown.transpose(turn[rotation]) if rotation in turn else shown
    shown.thumbnail(box, images.Resampling.BILINEAR)
    return shown, size


def _known_formats(images: Any) -> list[str]:
    images.init()
    return [name for name in _READ if name in images.OPEN]


def _rgb(image: Any, images: Any) -> Any:
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):  # of measuring devices: from the darkest to the brightest
        image = image.convert("F")
        low, high = image.getextrema()
        scale = 255 / (high - low) if high > low else 1.0
        image = image.point(lambda value: value * scale - low * scale)
        return image.convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        under = images.new("RGBA", image.size, "#c9ced6")
        return images.alpha_composite(under, image).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image


def _draw_pages(panels: Sequence[Panel], file: File, box: tuple[int, int]) -> None:
    pdfium = load("pypdfium2", EXTRA)
    with _PDF_LOCK:  # the library is not made for threads
        try:
            document = pdfium.PdfDocument(_content(file))
            try:
                for panel in panels:
                    number = (panel.number or 1) - 1
                    if number >= len(document):
                        raise DataError(
                            f"the document has {len(document)} pages, and annotations stand on page {number + 1}",
                            code="KQ503",
                        )
                    page = document[number]
                    width, height = page.get_size()
                    panel.size = (width, height)
                    scale = min(box[0] / width, box[1] / height)
                    panel.image = page.render(scale=scale).to_pil().convert("RGB")
            finally:
                document.close()
        except (pdfium.PdfiumError, ZeroDivisionError, ValueError) as error:
            raise DataError(f"the document cannot be drawn ({error}); plain pages stand for it", code="KQ503") from None


def _show_frames(
    panels: Sequence[Panel], found: Found, asset: Mapping[str, Any], box: tuple[int, int], told: list[tuple[str, str]]
) -> None:
    if any(found.frames):
        for panel in panels:
            number = panel.number or 0
            file = found.frames[number] if number < len(found.frames) else None
            if file is not None:
                panel.image, size = small_image(_content(file), box)
                _fit(panel, size, size_in(asset), told)
    elif found.content:
        from kili_query.formats.frames import frames_at, rate_of

        wanted = [panel.number or 0 for panel in panels]
        pictures = frames_at(_content(found.content), wanted, rate_of(asset))
        for panel in panels:
            picture = pictures.get(panel.number or 0)
            if picture is None:
                told.append(("broken", f"the film ends before frame {panel.number}"))
            else:
                size = picture.size
                picture.thumbnail(box)
                panel.image = picture
                _fit(panel, size, size_in(asset), told)


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's warnings about damaged metadata and large images say nothing that is not told better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
