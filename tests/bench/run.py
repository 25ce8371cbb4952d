"""The speed of kili_query beside named peers, all measured in one run: a table of ratios.

    pip install -e ".[test,bench]"
    python -m tests.bench.run                 # all; about ten minutes, 2 GB of disk
    python -m tests.bench.run --megabytes 50  # a quick look

Each figure is the best of several rounds, peers and kili_query in turn, so that a slow moment of the machine
meets both. Memory is the largest sum over all processes of a run, sampled.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

QUERY = "OBJECT_DETECTION_JOB.CAT_3.count > 2"
EXAMPLES = (
    "(JOB_CLASSIF.CATEGORY_A.count > 0 OR JOB_NER.CATEGORY_B.count > 0) AND JOB_BBOX.CATEGORY_C.count > 10",
    "JOB_CLASSIF.CATEGORY_A.count > 0",
    "JOB_CLASSIF.CATEGORY_A.count > 0 OR JOB_NER.CATEGORY_B.count > 0",
)
LONG = " OR ".join(f"JOB_{i % 7}.CATEGORY_{i}.count > {i}" for i in range(400))


class Run(NamedTuple):
    """One way to do a thing, run in a process of its own: it prints the number of matches and the seconds."""

    name: str
    code: str
    needs: str | None = None
    """The package that it is about, if that is not ours."""


def _installed(runs: list[Run]) -> list[Run]:
    """Those that can run; of the others it is said that they cannot, and no number is given."""
    missing = [run for run in runs if run.needs and find_spec(run.needs) is None]
    for run in missing:
        print(f"  {run.name}: {run.needs} is not installed")
    return [run for run in runs if run not in missing]


ORJSON = """
import orjson
def run(path):
    found = 0
    for line in open(path, "rb"):
        job = orjson.loads(line)["jsonResponse"].get("OBJECT_DETECTION_JOB", {})
        count = 0
        for annotation in job.get("annotations", ()):
            for category in annotation["categories"]:
                count += category["name"] == "CAT_3"
        found += count > 2
    return found
"""

PANDAS = """
import pandas
def run(path):
    def count(response):
        annotations = response.get("OBJECT_DETECTION_JOB", {}).get("annotations", ())
        return sum(c["name"] == "CAT_3" for a in annotations for c in a["categories"])
    return int((pandas.read_json(path, lines=True)["jsonResponse"].apply(count) > 2).sum())
"""

DUCKDB = """
import duckdb
def run(path):
    response = "STRUCT(OBJECT_DETECTION_JOB STRUCT(annotations STRUCT(categories STRUCT(name VARCHAR)[])[]))"
    return duckdb.sql(f'''
        SELECT count(*) FROM read_json('{path}', format='newline_delimited', columns={{jsonResponse: '{response}'}})
        WHERE len(list_filter(jsonResponse.OBJECT_DETECTION_JOB.annotations, lambda a: a.categories[1].name = 'CAT_3')) > 2
    ''').fetchall()[0][0]
"""

OURS = """
from kili_query import parse
from kili_query.offline.select import select
query = parse({query!r})
def run(path):
    return sum(part.summary.matched_labels for part in select(query, path, workers={workers}, data=False))
