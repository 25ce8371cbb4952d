"""Where the server is and who asks: arguments of the client, then the environment, then a file (wire.md 1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from kili_query.client.messages import warn
from kili_query.client.types import CheckQueries
from kili_query.errors import ArgumentError, AuthenticationError, DataError

DEFAULT_ENDPOINT = "https://cloud.kili-technology.com/api/label/v2/graphql"
CONFIG_FILE = "kili-sdk-config.json"
MAX_ANSWER_BYTES = 2**29
"""Bytes that one answer may have once inflated, unless the client is told otherwise: far more than any honest page."""

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name certificates to trust: those of requests, which the `kili` package is built upon."""

_YES, _NO = frozenset(("1", "true", "yes", "on")), frozenset(("0", "false", "no", "off"))

T = TypeVar("T")


class Settings(BaseModel):
    """What a client needs to know. The key is never shown: not in a repr, not in an error, not in a log."""

    model_config = ConfigDict(frozen=True)

    api_key: SecretStr
    endpoint: str
    verify: bool | str = True
    disable_tqdm: bool | None = None
    compress: bool = True
    check_queries: CheckQueries = "error"
    local_filter: bool = False
    max_answer_bytes: int = MAX_ANSWER_BYTES

    def is_own(self, url: str) -> bool:
        """True if an address belongs to the server, so that the key may be sent there."""
        try:
            mine, other = _origin(self.endpoint), _origin(url)
        except ValueError:  # no address at all
            return False
        folder = urlsplit(self.endpoint).path.removesuffix("/graphql").rstrip("/") + "/"
        return mine == other and urlsplit(url).path.startswith(folder)

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings hold the API key and are not pickled; each process makes a client of its own")


def hidden(key: Any) -> Any:
    """A key in a wrapper that does not show it: tracebacks may come with local variables. What is no text stays."""
    return SecretStr(key) if isinstance(key, str) else key


