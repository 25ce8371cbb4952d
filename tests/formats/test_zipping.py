"""Archives that are written without a list of their members; names within them; areas without shapely."""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import DataError
from kili_query.formats.coco import _ring_area
from kili_query.formats.containers.zipping import ZipWriter
from kili_query.formats.extras import load
from kili_query.formats.names import Names, safe_name


def _written(members: dict[str, bytes]) -> zipfile.ZipFile:
    file = io.BytesIO()
    with ZipWriter(file) as archive:
        for name, content in members.items():
            archive.write(name, [content])
    return zipfile.ZipFile(file)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0\\"), min_size=1),
        st.binary(max_size=200),
    )
)
def test_what_is_written_is_read(members: dict[str, bytes]) -> None:
    with _written(members) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
        assert archive.testzip() is None


def test_large_members_come_in_pieces_and_files_are_copied(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(bytes(range(256)) * 100_000)  # more than is held
    file = io.BytesIO()
    with ZipWriter(file) as archive:
        archive.write("large.json", (b"0123456789" * 100_000 for _ in range(5)))
        archive.write("images/", ())
        archive.write("images/a.png", picture)
        archive.write("small.png", tmp_path / "a.png")
        archive.write("empty.txt", [])
    with zipfile.ZipFile(file) as read:
        assert read.namelist() == ["large.json", "images/", "images/a.png", "small.png", "empty.txt"]
        assert read.read("large.json") == b"0123456789" * 500_000
        assert read.read("images/a.png") == picture.read_bytes()
        assert read.getinfo("images/a.png").compress_type == zipfile.ZIP_STORED
        assert read.getinfo("large.json").compress_size < 50_000
        assert read.testzip() is None


def test_more_members_than_the_old_form_can_count() -> None:
    file = io.BytesIO()
    with ZipWriter(file) as archive:
        for number in range(66_000):
            archive.write(f"{number}", [b"x"])
    with zipfile.ZipFile(file) as read:
        assert len(read.namelist()) == 66_000
        assert read.read("65999") == b"x"


def test_a_failure_writes_no_directory() -> None:
    file = io.BytesIO()

    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ZipWriter(file) as archive:
        archive.write("a", pieces())
    assert not zipfile.is_zipfile(file)


@given(st.text(max_size=300))
def test_names_are_safe_and_stay_as_they_are(text: str) -> None:
    name = safe_name(text)
    assert safe_name(name) == name
    assert all(step not in ("", ".", "..") and len(step.encode()) <= 255 for step in name.split("/"))


@given(st.lists(st.sampled_from(["a", "A", "a_label2", "b"])))
def test_no_name_is_given_twice(wanted: list[str]) -> None:
    names = Names()
    given_names = [names.free(name) for name in wanted]
    names.close()
    assert len({name.lower() for name in given_names}) == len(wanted)


def test_ctrl_c_waits_until_a_library_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_load.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nthere = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        load("slow_to_load", "formats")
    assert sys.modules.pop("slow_to_load").there


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(DataError, match=r'`not_there` needs the extra `video`: pip install "kili_query\[video\]"'):
        load("not_there", "video")


PLACES = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(st.lists(PLACES, min_size=3, max_size=12), st.integers(1, 4000), st.integers(1, 4000))
def test_areas_are_those_of_shapely(ring: list[tuple[float, float]], width: int, height: int) -> None:
    shapely = pytest.importorskip("shapely")
    from shapely.ops import polygonize

    pixels = [(x * width, y * height) for x, y in ring]
    polygon = shapely.Polygon(pixels)
    simple = [polygon] if polygon.is_valid else polygonize(shapely.make_valid(polygon))
    expected = sum(shapely.Polygon(piece.exterior).area for piece in simple)
    assert _ring_area(pixels) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.integers(3, 30), st.lists(st.floats(0.1, 1), min_size=30, max_size=30))
def test_the_areas_of_outlines_around_their_middle_are_exactly_those_of_shapely(
    corners: int, radii: list[float]
) -> None:
    shapely = pytest.importorskip("shapely")
    angles = [2 * math.pi * n / corners for n in range(corners)]
    ring = [(500 + 300 * r * math.cos(a), 400 + 300 * r * math.sin(a)) for a, r in zip(angles, radii, strict=False)]
    polygon = shapely.Polygon(ring)
    if polygon.is_valid:
        assert _ring_area(ring) == polygon.area