"""


def ours(workers: int | None) -> str:
    """Our code with so many workers; None: the default."""
    return OURS.format(query=QUERY, workers=workers)


def once(code: str, path: Path) -> tuple[int, float, float]:
    """Matches, seconds without start of Python, imports and our grammar (0.1 s), peak MB over all processes."""
    timed = (
        f"{code}\nimport sys, time\n"
        "start = time.perf_counter()\nfound = run(sys.argv[1])\nprint(found, time.perf_counter() - start)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", timed, str(path)], stdout=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    output = process.communicate()[0]
    watcher.join()
    if process.returncode:
        raise SystemExit(f"a peer failed:\n{code}")
    found, seconds = output.split()[-2:]  # DuckDB may draw a bar before
    return int(found), float(seconds), peak[0]


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    try:
        import psutil
    except ImportError:  # then there is no figure of memory
        peak[0] = float("nan")
        return
    while process.poll() is None:
        try:
            root = psutil.Process(process.pid)
            total = sum(p.memory_full_info().pss for p in [root, *root.children(recursive=True)])
            peak[0] = max(peak[0], total / 1e6)
        except psutil.Error:
            pass
        time.sleep(0.05)


def compare(title: str, path: Path, runs: list[Run], rounds: int) -> dict[str, float]:
    """Run all in turn that are installed, print a table, give the best seconds of each."""
    runs = _installed(runs)
    best: dict[str, float] = {}
    peaks: dict[str, float] = {}
    founds: dict[str, int] = {}
    for _ in range(rounds):
        for run in runs:
            found, seconds, peak = once(run.code, path)
            founds[run.name] = found
            best[run.name] = min(seconds, best.get(run.name, seconds))
            peaks[run.name] = max(peak, peaks.get(run.name, 0.0))
    if len(set(founds.values())) > 1:
        raise SystemExit(f"not the same answer: {founds}")
    size = _content(path) / 1e6
    labels = _labels(path)
    print(f"\n{title}: {size:,.0f} MB, {labels:,} labels, {next(iter(founds.values())):,} match")
    print(f"  {'':34}{'MB/s':>8}{'labels/s':>11}{'peak MB':>9}{'times ' + runs[0].name.split()[0]:>14}")
    for name, seconds in best.items():
        ratio = best[runs[0].name] / seconds
        print(f"  {name:34}{size / seconds:8,.0f}{labels / seconds:11,.0f}{peaks[name]:9,.0f}{ratio:14.2f}")
    return best


def _content(path: Path) -> int:
    import zipfile

    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    return path.stat().st_size


def _labels(path: Path) -> int:
    import zipfile

    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return len(archive.namelist())
    with path.open("rb") as file:
        return sum(1 for _ in file)


def bench_labels(folder: Path, megabytes: float, rounds: int) -> None:
    """Filtering, against loops over decoded labels and against DuckDB."""
    one, default = Run("kili_query, 1 process", ours(1)), Run("kili_query, default workers", ours(None))
    peers = [
        Run("orjson.loads + loop", ORJSON, "orjson"),
        Run("DuckDB read_json, typed struct", DUCKDB, "duckdb"),
    ]
    path = folder / "image.ndjson"
    _make_lines(path, "image", megabytes)
    best = compare("image labels, NDJSON", path, [*peers, one, default], rounds)
    if peers[0].name in best:
        _verdict("one process / orjson + loop", best[peers[0].name] / best[one.name], 2.5)
    if peers[1].name in best:
        _verdict("default workers / DuckDB", best[peers[1].name] / best[default.name], 1.8)
    part = folder / "part.ndjson"
    _make_lines(part, "image", min(megabytes, 60))
    few = compare("a part of them", part, [Run("pandas read_json + apply", PANDAS, "pandas"), one], max(1, rounds // 2))
    if "pandas read_json + apply" in few:
        _verdict("one process / pandas", few["pandas read_json + apply"] / few[one.name], 10)
    rate = _content(path) / 1e6 / best[one.name], _content(path) / 1e6 / best[default.name]
    for title, indent in (("as Kili exports them, indented", 4), ("not indented: the bytes of the NDJSON", None)):
        archive = folder / f"image-{indent}.zip"
        _make_export(archive, part if indent else path, indent)
        zipped = compare(f"export archive, {title}", archive, [one, default], rounds)
        for run, lines in zip((one, default), rate, strict=True):
            _verdict(f"zip / NDJSON, {run.name}", _content(archive) / 1e6 / zipped[run.name] / lines, 0.5)
    for kind in ("video", "nested"):
        other = folder / f"{kind}.ndjson"
        _make_lines(other, kind, megabytes / 5)
        loop = Run("json.loads + count_categories", GENERAL)
        compare(f"{kind} labels, NDJSON", other, [loop, one, default], max(1, rounds // 2))


GENERAL = f"""
import json
from kili_query import parse
def run(path):
    query, found = parse({QUERY!r}), 0
    for line in open(path, "rb"):
        found += query.matches(json.loads(line)["jsonResponse"])
    return found
