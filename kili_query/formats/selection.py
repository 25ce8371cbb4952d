"""Which labels of an asset are exported (exports.md 2)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple

from kili_query.model.kili import BY_PEOPLE

Json = dict[str, Any]

ExportType = Literal["latest", "latest_from_last_step", "latest_from_all_steps", "normal"]

LABEL_KEY: Mapping[str, str] = {
    "latest": "latestLabel",
    "latest_from_last_step": "latestLabels",
    "latest_from_all_steps": "labels",
    "normal": "labels",
}
"""Under which key of an asset the labels of an export stand."""

PEOPLE = BY_PEOPLE
"""The label types that are exported unless others are asked for: what people labelled."""


class Selection(NamedTuple):
    """A choice of labels."""

    export_type: ExportType = "latest"
    types: Collection[str] = PEOPLE
    sent_back: bool = True
    """Labels that were sent back to the queue take part."""
    decide: Callable[[object], bool] | None = None
    """Given the `jsonResponse` of a label: whether it takes part."""

    def of(self, asset: Mapping[str, Any]) -> Json | None:
        """The asset with the labels that are exported; None if none is."""
        key = LABEL_KEY[self.export_type]
        found = asset.get(key)
        labels = [_named(label) for label in (found if isinstance(found, list) else [found]) if self._keeps(label)]
        if not labels:
            return None
        return {**asset, key: labels if isinstance(found, list) else labels[0]}

    def _keeps(self, label: Any) -> bool:
        if not isinstance(label, Mapping) or label.get("labelType") not in self.types:
            return False
        if label.get("isSentBackToQueue") and not self.sent_back:
            return False
        if self.export_type == "latest_from_all_steps" and not label.get("isLastForStep"):
            return False
        return self.decide is None or self.decide(label.get("jsonResponse"))


def _named(label: Any) -> Json:
    """The label with the whole name of its author."""
    author = label.get("author")
    if not isinstance(author, Mapping):
        return dict(label)
    return {**label, "author": {**author, "name": f"{author.get('firstname')} {author.get('lastname')}"}}
