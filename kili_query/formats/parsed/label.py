"""A label as an object, and how labels become such."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Literal, overload

from kili_query.errors import ArgumentError, DataError
from kili_query.formats.parsed.checking import check_response, video_frames
from kili_query.formats.parsed.places import Json, copied, wrong_type
from kili_query.formats.parsed.refusals import ParsedLabelError
from kili_query.formats.parsed.rules import Rules, rules_of
from kili_query.formats.parsed.views import ParsedJobs
from kili_query.model.counts import Answered, CategoryCounts, count_categories, decode_response
from kili_query.model.ontology import Ontology

Misfits = Literal["raise", "keep"]
"""What becomes of answers that do not fit the interface, such as those to a job that was deleted since: an error, or they
stay in the JSON as they are, and `.jobs` shows what it can."""

MisfitLabels = Literal["raise", "keep", "skip"]
"""The same for many labels; those that do not fit can be left out, with a warning that names them."""


class _Given(Enum):
    """What stood under `jsonResponse`, where that is not kept."""

    NOTHING = auto()
    ANSWERS = auto()


class ParsedLabel(dict[str, Any], Answered):
    """A label as an object: a dict of its fields without `jsonResponse`, and its answers in `.jobs`.

    Parameters
    ----------
    label: a label with `jsonResponse`, as `labels()` gives it. It is copied, never changed.
    json_interface: that of the project, with `jobs`; or an `Ontology`.
    input_type: that of the project, such as `"IMAGE"`; None takes that of the `Ontology`.
    misfits: `"keep"` keeps answers that do not fit the interface as they are, where `"raise"` is an error.

    Raises
    ------
    JobNotExistingError: a job that the interface lacks.
    InvalidMutationError, TypeCheckError: what the setters refuse: a category that the job lacks, another tool, a rectangle with 3 vertices.
    DataError: the response or the interface cannot be read.

    >>> interface = {"jobs": {"BOATS": {"mlTask": "OBJECT_DETECTION", "tools": ["marker"],
    ...     "content": {"input": "radio", "categories": {"FERRY": {"name": "Ferry"}, "TUG": {"name": "Tug"}}}}}}
    >>> response = {"BOATS": {"annotations": [{"type": "marker", "point": {"x": 0.5, "y": 0.2}, "categories": [{"name": "FERRY"}]}]}}
    >>> label = ParsedLabel({"id": "l1", "jsonResponse": response}, interface, "IMAGE")
    >>> boat = label.jobs["BOATS"].annotations[0]
    >>> boat.category.display_name, boat.point["x"]
    ('Ferry', 0.5)
    >>> boat.category.name = "TUG"
    >>> label.counts
    {('BOATS', 'TUG'): 1}
    """

    jobs: ParsedJobs
    """The jobs of the interface that are not nested, answered or not, with what can be read and set."""

    def __init__(
        self,
        label: Mapping[str, Any],
        json_interface: Mapping[str, Any] | Ontology,
        input_type: str | None = None,
        *,
        misfits: Misfits = "raise",
    ) -> None:
        if misfits not in ("raise", "keep"):
            raise ArgumentError("misfits", f"is `{misfits!r}`; it takes `'raise'` or `'keep'`")
        self._open(_copy_of(label), rules_of(json_interface, input_type), misfits)

    def _open(self, label: Json, rules: Rules, misfits: Misfits) -> None:
        """Become a label, which is not copied."""
        given = label.pop("jsonResponse", _Given.NOTHING)
        try:
            answers = decode_response(None if given is _Given.NOTHING else given)
            frames = video_frames(answers, rules, strict=misfits == "raise")
            if misfits == "raise":
                check_response(answers, rules, frames)
        except RecursionError:
            raise DataError("nested too deep", where=_name(label)) from None
        except (ParsedLabelError, DataError) as error:
            raise error.at(_name(label)) from None
        super().__init__(label)
        self._given = _Given.ANSWERS if isinstance(given, dict) else given
        self.ontology = rules.ontology
        self.jobs = ParsedJobs(dict(answers) if not isinstance(answers, dict) else answers, rules.top, rules, frames)

    @property
    def answers(self) -> Mapping[str, object]:
        """Its answers as they stand, not copied."""
        return self.jobs.answers

    @property
    def json_response(self) -> dict[str, Any]:
        """Its answers as JSON, a new dict: what `append_labels` and other methods take."""
        return self.jobs.to_dict()

    @property
    def counts(self) -> CategoryCounts:
        """How many objects of each category it holds now: (job key, category key) -> count, zeros left out."""
        return count_categories(self)

    def to_dict(self) -> dict[str, Any]:
        """The label as a dict, copied: what has not been set is as it was, unknown keys and the numbers of frames, too."""
        fields = {key: copied(value) for key, value in self.items() if key != "jsonResponse"}
        response = self.json_response
        if self._given is _Given.ANSWERS or response != decode_response(
            None if self._given is _Given.NOTHING else self._given
        ):
            return {**fields, "jsonResponse": response}
        return fields if self._given is _Given.NOTHING else {**fields, "jsonResponse": copied(self._given)}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParsedLabel):
            return dict.__eq__(self, other) and self.answers == other.answers
        return dict.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return repr(self.to_dict())


def _copy_of(label: object) -> Json:
    """A label as JSON that is nobody else's; one that is parsed already, with its answers."""
    if isinstance(label, ParsedLabel):
        return label.to_dict()
    if not isinstance(label, Mapping):
        raise wrong_type("label", label, "a dict with `jsonResponse`")
    return copied(dict(label))  # type: ignore[no-any-return]


