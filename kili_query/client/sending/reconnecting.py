"""Reconnection: how long to wait before the next attempt, and which labels have been delivered already."""

from __future__ import annotations

import random

from kili_query.errors import ApiConnectionError, ApiError

SHORTEST, LONGEST = 0.5, 30.0
"""Seconds to wait before the first attempt, and before late ones; less by up to a half, so that not all come at once."""

GIVE_UP = 900.0
"""Seconds without a connection after which it is given up."""

STEADY = 30.0
"""Seconds that a connection has to last to count as one."""

SETTLED = 2.0
"""Seconds after which a server has begun a subscription, which it does not acknowledge: what changed before is looked up."""

MARGIN = 120.0
"""Seconds by which clocks of servers may differ, and by which changes may be found later than they were made."""


def pause_before(attempt: int) -> float:
    """Seconds to wait before an attempt; the first has the number 1."""
    return float(min(LONGEST, SHORTEST * 2.0 ** min(attempt - 1, 20)) * random.uniform(0.5, 1.0))


def may_pass(error: ApiError) -> bool:
    """True if the server may be there again later: it was not reached, or says that it is busy or being replaced."""
    status = error.status or 0
    return isinstance(error, ApiConnectionError) or status in (404, 408, 425, 429) or status >= 500


class Told:
    """The labels that are known, each in the state of its last change.

    Moments are texts of the server's clock, which sort as they follow each other.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._found: dict[str, str] = {}
        """Those that were found by looking for them: the connection may bring them as well."""
        self._most = 1_000
        self.floor = ""
        """All that changed until then counts as known."""

    def know(self, label_id: str, moment: str) -> None:
        """A label is known in this state."""
        self._known[label_id] = max(moment, self._known.get(label_id, ""))

    def found(self, label_id: str, moment: str) -> None:
        """A label was found in this state."""
        self.know(label_id, moment)
        self._found[label_id] = moment

    def is_new(self, label_id: str, moment: str) -> bool:
        """Whether a label that was found is in a state that was not told."""
        return max(self.floor, self._known.get(label_id, "")) < moment

    def comes_again(self, label_id: str, moment: str) -> bool:
        """Whether a label that the connection brings was found before, in this state or a later one."""
        return bool(moment) and moment <= self._found.get(label_id, "")

    def forget_before(self, moment: str) -> None:
        """Nobody will look for changes before this moment any more."""
        if len(self._known) <= self._most:
            return
        for labels in (self._known, self._found):
            for label_id in [label_id for label_id, at in labels.items() if at < moment]:
                del labels[label_id]
        self._most = max(1_000, 2 * len(self._known))
