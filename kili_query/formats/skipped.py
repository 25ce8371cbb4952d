"""What a dataset lacks or holds only as it was labelled: counted by kind, with the first assets of each, for its summary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SHOWN = 3
"""Assets that are named of each kind."""


@dataclass(slots=True)
class Kind:
    """So many of one kind, and the first assets that have them."""

    number: int = 0
    assets: dict[str, None] = field(default_factory=dict)
    annotations: int = 0
    """Of assets that are left out: how many they have."""

    def count(self, asset: str, annotations: int = 0) -> None:
        """One more."""
        self.number += 1
        self.annotations += annotations
        if asset and len(self.assets) < SHOWN:
            self.assets[asset] = None

    @property
    def named(self) -> str:
        """The first assets, in brackets."""
        if not self.assets:
            return ""
        more = ", …" if len(self.assets) == SHOWN < self.number else ""
        return f" ({', '.join(f'`{asset}`' for asset in self.assets)}{more})"


@dataclass(slots=True)
class Skipped:
    """What is left out of a dataset, and what is odd in it. Filled while files are written."""

    reasons: dict[str, Kind] = field(default_factory=dict)
    """Annotations that the format cannot hold, by the reason."""
    odd: dict[str, Kind] = field(default_factory=dict)
    """Annotations that are written, and of which a trainer makes little."""
    lost: dict[str, Kind] = field(default_factory=dict)
    """Images and frames that are left out with all their annotations."""
    told: dict[str, Kind] = field(default_factory=dict)
    """Assets that are written, and lack something."""

    def note(self, reason: str, asset: str = "") -> None:
        """Count an annotation that is left out."""
        self.reasons.setdefault(reason, Kind()).count(asset)

    def remark(self, what: str, asset: str = "") -> None:
        """Count an annotation that is written, and odd."""
        self.odd.setdefault(what, Kind()).count(asset)

    def lose(self, why: str, asset: str, annotations: int) -> None:
        """Count an image that is left out, with its annotations."""
        self.lost.setdefault(why, Kind()).count(asset, annotations)

    def tell(self, what: str, asset: str) -> None:
        """Count an asset that lacks something."""
        self.told.setdefault(what, Kind()).count(asset)

    @property
    def total(self) -> int:
        """How many annotations the format cannot hold."""
        return sum(kind.number for kind in self.reasons.values())

    def __str__(self) -> str:
        return _listed(self.reasons)

    def lines(self) -> Iterator[str]:
        """What is to be told beside the annotations that the format cannot hold, a sentence for each."""
        for why, kind in self.lost.items():
            with_them = f", with {kind.annotations:,} annotation{'s' * (kind.annotations != 1)}"
            yield f"left out {kind.number:,} image{'s' * (kind.number != 1)} {why}{kind.named}{with_them}"
        for what, kind in self.told.items():
            yield f"{kind.number:,} asset{'s' * (kind.number != 1)} {what}{kind.named}"
        if self.odd:
            yield f"annotations that look odd, and are written: {_listed(self.odd)}"


def _listed(kinds: dict[str, Kind]) -> str:
    rows = sorted(kinds.items(), key=lambda row: -row[1].number)
    return ", ".join(f"{kind.number:,} {reason}{kind.named}" for reason, kind in rows)
