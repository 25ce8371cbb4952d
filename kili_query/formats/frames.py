"""Frames cut from films (exports.md 3.4), with PyAV: the extra `video`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kili_query.errors import DataError
from kili_query.formats.extras import load
from kili_query.formats.images import Media

if TYPE_CHECKING:
    from PIL.Image import Image


class UnreadableFilmError(DataError):
    """A film holds no frames that can be read."""


def rate_of(asset: Mapping[str, Any]) -> float | None:
    """How many frames a second an asset is played with; None: as they are in the film, or as many as it says it has.

    >>> rate_of({"jsonMetadata": {"processingParameters": {"shouldKeepNativeFrameRate": False, "framesPlayedPerSecond": 5}}})
    5.0
    """
    metadata = asset.get("jsonMetadata")
    processing = metadata.get("processingParameters") if isinstance(metadata, Mapping) else None
    if not isinstance(processing, Mapping) or processing.get("shouldKeepNativeFrameRate") is not False:
        return None
    rate = processing.get("framesPlayedPerSecond")
    return float(rate) if isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate > 0 else 0.0


def with_frames(media: Media, asset: Mapping[str, Any], folder: Path) -> Media:
    """The media of a film, with its frames, which are cut from it into a folder; lost, if it cannot be read.

    Raises
    ------
    DataError: PyAV is not installed (the extra `video`).
    """
    assert media.file is not None
    try:
        return replace(media, frames=cut_frames(media.file, folder, rate_of(asset)))
    except UnreadableFilmError:
        return replace(media, lost=BROKEN_FILM)


BROKEN_FILM = "with a film that cannot be read"


def cut_frames(film: Path, folder: Path, rate: float | None = None) -> tuple[Path, ...]:
    """The frames of a film as JPEG files of the best quality, in order, in a folder that is made.

    Parameters
    ----------
    rate: frames a second; None: all frames as they are in the film; 0: as many as the film says it has.

    Raises
    ------
    UnreadableFilmError: the film cannot be read.
    DataError: PyAV is not installed (the extra `video`).
    """
    av = load("av", "video")
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    try:
        with av.open(str(film)) as container:
            encoder = None
            for number, frame in enumerate(_frames(av, container, rate)):
                picture = frame.reformat(format="yuvj420p")
                picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, 25), 0
                if encoder is None:
                    encoder = av.CodecContext.create("mjpeg", "w")
                    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
                    encoder.time_base, encoder.qmin, encoder.qmax = Fraction(1, 25), 1, 1
                path = folder / f"{number + 1}.jpg"
                path.write_bytes(b"".join(map(bytes, encoder.encode(picture))))
                found.append(path)
    except (av.FFmpegError, IndexError) as error:
        raise UnreadableFilmError(f"the film cannot be read: {error}", code="KQ503", where=film.name) from None
    if not found:
        raise UnreadableFilmError("the film has no frames", code="KQ503", where=film.name)
    return tuple(found)


def frames_at(film: bytes, numbers: Collection[int], rate: float | None = None) -> dict[int, Image]:
    """Some frames of a film as images of Pillow, by their numbers; those behind its end are not there.

    Parameters
    ----------
    rate: as `cut_frames` takes it.

    Raises
    ------
    DataError: PyAV is not installed (the extra `video`), or the film cannot be read.
    """
    av = load("av", "video")
    found: dict[int, Image] = {}
    wanted = set(numbers)
    try:
        with av.open(BytesIO(film)) as container:
            for number, frame in enumerate(_frames(av, container, rate)):
                if number in wanted:
                    found[number] = frame.to_image()
                    wanted.remove(number)
                if not wanted:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise UnreadableFilmError(f"the film cannot be read: {error}", code="KQ503") from None
    return found


def _frames(av: Any, container: Any, rate: float | None) -> Iterator[Any]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    decoded = container.decode(stream)
    if rate is None:
        yield from decoded
        return
    graph = av.filter.Graph()
    source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
    graph.link_nodes(source, graph.add("fps", f"fps={rate or stream.base_rate}:round=up"), sink).configure()
    for frame in _with_end(decoded):
        graph.push(frame)
        while True:
            try:
                yield graph.pull()
            except (av.BlockingIOError, av.EOFError):
                break


def _with_end(frames: Iterator[Any]) -> Iterator[Any]:
    yield from frames
    yield None
