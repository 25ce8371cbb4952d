"""The store: the folder with the database of local Kili; opened by one server at a time, changed in transactions."""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, delete, event, insert, select, text
from sqlalchemy.exc import DBAPIError

from kili_query.errors import DataError
from kili_query.server.store import tables
from kili_query.server.store.media import first_end, is_over, private, remove_expired, remove_strays
from kili_query.server.store.timestamps import after, now
from kili_query.server.store.touched import touched, watch
from kili_query.server.store.upgrading import upgrade

DATABASE, LOCK, FILES = "kili.db", "kili.lock", "files"

MOST_WAITING = 5_000
"""Files that may wait for the next change; more are a change of their own."""

MOST_KINDS = 50_000
"""Files whose content types are remembered."""


class Account(NamedTuple):
    """Who asks: the user of a key, and the organization whose data the user sees."""

    user_id: str
    organization_id: str


class FileRow(NamedTuple):
    """A row of `files`."""

    id: str
    name: str
    project_id: str
    content_type: str
    facts: str | None
    expires_at: str | None
    asset_id: int | None = None


KEEP_FILE = """
    INSERT INTO files (id, name, project_id, content_type, facts, expires_at, asset_id) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET project_id = excluded.project_id, content_type = excluded.content_type,
        facts = excluded.facts, asset_id = excluded.asset_id, expires_at = excluded.expires_at
"""
"""Writes a `FileRow`, whether there is one already or not."""


