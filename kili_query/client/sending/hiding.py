"""Redaction of the API key: a server may repeat it, as it is or as headers, JSON and addresses write it."""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections.abc import Iterator

from kili_query.errors import KiliQueryError

HIDDEN = "..."

_SHORT = 8
"""Keys below this length are no real ones, and their letters stand everywhere: only whole words are hidden."""

_BETWEEN = r"""(?:\\[nrt]|[\s"'+\\]){0,8}"""
"""What stands inside a text that is broken over lines, or over several literals."""


def without_key(text: str, key: str) -> str:
    r"""The text with the key replaced, in whatever form it is there.

    >>> without_key(r"no key s3cr\u0065t-KEY, s3cr%65t-key or czNjcmV0LWtleQ==", "s3cret-key")
    'no key ..., ... or ...'
    """
    return re.sub("|".join(_forms(key)), HIDDEN, text)


def hide(error: KiliQueryError, key: str) -> None:
    """Take the key out of all that an error holds, its text, `repr` and pickle included; in place."""
    error.args = tuple(_hidden(value, key) for value in error.args)
    for name, value in vars(error).items():
        setattr(error, name, _hidden(value, key))


_LOGGERS = ("httpx", *(f"httpcore.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))
"""They write the headers and the first lines of answers, at levels that are rarely shown."""


class _InLogs(logging.Filter):
    keys = frozenset[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the keys out of a message; it is shown all the same."""
        text = whole = record.getMessage()
        for key in self.keys:
            text = without_key(text, key)
        if text != whole:
            record.msg, record.args = text, ()
        return True


_IN_LOGS = _InLogs()


def hide_in_logs(key: str) -> None:
    """Take a key out of what the libraries below this one log of answers, from now on."""
    _IN_LOGS.keys |= {key}
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_IN_LOGS)


def _hidden(value: object, key: str) -> object:
    if isinstance(value, str):
        return without_key(value, key)
    return tuple(_hidden(item, key) for item in value) if isinstance(value, tuple) else value


def _forms(key: str) -> Iterator[str]:
    """Patterns of what the key can look like."""
    if len(key) < _SHORT:
        yield rf"(?<!\w){re.escape(key)}(?!\w)"
        return
    yield f"(?i:{_BETWEEN.join(map(_letter, key))})"
    yield f"(?i:{key.encode().hex()})"
    for before in range(3):  # in Base64, what a text looks like depends on how many bytes stand before it
        coded = b64encode(b" " * before + key.encode()).decode().rstrip("=")
        whole = coded[(0, 2, 3)[before] : len(coded) - ((before + len(key)) % 3 > 0)]
        yield r"[\w+/-]{0,3}" + re.escape(whole).replace(r"\+", "[+-]").replace("/", "[/_]") + r"[\w+/-]?={0,2}"


def _letter(letter: str) -> str:
    """A letter as it is, or as addresses, JSON, Python and HTML may write it."""
    code = f"{ord(letter):02x}"
    plain = rf"\\{{0,4}}{re.escape(letter)}"
    return rf"(?:{plain}|%(?:25){{0,3}}{code}|\\{{1,4}}(?:u00|x){code}|&\#(?:0{{0,4}}{ord(letter)}|x0{{0,4}}{code});)"
