"""Cases about parsed labels, which are data: `python -m tests.formats.parsed FILE` runs those of a file.

The layout of such a file, and how a case is compared, are those of `parsed-labels.json`: a label is parsed, an expression
looked at, and there is a value or an error. What is expected of a case is what Kili's SDK gave; where that is a defect
(`quirk`), what stands in its place.
"""

from __future__ import annotations

import ast
import copy
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kili_query import ParsedLabel

Case = Mapping[str, Any]


class Outcome(NamedTuple):
    """What became of a case: a value, or an error, as the classes that it is one of, by name, and its message."""

    value: Any = None
    classes: tuple[str, ...] = ()
    message: str = ""

    def __str__(self) -> str:
        return f"{self.classes[0]}: {self.message}" if self.classes else json.dumps(self.value)


class Quirk(NamedTuple):
    """A defect of the SDK: an error or value by which it is known, and what stands in its place."""

    kind: str
    message: str
    instead: str
    """The name of another error."""
    task: str = ""
    """The task of the job that the expression names, if it is for one alone."""


QUIRKS = (
    Quirk("KeyError", r"'annotations'", "AttributeNotCompatibleWithJobError", "TRANSCRIPTION"),
    Quirk("KeyError", r"'(\w+)'", "KeyError"),
    Quirk("AttributeError", r".*has no attribute '__name__'", "AttributeError"),
    Quirk("AttributeError", r".*has no setter", "AttributeError"),
    Quirk("AttributeError", r".*has no attribute '(\w+)'", "AttributeNotCompatibleWithJobError"),
    Quirk("TypeError", r".*does not support item assignment", "TypeError"),
)  # fmt: skip
"""Section 8 of the facts about parsed labels, as far as an error shows it; the first that fits is the one."""

_ANSWER = r"label\.jobs\[[^\]]*\](?:\.frames)?(?:\[\d+\])?"
EMPTY = (
    ("categories", _ANSWER + r"\.categories\b", "[]"),
    ("categories", _ANSWER + r"\.category\b", "None"),
    ("annotations", _ANSWER + r"\.(?:entity_|bounding_poly_)?annotations\b", "[]"),
    ("text", _ANSWER + r"\.text\b", "None"),
    ("file(?:Id|Name|MimeType)", _ANSWER + r"\.file_\w+", "None"),
    ("confidence", r"label\.jobs(?:\.\w+|\[[^\]]*\])*?\.confidence\b", "None"),
)
"""What is empty in place of a KeyError: its key, the part of an expression that looks for it, and what is found."""