class Store:
    """The data of local Kili in a folder.

    `durable=False` spares the waiting for the disk, for folders that nobody keeps.

    Raises
    ------
    DataError: the folder is not one of local Kili, is in use, or its database is damaged or of a newer version.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        self._accounts: dict[str, tuple[int, Account, str]] = {}
        self._changes = 0
        """How many transactions have changed something: what was known of keys before may be so no more."""
        self._writing = Lock()
        self._waiting: dict[str, FileRow] = {}
        """Rows of files that lie in the folder already, which the next change writes: they come by the thousand."""
        self._first_end: str | None = None
        """When the first of the files goes that no asset has; none does before."""
        self.kinds: dict[str, str] = {}
        """Content types of files, as far as they are remembered."""
        self.tell_touched: Callable[[list[int]], None] | None = None
        """Is told the keys of the labels that a change has touched, once it is written."""
        _prepare(folder)
        self._lock = _locked(folder / LOCK)
        try:
            _keep_private(folder)
            self.engine = self._engine(folder / DATABASE)
            self._open(folder / DATABASE)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Leave the folder to others."""
        with suppress(DataError, DBAPIError, sqlite3.Error):
            self.write_waiting()
        self.engine.dispose()
        self._lock.close()

    # -- transactions ----------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the data, for several reads."""
        with self._told(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One change of the data: all of it, or nothing if it fails.

        Raises
        ------
        DataError: the disk is full or fails, or the database is damaged; so does `reading`.
        """
        with self._told(), self._writing, self.engine.connect() as connection:
            connection = connection.execution_options(kili_begin="BEGIN IMMEDIATE")
            with connection.begin():
                written = list(self._waiting.values())
                if written:
                    tables.driver(connection).executemany(KEEP_FILE, written)
                below, tell, labels = tables.driver(connection), self.tell_touched, []
                if tell:
                    watch(below)
                yield connection
                gone = self._swept(connection)
                if tell:
                    labels = touched(below)
            self._changes += 1
            if tell and labels:
                tell(labels)
            for row in written:
                if self._waiting.get(row.id) is row:
                    del self._waiting[row.id]
            self.discard(gone)

    def _swept(self, connection: Connection) -> list[str]:
        """Forget the files that no asset has taken in time; gives their ids."""
        if self._first_end is None or not is_over(self._first_end):
            return []
        gone = remove_expired(connection)
        self._first_end = first_end(connection)
        return gone

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Failures of the disk and of the file, in words."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            if (problem := storage_problem(error)) is None:
                raise
            raise DataError(problem, code="KQ503", where=str(self.folder / DATABASE)) from None

    # -- accounts --------------------------------------------------------------------------------------------------

    def known_account(self, key: str) -> Account | None:
        """Whose key it is, if that was asked since the last change; None if it was not, or it is nobody's."""
        known = self._accounts.get(key)
        return known[1] if known and known[0] == self._changes and now() < known[2] else None

    def account(self, key: str) -> Account | None:
        """Whose key it is; None if it is nobody's, has expired or was revoked."""
        t, changes = tables, self._changes
        known = self._accounts.get(key)
        if known is None or known[0] != changes:
            with self.reading() as connection:
                row = connection.execute(
                    select(t.users.c.id, t.users.c.organization_id, t.api_keys.c.expiry_date)
                    .join(t.api_keys, t.api_keys.c.user_id == t.users.c.id)
                    .where(t.api_keys.c.key == key, ~t.api_keys.c.revoked, t.users.c.activated)
                ).first()
            if row is None:
                return None
            known = self._accounts[key] = changes, Account(row[0], row[1]), row[2]
        _, account, expiry = known
        return account if now() < expiry else None

    def add_user(
        self, email: str, organization: str, *, firstname: str | None = None, lastname: str | None = None, key: str = ""
    ) -> str:
        """A user with a new key, in an organization of that name, which is made if it is not there; gives the key.

        Raises
        ------
        ValueError: the organization has a user with that e-mail address.
        """
        t, at, key = tables, now(), key or new_key()
        with self.writing() as connection:
            found = connection.scalar(select(t.organizations.c.id).where(t.organizations.c.name == organization))
            organization_id = found or new_id()
            if found is None:
                license_ = '{"uploadLocalData":true,"uploadCloudData":true,"api":true}'
                row = {"id": organization_id, "name": organization, "license": license_, "created_at": at}
                connection.execute(insert(t.organizations), row)
            mine = (t.users.c.organization_id == organization_id, t.users.c.email == email)
            if connection.scalar(select(t.users.c.id).where(*mine)):
                raise ValueError(f"the organization `{organization}` has a user `{email}` already")
            user_id = add_user_row(connection, organization_id, email, firstname, lastname, role="ADMIN")
            expiry = "2099-01-01T00:00:00.000Z"
            connection.execute(
                insert(t.api_keys),
                {"id": new_id(), "key": key, "name": "local", "user_id": user_id, "created_at": at, "expiry_date": expiry},
            )  # fmt: skip
        return key

    def lock(self, account: Account, asset: str, seconds: float) -> None:
        """Have a user open an asset of the organization, for so long.

        Raises
        ------
        ValueError: there is no such asset, or somebody else has it open.
        """
        t, at = tables, now()
        with self.writing() as connection:
            mine = t.projects.c.organization_id == account.organization_id
            query = select(t.assets.c.id).join(t.projects, t.projects.c.id == t.assets.c.project_id)
            key = connection.scalar(query.where(t.assets.c.uid == asset, mine))
            if key is None:
                raise ValueError(f"there is no asset `{asset}`")
            others = (t.locks.c.asset_id == key, t.locks.c.user_id != account.user_id, t.locks.c.valid_until > at)
            if connection.scalar(select(t.locks.c.id).where(*others)):
                raise ValueError(f"the asset `{asset}` is open already")
            connection.execute(delete(t.locks).where(t.locks.c.asset_id == key))
            row = {"id": new_id(), "asset_id": key, "user_id": account.user_id, "created_at": at}
            connection.execute(insert(t.locks), {**row, "valid_until": after(seconds)})

    def first_key(self, email: str, organization: str) -> str:
        """The key of the first user, who is made in a new folder."""
        with self.reading() as connection:
            key = connection.scalar(select(tables.api_keys.c.key).order_by(text("rowid")).limit(1))
        return key or self.add_user(email, organization, firstname="Local", lastname="User")

    def setting(self, name: str) -> str | None:
        """A setting of the folder itself."""
        with self.reading() as connection:
            return connection.scalar(select(tables.settings.c.value).where(tables.settings.c.name == name))

    # -- files -----------------------------------------------------------------------------------------------------

    def await_row(self, row: FileRow) -> None:
        """Have the next change write the row of a file that lies in the folder; it is known from now on."""
        self.note(row)
        self._waiting[row.id] = row

    def write_waiting(self) -> None:
        """Write the rows of files that wait."""
        if self._waiting:
            with self.writing():
                pass

    @property
    def many_wait(self) -> bool:
        """Whether so many files wait for a change that one is due for them alone."""
        return len(self._waiting) >= MOST_WAITING

    def note(self, row: FileRow) -> None:
        """Remember of a file that comes what is asked for soon."""
        if row.expires_at is not None and (self._first_end is None or row.expires_at < self._first_end):
            self._first_end = row.expires_at
        self.remember_kind(row.id, row.content_type)

    def kind(self, file_id: str) -> str | None:
        """The content type of a file; None if there is none."""
        if (waits := self._waiting.get(file_id)) is not None:
            return waits.content_type
        with self.reading() as connection:
            c = tables.files.c
            return connection.scalar(select(c.content_type).where(c.id == file_id))

    def remember_kind(self, file_id: str, kind: str) -> None:
        """Remember the content type of a file."""
        if len(self.kinds) >= MOST_KINDS:
            self.kinds.clear()
        self.kinds[file_id] = kind

    def discard(self, files: Iterable[str]) -> None:
        """Remove files whose rows are gone; what fails to go now goes at the next start."""
        for name in files:
            self.kinds.pop(name, None)
            with suppress(OSError):
                (self.folder / FILES / name).unlink(missing_ok=True)

    # -- opening ---------------------------------------------------------------------------------------------------

    def _engine(self, path: Path) -> Engine:
        url = URL.create("sqlite", database=str(path))
        # the connection that was used last knows the most: pages of SQLite's, and keys of lists (`reading.py`)
        engine = create_engine(
            url, pool_size=16, max_overflow=-1, pool_use_lifo=True, connect_args={"check_same_thread": False}
        )

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _: object) -> None:
            connection.isolation_level = None  # BEGIN is ours: the driver would begin too late
            for pragma in ("busy_timeout = 30000", "foreign_keys = ON", "cache_size = -65536", "temp_store = MEMORY"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'OFF'}")

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options().get("kili_begin", "BEGIN"))

        return engine

    def _open(self, path: Path) -> None:
        new = not path.stat().st_size
        try:
            with self.engine.connect() as connection:
                driver = connection.connection.driver_connection
                if not isinstance(driver, sqlite3.Connection):  # pragma: no cover - the URL says sqlite
                    raise TypeError("the driver is not sqlite3")
                if not new:
                    _check(driver, path)
                driver.execute("PRAGMA journal_mode = WAL")
                upgrade(driver)
        except (DBAPIError, sqlite3.DatabaseError) as error:
            problem = storage_problem(error) or f"the database is damaged: {error}"
            raise DataError(problem, code="KQ503", where=str(path)) from None
        if not self._made():
            self._make()
        with self.reading() as connection:
            self._first_end = first_end(connection)
        with self.writing():  # which lets go of what nobody has taken
            pass
        with self.reading() as connection:
            remove_strays(connection, self.folder / FILES)

    def _made(self) -> bool:
        with self.engine.connect() as connection:
            return bool(connection.exec_driver_sql("PRAGMA user_version").scalar())

    def _make(self) -> None:
        """The tables and the mark that says so, in one transaction: a folder is made, or still empty."""
        with self.writing() as connection:
            tables.create_all(connection)
            connection.execute(insert(tables.settings), {"name": "secret", "value": secrets.token_hex(32)})
            connection.exec_driver_sql(f"PRAGMA application_id = {tables.APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {tables.SCHEMA_VERSION}")


