"""A dataset in the making: assets with their labels and media go in, files come out. No network, no archive."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kili_query.formats.datasets import DatasetWriter, File, LabelledImage, Order, Skipped, size_of
from kili_query.formats.geojson import are_degrees
from kili_query.formats.images import Media, images_of, size_in
from kili_query.formats.names import Names, safe_name
from kili_query.formats.pictures import fault_of
from kili_query.formats.raw import RawWriter, with_answers, with_files
from kili_query.formats.refusals import check_geotiff, dataset_format, is_geotiff
from kili_query.formats.yolo import label_file
from kili_query.model.annotations import annotations_of_label
from kili_query.model.kili import PICTURED
from kili_query.model.labels import Label

PARTS = ("train", "val", "test")
"""What a dataset is split into for training."""

README = "README.kili.txt"


Renamed = Callable[[str, str, str], object]
"""Told of an external id, the name in the dataset that is another, and why."""

_BROKEN = "with a broken picture: {}"
LOST = "whose media could not be downloaded"

_NONE: Mapping[str, Path] = MappingProxyType({})

UNSAFE = "no folder can hold a file of that name"
TAKEN = "another asset has that name"
TAKEN_FILE = "another asset has a file of that name"


class Dataset:
    """Takes assets one by one and gives files; what it holds meanwhile lies on disk.

    Parameters
    ----------
    order: what the dataset is to be.
    skipped: counts what the format cannot hold, and what is odd.
    on_renamed: called with the name of an asset, its name in the dataset, where these differ, and why: another has that
        file, or no folder can hold it.
    split: the shares of train, val and test (YOLO), and the number that the chance begins with.
    """

    def __init__(
        self, order: Order, *, skipped: Skipped, on_renamed: Renamed = lambda *_: None,
        split: tuple[Sequence[float], int] | None = None,
    ) -> None:  # fmt: skip
        self.row = dataset_format(order.fmt)
        self.assets = 0
        self.dropped = 0
        """Assets that the format has no place for: images that are on no map, in GeoJSON."""
        self._order = order
        self._skipped = skipped
        self._on_renamed = on_renamed
        self._names = Names()
        self._split = _Split(*split) if split else None
        module, name = self.row.write.split(":")
        made = getattr(import_module(f"kili_query.formats.{module}"), name)
        self._raw: RawWriter | None = made(order) if made is RawWriter else None
        self._writer: DatasetWriter | None = None if made is RawWriter else made(order, skipped)
        self._file_of = label_file if order.fmt.startswith("yolo") else _without_spaces if self._raw else str

    @property
    def input_type(self) -> str | None:
        """What the project labels."""
        return self._order.ontology.input_type

    @property
    def takes_assets(self) -> bool:
        """True for Kili's own format, which keeps whole assets."""
        return self._raw is not None

    def folders(self) -> Iterator[File]:
        """The folders that are there even if they stay empty."""
        yield f"{self.row.media}/", ()
        if self.row.name == "coco" or self._order.single_file:
            return
        parted = self._raw is None and self._order.layout == "split"
        for job in self.row.jobs_of(self._order.ontology) if parted else ("",):
            yield f"{job}/labels/".lstrip("/"), ()

    def add(
        self, asset: Mapping[str, Any], labels: Sequence[Label], media: Media | None = None, answers: Mapping[str, Path] = _NONE
    ) -> Iterator[File]:  # fmt: skip
        """The files that an asset brings, with those of its labels that take part.

        Nothing of an asset is written if it is refused. `answers`: the files that answer jobs of it, by their ids, for Kili's
        own format.

        Raises
        ------
        DataError: a label cannot be read; the asset has no name; the size of its image is needed and not known.
        NotCompatibleOptions: it is a geotiff, and the format is one of images; pixels are asked for and cannot be told.
        """
        check_geotiff(self.row, asset, self._order.normalized)
        if self.row.name == "geojson" and not self._is_on_map(asset, labels):
            self.dropped += 1
            whose = str(asset.get("externalId") or asset.get("id") or "")
            for path, called in self._media_names(self._named(whose), whose, media).items():
                yield f"{self.row.media}/{called}", path
            return
        # Kili's own format has pixels beside fractions where the asset tells its size, and not where a picture would
        wanted = self._raw is None or self._order.normalized is False
        if wanted and media is not None and media.size is None and size_in(asset) is None:
            media = replace(media, size=_measured(media))
        if self._raw is not None:
            yield from self._add_raw(self._raw, dict(asset), media, answers)
            return
        assert self._writer is not None
        external_id = next((name for label in labels if (name := label.external_id or label.asset_id)), None)
        images = list(images_of(asset, labels, self._order.ontology, media))
        if media is not None and media.lost and not self.keeps_all:
            for image in images:
                self._skipped.lose(media.lost, external_id or image.name, len(image.annotations))
            return
        if self.row.sized:
            for image in images:
                size_of(image)
        if not images or external_id is None:
            return
        faults = self._faults(media, external_id)
        if not self.keeps_all:
            images = list(self._sound(images, media, faults, external_id))
            if not images:
                return
        self.assets += 1
        name = self._named(external_id)
        part = self._split.part(external_id, self._names) if self._split else ""
        folder = f"{self.row.media}/{part}/" if part else f"{self.row.media}/"
        # a trainer finds the label file of an image by its name: several labels need as many images
        own = len(labels) > 1 and self._split is not None
        names = self._media_names(name, external_id, media)
        if not own:
            for path, called in names.items():
                if path not in faults or self.keeps_all:
                    yield folder + called, path
        for image in images:
            called = self._renamed(image.name, name, external_id)
            file = None
            if (at := _path_of(image, media)) is not None:
                file = names[at]
                if own:
                    file = f"{called}{at.suffix}"
                    yield folder + file, at
            video = image.video and name + image.video.removeprefix(external_id)
            yield from self._writer.add(replace(image, name=called, file=file, part=part, video=video))

    def _is_on_map(self, asset: Mapping[str, Any], labels: Sequence[Label]) -> bool:
        """True if the places of an asset are longitude and latitude. Where no type of project is told, they tell it themselves."""
        if self.input_type == "GEOSPATIAL" or is_geotiff(asset):
            return True
        if self.input_type is not None:
            return False
        found = (row for label in labels for row in annotations_of_label(label, self._order.ontology))
        return bool(asset.get("geospatialExportMetadata")) or are_degrees(found)

    @property
    def keeps_all(self) -> bool:
        """True for formats that hold labels without their pictures as well."""
        return self._raw is not None or self.row.name == "geojson"

    def _faults(self, media: Media | None, external_id: str) -> dict[Path, str]:
        """What is wrong with pictures, by their files; tells of assets that come without media, or with such."""
        if media is None or self.input_type not in (*PICTURED, None):
            return {}
        if media.lost:
            if self.keeps_all and media.lost != LOST:  # those are told by who has downloaded
                self._skipped.tell(media.lost, external_id)
            return {}
        if media.file is None and not media.frames:
            self._skipped.tell("without media", external_id)
        pictures = media.frames or ((media.file,) if media.file is not None and self.input_type != "VIDEO" else ())
        faults = {path: fault for path in pictures if (fault := fault_of(path))}
        if self.keeps_all:
            for fault in faults.values():
                self._skipped.tell(_BROKEN.format(fault), external_id)
        return faults

    def _sound(
        self, images: Iterable[LabelledImage], media: Media | None, faults: Mapping[Path, str], external_id: str
    ) -> Iterator[LabelledImage]:
        """The images whose pictures are not broken; the others are counted."""
        for image in images:
            path = _path_of(image, media)
            if path is not None and path in faults:
                self._skipped.lose(_BROKEN.format(faults[path]), external_id, len(image.annotations))
            else:
                yield image

    def add_text(self, external_id: str, text: bytes) -> Iterator[File]:
        """The file of an asset whose text is as Kili's own format has it already."""
        assert self._raw is not None
        self.assets += 1
        name = "" if self._order.single_file else self._named(external_id or f"record_{self.assets:06}")
        yield from self._raw.add_text(text, _without_spaces(name))

    def finish(self) -> Iterator[File]:
        """The files that are whole when all assets have come."""
        writer = self._raw or self._writer
        assert writer is not None
        yield from writer.finish()

    def close(self) -> None:
        """Let go of what waits on disk."""
        self._names.close()
        if writer := self._raw or self._writer:
            writer.close()

    def _add_raw(
        self, writer: RawWriter, asset: dict[str, Any], media: Media | None, answers: Mapping[str, Path]
    ) -> Iterator[File]:
        external_id = str(asset.get("externalId") or asset.get("id") or f"record_{self.assets + 1:06}")
        self._faults(media, external_id)
        name = self._named(external_id)
        if media is not None:
            names = self._media_names(name, external_id, media)
            frames = [names[path] for path in media.frames]
            file, text = (names[path] if path else None for path in (media.file, media.text))
            asset = with_files(asset, self.row.media, file, frames, text)
        beside = _without_spaces(name)
        if answers:
            asset, placed = with_answers(asset, f"labels/{beside}", answers)
            answers = {called: answers[file_id] for called, file_id in placed.items()}
        size = media.size if media else None
        files = list(writer.add(asset, beside, size))
        if writer.lacks_size(asset, size):
            self._skipped.tell("without pixels, as the size of the picture is not known", external_id)
        self.assets += 1
        if media is not None:
            for path, called in names.items():
                yield f"{self.row.media}/{called}", path
        yield from answers.items()
        yield from files

    def _named(self, external_id: str) -> str:
        """The name of an asset in the dataset."""
        safe = safe_name(external_id)
        name = self._names.free(safe, self._file_of, "asset")
        if name != external_id:
            self._on_renamed(external_id, name, UNSAFE if name == safe else TAKEN)
        return name

    def _renamed(self, image: str, name: str, external_id: str) -> str:
        """The name of an image, made of that of its asset."""
        wanted = name + image.removeprefix(external_id)
        if wanted == name:
            return name
        found = self._names.free(wanted, self._file_of, "asset")
        if found != wanted:
            self._on_renamed(wanted, found, TAKEN)
        return found

    def _media_names(self, name: str, external_id: str, media: Media | None) -> dict[Path, str]:
        """The names of media files in the dataset."""
        if media is None:
            return {}
        wanted: dict[Path, str] = {}
        if media.file is not None:
            ending = media.file.suffix
            known = name.lower().endswith(ending.lower()) or media.file.name == safe_name(external_id).split("/")[-1]
            wanted[media.file] = name if known and name == safe_name(external_id) else name + ending
        if media.text is not None:
            wanted[media.text] = media.text.name if "/" not in name else f"{name.rpartition('/')[0]}/{media.text.name}"
        width = len(str(len(media.frames)))
        for number, path in enumerate(media.frames, 1):
            wanted[path] = f"{name}_{number:0{width}}{path.suffix}"
        return {path: self._free_file(called) for path, called in wanted.items()}

    def _free_file(self, wanted: str) -> str:
        stem, dot, ending = wanted.rpartition(".")
        found, number = wanted, 1
        while not self._names.take(f"{self.row.media}/{found}".lower()):
            number += 1
            found = f"{stem}_{number}{dot}{ending}" if dot and "/" not in ending else f"{wanted}_{number}"
        if found != wanted:
            self._on_renamed(wanted, found, TAKEN_FILE)
        return found


