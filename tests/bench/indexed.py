"""What an index costs and what it saves, beside DuckDB over the raw file, SQLite, and reading without an index.

python -m tests.bench.indexed              # a million labels, and the table of asked and measured
python -m tests.bench.indexed --chart 7    # 10^3 to 10^7 labels: docs/images/scale.svg and the table in docs/scale.md

CPU seconds are user and system of a process and its children; on a machine with others, wall time is noise.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple

from tests.bench.generate import write_boxes, write_ndjson

ROOT = Path(__file__).resolve().parents[2]
CLI = [sys.executable, "-m", "kili_query"]
CATEGORIES = 50
RAW = """
import duckdb, sys
response = "STRUCT(OBJECT_DETECTION_JOB STRUCT(annotations STRUCT(categories STRUCT(name VARCHAR)[])[]))"
names = "list_transform(jsonResponse.OBJECT_DETECTION_JOB.annotations, lambda a: a.categories[1].name)"
print(duckdb.sql(f'''
    SELECT count(*) FROM (SELECT {names} AS names FROM read_json('{sys.argv[1]}', format='newline_delimited',
        columns={{jsonResponse: '{response}'}}))
    WHERE len(list_filter(names, lambda n: n = 'CAT_3')) > 1 AND len(list_filter(names, lambda n: n = 'CAT_7')) > 0
''').fetchall()[0][0])
"""
QUERY = "OBJECT_DETECTION_JOB.CAT_3.count > 1 AND OBJECT_DETECTION_JOB.CAT_7.count > 0"
RARE = "OBJECT_DETECTION_JOB.CAT_3.count > 1 AND OBJECT_DETECTION_JOB.CAT_7.count > 1"


class Spent(NamedTuple):
    """What a process took."""

    cpu: float
    wall: float
    out: str


def spent(*command: object) -> Spent:
    """Run a command, and tell what it took, children included."""
    before, start = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=ROOT)
    wall, after = time.perf_counter() - start, getrusage(RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return Spent(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, done.stdout)


def best(*command: object, times: int = 3) -> Spent:
    """The least of some runs."""
    return min((spent(*command) for _ in range(times)), key=lambda run: run.cpu)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of a call in this process, threads included."""
    before = getrusage(RUSAGE_SELF)
    work()
    after = getrusage(RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def queries(number: int) -> list[str]:
    """So many different queries of two comparisons, joined by AND or OR."""
    rnd = random.Random(3)
    made: dict[str, None] = {}
    while len(made) < number:
        one, other = (f"OBJECT_DETECTION_JOB.CAT_{rnd.randrange(CATEGORIES)}.count" for _ in range(2))
        word = rnd.choice(("AND", "OR", "AND NOT"))
        made[
            f"{one} {rnd.choice(('> 0', '> 1', '== 2', '< 1'))} {word} {other} {rnd.choice(('> 0', '== 1', '>= 2'))}"
        ] = None
    return list(made)


def in_process(folder: str) -> tuple[float, float]:
    """Median CPU and wall seconds of 100 different queries of an index that is open."""
    from kili_query import parse
    from kili_query.offline.index.opening import open_index

    index = open_index(folder)
    trees = [parse(text).tree for text in queries(100)]
    index.count(trees[0], None)
    walls: list[float] = []
    cpus: list[float] = []
    for tree in trees:
        start = time.perf_counter()
        cpus.append(cpu(lambda: index.count(tree, None)))  # noqa: B023 - called at once
        walls.append(time.perf_counter() - start)
    return statistics.median(cpus), statistics.median(walls)


def in_sqlite(folder: str, work: Path) -> tuple[float, float, float]:
    """The same in SQLite, over the same table with the key that it needs: median CPU and wall seconds, MB."""
    import duckdb

    from kili_query import parse

    path = work / "counts.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE counts (job TEXT, category TEXT, n INTEGER, label INTEGER, PRIMARY KEY (job, category, n, label)) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE labels (label INTEGER PRIMARY KEY)")
        reader = duckdb.connect()
        rows = reader.execute(
            f"SELECT job, category, n, label FROM '{folder}/counts/*.parquet' WHERE job IS NOT NULL AND category IS NOT NULL ORDER BY ALL"
        )
        while batch := rows.fetchmany(100_000):
            connection.executemany("INSERT INTO counts VALUES (?, ?, ?, ?)", batch)
        total = reader.execute(f"SELECT count(*) FROM '{folder}/labels/*.parquet'").fetchall()[0][0]
        connection.executemany("INSERT INTO labels VALUES (?)", ((i,) for i in range(total)))
    walls: list[float] = []
    cpus: list[float] = []
    for text in queries(100):
        select = parse(text).to_sql("sqlite").replace("SELECT *", "SELECT count(*)", 1)
        start = time.perf_counter()
        cpus.append(cpu(lambda: connection.execute(select).fetchall()))  # noqa: B023 - called at once
        walls.append(time.perf_counter() - start)
    connection.close()
    return statistics.median(cpus), statistics.median(walls), path.stat().st_size / 1e6


