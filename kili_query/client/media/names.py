"""Names of media files: external ids as names within a folder, each name given to one asset."""

from __future__ import annotations

import json
import mimetypes
import os
import re
import stat
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

import msgspec

from kili_query.formats.names import LONGEST, no_device, steps_in
from kili_query.model.spelling import normalized

RECORD = ".kili_query.jsonl"
"""The file of a folder that says of which asset each of its files is: a line for each."""

PART, NOTE = ".part", ".part-note"
"""What is put behind the name of a file that is not whole yet, and of the note that lets it go on later."""

LONGEST_PATH = 1_000
"""Bytes of a name with its folders."""

_OF_WINDOWS = re.compile('[<>:"|?*]')

_MORE_TYPES = {
    "audio/flac": ".flac", "audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/wav": ".wav", "image/avif": ".avif",
    "image/heic": ".heic", "image/heif": ".heif", "image/jp2": ".jp2", "image/webp": ".webp",
    "application/dicom": ".dcm", "video/ogg": ".ogv", "video/x-matroska": ".mkv",
}  # fmt: skip


def _types() -> mimetypes.MimeTypes:
    """The standard table of types, the same on each machine, and what media have beside it."""
    types = mimetypes.MimeTypes()
    for kind, suffix in _MORE_TYPES.items():
        types.add_type(kind, suffix, strict=False)
    return types


_TYPES = _types()


def extension_of(content_type: str) -> str:
    """The extension of a content type; empty where none is known.

    >>> extension_of("image/jpeg; charset=binary"), extension_of("x/y")
    ('.jpg', '')
    """
    return _TYPES.guess_extension(content_type.partition(";")[0].strip().lower(), strict=False) or ""


def has_extension(name: str) -> bool:
    """True if a name ends with an extension of a known type.

    >>> has_extension("a.JPG"), has_extension("scan.v2"), has_extension(".jpg")
    (True, False, False)
    """
    suffix = PurePosixPath(name).suffix.lower()
    return bool(suffix) and any(suffix in table for table in (*_TYPES.types_map, _TYPES.encodings_map))


def safe_name(external_id: str, tail: str = "") -> str:
    r"""The name of a file for an external id, with slashes between its folders: it never leads out of a folder.

    >>> safe_name("../cam\\one"), safe_name("con.png"), safe_name("..")
    ('cam/one', '_con.png', '_')
    """
    kept = [_safe_step(step) for step in steps_in(external_id)] or ["_"]
    *folders, last = kept
    name = "/".join([*(_short(step, external_id) for step in folders), _short(last + tail, external_id)])
    return (
        name if len(name.encode()) <= LONGEST_PATH else _short(kept[-1] + tail, external_id, LONGEST - 20, always=True)
    )


def _safe_step(step: str) -> str:
    if os.name == "nt":
        step = re.sub(r"[. ]+$", "_", _OF_WINDOWS.sub("_", step))
    step = no_device(step)
    return step + "_" if step.casefold().endswith((PART, NOTE)) else step


def _short(step: str, external_id: str, most: int = LONGEST, *, always: bool = False) -> str:
    """A name that file systems take: of a longer one its beginning, a digest of the whole id, and its extension."""
    if len(step.encode()) <= most and not always:
        return step
    suffix = PurePosixPath(step).suffix if has_extension(step) else ""
    begin = step.removesuffix(suffix).encode()[: most - 20].decode(errors="ignore")
    return f"{begin}-{_digest(external_id)}{suffix}"


def is_there(path: Path) -> bool:
    """True for a file that holds something: after a crash of the machine, one that was written last may be empty."""
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _digest(*parts: object) -> str:
    return sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()[:8]


class Owner(NamedTuple):
    """Whose file it is: the project, the external id, which asset of that id, and the field of the asset."""

    project: str
    asset: str
    number: int
    field: str

    @property
    def whole(self) -> tuple[str, str, int]:
        """The asset itself."""
        return self[:3]


class Name(NamedTuple):
    """The name that a file will have, below the folder: with its extension, or before it is known."""

    text: str
    owner: Owner
    final: bool


