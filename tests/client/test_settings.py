"""Where the server is and who asks: arguments, environment, files; and the key is never shown."""

from __future__ import annotations

import asyncio
import copy
import http.server
import json
import logging
import os
import pickle
import shutil
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kili_query import (
    ApiConnectionError,
    ApiError,
    ArgumentError,
    AsyncKili,
    AuthenticationError,
    DataError,
    Kili,
    KiliQueryError,
)
from kili_query.client.sending.settings import CERTIFICATES, CONFIG_FILE, DEFAULT_ENDPOINT, Settings, find_settings
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client.faults import KEY, Proxy

ENDPOINT = "http://127.0.0.1:1/api/label/v2/graphql"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without a file, a working folder without one, and an environment without variables of Kili."""
    for name in [name for name in os.environ if name.startswith("KILI_") or name in CERTIFICATES]:
        monkeypatch.delenv(name)
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    return home


def _write(folder: Path, **settings: Any) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(settings), "utf-8")


def _shown(settings: Settings) -> dict[str, Any]:
    return settings.model_dump() | {"api_key": settings.api_key.get_secret_value()}


# -- where they come from ----------------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_cloud() -> None:
    assert _shown(find_settings(KEY)) == {
        "api_key": KEY,
        "endpoint": DEFAULT_ENDPOINT,
        "verify": True,
        "disable_tqdm": None,
        "compress": True,
        "check_queries": "error",
        "local_filter": False,
        "max_answer_bytes": 2**29,
    }


SETTINGS: list[tuple[str, str, str, str, Any, list[Any]]] = [
    # argument, variable, key of the file, attribute, what it is, values of argument, variable and files
    ("api_key", "KILI_API_KEY", "api_key", "api_key", str, ["a", "b", "c", "d"]),
    ("api_endpoint", "KILI_API_ENDPOINT", "api_endpoint", "endpoint", str, [f"http://{n}.org" for n in "abcd"]),
    ("verify", "KILI_VERIFY", "verify", "verify", bool, [False, "true", False, True]),
    ("verify", "KILI_VERIFY", "verify_ssl", "verify", bool, [True, "false", True, False]),
    ("disable_tqdm", "KILI_DISABLE_TQDM", "disable_tqdm", "disable_tqdm", bool, [False, "yes", False, True]),
    ("disable_request_compression", "KILI_DISABLE_REQUEST_COMPRESSION", "disable_request_compression", "compress",
     lambda value: not value, [False, "1", False, True]),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "variable", "key", "attribute", "of", "values"), SETTINGS)
def test_argument_goes_before_environment_before_working_folder_before_home(
    home: Path, monkeypatch: pytest.MonkeyPatch, argument: str, variable: str, key: str, attribute: str,
    of: Callable[[Any], Any], values: list[Any],
) -> None:  # fmt: skip
    needed: dict[str, Any] = {} if argument == "api_key" else {"api_key": KEY}

    def found(**arguments: Any) -> Any:
        return _shown(find_settings(**needed, **arguments))[attribute]

    given, environment, here, at_home = values
    _write(home, **{key: at_home})
    assert found() == of(at_home)
    _write(Path.cwd(), **{key: here})
    assert found() == of(here)
    monkeypatch.setenv(variable, environment)
    in_words = environment if of is str else environment in ("true", "yes", "1")
    assert found() == of(in_words)
    assert found(**{argument: given}) == of(given)


def test_one_file_counts_and_null_in_it_does_not(home: Path) -> None:
    _write(home, api_key=KEY, api_endpoint="http://home.org")
    _write(Path.cwd(), api_key="here", api_endpoint=None, verify=None, verify_ssl=False)
    found = find_settings()
    assert (_shown(found)["api_key"], found.endpoint, found.verify) == ("here", DEFAULT_ENDPOINT, False)


VARIABLES = ("KILI_API_ENDPOINT", "KILI_VERIFY", "KILI_DISABLE_TQDM", "KILI_DISABLE_REQUEST_COMPRESSION")


@pytest.mark.parametrize("empty", ["", " \n"])
def test_what_is_empty_is_not_given_and_the_next_source_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, empty)
    found = find_settings(KEY)
    assert (found.endpoint, found.verify, found.compress) == (DEFAULT_ENDPOINT, True, True)
    monkeypatch.setenv("KILI_API_KEY", empty)
    _write(home, api_key="of the file", api_endpoint="http://file.org", verify=False, disable_tqdm=True)
    for found in (find_settings(), find_settings(empty, empty, empty)):
        assert _shown(found)["api_key"] == "of the file"
        assert (found.endpoint, found.verify, found.disable_tqdm) == ("http://file.org", False, True)
    monkeypatch.setenv("KILI_API_KEY", KEY)
    assert _shown(find_settings(empty))["api_key"] == KEY
    _write(home, api_key=empty)
    monkeypatch.setenv("KILI_API_KEY", empty)
    with pytest.raises(AuthenticationError, match="no API key"):
        Kili(api_key=empty)


@pytest.mark.parametrize("variable", ["KILI_DISABLE_TQDM", "KILI_DISABLE_REQUEST_COMPRESSION"])
def test_a_switch_that_says_neither_yes_nor_no_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "perhaps")
    assert _shown(find_settings(KEY)) == _shown(find_settings(KEY)) | {"disable_tqdm": None, "compress": True}
    _write(home, disable_tqdm=True, disable_request_compression=True)
    assert find_settings(KEY).disable_tqdm
    assert not find_settings(KEY).compress


def test_the_client_tells_its_settings_as_that_of_kili_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILI_API_KEY", KEY)
    for kili in (Kili(api_endpoint=ENDPOINT, verify=False), AsyncKili(api_endpoint=ENDPOINT, verify=False)):
        assert (kili.api_key, kili.api_endpoint, kili.verify) == (KEY, ENDPOINT, False)
        assert KEY not in repr(kili) + repr(vars(kili))
        with pytest.raises(AttributeError):
            kili.api_key = "another"  # type: ignore[misc]


def test_space_around_a_key_or_an_address_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILI_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("KILI_API_ENDPOINT", f"\t{ENDPOINT}\n")
    found = find_settings()
    assert (_shown(found)["api_key"], found.endpoint) == (KEY, ENDPOINT)


def test_the_clients_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILI_API_KEY", KEY)
    monkeypatch.setenv("KILI_API_ENDPOINT", ENDPOINT)
    with Kili() as kili:
        assert repr(kili) == f"Kili({ENDPOINT!r})"
    assert repr(AsyncKili(api_endpoint="http://b.org/graphql")) == "AsyncKili('http://b.org/graphql')"


def test_without_folders_there_is_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert find_settings(KEY).endpoint == DEFAULT_ENDPOINT
    monkeypatch.chdir(tmp_path)


# -- what cannot be used -----------------------------------------------------------------------------------------------


def test_without_a_key_it_says_where_one_is_looked_for() -> None:
    with pytest.raises(AuthenticationError) as caught:
        Kili()
    for word in ("api_key=", "KILI_API_KEY", CONFIG_FILE, "kili-query serve"):
        assert word in str(caught.value)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"api_key": "a\nb"}, "`api_key` holds characters that a key cannot have"),
    ({"api_key": "clé"}, "`api_key` holds characters that a key cannot have"),
    ({"api_key": 123}, "`api_key` is no text but int"),
    ({"api_key": b"123"}, "`api_key` is no text but bytes"),
    ({"api_endpoint": "ftp://x.org"}, "`api_endpoint` is `ftp://x.org`; it takes an address such as `https://"),
    ({"api_endpoint": "cloud.kili-technology.com"}, "`api_endpoint` is no address"),
    ({"api_endpoint": "http://"}, "`api_endpoint` is `http://`"),
    ({"api_endpoint": "http://["}, "`api_endpoint` is `http://[`"),
    ({"api_endpoint": "http://h:99999/"}, "`api_endpoint` is `http://h:99999/`"),
    ({"api_endpoint": 3}, "`api_endpoint` is `3`; it takes text or None"),
    ({"verify": "no such file"}, "`verify` is `no such file`; it takes True, False, or the path of certificates"),
    ({"verify": 3}, "`verify` is `3`; it takes"),
    ({"disable_tqdm": "maybe"}, "`disable_tqdm` is `'maybe'`; it takes True or False or None"),
    ({"check_queries": "never"}, "`check_queries` is `'never'`; it takes one of `error`, `warn`, `off`"),
    ({"local_filter": 1}, "`local_filter` is `1`; it takes True or False"),
]


@pytest.mark.parametrize(("bad", "said"), BAD, ids=str)
@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_an_argument_that_cannot_be_used_is_named(client: Callable[..., Any], bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        client(**{"api_key": KEY, "api_endpoint": ENDPOINT} | bad)
    assert said in str(caught.value)
    assert caught.value.argument == next(iter(bad))


@pytest.mark.parametrize(
    ("variable", "value", "argument"),
    [
        ("KILI_API_KEY", "a\nb", "api_key"), ("KILI_API_ENDPOINT", "nonsense", "api_endpoint"),
        ("KILI_VERIFY", "perhaps", "verify"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, argument: str
) -> None:
    monkeypatch.setenv("KILI_API_KEY", KEY)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ArgumentError) as caught:
        find_settings()
    assert caught.value.argument == argument
    assert str(caught.value).endswith(f"(environment variable {variable})")


def test_a_value_of_the_file_that_cannot_be_used_is_named() -> None:
    _write(Path.cwd(), api_key=KEY, verify_ssl="perhaps")
    with pytest.raises(ArgumentError, match=r"`verify` is `perhaps`; .* \(`verify_ssl` in kili-sdk-config.json\)"):
        find_settings()


def test_certificates_that_requests_trusts_are_trusted_if_nothing_else_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import certifi

    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    assert find_settings(KEY).verify == str(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    assert find_settings(KEY).verify == certifi.where()
    assert find_settings(KEY, verify=False).verify is False
    _write(Path.cwd(), verify=True)
    assert find_settings(KEY).verify is True
    _write(Path.cwd())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "gone.pem")
    with pytest.raises(ArgumentError, match=r"`verify` is `gone.pem`; .* \(environment variable REQUESTS_CA_BUNDLE\)"):
        Kili(KEY)


@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_a_file_without_certificates_in_the_environment_is_named(
    client: type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing", "utf-8")
    for path in (tmp_path / "gone.pem", nothing):
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        with pytest.raises(
            ArgumentError, match=rf"`verify` is True, and SSL_CERT_FILE is `.*{path.name}`, which holds no"
        ):
            client(KEY, ENDPOINT)


def test_proxies_of_the_environment_are_used(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.on("", then=f.says(200, {"data": {"data": 7}}))
    monkeypatch.setenv("HTTP_PROXY", proxy.endpoint.removesuffix("/api/label/v2/graphql"))
    with Kili(KEY, "http://kili.invalid/api/label/v2/graphql", verify=False) as kili:
        assert kili.count_projects() == 7
    assert [seen.path for seen in proxy.seen] == ["http://kili.invalid/api/label/v2/graphql"]


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A file with a certificate of this machine's own making, and a server that shows it."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("certificates are made by openssl, which is not there")
    key, shown = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", shown, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True,
    )  # fmt: skip

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"data": {"data": 7}}')

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield shown, f"https://127.0.0.1:{server.server_port}/api/label/v2/graphql"
        server.shutdown()


def test_certificates_are_checked_unless_they_are_not_to_be(
    certificate: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, endpoint = certificate
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with Kili(KEY, endpoint) as kili, pytest.raises(ApiConnectionError) as caught:
        kili.count_projects()
    assert "is not trusted: self-signed certificate; `verify` takes the path of certificates" in str(caught.value)
    assert caught.value.attempts == 1
    for verify in (str(path), False):
        with Kili(KEY, endpoint, verify=verify) as kili:
            assert kili.count_projects() == 7
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with Kili(KEY, endpoint) as kili:
        assert kili.count_projects() == 7


@pytest.mark.parametrize("client", [Kili, AsyncKili])
@pytest.mark.parametrize(("variable", "value"), [("ALL_PROXY", "ftp://user:secret@h"), ("NO_PROXY", "[::1")])
def test_a_proxy_that_cannot_be_used_is_told(
    client: type, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ApiConnectionError, match="proxy variable of the environment") as caught:
        client(KEY, ENDPOINT)
    assert "secret" not in str(caught.value)


def test_a_proxy_that_needs_another_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(ApiConnectionError, match=r'SOCKS proxy, which needs `pip install "httpx\[socks\]"`'):
        Kili(KEY, ENDPOINT)


def test_a_transport_of_the_other_kind_is_told() -> None:
    with LocalKili(socket=False) as server:
        assert Kili(server.api_key, server.endpoint, transport=server.transport).count_projects() == 0
    for client, transport, takes in (
        (Kili, "x", "httpx.BaseTransport"),
        (Kili, httpx.AsyncHTTPTransport(), "httpx.BaseTransport"),
        (AsyncKili, httpx.HTTPTransport(), "httpx.AsyncBaseTransport"),
    ):
        with pytest.raises(ArgumentError, match=f"`transport` is of type .*; it takes an {takes}"):
            client(KEY, ENDPOINT, transport=transport)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b'{"api_key": "\xff"}', b'{"a": ' + b"[" * 100_000])
def test_a_file_that_cannot_be_read_is_named(content: bytes) -> None:
    (Path.cwd() / CONFIG_FILE).write_bytes(content)
    for key in (None, ""):
        with pytest.raises(DataError, match="is not a JSON object") as caught:
            Kili(key)
        assert caught.value.code == "KQ503"
        assert caught.value.where == str(Path.cwd() / CONFIG_FILE)


def test_a_file_that_cannot_be_read_is_warned_of_where_a_key_is_had_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    (Path.cwd() / CONFIG_FILE).write_bytes(b'{"api_key": ')
    with pytest.warns(UserWarning, match="is not a JSON object.*it is left out") as told:
        assert Kili(KEY).api_key == KEY
    assert told[0].filename == __file__
    monkeypatch.setenv("KILI_API_KEY", KEY)
    with pytest.warns(UserWarning, match=CONFIG_FILE):
        assert Kili().api_key == KEY


def test_a_folder_in_place_of_the_file_is_named() -> None:
    (Path.cwd() / CONFIG_FILE).mkdir()
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        Kili()
    with pytest.warns(UserWarning, match="cannot be read: Is a directory"):
        Kili(KEY)


def test_a_file_of_certificates_is_read_when_the_client_is_made(tmp_path: Path) -> None:
    import certifi

    with Kili(KEY, ENDPOINT, verify=certifi.where()) as kili:
        assert repr(kili) == f"Kili({ENDPOINT!r})"
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing", "utf-8")
    with pytest.raises(ArgumentError, match="which holds no certificates") as caught:
        Kili(KEY, ENDPOINT, verify=str(nothing))
    assert caught.value.argument == "verify"


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "url", "own"),
    [
        ("https://k.org/api/label/v2/graphql", "https://k.org/api/label/v2/files?id=1", True),
        ("https://k.org/api/label/v2/graphql", "https://K.org:443/api/label/v2/files?id=1", True),
        ("http://k.org/api/label/v2/graphql", "http://k.org:80/api/label/v2/files", True),
        ("https://k.org/api/label/v2/graphql", "https://k.org/api/label/v2/graphql", True),
        ("https://k.org/api/label/v2/graphql", "https://k.org/other", False),
        ("https://k.org/api/label/v2/graphql", "https://k.org/api/label/v23/files", False),
        ("https://k.org/api/label/v2/graphql", "http://k.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://k.org:8443/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://k.org.evil.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://evil.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://k.org@evil.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://evil.org\\@k.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://evil.org/https://k.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "//k.org/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "https://[", False),
        ("https://k.org/api/label/v2/graphql", "https://k.org:x/api/label/v2/files", False),
        ("https://k.org/api/label/v2/graphql", "", False),
        ("http://127.0.0.1:4000/graphql", "http://127.0.0.1:4000/files?id=1", True),
        ("http://127.0.0.1:4000/graphql", "http://127.0.0.1:4001/files?id=1", False),
    ],
)
def test_the_key_goes_to_addresses_of_the_server_alone(endpoint: str, url: str, own: bool) -> None:
    assert find_settings(KEY, endpoint).is_own(url) is own


# -- the key -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy("http://127.0.0.1:1") as proxy:
        yield proxy


def _with_locals(error: BaseException) -> str:
    """A traceback with local variables, as error reporters and rich show them; without the frame of the test."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    del told.stack[0]
    return "".join(told.format())