def table(labels: int, work: Path) -> None:
    """What is asked of an index, what was measured, and whether it is kept."""
    source = work / "boxes.ndjson"
    write_boxes(source, labels)
    image = work / "image.ndjson"
    write_ndjson(image, "image", 300)
    rows: list[tuple[str, str, str, str]] = []

    def row(what: str, asked: float | None, measured: float, unit: str, *, least: bool = False) -> None:
        kept = asked is None or (measured >= asked if least else measured <= asked)
        words = "" if asked is None else f"{'>=' if least else '<='} {asked:g} {unit}"
        rows.append((what, words, f"{measured:.3g} {unit}", "" if asked is None else "ok" if kept else "missed"))

    for name, path in (("image labels of 15 kB", image), ("boxes of 3 kB", source)):
        pairs = []
        for _ in range(2):
            shutil.rmtree(f"{path}.kqindex", ignore_errors=True)
            stats = spent(*CLI, "stats", path, "-q", "--no-index")
            pairs.append((stats, spent(*CLI, "index", path, "-q")))
        ratio = max(stats.cpu / index.cpu for stats, index in pairs)
        row(f"speed beside stats, CPU: {name}", 0.8, ratio, "", least=True)
        row(f"  index, CPU: {name}", None, path.stat().st_size / 1e6 / min(index.cpu for _, index in pairs), "MB/s")
    folder = f"{source}.kqindex"
    for part, asked in (("counts", 10.0), ("labels", 30 * labels / 1e6)):
        size = sum(file.stat().st_size for file in Path(folder, part).iterdir()) / 1e6
        row(f"{part} of {labels:,} labels", asked, size, "MB")
    one, wall = in_process(folder)
    row("two comparisons, in process, median of 100, wall", 50, wall * 1e3, "ms")
    row("  the same, CPU", None, one * 1e3, "ms")
    by_index = best(*CLI, "filter", source, QUERY, "--labels", "--count", "-q")
    row("filter --count, whole command, wall", 0.5, by_index.wall, "s")
    row("  the same, CPU", None, by_index.cpu, "s")
    ids = best(*CLI, "filter", source, RARE, "--ids", "-q")
    row(f"filter --ids, {len(ids.out.splitlines()):,} matches, wall", 0.6, ids.wall, "s")
    row("  the same, CPU", None, ids.cpu, "s")
    reading = spent(*CLI, "filter", source, QUERY, "--labels", "--count", "-q", "--no-index")
    raw = spent(sys.executable, "-c", RAW, source)
    assert by_index.out == reading.out == raw.out, (by_index.out, reading.out, raw.out)
    row("filter --count without an index, CPU", None, reading.cpu, "s")
    row("DuckDB over the raw file, CPU", None, raw.cpu, "s")
    row("  beside the index, whole commands", None, raw.cpu / by_index.cpu, "times")
    lite, _, size = in_sqlite(folder, work)
    row("SQLite, two comparisons, in process, CPU", None, lite * 1e3, "ms")
    row("  beside the index", None, lite / one, "times")
    row("SQLite, size of counts without totals", None, size, "MB")
    for cells in (("", "asked", "measured", ""), *rows):
        print(f"{cells[0]:<58}{cells[1]:>14}{cells[2]:>16}  {cells[3]}")


