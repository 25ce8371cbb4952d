"""Assets become items with their uploads, items become batches, a batch becomes a mutation (asset-import.md 5, 6).

Items are made by asset; what lies behind a signed address is known by its path in the bucket until the server has given
the address.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from kili_query.client.importing.chats import body_text, is_chat, read_chat
from kili_query.client.importing.given import Asset, is_native
from kili_query.client.importing.kinds import Kind, is_url
from kili_query.client.importing.local import MissingFileError, check_file, is_file, needs_tiles
from kili_query.client.sending.batches import MOST_ITEMS, split
from kili_query.client.sending.budget import ByteBudget
from kili_query.errors import ImportFileConversionError, ImportValidationError, ServerError

SIGNED_AT_ONCE = 30
"""Signed addresses that one question asks for."""


class Upload(NamedTuple):
    """What is put behind a signed address."""

    path: str
    """Its name in the bucket."""
    body: str | bytes
    """The name of a local file, or the content itself."""
    mime: str


@dataclass(slots=True)
class Item:
    """An asset ready to be sent."""

    asset: Asset
    id: str
    external_id: str
    content: str = ""
    """An address, or nothing; where `upload` is there, it takes the place of the address."""
    json_content: str = ""
    upload: Upload | None = None
    layers: list[Upload] = field(default_factory=list)
    frames: list[Upload] = field(default_factory=list)
    frame_urls: list[str] = field(default_factory=list)
    document: bytes | None = None
    """Rich text, which is uploaded as `jsonContent`; that of frames is made once their addresses are known."""
    metadata: dict[str, Any] = field(default_factory=dict)
    upload_type: str | None = None
    """None: the server makes the asset at once; else how it makes it later, and tells by a notification."""

    @property
    def later(self) -> bool:
        """True if the server makes the asset after it has answered."""
        return self.upload_type is not None

    def metadata_text(self) -> str:
        """The metadata as they are sent."""
        if self.asset.metadata_text is not None and self.metadata == self.asset.metadata:
            return self.asset.metadata_text
        return json.dumps(self.metadata, allow_nan=False)

    @property
    def uploads(self) -> list[Upload]:
        """What is put behind addresses first: content, layers, frames."""
        return [*([self.upload] if self.upload else []), *self.layers, *self.frames]

    def payload(self) -> int:
        """About how many bytes of a mutation it takes."""
        return len(self.content) + len(self.json_content) + len(self.metadata_text()) + len(self.external_id) + 300


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one mutation."""

    items: tuple[Item, ...]
    upload_type: str | None

    @property
    def later(self) -> bool:
        """True if the server makes the assets after it has answered."""
        return self.items[0].later

    @property
    def layered(self) -> bool:
        """True if the assets have several layers, which are sent in other arrays."""
        return bool(self.items[0].layers)

    @property
    def uploads(self) -> list[Upload]:
        """What is put behind addresses first: contents, layers, frames."""
        return [upload for item in self.items for upload in item.uploads]

    def owner(self, upload: Upload) -> str:
        """How messages call what is uploaded: by its asset, and by the file where that is one of several."""
        for item in self.items:
            if upload in item.uploads:
                return f"{item.asset.name} ({upload.body})" if isinstance(upload.body, str) else item.asset.name
            if upload.path.endswith(f"/{item.id}/jsonContent"):
                return f"the json content of {item.asset.name}"
        return upload.path


def has_local(assets: Iterable[Asset]) -> bool:
    """True if contents are uploaded, for which an organisation needs a licence (asset-import.md 3).

    Raw text and objects are uploaded, too. Frames and rich text count as hosted.
    """
    return any(asset.layers or (asset.content and not is_url(asset.content)) for asset in assets)


def make_items(assets: list[Asset], kind: Kind, project_id: str) -> list[Item]:
    """The items of assets; local files are looked at, and not read.

    Raises
    ------
    ImportValidationError: a mixture that goes in two calls, or a content that is none.
    MissingFileError, MimeTypeError: a local file is not there, or not of a kind that the project takes.
    """
    _check_mixture(assets, kind)
    make = _MAKERS.get(kind.name, _make_plain)
    items = []
    for asset in assets:
        item = Item(
            asset,
            asset.id or uuid.uuid4().hex,
            asset.external_id if asset.external_id is not None else uuid.uuid4().hex,
        )
        item.metadata = dict(asset.metadata)
        make(item, kind, f"projects/{project_id}/assets/{item.id}")
        items.append(item)
    return items