class Names:
    """The names in a folder, each of one asset. Safe to share between threads.

    Parameters
    ----------
    folder: the folder; made if it is not there.
    project_id: the project whose assets are named.
    recorded: keep a record in the folder, so that later calls, and those for other projects, know whose its files are.
    """

    def __init__(self, folder: Path, project_id: str = "", *, recorded: bool = False) -> None:
        self.folder = folder
        self.changed: dict[str, str] = {}
        """External ids that another asset's file has kept from their own name, and the name that they have."""
        self._project = project_id
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._stems: dict[str, tuple[str, str, int]] = {}
        self._files: dict[str, Owner] = {}
        self._folders: set[str] = set()
        self._known: dict[Owner, str] = {}
        self._entered = {folder}
        self._record = folder / RECORD if recorded else None
        self._recording: IO[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._folds = _folds_case(folder)
        self._files[self._key(RECORD)] = Owner("", "", 0, "")
        if self._record is not None:
            self._read(self._record)

    def begin(self, external_id: str) -> int:
        """The next asset: which one of that external id it is."""
        number = self._numbers[external_id] = self._numbers.get(external_id, 0) + 1
        return number

    def reserve(self, external_id: str, number: int, field: str, tail: str = "") -> Name:
        """The name for a field of an asset; `tail` comes behind the external id, as of frames."""
        owner = Owner(self._project, external_id, number, field)
        name = safe_name(external_id, tail)
        with self._lock:
            if has_extension(name):
                return Name(self._take(name, owner), owner, True)
            if self._stems.setdefault(self._key(name), owner.whole) != owner.whole:
                name = self.changed[external_id] = _other(name, owner)
                self._stems[self._key(name)] = owner.whole
            return Name(name, owner, False)

    def known(self, name: Name) -> Path | None:
        """The file of a name, if it is there already; None too if only an answer can tell."""
        text = name.text if name.final else self._known.get(name.owner)
        path = self.folder / text if text is not None else None
        return path if path is not None and is_there(path) else None

    def finish(self, name: Name, content_type: str) -> Path:
        """Where a file goes whose type is known now."""
        if name.final:
            return self.folder / name.text
        with self._lock:
            return self.folder / self._take(name.text + extension_of(content_type), name.owner)

    def part(self, name: Name) -> Path:
        """Where a file lies until it is whole."""
        mark = "" if name.owner.field == "content" or name.final else f".{name.owner.field}"
        return self.folder / f"{name.text}{mark}{PART}"

    def enter(self, folder: Path) -> None:
        """Make a folder below this one, unless a link leads elsewhere.

        Raises
        ------
        OSError: it does, or the folder cannot be made.
        """
        if folder in self._entered:
            return
        if not folder.resolve().is_relative_to(self.folder.resolve()):
            raise PermissionError(0, "a link leads out of the folder", str(folder))
        folder.mkdir(parents=True, exist_ok=True)
        self._entered.add(folder)

    def note(self, name: Name, path: Path) -> None:
        """Record whose file it is that has been made."""
        file = path.relative_to(self.folder).as_posix()
        if self._known.get(name.owner) == file:
            return
        line = json.dumps({"file": file, **name.owner._asdict()}) + "\n"
        with self._lock, suppress(OSError):  # what is not recorded is looked for by its name
            self._known[name.owner] = file
            if self._record is None:
                return
            if self._recording is None:
                self._recording = open(self._record, "ab", buffering=0)  # noqa: SIM115
            self._recording.write(line.encode())

    def close(self) -> None:
        """Close the record, for good: threads that nobody waits for any more may still be about a file."""
        with self._lock:
            self._record = None
            if self._recording is not None:
                self._recording.close()
                self._recording = None

    def _take(self, name: str, owner: Owner) -> str:
        """The name, or another one if a file of another asset has it."""
        taken = name = self._below_folders(name, owner)
        attempt = 0
        while self._files.get(self._key(taken), owner) != owner or self._key(taken) in self._folders:
            taken = _other(name, owner, attempt)
            attempt += 1
        if taken != name:
            self.changed[owner.asset] = taken
        self._files[self._key(taken)] = owner
        self._folders |= {self._key(str(parent)) for parent in PurePosixPath(taken).parents}
        return taken

    def _below_folders(self, name: str, owner: Owner) -> str:
        """The name, in another folder where one of its own is called as a file is."""
        *folders, last = name.split("/")
        for place in range(len(folders)):
            if self._key("/".join(folders[: place + 1])) in self._files:
                folders[place] = _other(folders[place], owner)
                self.changed[owner.asset] = "/".join([*folders, last])
        return "/".join([*folders, last])

    def _key(self, name: str) -> str:
        return normalized("NFC", name).casefold() if self._folds else name

    def _read(self, record: Path) -> None:
        with suppress(OSError):
            for line in record.read_bytes().splitlines():
                with suppress(msgspec.MsgspecError, UnicodeError):  # half a line, of a full disk
                    row = msgspec.json.decode(line, type=_Row)
                    owner = Owner(row.project, row.asset, row.number, row.field)
                    if (self.folder / row.file).is_file():  # what was deleted is free again
                        self._files[self._key(row.file)] = owner
                        self._known[owner] = row.file


class _Row(msgspec.Struct):
    file: str
    project: str
    asset: str
    number: int
    field: str


def _other(name: str, owner: Owner, attempt: int = 0) -> str:
    """Another name for the same file, always the same."""
    suffix = PurePosixPath(name).suffix if has_extension(name) else ""
    return f"{name.removesuffix(suffix)}-{_digest(*owner, *([attempt] if attempt else []))}{suffix}"


def _folds_case(folder: Path) -> bool:
    """True if the folder takes names for the same that differ in case only."""
    probe = folder / f".kili_query-{os.getpid()}-case"
    with suppress(OSError):
        probe.touch()
        try:
            return probe.with_name(probe.name.upper()).exists()
        finally:
            probe.unlink()
    return os.name == "nt"