"""


def _make_lines(path: Path, kind: str, megabytes: float) -> None:
    from tests.bench.generate import write_ndjson

    if not path.exists():
        write_ndjson(path, kind, megabytes)


def _make_export(path: Path, lines: Path, indent: int | None) -> None:
    from tests.bench.generate import write_export

    if not path.exists():
        write_export(path, lines, indent=indent)


PARSING = """
import sys, time
{setup}
texts = {texts!r}
best = 9e9
for _ in range({rounds}):
    start = time.perf_counter()
    for text in texts:
        parse(text)
    best = min(best, time.perf_counter() - start)
print(best)
"""


def bench_parsing(oracle: Path | None, rounds: int) -> None:
    """Parsing, against the check of Kili's own package."""
    print("\nparsing, uncached; seconds for all texts")
    mine = "from kili_query.lang.parser import parse_tree as parse\nparse('A.B.count > 1')"
    theirs = "from kili.core.helpers import validate_category_search_query as parse"
    for name, texts, repeat, target in (
        ("three documented examples", EXAMPLES, 100, 8.0),
        ("400 comparisons", (LONG,), 20, 3.0),
    ):
        best: dict[str, float] = {}
        for _ in range(rounds):
            for who, python, setup in (("ours", Path(sys.executable), mine), ("theirs", oracle, theirs)):
                if python is None:
                    continue
                code = PARSING.format(setup=setup, texts=texts, rounds=repeat)
                out = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
                best[who] = min(best.get(who, float("inf")), float(out))
        told = f"{best['theirs'] * 1e3:.2f} ms" if oracle else "is not installed: no --oracle"
        print(f"  {name:34} kili_query {best['ours'] * 1e3:.2f} ms, kili {told}")
        if oracle:
            _verdict(f"{name}: kili / kili_query", best["theirs"] / best["ours"], target)


def cpu(arguments: list[str]) -> float:
    """Processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench_start(rounds: int) -> None:
    """What it costs to start."""
    python = sys.executable
    command = str(Path(python).with_name("kili-query"))
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import kili_query": [python, "-c", "import kili_query"],
        "kili-query check": [command, "check", EXAMPLES[1]],
    }
    best: dict[str, float] = {}
    for _ in range(rounds * 8):
        for name, arguments in commands.items():
            best[name] = min(cpu(arguments), best.get(name, 9e9))
    print("\nstarting; processor milliseconds")
    for name, seconds in best.items():
        print(f"  {name:34}{seconds * 1e3:8.1f}")
    _verdict("import kili_query / python -c pass", best["import kili_query"] / best["python -c pass"], 5, most=True)
    _verdict("kili-query check / python -c pass", best["kili-query check"] / best["python -c pass"], 12, most=True)


def _verdict(name: str, ratio: float, target: float, *, most: bool = False) -> None:
    good = ratio <= target if most else ratio >= target
    print(
        f"  -> {name}: {ratio:.2f} (asked: {'at most' if most else 'at least'} {target:g}) {'ok' if good else 'MISSED'}"
    )


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--megabytes", type=float, default=300, help="NDJSON to filter")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help="keep the generated files here")
    options.add_argument("--oracle", type=Path, help="python of a virtual environment with kili 26.2.4")
    options.add_argument("--only", choices=["labels", "parsing", "start"])
    chosen = options.parse_args()
    benches: dict[str, Callable[[], None]] = {
        "start": lambda: bench_start(chosen.rounds),
        "parsing": lambda: bench_parsing(chosen.oracle, chosen.rounds),
    }
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        benches["labels"] = lambda: bench_labels(folder, chosen.megabytes, chosen.rounds)
        for name, bench in benches.items():
            if chosen.only in (None, name):
                bench()


if __name__ == "__main__":
    main()
