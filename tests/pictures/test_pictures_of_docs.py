"""The pictures of the docs are what is drawn today: their texts and their shapes. `python docs/draw_pictures.py` makes them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `pictures`")

from tests.conftest import ROOT

IMAGES = ROOT / "docs" / "images"


def _told(svg: str) -> tuple[list[str], list[str], list[tuple[int, ...]]]:
    """What a picture says, which shapes it has, and about where: not its bytes, which libraries and fonts change."""
    groups = re.findall(r'<g id="(card-[\d-]+|class-balance|distribution|co-occurrence|authors|time)">', svg)
    shapes = re.findall(r'<g id="card-[\d-]+">\s*<path d="M (-?[\d.]+) (-?[\d.]+)', svg)
    return re.findall(r">([^<>]+)</text>", svg), groups, [(round(float(x)), round(float(y))) for x, y in shapes]


def test_the_pictures_of_the_docs_are_what_is_drawn(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("draw_pictures", ROOT / "docs" / "draw_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn = module.draw(tmp_path)
    assert [path.name for path in drawn] == [
        "overview-dark.svg",
        "overview-light.svg",
        "sheet-dark.svg",
        "sheet-light.svg",
    ]
    for path in drawn:
        now, before = (_told((folder / path.name).read_text(encoding="utf-8")) for folder in (tmp_path, IMAGES))
        assert now[:2] == before[:2], "python docs/draw_pictures.py"
        assert all(
            abs(a - b) <= 1
            for one, other in zip(now[2], before[2], strict=True)
            for a, b in zip(one, other, strict=True)
        )


def test_the_pages_show_them() -> None:
    for page in ("README.md", "docs/pictures.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for name in ("sheet-light.svg", "sheet-dark.svg"):
            assert f"images/{name}" in text