def _name(label: Mapping[str, Any]) -> str:
    owner = label.get("labelOf")
    asset = (owner.get("externalId") or owner.get("id")) if isinstance(owner, Mapping) else None
    return f"label {label.get('id') or 'without an id'}" + (f" of asset {asset}" if asset else "")


class Parser:
    """What makes parsed labels of the labels of one project."""

    def __init__(self, rules: Rules, misfits: MisfitLabels = "raise") -> None:
        if misfits not in ("raise", "keep", "skip"):
            raise ArgumentError("misfits", f"is `{misfits!r}`; it takes `'raise'`, `'keep'` or `'skip'`")
        self._rules = rules
        self._misfits = misfits
        self._skipped: list[str] = []

    def parsed(self, labels: Iterable[Any], *, owned: bool = False) -> Iterator[ParsedLabel]:
        """Labels as parsed labels, one by one; `owned` ones need no copy.

        Raises
        ------
        ParsedLabelError, DataError: one does not fit.
        """
        for label in labels:
            made = ParsedLabel.__new__(ParsedLabel)
            data = dict(label) if owned else _copy_of(label)
            try:
                made._open(data, self._rules, "keep" if self._misfits == "keep" else "raise")
            except (ParsedLabelError, DataError) as error:
                if self._misfits != "skip":
                    raise
                self._skipped.append(str(error))
            else:
                yield made

    def tell(self) -> None:
        """Warn of the labels that were left out since the last time."""
        if self._skipped:
            told = "\n  ".join(self._skipped[:10])
            more = f"\n  and {len(self._skipped) - 10} more" if len(self._skipped) > 10 else ""
            count = f"{len(self._skipped)} labels" if len(self._skipped) > 1 else "1 label"
            warnings.warn(f"{count} left out, which the interface does not fit:\n  {told}{more}", stacklevel=2)
            self._skipped = []


@overload
def parse_labels(
    labels: Sequence[Mapping[str, Any]],
    json_interface: Mapping[str, Any] | Ontology,
    input_type: str | None = None,
    *,
    misfits: MisfitLabels = "raise",
) -> list[ParsedLabel]: ...
@overload
def parse_labels(
    labels: Generator[Mapping[str, Any]],
    json_interface: Mapping[str, Any] | Ontology,
    input_type: str | None = None,
    *,
    misfits: MisfitLabels = "raise",
) -> Generator[ParsedLabel]: ...
def parse_labels(
    labels: Iterable[Mapping[str, Any]],
    json_interface: Mapping[str, Any] | Ontology,
    input_type: str | None = None,
    *,
    misfits: MisfitLabels = "raise",
) -> list[ParsedLabel] | Generator[ParsedLabel]:
    """Labels as parsed labels: a list of a list, a generator of a generator, which parses when it is asked.

    Parameters
    ----------
    labels: dicts with `jsonResponse`, as `labels()` gives them. They are copied, never changed.
    json_interface, input_type: as for `ParsedLabel`.
    misfits: `"keep"` keeps answers that do not fit the interface as they are; `"skip"` leaves such labels out, with a warning that
        names them; `"raise"` is an error.

    Raises
    ------
    ParsedLabelError, DataError: as `ParsedLabel`; the message names the label.

    >>> interface = {"jobs": {"WEATHER": {"mlTask": "CLASSIFICATION", "content": {"input": "radio", "categories": {"SUN": {"name": "Sun"}}}}}}
    >>> labels = parse_labels([{"id": "l1", "jsonResponse": {}}], interface, "IMAGE")
    >>> labels[0].jobs["WEATHER"].add_category("SUN")
    >>> labels[0].json_response
    {'WEATHER': {'categories': [{'name': 'SUN'}]}}
    """
    parser = Parser(rules_of(json_interface, input_type), misfits)
    if isinstance(labels, Generator):
        return _one_by_one(labels, parser)
    parsed = list(parser.parsed(labels))
    parser.tell()
    return parsed


def _one_by_one(labels: Iterable[Mapping[str, Any]], parser: Parser) -> Generator[ParsedLabel]:
    yield from parser.parsed(labels)
    parser.tell()