def storage_problem(error: BaseException) -> str | None:
    """What is wrong with the disk or the file of the database; None if SQLite failed for another reason."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF  # the higher bits tell more than is needed
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"the database is damaged: {cause}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another program holds the database: {cause}"
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
        return f"the database cannot be read or written: {cause}"
    return None


def new_id() -> str:
    """An id that nothing else has."""
    return "c" + secrets.token_hex(12)


def new_ids(number: int) -> list[str]:
    """So many of them: to ask the system for chance takes longer than to cut it."""
    text = secrets.token_hex(12 * number)
    return [f"c{text[start : start + 24]}" for start in range(0, 24 * number, 24)]


def new_key() -> str:
    """A key that nobody guesses."""
    return f"local-{secrets.token_urlsafe(24)}"


def add_user_row(
    connection: Connection, organization_id: str, email: str, firstname: str | None, lastname: str | None,
    *, id: str = "", role: str = "USER",
) -> str:  # fmt: skip
    """A user without key; gives the id."""
    at, user_id = now(), id or new_id()
    row = {"id": user_id, "organization_id": organization_id, "email": email, "firstname": firstname}
    more = {"lastname": lastname, "organization_role": role, "created_at": at, "updated_at": at}
    connection.execute(insert(tables.users), row | more)
    return user_id


def _prepare(folder: Path) -> None:
    """The folder, made if it is not there.

    Raises
    ------
    DataError: it is a file, holds other things, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = set(os.listdir(folder))
    except (FileExistsError, NotADirectoryError):
        raise _unusable(folder, "is a file, and data are kept in a folder") from None
    except OSError as error:
        raise _unusable(folder, f"cannot be used: {error.strerror}") from None
    if DATABASE not in names and names - {LOCK}:
        shown = ", ".join(f"`{name}`" for name in sorted(names)[:3])
        raise _unusable(folder, f"holds {shown}, and no data of local Kili; an empty or a new folder works")