def _clients() -> list[Any]:
    return [Kili(KEY, ENDPOINT), AsyncKili(KEY, ENDPOINT)]


def test_the_key_is_in_no_repr() -> None:
    found = find_settings(KEY)
    assert isinstance(found.api_key, SecretStr)
    shown = [f"{form(found)}{form(client)}" for form in (repr, str) for client in _clients()]
    shown += [found.model_dump_json(), repr([vars(client) for client in _clients()])]
    shown += [repr(vars(client._transport)) for client in _clients()]
    assert KEY not in "".join(shown)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_key_is_in_no_pickle(protocol: int) -> None:
    for holder in (find_settings(KEY), *_clients()):
        with pytest.raises(TypeError, match=r"not pickled|cannot pickle"):
            pickle.dumps(holder, protocol)


def test_a_copy_of_settings_is_settings() -> None:
    found = find_settings(KEY)
    assert copy.copy(found) == copy.deepcopy(found) == found


@pytest.mark.parametrize(
    "bad", [{"api_endpoint": KEY}, {"api_endpoint": f"ftp://user:{KEY}@h"}, {"api_endpoint": f"http://{KEY}@h/graphql"},
            {"api_key": KEY.encode()}, {"api_key": f"{KEY}\n{KEY}"}, {"api_key": [KEY]}],
)  # fmt: skip
def test_the_key_is_in_no_error_about_arguments(bad: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError) as caught:
        Kili(**{"api_key": "x"} | bad)
    assert KEY not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("client", [Kili, AsyncKili])
