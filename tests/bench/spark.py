"""Spark: reading exports per core, beside one worker of `filter`; and an index, beside Spark's own JSON.

    python -m tests.bench.spark                     # 10^5 and 10^6 labels, and 300 MB of exports; 15 minutes, 2 GB of disk
    python -m tests.bench.spark --labels 10000000   # 10^7 labels: 3.5 GB of NDJSON

Figures are seconds of the processor, of Java and of Python beside it, and by the clock; Spark has one core (`local[1]`)
for what is measured per core, else two. What is run once before is not measured: it compiles.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from kili_query import count_categories, parse
from kili_query.engines.dialects import rows_of
from kili_query.engines.spark import package, read_index, select
from kili_query.offline import select as here
from kili_query.offline import spark as exports
from tests.bench.generate import write_ndjson
from tests.engines.spark_session import spark

QUERY = "OBJECT_DETECTION_JOB.CAT_3.count > 2"
INDEXED = {
    "one": "BOATS.C3.count > 2",
    "AND NOT": "BOATS.C3.count > 1 AND NOT BOATS.C0.count > 0",
    "OR of counts": "BOATS.C7.count > 2 OR BOATS.C8.count > 2",
    "none": "BOATS.C9.count == 0",
    "total": "BOATS.*.count > 12",
}
COPIES = 5
BLOCK = 100_000
"""Labels that are generated; more are the same once more, with numbers of their own."""


class Figure(NamedTuple):
    """What a run gave, and its seconds by the clock and of the processor."""

    result: int
    wall: float
    cpu: float


def processor() -> float:
    """Seconds of the processor that this process and those below it have used so far."""
    ticks, below, used = os.sysconf("SC_CLK_TCK"), dict[int, list[int]](), dict[int, float]()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(words[1]), []).append(int(name))
        used[int(name)] = sum(map(int, words[11:15])) / ticks
    todo, total = [os.getpid()], 0.0
    while todo:
        process = todo.pop()
        total += used.get(process, 0.0)
        todo += below.get(process, [])
    return total


def best(run: Callable[[], int], rounds: int) -> Figure:
    """The round that took the processor least."""
    figures = []
    for _ in range(rounds):
        cpu, wall = processor(), time.perf_counter()
        result = run()
        figures.append(Figure(result, time.perf_counter() - wall, processor() - cpu))
    return min(figures, key=lambda figure: figure.cpu)


# -- reading exports ---------------------------------------------------------------------------------------------------


def read_exports(session: Any, folder: Path, megabytes: int, rounds: int) -> None:
    """One worker of `filter`, and Spark with one core, on the same NDJSON: once, and several times side by side.

    The difference is what reading costs; what is left of the first is what a question costs however little is read.
    """
    few, many = folder / "few", folder / "many"
    few.mkdir()
    many.mkdir()
    write_ndjson(few / "0.ndjson", "image", megabytes)
    for i in range(COPIES):
        (many / f"{i}.ndjson").hardlink_to(few / "0.ndjson")
    query = parse(QUERY)
    runs: dict[str, Callable[[Path], int]] = {
        "filter, one worker": lambda path: sum(
            part.summary.matched_labels for part in here.select(query, path, unit="labels", workers=1, data=False)
        ),
        "Spark, opened where it lies": lambda path: exports.select(session, query, str(path)).count(),
        "Spark, lines read by Java": lambda path: exports.select(session, query, str(path), direct=False).count(),
    }
    print(f"\nreading NDJSON with one core, {megabytes} MB and {COPIES} times as much; seconds of the processor")
    print(f"  {'':30}{'match':>9}{'once':>8}{'more':>8}{'fixed':>8}{'MB/s':>8}{'of filter':>11}")
    reference = None
    for name, run in runs.items():
        run(many)
        once = best(lambda run=run: run(few), rounds)  # type: ignore[misc]
        more = best(lambda run=run: run(many), rounds)  # type: ignore[misc]
        each = (more.cpu - once.cpu) / (COPIES - 1)
        reference = reference or (once.result, each)
        if (once.result, more.result) != (reference[0], reference[0] * COPIES):
            raise SystemExit(f"{name} finds {once.result}, and filter {reference[0]}")
        print(
            f"  {name:30}{once.result:9,}{once.cpu:8.2f}{more.cpu:8.2f}{once.cpu - each:8.2f}{megabytes / each:8,.0f}"
            f"{reference[1] / each:10.0%}",
            flush=True,
        )


# -- an index, and Spark's own JSON ------------------------------------------------------------------------------------


def labels(number: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Responses with two objects on average, of ten categories of which the first is the most frequent."""
    rnd = random.Random(seed)
    for _ in range(number):
        names = rnd.choices(
            [f"C{i}" for i in range(10)], [0.7**i for i in range(10)], k=min(30, int(rnd.expovariate(0.3)))
        )
        yield {
            "BOATS": {"annotations": [{"mid": str(i), "categories": [{"name": name}]} for i, name in enumerate(names)]}
        }


