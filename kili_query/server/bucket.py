"""Signed addresses: who has one may put a file there for a day, and name it as the content of an asset.

A file lies in the data folder under an id that follows from its address and the folder's secret: what the address
says its name is never becomes a name of the file system.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from time import time
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from kili_query.server.graph.problems import refused

SIGNED_FOR = 24 * 3600
"""Seconds that an address takes a file."""

MAX_PATH = 1_000
"""The longest name of a file."""

ANNOTATIONS = "annotations"
"""The folder of an asset whose files answer jobs of its labels."""

_ROUTE = "/bucket/"


class Signed(NamedTuple):
    """An address for a file, and the id that the file will have."""

    url: str
    file_id: str


class Path(NamedTuple):
    """Where a file is to lie: `projects/<id>/assets/<id>/...`, or at least below a project."""

    project_id: str
    rest: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Path:
        """The path of a text.

        Raises
        ------
        GraphQLError: it is none, or may lead elsewhere.
        """
        parts = text.split("/")
        plain = len(text) <= MAX_PATH and text.isprintable() and not {"", ".", ".."} & set(parts) and "\\" not in text
        if not plain or parts[0] != "projects" or len(parts) < 3:
            shown = text[:100]
            raise refused(f"`{shown}` is no path of a file: `projects/PROJECT/assets/ASSET/content` is one", path=shown)
        return cls(parts[1], tuple(parts[2:]))

    @property
    def answered_asset(self) -> str | None:
        """The id of the asset whose label the file answers; None of a content."""
        match self.rest:
            case ("assets", asset, folder, _) if folder == ANNOTATIONS:
                return asset
        return None


class Bucket:
    """Signs addresses, and knows its own again; `base` is what stands before its routes."""

    def __init__(self, secret: bytes, base: str = "") -> None:
        self._secret = secret
        self._base = base

    def signed(self, path: str) -> Signed:
        """A new address for a file. Its id stands last: clients cut it off before they put the file there."""
        expires, token = str(int(time()) + SIGNED_FOR), secrets.token_urlsafe(12)
        text = f"{expires}/{token}/{path}"
        query = f"expires={expires}&token={token}&signature={self._digest('bucket', text).hex()}"
        file_id = self._file_id(text)
        return Signed(f"{self._base}{_ROUTE}{quote(path)}?{query}&id={file_id}", file_id)

    def opened(self, path: str, query: Mapping[str, str]) -> str | None:
        """The id of the file that is put to an address; None if it is not one of ours, or no longer."""
        file_id = self._verified(path, query)
        return file_id if file_id and time() < int(query["expires"]) else None

    def file_of(self, url: str) -> str | None:
        """The id of the file that an address of ours names, by whatever name the server was called; else None."""
        if "id=" not in url or url[:4].lower() != "http":
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/files"):
            return query.get("id")
        _, _, path = parts.path.partition(_ROUTE)
        return self._verified(unquote(path), query) if path else None

    def is_own(self, url: str) -> bool:
        """Whether an address is one of this server's own for uploads, whatever its signature."""
        return bool(self._base) and url.startswith(self._base + _ROUTE)

    def _verified(self, path: str, query: Mapping[str, str]) -> str | None:
        text = f"{query.get('expires', '')}/{query.get('token', '')}/{path}"
        wanted = self._digest("bucket", text).hex()
        same = hmac.compare_digest(query.get("signature", "").encode(), wanted.encode())
        return self._file_id(text) if same else None

    def _file_id(self, text: str) -> str:
        return urlsafe_b64encode(self._digest("file", text)[:24]).decode()

    def _digest(self, purpose: str, text: str) -> bytes:
        """Of the responses' addresses the text begins with a number: none is one of these."""
        return hmac.digest(self._secret, f"{purpose}:{text}".encode(errors="surrogatepass"), "sha256")
