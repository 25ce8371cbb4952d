"""Verification of fixes: the text is parsed again with the edit made, and must be a query, or get further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kili_query.errors import Diagnostic
from kili_query.lang.stopped import Stopped

LONGEST = 20_000
"""Longer texts, in characters, are not read again: what is wrong in them is reported without a repair."""
_MOST = 50
"""How many mistakes may follow one another, each of which has to be repaired before the next is known."""

Read = Callable[[str], Stopped | None]
Explain = Callable[[str, Stopped], Diagnostic]


def proved(found: Diagnostic, text: str, stopped: Stopped, read: Read, explain: Explain) -> Diagnostic:
    """The diagnostic with its fix if that works: the text then parses, or more of it is read.

    A fix stays safe only if it, and the safe fixes that follow it, lead to a query.
    """
    fix = found.fix
    if fix is None:
        return found
    if len(text) > LONGEST:
        return replace(found, fix=None)
    fixed = fix.apply(text)
    again = read(fixed)
    if fix.safe and _leads_to_query(fixed, again, read, explain):
        return found
    if again is None or len(fixed) - again.position < len(text) - stopped.position:
        return replace(found, fix=fix._replace(safe=False))
    proposed = found.hint is not None and found.hint.startswith("write `")
    return replace(found, fix=None, hint=None if proposed else found.hint)


def _leads_to_query(text: str, stopped: Stopped | None, read: Read, explain: Explain) -> bool:
    """True if nothing but safe fixes make a query of the text."""
    for _ in range(_MOST):
        if stopped is None:
            return True
        fix = explain(text, stopped).fix
        if fix is None or not fix.safe:
            return False
        text = fix.apply(text)
        stopped = read(text)
    return False