def are_shares(shares: Sequence[float]) -> bool:
    """True for shares of train, val and test: two or three of them, and together 1, but for what rounding to two digits makes.

    >>> are_shares((0.8, 0.1, 0.1)), are_shares((0.33, 0.33, 0.33)), are_shares((0.8, 0.3)), are_shares((8, 2))
    (True, True, False, False)
    """
    return (
        len(shares) in (2, 3) and shares[0] > 0 and all(share >= 0 for share in shares) and abs(sum(shares) - 1) < 0.011
    )


class _Split:
    """Which part each asset goes to: by chance, so that after each asset the shares are nearly those asked for."""

    def __init__(self, shares: Sequence[float], seed: int) -> None:
        self._shares = [share / sum(shares) for share in shares]
        self._chance = random.Random(seed)
        self._given = [0] * len(self._shares)

    def part(self, asset: str, names: Names) -> str:
        """The part of an asset: the same each time."""
        key = f"part of {asset}"
        if (known := names.whose(key)) is not None:
            return known
        number = sum(self._given) + 1
        lacking = [max(0.0, share * number - given) for share, given in zip(self._shares, self._given, strict=True)]
        (chosen,) = self._chance.choices(range(len(lacking)), lacking)
        self._given[chosen] += 1
        names.take(key, PARTS[chosen])
        return PARTS[chosen]


def _path_of(image: LabelledImage, media: Media | None) -> Path | None:
    """The media file of an image."""
    if media is None:
        return None
    if image.frame is None:
        return media.file
    return media.frames[image.frame] if image.frame < len(media.frames) else None


def _measured(media: Media) -> tuple[int, int] | None:
    """The size of an image, or of the frames of a video, by its first bytes."""
    path = media.frames[0] if media.frames else media.file
    if path is None:
        return None
    import imagesize

    try:
        width, height = imagesize.get(str(path))
    except (OSError, ValueError):
        return None
    return (int(width), int(height)) if width > 0 and height > 0 else None


def _without_spaces(name: str) -> str:
    return name.replace(" ", "_")


def readme(order: Order, description: str, export_type: str) -> bytes:
    """The file that tells where an export comes from (exports.md 5)."""
    return (
        "Exported Labels from KILI\n=========================\n\n"
        f"- Project name: {order.title}\n"
        f"- Project identifier: {order.project_id}\n"
        f"- Project description: {description}\n"
        f"- Export date: {datetime.now():%Y%m%d-%H%M%S}\n"
        f"- Exported format: {order.fmt}\n"
        f"- Exported labels: {export_type}\n"
    ).encode(errors="replace")