def write_labels(folder: Path, number: int) -> None:
    """So many labels as NDJSON, and their index: what `kili-query index` writes, by the same rules."""
    block = list(labels(min(BLOCK, number)))
    lines = [json.dumps(response, separators=(",", ":")) for response in block]
    found = [
        (*selector, i, n)
        for i, response in enumerate(block)
        for selector, n in rows_of(count_categories(response)).items()
    ]
    found.sort(key=lambda row: (row[0] or "", row[1] or "", row[2]))
    kinds = pa.schema([("job", pa.string()), ("category", pa.string()), ("label", pa.int64()), ("n", pa.int32())])
    columns = dict(zip(kinds.names, map(list, zip(*found, strict=True)), strict=True))
    counts = pa.table(columns, kinds)
    for name in ("ndjson", "index/counts", "index/labels"):
        (folder / name).mkdir(parents=True)
    for part in range(0, number, len(block)):
        with open(folder / "ndjson" / f"{part:09}.ndjson", "w") as file:
            file.writelines(f'{{"id":{part + i},"jsonResponse":{line}}}\n' for i, line in enumerate(lines))
        moved = pa.array([label + part for label in columns["label"]], pa.int64())
        parquet.write_table(
            counts.set_column(2, "label", moved), folder / f"index/counts/part-{part:09}.parquet", row_group_size=32_768
        )
        numbers = pa.array(range(part, part + len(block)), pa.int64())
        ids = pa.array([f"label-{part + i}" for i in range(len(block))])
        parquet.write_table(
            pa.table({"label": numbers, "label_id": ids}), folder / f"index/labels/part-{part:09}.parquet"
        )


SCHEMA = (
    "id bigint, jsonResponse struct<BOATS: struct<annotations: array<struct<categories: array<struct<name: string>>>>>>"
)
OWN = {
    "one": "size(filter(a, x -> exists(x.categories, c -> c.name = 'C3'))) > 2",
    "AND NOT": "size(filter(a, x -> exists(x.categories, c -> c.name = 'C3'))) > 1"
    " AND NOT size(filter(a, x -> exists(x.categories, c -> c.name = 'C0'))) > 0",
    "OR of counts": "size(filter(a, x -> exists(x.categories, c -> c.name = 'C7'))) > 2"
    " OR size(filter(a, x -> exists(x.categories, c -> c.name = 'C8'))) > 2",
    "none": "size(filter(a, x -> exists(x.categories, c -> c.name = 'C9'))) = 0",
    "total": "size(filter(a, x -> exists(x.categories, c -> c.name IS NOT NULL))) > 12",
}


def ask_index(session: Any, folder: Path, number: int, rounds: int) -> None:
    """The index, Spark's own reading of the JSON, and the scan of this package over it."""
    write_labels(folder, number)
    index = read_index(session, str(folder / "index"))
    sizes = {
        name: sum(f.stat().st_size for f in (folder / name).rglob("*") if f.is_file()) for name in ("ndjson", "index")
    }
    print(
        f"\n{number:,} labels: {sizes['ndjson'] / 1e6:,.0f} MB of NDJSON, {sizes['index'] / 1e6:,.0f} MB of index; two cores"
    )
    print(
        f"  {'':16}{'match':>11}{'index s':>9}{'cpu':>7}{'read.json s':>13}{'cpu':>7}{'faster':>8}{'cpu':>7}{'scan s':>9}{'cpu':>7}"
    )
    own = (
        session.read.schema(SCHEMA).json(str(folder / "ndjson")).selectExpr("id", "jsonResponse.BOATS.annotations AS a")
    )
    select("BOATS.C1.count > 1 AND NOT BOATS.C2.count > 0", index).count()
    own.where("size(filter(a, x -> exists(x.categories, c -> c.name = 'C1'))) > 1").limit(1).count()
    for name, text in INDEXED.items():
        by_index = best(lambda text=text: select(text, index).count(), rounds)  # type: ignore[misc]
        print(f"  {name:16}{by_index.result:11,}{by_index.wall:9.2f}{by_index.cpu:7.1f}", end="", flush=True)
        if number <= 10 * BLOCK or name == "one":  # what reads all of it takes as long whatever is asked
            by_json = best(lambda name=name: own.where(OWN[name]).count(), 1)  # type: ignore[misc]
            print(
                f"{by_json.wall:13.2f}{by_json.cpu:7.1f}{by_json.wall / by_index.wall:8.1f}{by_json.cpu / by_index.cpu:7.1f}",
                end="",
            )
            if by_json.result != by_index.result:
                raise SystemExit(f"not the same answer to {text}: {by_index.result}, {by_json.result}")
        if name == "one":
            scanned = best(lambda text=text: exports.select(session, text, str(folder / "ndjson")).count(), 1)  # type: ignore[misc]
            print(f"{scanned.wall:9.2f}{scanned.cpu:7.1f}", end="")
            if scanned.result != by_index.result:
                raise SystemExit(f"not the same answer to {text}: {by_index.result}, {scanned.result}")
        print(flush=True)


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--labels", type=int, nargs="*", default=[100_000, 1_000_000])
    options.add_argument("--megabytes", type=int, default=300)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    settings = {"spark.driver.memory": "3g", "spark.driver.extraJavaOptions": "-Xss4m"}
    folder = Path(tempfile.mkdtemp(prefix="kili-query-bench-"))
    try:
        for cores, megabytes, numbers in ((1, chosen.megabytes, []), (2, 0, chosen.labels)):
            if megabytes or numbers:
                (home := folder / f"{cores}").mkdir()
                with spark(home, cores=cores, settings=settings) as running:
                    running.classic.addArtifacts(package(), pyfile=True)
                    if megabytes:
                        read_exports(running.classic, home, megabytes, chosen.rounds)
                    for number in numbers:
                        (of := home / f"labels-{number}").mkdir()
                        ask_index(running.classic, of, number, chosen.rounds)
                        shutil.rmtree(of)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
