"""What a file is that holds no labels as Kili's raw exports and dumps have them; and what to do with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_NO_RECORD = (
    "no label record: neither an asset (`labels`, `latestLabel`, `latestLabels`), nor a label (`jsonResponse`), "
    "nor a conversation (`label`)"
)
_RAW = "; labels are read from an export of the project in Kili's own format (`raw`)"


def no_record(value: object) -> str:
    """What to say of a JSON value that is no label record.

    >>> no_record({"WEATHER": {"categories": [{"name": "SUN"}]}})
    'this is the `jsonResponse` of a label, without the label around it: write it as `{"jsonResponse": …}`'
    """
    if other := foreign_value(value):
        return other
    if isinstance(value, Mapping) and isinstance(value.get("data"), (Mapping, list)):
        return f"{_NO_RECORD}; what stands under `data` may be, if it is taken out of this object"
    return _NO_RECORD


def foreign_value(value: object) -> str | None:
    """What to say of a JSON value that is something else as a whole: annotations in another format, an ontology, an answer."""
    if not isinstance(value, Mapping):
        return None
    if {"images", "annotations"} <= value.keys() and isinstance(value["images"], list):
        return "this is a COCO file" + _RAW
    if value.get("type") in ("FeatureCollection", "Feature"):
        return "this is a GeoJSON file" + _RAW
    if "jobs" in value or "jsonInterface" in value:
        return "this is an ontology or a project, and no label; it belongs to the option `--ontology`"
    if _is_response(value):
        return 'this is the `jsonResponse` of a label, without the label around it: write it as `{"jsonResponse": …}`'
    return None


def _is_response(value: Mapping[str, object]) -> bool:
    """True if all that an object holds are objects, and some of them answers to jobs; or frames of a video with such."""
    found = False
    for key, below in value.items():
        digits = key.isascii() and key.isdigit()
        for answer in below.values() if digits and isinstance(below, Mapping) else [below]:
            if not isinstance(answer, Mapping):
                return False
            lists = isinstance(answer.get("categories"), list) or isinstance(answer.get("annotations"), list)
            found = found or lists or (answer.keys() == {"text"} and isinstance(answer["text"], str))
    return found


_YOLO = re.compile(rb"\d++(?:[ \t]++-?(?:\d++(?:\.\d++)?+|\.\d++)(?:[eE][+-]?\d++)?+){4,}+[ \t]*+\r?(?:\n|$)")


_YOLO_NAMES = re.compile(rb"(?:\A|\n)(?:names|nc):[ \t]*+(?:[\d\[\r\n]|\Z)")
"""Lines of the `data.yaml` of YOLO."""
_MEDIA = {b"\x89PNG\r\n": "a picture (PNG)", b"\xff\xd8\xff": "a picture (JPEG)", b"%PDF-": "a PDF document"}


def foreign_text(head: bytes) -> str | None:
    """What to say of a text that is not JSON but a file of annotations all the same, by its first bytes.

    >>> foreign_text(b"0 0.5 0.5 0.1 0.2")
    "looks like a YOLO file; labels are read from an export of the project in Kili's own format (`raw`)"
    """
    text = head.lstrip()
    if text.startswith((b"<?xml", b"<annotation")):
        return f"looks like XML, {'a Pascal VOC file' if b'<annotation' in head else 'and no JSON'}{_RAW}"
    if _YOLO.match(text) or _YOLO_NAMES.search(text):
        return "looks like a YOLO file" + _RAW
    picture = next((kind for begin, kind in _MEDIA.items() if head.startswith(begin)), None)
    if picture:
        return f"is {picture}, and holds no labels{_RAW}"
    return None


def foreign_export(names: Iterable[str]) -> str | None:
    """What to say of an archive or a folder with these files, if they look like an export in another format."""
    lowered = [name.lower() for name in names]
    if any(name.endswith(".geojson") for name in lowered):
        kind = "GeoJSON"
    elif any(name.endswith(".xml") for name in lowered):
        kind = "Pascal VOC"
    elif any(
        name.endswith((".yaml", "classes.txt", "obj.names")) or ("labels/" in name and name.endswith(".txt"))
        for name in lowered
    ):
        kind = "YOLO"
    else:
        return None
    return f"holds no labels of Kili: its files look like an export in the format {kind}{_RAW}"