# -- the chart ---------------------------------------------------------------------------------------------------------


def chart(largest: int, work: Path) -> None:
    """Time against size, as a picture and a table in docs/scale.md."""
    points: list[tuple[int, float, float, float]] = []
    for power in range(3, largest + 1):
        source = work / f"{power}.ndjson"
        write_boxes(source, 10**power)
        times = 3 if power < 6 else 1
        cold = best(*CLI, "filter", source, QUERY, "--count", "-q", times=times)
        made = spent(*CLI, "index", source, "-q")
        by_index = best(*CLI, "filter", source, QUERY, "--count", "-q", times=3)
        assert by_index.out == cold.out
        points.append((10**power, cold.cpu, by_index.cpu, made.cpu))
        print(f"10^{power}: read {cold.cpu:.2f} s, by index {by_index.cpu:.2f} s, made {made.cpu:.2f} s", flush=True)
        source.unlink()
        shutil.rmtree(f"{source}.kqindex")
    lines = ["| labels | read | by index | index made |", "| --- | --- | --- | --- |"]
    lines += [f"| {n:,} | {cold:.2f} s | {by_index:.2f} s | {made:.1f} s |" for n, cold, by_index, made in points]
    page = ROOT / "docs" / "scale.md"
    before, _, rest = page.read_text("utf-8").partition("<!-- measured -->\n")
    after = rest.partition("<!-- end of measured -->")[2]
    page.write_text(
        "\n".join([f"{before}<!-- measured -->", "", *lines, "", f"<!-- end of measured -->{after}"]), "utf-8"
    )
    (ROOT / "docs" / "images" / "scale.svg").write_text(drawn(points), "utf-8")


def drawn(points: list[tuple[int, float, float, float]]) -> str:
    """Two curves over logarithmic axes."""
    width, height, left, bottom = 640, 360, 60, 40
    low, high = math.log10(points[0][0]), math.log10(points[-1][0])
    top = math.ceil(math.log10(max(cold for _, cold, _, _ in points)))
    floor = math.floor(math.log10(min(min(point[1:3]) for point in points)))

    def at(labels: float, seconds: float) -> tuple[float, float]:
        x = left + (math.log10(labels) - low) / (high - low) * (width - left - 110)
        y = height - bottom - (math.log10(seconds) - floor) / (top - floor) * (height - bottom - 20)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for power in range(floor, top + 1):
        (x, y), (end, _) = at(points[0][0], 10**power), at(points[-1][0], 10**power)
        parts.append(
            f'<path d="M{x} {y}H{end}" stroke="#ddd"/><text x="{left - 8}" y="{y + 4}" text-anchor="end">{10**power:g} s</text>'
        )
    for labels, *_ in points:
        x, y = at(labels, 10**floor)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{labels:,}</text>')
    for name, color, which in (("read", "#c0392b", 1), ("by index", "#2456a6", 2)):
        path = " ".join(
            f"{'ML'[bool(i)]}{x} {y}" for i, (x, y) in enumerate(at(point[0], point[which]) for point in points)
        )
        x, y = at(points[-1][0], points[-1][which])
        parts.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{x + 8}" y="{y + 4}" fill="{color}">{name}</text>')
    parts.append(
        f'<text x="{left}" y="{height - 4}">labels, and CPU seconds of a whole filter --count of two comparisons</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labels", nargs="?", type=int, default=1_000_000)
    options.add_argument("--chart", type=int, metavar="POWER")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="kili-query-bench-") as folder:
        if chosen.chart:
            chart(chosen.chart, Path(folder))
        else:
            table(chosen.labels, Path(folder))
            print(json.dumps({"queries": queries(2)}), file=sys.stderr)
