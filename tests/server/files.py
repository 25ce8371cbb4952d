"""Small files of every kind, and uploads of them without the SDK."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.client.pictures import png
from tests.server.asking import Asking

SIGN = "query ($filePaths: [String!]) { urls: createUploadBucketSignedUrls(filePaths: $filePaths) }"
IMPORT = "mutation ($data: AppendManyAssetsData!, $where: ProjectWhere!) { data: appendManyAssets(data: $data, where: $where) { id } }"
LATER = "mutation ($data: AppendManyAssetsAsynchronouslyData!, $where: ProjectWhere!) { data: appendManyAssetsAsynchronously(data: $data, where: $where) { id status message } }"
TIFF = (
    b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHII", 256, 3, 1, 20) + struct.pack("<HHII", 257, 3, 1, 10) + b"\0\0\0\0"
)


def pdf(*sizes: tuple[int, int]) -> bytes:
    """A document with blank pages."""
    from pypdf import PdfWriter

    writer, file = PdfWriter(), io.BytesIO()
    for width, height in sizes:
        writer.add_blank_page(width, height)
    writer.write(file)
    return file.getvalue()


def _mp4_box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def film_mp4(seconds: float, width: int, height: int, version: int = 0) -> bytes:
    """The head of a film, behind its pictures: a track of sound, and one of pictures."""
    wide = b"\0" * 8 if version else b""  # of version 1 moments are longer
    length = struct.pack(">IQ" if version else ">II", 1000, int(seconds * 1000))
    begin = bytes([version]) + bytes(11) + wide
    movie = _mp4_box(b"mvhd", begin + length + bytes(80))
    tracks = b""
    for x, y in ((0, 0), (width, height)):
        head = (
            bytes([version, 0, 0, 7])
            + bytes(20 + (12 if version else 0))
            + bytes(52)
            + struct.pack(">II", x << 16, y << 16)
        )
        tracks += _mp4_box(b"trak", _mp4_box(b"tkhd", head) + _mp4_box(b"mdia", b"\xff" * 40))
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 100) + bytes(100)
    return _mp4_box(b"ftyp", b"isom\0\0\0\0isom") + large + _mp4_box(b"moov", movie + tracks)


def matroska(seconds: float | None, width: int, height: int, *, live: bool = False) -> bytes:
    """The head of a film as Matroska and WebM have it; of a live one the size of the segment is not known."""

    def element(id_: str, data: bytes) -> bytes:
        return bytes.fromhex(id_) + (0x10000000 | len(data)).to_bytes(4) + data

    info = element("2ad7b1", (500_000).to_bytes(3))
    info += element("4489", struct.pack(">d", seconds * 2000)) if seconds is not None else b""
    sound = element("ae", element("83", b"\x02"))
    size = element("b0", width.to_bytes(2)) + element("ba", height.to_bytes(2))
    pictures = element("ae", element("83", b"\x01") + element("e0", size))
    inside = element("ec", bytes(30)) + element("1549a966", info) + element("1654ae6b", sound + pictures)
    inside += element("1f43b675", b"\xff" * 50)
    segment = bytes.fromhex("1853806701ffffffffffffff") + inside if live else element("18538067", inside)
    return element("1a45dfa3", element("4282", b"webm")) + segment


def avi(seconds: float, width: int, height: int) -> bytes:
    """The head of a film in AVI."""
    fields = [40_000, 0, 0, 0, round(seconds * 25), 0, 2, 0, width, height, 0, 0, 0, 0]
    head = b"avih" + struct.pack("<I14I", 56, *fields)
    lists = b"LIST" + struct.pack("<I", 4 + len(head)) + b"hdrl" + head
    return b"RIFF" + struct.pack("<I", 4 + len(lists)) + b"AVI " + lists


def mp4(seconds: float) -> bytes:
    """The boxes of a film without pictures."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + kind + data

    header = bytes(12) + struct.pack(">II", 1000, int(seconds * 1000)) + bytes(80)
    return box(b"ftyp", b"isom\0\0\0\0isom") + box(b"moov", box(b"mvhd", header)) + box(b"mdat", b"")


def wav(seconds: float) -> bytes:
    """Silence."""
    data = bytes(int(8_000 * seconds))
    layout = struct.pack("<HHIIHH", 1, 1, 8_000, 8_000, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write_files(folder: Path) -> None:
    """The files that the tests of imports name."""
    files: dict[str, bytes] = {
        "a.png": png(20, 10), "b.png": png(4, 6), "sat.tif": TIFF, "t.txt": "local text, e\N{COMBINING ACUTE ACCENT}".encode(),
        "d.pdf": pdf((200, 100), (50, 60)), "v.mp4": mp4(2.5), "s.wav": wav(1.5), "fake.png": b"not a picture",
        "l.json": b'{"prompts": []}', "note.txt": b"the answer",
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_bytes(content)


class Uploading(Asking):
    """A client that uploads."""

    def sign(self, *paths: str) -> list[str]:
        urls: list[str] = self.ask(SIGN, filePaths=list(paths))
        return urls

    def put(self, url: str, body: bytes = b"x", kind: str = "image/png", **headers: str) -> httpx.Response:
        """As clients do it: without the id, and without the key."""
        del_key = httpx.Client(transport=self.http._transport)
        return del_key.put(url.partition("&id=")[0], content=body, headers={"content-type": kind, **headers})

    def get(self, url: str) -> httpx.Response:
        return httpx.Client(transport=self.http._transport).get(url)

    def uploaded(self, project: str, name: str, body: bytes = b"x", kind: str = "image/png") -> str:
        """A content, as an import names it."""
        [url] = self.sign(f"projects/{project}/assets/{name}/content")
        assert self.put(url, body, kind).status_code == 200
        return url

    def add(self, project: str, document: str = IMPORT, **data: Any) -> Any:
        return self.ask(document, data=data, where={"id": project})


def query_of(url: str) -> str:
    return urlsplit(url).query
