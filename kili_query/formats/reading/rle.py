"""Masks of COCO, run lengths over columns: decoded, and traced as polygons with holes along the edges of their pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kili_query.model.geometry import XY, signed_area

Span = tuple[int, int]

_LARGEST = 1 << 30  # pixels
_WIDEST = 1 << 17


class BadMask(ValueError):
    """Why run lengths are no mask."""


def counts_of(text: str) -> list[int]:
    """The run lengths that COCO packs into a text: six bits a letter, each number the difference to the one before last.

    >>> counts_of("06")
    [0, 6]

    Raises
    ------
    BadMask: the text was packed otherwise.
    """
    found: list[int] = []
    number = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise BadMask(f"the run lengths cannot be decoded at {letter!r}")
        number |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                number -= 1 << shift
            found.append(number + found[-2] if len(found) > 2 else number)
            number = shift = 0
    if shift:
        raise BadMask("the run lengths end within a number")
    return found


def outlines(counts: Sequence[int], height: int, width: int) -> list[list[list[XY]]]:
    """The parts of a mask, each its outer ring and its holes, in pixels.

    Pixels that touch at a corner alone are not connected.

    Raises
    ------
    BadMask: the runs do not fill the image.

    >>> outlines([0, 2], 2, 1)
    [[[(0, 2), (0, 0), (1, 0), (1, 2)]]]
    """
    if height < 1 or width < 1 or height * width > _LARGEST or width > _WIDEST:
        raise BadMask(f"no image has a size of {width} x {height}")
    if any(count < 0 for count in counts) or sum(counts) != height * width:
        raise BadMask(f"the run lengths add up to {sum(counts)}, and not to {width} x {height} pixels")
    return _parts(_rings(_columns(counts, height)))


def _columns(counts: Sequence[int], height: int) -> Iterator[tuple[int, list[Span]]]:
    """The columns that have pixels, each with its runs from top to bottom."""
    at, column, spans = 0, 0, list[Span]()
    for number, count in enumerate(counts):
        start, at = at, at + count
        if not number % 2 or not count:
            continue
        while start < at:
            x, top = divmod(start, height)
            if x != column:
                if spans:
                    yield column, spans
                column, spans = x, []
            bottom = min(height, top + at - start)
            if spans and spans[-1][1] == top:
                spans[-1] = (spans[-1][0], bottom)
            else:
                spans.append((top, bottom))
            start += bottom - top
    if spans:
        yield column, spans


Step = tuple[int, int]


def _rings(columns: Iterable[tuple[int, list[Span]]]) -> list[list[Step]]:
    """The borders between pixels and what is none, pixels to the right of who walks along."""
    ways: dict[Step, list[Step]] = {}
    before, last = list[Span](), -1
    for x, spans in columns:
        if x != last + 1:
            _upright(ways, last + 1, before, [])
            before = []
        _upright(ways, x, before, spans)
        for top, bottom in spans:
            ways.setdefault((x, top), []).append((x + 1, top))
            ways.setdefault((x + 1, bottom), []).append((x, bottom))
        before, last = spans, x
    _upright(ways, last + 1, before, [])
    return _walked(ways)


def _upright(ways: dict[Step, list[Step]], x: int, left: list[Span], right: list[Span]) -> None:
    """The upright borders between two columns: down where pixels end, up where they begin."""
    if left == right:
        return
    toggles = sorted([(y, 0) for span in left for y in span] + [(y, 1) for span in right for y in span])
    inside, since = [False, False], 0
    for y, side in toggles:
        if inside[0] != inside[1] and since != y:
            begin, end = ((x, since), (x, y)) if inside[0] else ((x, y), (x, since))
            ways.setdefault(begin, []).append(end)
        inside[side] = not inside[side]
        since = y


def _walked(ways: dict[Step, list[Step]]) -> list[list[Step]]:
    rings = []
    while ways:
        start = min(ways) if len(ways) < 3 else next(iter(ways))
        ring, at, heading = list[Step](), start, (0, 0)
        while True:
            ends = ways[at]
            to = ends[0]
            if len(ends) > 1:  # two pixels touch at this corner: keep to the one that is followed
                to = next((end for end in ends if _right(heading, (end[0] - at[0], end[1] - at[1]))), to)
            ends.remove(to)
            if not ends:
                del ways[at]
            turn = ((to[0] > at[0]) - (to[0] < at[0]), (to[1] > at[1]) - (to[1] < at[1]))
            if turn != heading:
                ring.append(at)
            heading, at = turn, to
            if at == start and (start not in ways or _closes(ring, heading, ways[start])):
                break
        if len(ring) > 1 and _straight(ring[-1], ring[0], ring[1]):
            ring.pop(0)
        rings.append(ring)
    return rings


def _closes(ring: list[Step], heading: Step, ends: list[Step]) -> bool:
    """True where the walk has come round, and does not turn right into another way from its start."""
    at = ring[0]
    return not any(_right(heading, (end[0] - at[0], end[1] - at[1])) for end in ends)


def _right(heading: Step, turn: Step) -> bool:
    return heading[0] * turn[1] - heading[1] * turn[0] > 0


def _straight(one: Step, two: Step, three: Step) -> bool:
    return one[0] == two[0] == three[0] or one[1] == two[1] == three[1]


def _parts(rings: list[list[Step]]) -> list[list[list[XY]]]:
    """Outer rings with the holes in each: those turn the other way round."""
    outer = [ring for ring in rings if signed_area(ring) > 0]
    parts: list[list[list[XY]]] = [[list(ring)] for ring in outer]
    for hole in rings:
        if signed_area(hole) <= 0:
            around = [n for n, ring in enumerate(outer) if len(outer) == 1 or _holds(ring, hole)]
            if around:
                parts[min(around, key=lambda n: signed_area(outer[n]))].append(list(hole))
    return parts


def _holds(ring: Sequence[XY], hole: Sequence[XY]) -> bool:
    """True if a hole lies within a ring: the middle of its first side, just beside it."""
    (x1, y1), (x2, y2) = hole[0], hole[1]
    return inside(
        ((x1 + x2) / 2 + 0.25 * ((y2 > y1) - (y2 < y1)), (y1 + y2) / 2 - 0.25 * ((x2 > x1) - (x2 < x1))), ring
    )


def inside(at: XY, ring: Sequence[XY]) -> bool:
    """True for a place within a ring."""
    (x, y), found = at, False
    one_x, one_y = ring[-1]
    for two_x, two_y in ring:
        if (one_y > y) != (two_y > y) and x < (two_x - one_x) * (y - one_y) / (two_y - one_y) + one_x:
            found = not found
        one_x, one_y = two_x, two_y
    return found