def find_settings(
    api_key: str | SecretStr | None = None,
    api_endpoint: str | None = None,
    verify: bool | str | None = None,
    disable_tqdm: bool | None = None,
    disable_request_compression: bool | None = None,
    check_queries: CheckQueries = "error",
    local_filter: bool = False,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> Settings:
    """The settings that hold: of each, the first of argument, environment variable and configuration file.

    An empty text is not given, wherever it stands. A configuration file that cannot be read is warned of if there is a
    key without it.

    Raises
    ------
    AuthenticationError: there is no key.
    ArgumentError: the endpoint is no address, or a key holds what no header can.
    DataError: the configuration file cannot be read (KQ503), and the key is not elsewhere.
    """
    key, api_key = hidden(api_key), None
    file = _config_file(needed=_is_empty(key) and _is_empty(os.environ.get("KILI_API_KEY")))

    def setting(argument: Any, convert: Callable[[Any], T], variable: str, *keys: str, last: Sequence[str] = ()) -> T:
        """What a setting is; an error about what was not given as an argument says where it comes from."""
        if not _is_empty(argument):
            return convert(argument)
        value, origin = _found(variable, keys, file, last)
        try:
            return convert(value)
        except ArgumentError as error:
            raise ArgumentError(error.argument, f"{error.message} ({origin})") from None

    return Settings(
        api_key=setting(key, _key, "KILI_API_KEY", "api_key"),
        endpoint=setting(api_endpoint, _endpoint, "KILI_API_ENDPOINT", "api_endpoint"),
        verify=setting(verify, _verification, "KILI_VERIFY", "verify", "verify_ssl", last=CERTIFICATES),
        disable_tqdm=setting(disable_tqdm, _flag("disable_tqdm"), "KILI_DISABLE_TQDM", "disable_tqdm"),
        compress=not setting(
            disable_request_compression,
            _flag("disable_request_compression"),
            "KILI_DISABLE_REQUEST_COMPRESSION",
            "disable_request_compression",
        ),
        check_queries=check_queries,
        local_filter=local_filter,
        max_answer_bytes=max_answer_bytes,
    )


def _found(variable: str, keys: Sequence[str], file: Mapping[str, Any], last: Sequence[str]) -> tuple[Any, str]:
    """A value that was not given as an argument, and where it was found; None from nowhere if it was not."""
    if not _is_empty(os.environ.get(variable)) and not _is_unknown_flag(variable):
        secret = variable == "KILI_API_KEY"
        return hidden(os.environ[variable]) if secret else os.environ[variable], f"environment variable {variable}"
    for key in keys:
        if not _is_empty(file.get(key)):
            return file[key], f"`{key}` in {CONFIG_FILE}"
    for name in last:
        if os.environ.get(name):
            return os.environ[name], f"environment variable {name}"
    return None, ""


FLAGS = ("KILI_DISABLE_TQDM", "KILI_DISABLE_REQUEST_COMPRESSION")


def _is_unknown_flag(variable: str) -> bool:
    """True for a switch of convenience that says neither yes nor no: as in `kili`, it is not worth an error."""
    return variable in FLAGS and _word(os.environ[variable]) not in _YES | _NO


def _is_empty(value: object) -> bool:
    """True for what is not given: None, and text with nothing in it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return text is None or (isinstance(text, str) and not text.strip())


def _config_file(*, needed: bool) -> dict[str, Any]:
    """The configuration file of the working folder, else of the home folder; empty if there is none.

    One that cannot be read is an error if it is needed, and warned of if not.
    """
    try:
        return _read_config_file()
    except DataError as error:
        if needed:
            raise
        warn(f"{error}; it is left out, as the API key is given elsewhere")
        return {}


def _read_config_file() -> dict[str, Any]:
    for folder in (Path.cwd, Path.home):
        try:
            path = folder() / CONFIG_FILE
            settings = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DataError(f"is not a JSON object: {error}", code="KQ503", where=str(path)) from None
        except (FileNotFoundError, NotADirectoryError, RuntimeError):  # RuntimeError: there is no home
            continue
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", code="KQ503", where=str(path)) from None
        return settings | {"api_key": hidden(settings.get("api_key"))}
    return {}


def _key(key: Any) -> SecretStr:
    if key is None:
        raise AuthenticationError(
            "no API key: give `Kili(api_key=...)`, set the environment variable KILI_API_KEY, "
            f"or put `api_key` into {CONFIG_FILE}; without an account, `kili-query serve` starts a server and prints a key"
        )
    if not isinstance(key, SecretStr):
        raise ArgumentError("api_key", f"is no text but {type(key).__name__}; it takes the key as text")
    stripped = SecretStr(key.get_secret_value().strip())
    if not _fits_header(stripped.get_secret_value()):
        raise ArgumentError("api_key", "holds characters that a key cannot have; a line break copied along, perhaps")
    return stripped


def _fits_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _endpoint(endpoint: Any) -> str:
    takes = "it takes an address such as `https://cloud.kili-technology.com/api/label/v2/graphql`"
    if endpoint is None:
        return DEFAULT_ENDPOINT
    text = endpoint.strip() if isinstance(endpoint, str) else ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if usable and (parts.username or parts.password):
        raise ArgumentError("api_endpoint", f"holds a name or password; {takes}")
    if not usable:
        # what does not look like an address, or holds a name, may be a key
        shown = f"is `{text}`" if "://" in text and "@" not in text else "is no address"
        raise ArgumentError("api_endpoint", f"{shown}; {takes}")
    return text


def _flag(name: str) -> Callable[[Any], bool | None]:
    def convert(value: Any) -> bool | None:
        if value is None or isinstance(value, bool):
            return value
        if (word := _word(value)) in _YES | _NO:
            return word in _YES
        raise ArgumentError(name, f"is `{value}`; it takes true or false")

    return convert


def _word(value: object) -> str:
    return str(value).strip().casefold()


def _verification(value: Any) -> bool | str:
    """True or False for checking certificates, or the path of certificates to trust."""
    if value is None or isinstance(value, bool):
        return value is not False
    word = _word(value)
    if word in _YES:
        return True
    if word in _NO:
        return False
    if not Path(str(value)).exists():
        raise ArgumentError("verify", f"is `{value}`; it takes True, False, or the path of certificates to trust")
    return str(value)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, each in one form.

    Raises
    ------
    ValueError: it is no address, or one with a name before the host.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError(parts.netloc)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