def _keep_private(folder: Path) -> None:
    """Keys lie in the folder: nobody but its owner reads it, nor what SQLite and the loadings put into it.

    Raises
    ------
    DataError: the database cannot be written.
    """
    try:
        os.close(os.open(folder / DATABASE, os.O_RDWR | os.O_CREAT, 0o600))  # what SQLite makes beside it has its mode
    except OSError as error:
        raise _unusable(folder, f"cannot be used: {error.strerror}") from None
    if folder.stat().st_mode & 0o077 or (folder / DATABASE).stat().st_mode & 0o077:  # of an earlier version
        for inside in (folder, *folder.rglob("*")):
            if not inside.is_symlink():
                with suppress(OSError):  # a file system without modes, or a file that is gone again
                    inside.chmod(0o700 if inside.is_dir() else 0o600)


def _locked(path: Path) -> Any:
    """The lock file, held until it is closed or the process is gone, however that ends.

    Raises
    ------
    DataError: another server holds it.
    """
    try:
        file = open(path, "a+b", opener=private)  # noqa: SIM115 - open as long as the store is
    except OSError as error:
        raise _unusable(path.parent, f"cannot be used: {error.strerror}") from None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise _unusable(
            path.parent, "is in use by another local Kili; another folder works, or this one when that is stopped"
        ) from None
    return file


def _check(driver: sqlite3.Connection, path: Path) -> None:
    """Look before anything is changed.

    Raises
    ------
    DataError: another program's database, or a newer one.
    sqlite3.DatabaseError: a damaged one.
    """
    application = driver.execute("PRAGMA application_id").fetchone()[0]
    version = driver.execute("PRAGMA user_version").fetchone()[0]
    if not application and not version and not driver.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return  # a start that was killed before the tables were there
    if application != tables.APPLICATION_ID:
        raise DataError("the database is not one of local Kili", code="KQ503", where=str(path))
    if version > tables.SCHEMA_VERSION:
        raise DataError(
            f"the database has version {version}, and this kili_query knows up to {tables.SCHEMA_VERSION}; "
            "a newer kili_query opens it",
            code="KQ503",
            where=str(path),
        )
    found = driver.execute("PRAGMA quick_check(1)").fetchone()[0] if path.stat().st_size < _QUICK else "ok"
    if found != "ok":
        raise sqlite3.DatabaseError(str(found).splitlines()[-1])


_QUICK = 64 << 20  # larger databases are checked as they are read: a check of all pages would delay the start


def _unusable(folder: Path, what: str) -> DataError:
    return DataError(f"the data folder {what}", code="KQ503", where=str(folder))