def run(case: Case, data: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a case is as expected; and what differs."""
    if "construct" in case:
        got, extra = _constructed(case, data)
        fits = _fits_construction(case, got, data)
        return fits and not extra, f"{got}{extra}"
    got = _looked_at(case, data)
    return _fits(case, got, data), str(got)


def _looked_at(case: Case, data: Mapping[str, Any]) -> Outcome:
    source = copy.deepcopy(case.get("label") or data["labels"][case["source"]])
    kept = copy.deepcopy(source)
    try:
        label = ParsedLabel(source, _interface(case, data), _input_type(case, data))
        names = {"label": label, "source": source}
        if "do" in case:
            exec(case["do"], names)
            value = eval(case["then"], names) if "then" in case else "no error"
        else:
            value = eval(case["get"], names)
        outcome = Outcome(_as_json(value))
    except Exception as error:
        outcome = _failure(error)
    return outcome if source == kept else Outcome("the label that was parsed has changed")


def _constructed(case: Case, data: Mapping[str, Any]) -> tuple[Outcome, str]:
    interface = _interface(case, data)
    try:
        label = ParsedLabel(copy.deepcopy(case["label"]), interface, _input_type(case, data))
        outcome = Outcome(_as_json(label.to_dict()))
    except Exception as error:
        return _failure(error), ""
    unlike = ""
    for attribute in ("categories", "category"):
        if attribute in case:  # of an answer that is required, and not there
            jobs = [
                name for name, job in interface["jobs"].items()
                if job["mlTask"] == "CLASSIFICATION" and job["required"] and not job["isChild"]
            ]  # fmt: skip
            value = getattr(label.jobs[jobs[0]], attribute)
            if (list(value) if attribute == "categories" else value) != ([] if attribute == "categories" else None):
                unlike = f"; {attribute} of `{jobs[0]}` is {value!r}"
    return outcome, unlike


def _interface(case: Case, data: Mapping[str, Any]) -> Any:
    own = f"{case.get('source')}_json_interface"
    if "json_interface" in case:
        return case["json_interface"]
    return data.get(own) or data["json_interface"]


def _input_type(case: Case, data: Mapping[str, Any]) -> str:
    return str(case.get("input_type") or data["input_types"][case["source"]])


def _as_json(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return f"repr:{value!r}"


def _failure(error: Exception) -> Outcome:
    return Outcome(classes=tuple(kind.__name__ for kind in type(error).__mro__), message=str(error))


# -- comparing ---------------------------------------------------------------------------------------------------------


def _fits(case: Case, got: Outcome, data: Mapping[str, Any]) -> bool:
    """Whether what was looked at is what is expected."""
    error = case.get("error")
    if case["grading"] == "quirk":
        if error is None and "get" in case:  # what comes back is not what was given
            return not got.classes and _comes_back(case, got.value, data)
        if error is None:  # what was taken, and should not be
            return (case["value"] == "no error" or "then" in case) and bool(
                {"TypeError", "ValueError"} & set(got.classes)
            )
        return _fits_quirk(case, error, got, _interface(case, data))
    if error is None:
        return not got.classes and alike(got.value, case["value"])
    return _fits_error(error, got)


class _Unchanged:
    """A label that comes back exactly as it was given."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.json_response = copy.deepcopy(source.get("jsonResponse") or {})
        self._whole = dict(source)

    def to_dict(self) -> dict[str, Any]:
        return self._whole


def _comes_back(case: Case, got: Any, data: Mapping[str, Any]) -> bool:
    """Whether an expression gives what it gives of a label that comes back as it was, where the SDK gave one with losses."""
    source = case.get("label") or data["labels"][case["source"]]
    lossy = _with_losses(source, _input_type(case, data), _interface(case, data))
    try:
        whole, less = (
            _as_json(eval(case["get"], {"label": _Unchanged(label), "source": source})) for label in (source, lossy)
        )
    except Exception:
        return False
    return alike(got, whole) and alike(case["value"], less)


def _fits_quirk(case: Case, error: Mapping[str, str], got: Outcome, interface: Any) -> bool:
    names = re.findall(r'jobs\["(\w+)"\]', case.get("get") or case.get("do") or "")
    tasks = {interface["jobs"][name]["mlTask"] for name in names if name in interface["jobs"]}
    for quirk in QUIRKS:
        found = re.fullmatch(quirk.message, error["message"], re.DOTALL)
        if quirk.kind == error["type"] and found and (not quirk.task or quirk.task in tasks):
            named = [*found.groups(), *re.findall(r"\.(\w+) = ", case.get("do", ""))]
            fits = quirk.instead in got.classes and all(name in got.message for name in named)
            return fits or (quirk.instead == "KeyError" and _is_empty_instead(case, error, got))
    return False


def _is_empty_instead(case: Case, error: Mapping[str, str], got: Outcome) -> bool:
    """Whether an expression gives what it gives of an answer that is empty, where the SDK had none."""
    for key, pattern, empty in EMPTY:
        code = case.get("get", "")
        if re.fullmatch(f"'{key}'", error["message"]) and (instead := re.sub(pattern, empty, code)) != code:
            try:
                value = _as_json(eval(instead))
            except Exception as failure:
                return _failure(failure).classes[0] in got.classes
            return not got.classes and alike(got.value, value)
    return False


def _fits_construction(case: Case, got: Outcome, data: Mapping[str, Any]) -> bool:
    """Whether a label that was parsed and turned back is what is expected: itself, where the SDK loses or cannot take it."""
    if case["grading"] == "quirk":
        interface = _interface(case, data)
        if "error" in case and case["error"]["type"] not in ("TypeError", "KeyError", "AttributeError"):
            return False
        whole = case["label"]
        if "value" in case and not alike(
            case["value"], _with_losses(case["label"], _input_type(case, data), interface)
        ):
            return False
        return not got.classes and alike(got.value, whole)
    if "error" in case:
        return _fits_error(case["error"], got)
    return not got.classes and alike(_without_empty(got.value), _without_empty(case["value"]))


def _with_losses(label: Mapping[str, Any], input_type: str, interface: Any) -> dict[str, Any]:
    """What the SDK makes of a label: frames are counted anew, and what is no job's, and no answer, goes."""
    response = label.get("jsonResponse") or {}
    jobs = interface["jobs"]

    def kept(answers: Any) -> Any:
        return {
            name: answer
            for name, answer in answers.items()
            if answer and not jobs.get(name, {"isChild": True})["isChild"]
        }

    if "VIDEO" in input_type and all(name.isdigit() for name in response):
        frames = [kept(response[name]) for name in sorted(response, key=int)]
        return {**label, "jsonResponse": {str(number): frame for number, frame in enumerate(frames)}}
    return {**label, "jsonResponse": kept(response)}


def _without_empty(label: Any) -> Any:
    """A label without answers that are empty objects: they are no answers. The SDK drops them, and here they are kept."""
    if not isinstance(label, dict):
        return label
    response = label.get("jsonResponse") or {}
    if not isinstance(response, dict):
        return label

    def full(answers: Any) -> Any:
        return {name: answer for name, answer in answers.items() if answer != {}}

    video = response and all(name.isdigit() for name in response)
    cleaned = {name: full(answers) for name, answers in response.items()} if video else full(response)
    return {**label, "jsonResponse": cleaned}


def _fits_error(error: Mapping[str, str], got: Outcome) -> bool:
    """Errors agree in their class, or one below it, and in the names and numbers that the message says."""
    if error["type"] not in got.classes:
        return False
    if error["type"] == "TypeCheckError":  # the argument, which can be part of the name of an attribute
        return all(name in got.message for name in re.findall(r'argument "(\w+)"', error["message"]))
    return all(re.search(rf"(?<!\w){re.escape(name)}(?!\w|\.\d)", got.message) for name in said(error["message"]))


def said(message: str) -> list[str]:
    """The names and numbers in a message of the SDK; of an object that it shows, its name alone."""
    message = re.sub(r"'\w+' object", "", message)  # a class of the SDK
    message = re.sub(r"\[\{'.*", "", message, flags=re.DOTALL)  # all that is chosen
    message = re.sub(r"'\{'name': '([^']*)'.*", r"'\1'", message, flags=re.DOTALL)
    return re.findall(r"'([^']+)'", message) + re.findall(r"(?<![\w'.])-?\d+(?:\.\d+)?(?![\w'])", message)


def alike(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same, numbers within 1e-9; texts that show objects, by what they show."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if one != other and (isinstance(one, str) or isinstance(other, str)):
        shown = [_shown(value) if isinstance(value, str) else value for value in (one, other)]
        return None not in shown and not any(isinstance(value, str) for value in shown) and alike(*shown)
    return bool(one == other)


def _shown(text: str) -> Any:
    """What a text shows, if it is that of a dict or a list."""
    text = text.removeprefix("repr:")
    try:
        return ast.literal_eval(text) if text[:1] in ("[", "{") else None
    except (ValueError, SyntaxError):
        return None


# -- a file ------------------------------------------------------------------------------------------------------------


def results(data: Mapping[str, Any]) -> Iterator[tuple[str, bool, str]]:
    """Each case of a file: what it is, whether it is as expected, what came."""
    for case in data["cases"]:
        what = case.get("construct") or case.get("get") or f"{case['do']} -> {case.get('then', '')}".rstrip("-> ")
        good, got = run(case, data)
        yield f"{case.get('source') or case.get('input_type')}: {what}", good, got


def main(path: str) -> int:
    """Run the cases of a file: a line each, what differs, and how many are as expected."""
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    good = 0
    for case, (what, fits, got) in zip(data["cases"], results(data), strict=True):
        good += fits
        print(f"{'ok    ' if fits else 'DIFFERS'} {what}")
        if not fits:
            print(
                f"    expected: {json.dumps({k: case[k] for k in ('value', 'error', 'grading', 'recommended') if k in case})}"
            )
            print(f"    got:      {got}")
    print(f"{good} of {len(data['cases'])} as expected")
    return 0 if good == len(data["cases"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
