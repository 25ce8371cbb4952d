"""Plots: the numbers of `stats`, no text on another, and what is refused."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `pictures`")

from kili_query import count_categories
from kili_query.offline.overview import MOST_OF_LABEL, Overview, survey
from kili_query.offline.statistics import Statistics, measure
from kili_query.pictures.drawing import house_style
from kili_query.pictures.notes import Notes
from kili_query.pictures.palette import DARK, LIGHT, Theme
from kili_query.pictures.plots import Plots, days_of, save_plots
from tests.cli.test_cli import Run
from tests.cli.test_cli import run as run
from tests.pictures.making import asset, boxes, many, rectangle


def _lines(path: Path, assets: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in assets))
    return str(path)


def _overview(source: str) -> Overview:
    found = Overview()
    for part, _ in survey(source):
        found.add(part)
    return found


def test_an_overview_has_the_numbers_of_statistics(tmp_path: Path) -> None:
    assets = many(40, 9)
    source = _lines(tmp_path / "many.ndjson", assets)
    found, statistics = _overview(source), Statistics()
    for part, _ in measure(source):
        statistics.add(part)
    assert found.spread == statistics.spread
    assert (found.labels, found.empty, found.records) == (statistics.labels, statistics.empty, statistics.records)
    counts = [count_categories(record["labels"][0]["jsonResponse"]) for record in assets]
    for one, other in combinations(sorted(found.spread), 2):
        assert found.together(one, other) == found.together(other, one) == sum(one in c and other in c for c in counts)
    objects = sum(sum(c.values()) for c in counts)
    assert {day: (made.labels, made.objects) for day, made in found.days.items()} == {"2024-03-01": (40, objects)}
    assert {who: (made.labels, made.objects) for who, made in found.authors.items()} == {
        "ann@example.com": (40, objects)
    }


def test_pairs_are_bounded_and_that_is_told(tmp_path: Path) -> None:
    many_tags = {"TAGS": {"categories": [{"name": f"tag {n}"} for n in range(MOST_OF_LABEL * 20)]}}
    found = _overview(_lines(tmp_path / "a.ndjson", [asset("a", many_tags)]))
    assert len(found.pairs) == MOST_OF_LABEL * (MOST_OF_LABEL - 1) // 2
    told = save_plots(found, tmp_path / "p.svg", title="a")
    assert told == ["so many categories come together that only the frequent pairs were counted"]
    assert "1,970 others" in (tmp_path / "p.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(("categories", "theme"), [(1, DARK), (3, LIGHT), (3, DARK), (300, LIGHT)])
def test_no_text_lies_on_another(tmp_path: Path, categories: int, theme: Theme) -> None:
    assets = many(60, categories)
    for n, record in enumerate(assets):
        record["labels"][0] |= {
            "author": {"email": f"{'long' * (n % 7)}_{n}@example.com"},
            "createdAt": f"2024-0{1 + n % 9}-1{n % 9}",
        }
    overview = _overview(_lines(tmp_path / "many.ndjson", assets))
    with house_style():
        plots = Plots(overview, "many labels " * 20, None, theme, Notes())
        texts = plots.texts()
        width, height = plots.pixels().size
    assert len(texts) > 30
    for number, (text, box) in enumerate(texts):
        assert -0.5 <= box.x0 <= box.x1 <= width + 0.5, text
        assert -0.5 <= box.y0 <= box.y1 <= height + 0.5, text
        for other_text, other in texts[number + 1 :]:
            apart = (
                box.x1 <= other.x0 + 0.6
                or other.x1 <= box.x0 + 0.6
                or box.y1 <= other.y0 + 0.6
                or other.y1 <= box.y0 + 0.6
            )
            assert apart, (text, other_text)


def test_bars_are_as_long_as_there_are_objects(tmp_path: Path) -> None:
    objects = [
        rectangle((0, 0, 0.1, 0.1), name, f"{name}{n}")
        for name, number in (("A", 12), ("B", 6), ("C", 3))
        for n in range(number)
    ]
    save_plots(_overview(_lines(tmp_path / "a.ndjson", [asset("a", boxes(*objects))])), tmp_path / "p.svg", title="a")
    svg = (tmp_path / "p.svg").read_text(encoding="utf-8")
    balance = svg[svg.index('id="class-balance"') : svg.index('id="distribution"')]
    lengths = []
    for path in re.findall(r'<path d="([^"]*)" clip-path[^>]*style="fill: #(?!none)', balance):
        xs = [float(x) for x in re.findall(r"[ML] (-?[\d.]+) ", path)]
        lengths.append(max(xs) - min(xs))
    assert [round(length / lengths[-1], 2) for length in lengths] == [4, 2, 1]


def test_days_without_labels_have_their_place() -> None:
    from kili_query.offline.overview import Made

    assert days_of({}) == []
    assert days_of({"2023-02-31": Made(1, 1)}) == []
    weeks = days_of({"2024-01-01": Made(1, 1), "2024-12-31": Made(2, 5)})
    assert {step for *_, step in weeks} == {7}
    assert sum(made.objects for _, made, _ in weeks) == 6
    months = days_of({"2014-01-01": Made(1, 1), "2024-12-31": Made(2, 5)})
    assert [name for name, *_ in months][:2] == ["2014-01", "2014-02"]
    assert len(months) == 132


def test_the_command_prints_and_draws(run: Run, tmp_path: Path) -> None:
    source = _lines(tmp_path / "few.ndjson", many(4, 3))
    plain = run("stats", source, "--csv", "--no-ontology")
    for name in ("p.png", "p.svg", "p.html"):
        ended = run("stats", source, "--csv", "--no-ontology", "--plot", tmp_path / name)
        assert (ended.code, ended.out, ended.err) == (0, plain.out, f"drew {tmp_path / name}\n")
    html = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "var(--ink)" in html
    assert "prefers-color-scheme:dark" in html
    assert "#01020" not in html
    words = set(re.findall(r">([^<>]+)</text>", (tmp_path / "p.svg").read_text(encoding="utf-8")))
    assert {
        "Objects per category",
        "Labels by how many they have",
        "Objects per author",
        "Objects per day",
        "2024-03-01",
    } <= words


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--plot", "p.jpg"], "--plot takes a file that ends with .png, .svg, .html, .htm, and not p.jpg"),
        (["--plot", "p.png", "--by", "author"], "goes without --by"),
        (["--plot", "absent/p.png"], "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_told(run: Run, tmp_path: Path, arguments: list[str], told: str) -> None:
    ended = run("stats", _lines(tmp_path / "few.ndjson", many(2, 2)), "--no-ontology", *arguments)
    assert ended.code == 2
    assert told in " ".join(ended.err.split())


def test_an_export_without_labels_has_a_plot(run: Run, tmp_path: Path) -> None:
    source = _lines(tmp_path / "none.ndjson", [{"externalId": "a", "labels": []}])
    assert run("stats", source, "--plot", tmp_path / "p.png", "--no-ontology").code == 0