def make_batches(items: list[Item], budget: ByteBudget, most: int = MOST_ITEMS) -> Iterator[Batch]:
    """The batches, in sending order: what the server makes at once goes first. No two kinds of asset share one.

    What is uploaded does not count; frames of a film that are local files go alone.
    """
    groups: dict[tuple[bool, str, bool], list[Item]] = {}
    for item in items:
        groups.setdefault((item.later, item.upload_type or "", bool(item.layers)), []).append(item)
    for (_, upload_type, _), group in sorted(groups.items(), key=lambda group: group[0][0]):
        for part in split(group, Item.payload, budget, lambda item: bool(item.frames), most):
            yield Batch(tuple(part), upload_type or None)


def lost_properties(items: Iterable[Item]) -> list[str]:
    """The external ids of what is made afterwards although it has something that only an asset made at once can have."""
    return [
        item.external_id
        for item in items
        if item.later and (item.asset.is_honeypot or (item.json_content and not item.layers))
    ]


def documents(batch: Batch, addresses: Mapping[str, str], project_id: str, files: str) -> list[Upload]:
    """What is uploaded second: rich texts, and the lists of frames, which hold the addresses of the first uploads.

    Parameters
    ----------
    addresses: the signed address of each path.
    files: the address at which the server hands out files by their `id`.

    Raises
    ------
    ServerError: an address for a frame has no `id`, by which the server would find it.
    """
    found = []
    for item in batch.items:
        body = item.document
        if item.frames or item.frame_urls:
            urls = item.frame_urls or [_by_id(files, addresses[frame.path]) for frame in item.frames]
            body = body_text({str(number): url for number, url in enumerate(urls)}, "content_array")
        if body is not None:
            found.append(Upload(_document_path(project_id, item), body, TEXT))
    return found


def _document_path(project_id: str, item: Item) -> str:
    return f"projects/{project_id}/assets/{item.id}/jsonContent"


def _by_id(files: str, address: str) -> str:
    name = address.partition("&id=")[2]
    if not name:
        raise ServerError(f"the server's address for an upload has no `id`: {address.partition('?')[0]}")
    return f"{files}?id={name}"


def variables(batch: Batch, addresses: Mapping[str, str], project_id: str) -> dict[str, Any]:
    """The variables of the mutation, once everything is uploaded."""
    data: dict[str, Any] = {}
    items = batch.items
    if batch.layered:
        data["multiLayerContentArray"] = [
            [
                {**{k: v for k, v in layer.items() if k != "path"}, "url": addresses[upload.path]}
                for layer, upload in zip(item.asset.layers or (), item.layers, strict=True)
            ]
            for item in items
        ]
        data["jsonContentArray"] = [item.json_content for item in items]
    else:
        data["contentArray"] = [addresses[item.upload.path] if item.upload else item.content for item in items]
    data["externalIDArray"] = [item.external_id for item in items]
    data["idArray"] = [item.id for item in items]
    data["jsonMetadataArray"] = [item.metadata_text() for item in items]
    if batch.later:
        data["uploadType"] = batch.upload_type
    else:
        data["isHoneypotArray"] = [item.asset.is_honeypot for item in items]
        data["jsonContentArray"] = [
            addresses.get(_document_path(project_id, item), item.json_content) for item in items
        ]
    return {"data": data, "where": {"id": project_id}}


# -- by input type -----------------------------------------------------------------------------------------------------

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


def _check_mixture(assets: list[Asset], kind: Kind) -> None:
    """Addresses and local files go in two calls; so do files and raw texts."""
    hosted = [asset for asset in assets if is_url(asset.content)]
    local = [asset for asset in assets if asset.content and not is_url(asset.content)]
    if hosted and local:
        raise ImportValidationError(
            f"addresses of the web and local contents go in two calls: {hosted[0].name} has an address, {local[0].name} has none"
        )
    if kind.name == "TEXT" and local:
        files = [asset for asset in local if isinstance(asset.content, str) and is_file(asset.content)]
        raw = [asset for asset in local if asset not in files]
        if files and raw:
            raise ImportValidationError(
                f"local files and raw texts go in two calls: {files[0].name} is the file {files[0].content}, "
                f"{raw[0].name} is no file"
            )
    if kind.name == "LLM_RLHF":
        forms = {_form(asset) for asset in assets}
        if len(forms) > 1:
            raise ImportValidationError(
                f"contents of one call are all of one form, and these are {', '.join(sorted(forms))}"
            )


def _form(asset: Asset) -> str:
    """What the content of an LLM asset is.

    Raises
    ------
    ImportValidationError: none of what is taken.
    """
    content = asset.content
    if is_url(content):
        return "addresses"
    if isinstance(content, dict):
        return "objects"
    if is_chat(content):
        return "chats"
    if isinstance(content, str) and is_file(content):
        return "files"
    raise ImportValidationError(
        f"{asset.name}: a content is an object, a chat (a list of messages), the name of a .json file, or an address of the web"
    )