@pytest.mark.parametrize("place", ["argument", "environment", "file"])
@pytest.mark.parametrize("bad", [{"verify": "gone.pem"}, {"check_queries": "never"}, {"transport": 3}, {}])
def test_the_key_is_in_no_traceback_of_the_constructor(
    client: type, place: str, bad: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = KEY if bad else f"{KEY}\n{KEY}"  # which no header can hold
    if place == "environment":
        monkeypatch.setenv("KILI_API_KEY", key)
    if place == "file":
        _write(Path.cwd(), api_key=key)
    with pytest.raises(ArgumentError) as caught:
        client(**bad, **({"api_key": key} if place == "argument" else {}))
    text = _with_locals(caught.value)
    assert "__init__" in text
    assert KEY not in text


@pytest.mark.parametrize(
    "fault", [f.reset(carried_out=False), f.says(500, KEY), f.says(404), f.says(200, {"errors": [{"message": KEY}]})]
)
def test_the_key_is_in_no_traceback_or_log(
    proxy: Proxy, fault: f.Fault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    f.Clock().install(monkeypatch)
    proxy.on("", then=fault)

    kili = Kili(KEY, proxy.endpoint, verify=False)
    for number in range(2):
        try:
            kili.count_projects() if number else next(iter(kili.projects(as_generator=True)))
        except KiliQueryError as error:
            assert isinstance(error, ApiError)  # noqa: PT017
            text = _with_locals(error) + repr(pickle.dumps(error)) + repr(vars(error))
        assert "_persist" in text
        assert KEY not in text
    kili.close()
    assert proxy.seen
    assert all(seen.headers["authorization"] == f"X-API-Key: {KEY}" for seen in proxy.seen)
    assert KEY not in caplog.text


def test_the_key_is_in_no_traceback_of_what_is_interrupted(proxy: Proxy) -> None:
    proxy.on("", then=f.late())

    async def run() -> str:
        async with AsyncKili(KEY, proxy.endpoint, verify=False) as kili:
            task = asyncio.ensure_future(kili.count_projects())
            while not proxy.seen:
                await asyncio.sleep(0.01)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as error:
                told = traceback.TracebackException.from_exception(error, capture_locals=True)
                del told.stack[0]
                return "".join(told.format())
        return ""

    shown = asyncio.run(run())
    assert "_request" in shown
    assert KEY not in shown