def _make_plain(item: Item, kind: Kind, place: str) -> None:
    """PDF and AUDIO: an address, or a local file."""
    content = item.asset.content
    if is_url(content):
        item.content = content
    elif content:
        item.upload = Upload(f"{place}/content", str(content), check_file(str(content), kind, item.asset.name))
    item.json_content = _inline(item.asset.json_content)


def _make_image(item: Item, kind: Kind, place: str) -> None:
    asset = item.asset
    ending = ".tif" if kind.name == "GEOSPATIAL" else ""
    item.json_content = _inline(asset.json_content)
    if asset.layers is not None:
        item.upload_type = kind.tiled
        item.layers = [
            Upload(f"{place}/content/{number}{ending}", layer["path"], check_file(layer["path"], kind, asset.name))
            for number, layer in enumerate(asset.layers)
        ]
    elif is_url(asset.content):
        item.content = asset.content
    elif asset.content:
        mime = check_file(asset.content, kind, asset.name)
        item.upload = Upload(f"{place}/content{ending}", asset.content, mime)
        item.upload_type = kind.tiled if needs_tiles(asset.content, mime) else None


def _make_text(item: Item, kind: Kind, place: str) -> None:
    asset = item.asset
    if asset.json_content:
        item.document = _inline(asset.json_content).encode()
    elif is_url(asset.content):
        item.content = asset.content
    elif is_file(asset.content):
        check_file(asset.content, kind, asset.name)
        item.upload = Upload(f"{place}/content", asset.content, TEXT)
    else:
        item.upload = Upload(f"{place}/content", str(asset.content).encode(errors="surrogatepass"), TEXT)


def _make_video(item: Item, kind: Kind, place: str) -> None:
    asset = item.asset
    item.metadata.setdefault("processingParameters", {})
    if asset.json_content:
        frames = asset.json_content
        if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
            raise ImportValidationError(f"{asset.name}: frames are a list of addresses, or of names of files")
        item.content = asset.content if is_url(asset.content) else ""
        if all(map(is_url, frames)):
            item.frame_urls = frames
        else:
            item.frames = [
                Upload(f"{place}/frame/{number}", frame, _mime_of_frame(frame, asset))
                for number, frame in enumerate(frames)
            ]
        return
    item.upload_type = "NATIVE_VIDEO" if is_native(asset) else "FRAME_VIDEO"
    if is_url(asset.content):
        item.content = asset.content
    elif not kind.mime_types:
        raise ImportValidationError(f"{asset.name}: videos of input type {kind.name} are given by addresses of the web")
    else:
        item.upload = Upload(f"{place}/content", asset.content, check_file(asset.content, kind, asset.name))


def _mime_of_frame(frame: str, asset: Asset) -> str:
    return check_file(frame, _FRAMES, asset.name)


_FRAMES = Kind("frames", (), ())


def _make_llm(item: Item, kind: Kind, place: str) -> None:
    asset = item.asset
    content: object = asset.content
    if is_url(content):
        item.content = asset.content
        return
    body: str | bytes
    if isinstance(content, str):
        mime = check_file(content, kind, asset.name)
        try:
            with open(content, "rb") as file:
                content = msgspec.json.decode(file.read())
        except OSError as error:
            raise MissingFileError(f"{asset.name}: the file {asset.content} cannot be read: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ImportFileConversionError(f"{asset.name}: the file {asset.content} holds no JSON: {error}") from None
        if not is_chat(content):
            item.upload = Upload(f"{place}/content", str(asset.content), mime)
            return
        try:
            chat = read_chat(content, asset.name)
        except ImportValidationError as error:
            raise ImportFileConversionError(f"{asset.content}: {error}") from None
    elif is_chat(content):
        chat = read_chat(content, asset.name)
    else:
        item.upload = Upload(f"{place}/content", body_text(content, "content_array"), JSON)
        return
    body = body_text(chat.body, "content_array")
    item.metadata |= chat.metadata
    item.upload = Upload(f"{place}/content", body, JSON)


_MAKERS: dict[str, Callable[[Item, Kind, str], None]] = {
    "IMAGE": _make_image,
    "GEOSPATIAL": _make_image,
    "TEXT": _make_text,
    "VIDEO": _make_video,
    "VIDEO_LEGACY": _make_video,
    "LLM_RLHF": _make_llm,
}


def _inline(value: object) -> str:
    """A json content that is sent within the mutation."""
    return value if isinstance(value, str) else body_text(value, "json_content_array").decode() if value else ""
