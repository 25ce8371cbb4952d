"""The speed of kili_query beside named peers, all measured in one run: a table of ratios.

    pip install -e ".[test,bench]"
    python -m tests.bench.run                       # all; about twenty minutes, 3 GB of disk
    python -m tests.bench.run --megabytes 150 --only labels

Whole processes are timed, with start and imports; DuckDB both with a typed struct and with JSON paths, whichever is faster.
Each figure is the best of several rounds, peers and kili_query in turn, so that a slow moment of the machine
meets both. Memory is the largest sum over all processes of a run, sampled.
"""

from __future__ import annotations

import argparse
import json
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

import pytest

from tests.bench.asked import ROWS, asked, left_out, table

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
import orjson, sys
found = 0
for line in open(sys.argv[1], "rb"):
    job = orjson.loads(line)["jsonResponse"].get("OBJECT_DETECTION_JOB", {})
    count = 0
    for annotation in job.get("annotations", ()):
        for category in annotation["categories"]:
            count += category["name"] == "CAT_3"
    found += count > 2
print(found)
"""

PANDAS = """
import pandas, sys
def count(response):
    annotations = response.get("OBJECT_DETECTION_JOB", {}).get("annotations", ())
    return sum(c["name"] == "CAT_3" for a in annotations for c in a["categories"])
print(int((pandas.read_json(sys.argv[1], lines=True)["jsonResponse"].apply(count) > 2).sum()))
"""

DUCKDB_TYPED = """
import duckdb, sys
response = "STRUCT(OBJECT_DETECTION_JOB STRUCT(annotations STRUCT(categories STRUCT(name VARCHAR)[])[]))"
print(duckdb.sql(f'''
    SELECT count(*) FROM read_json('{sys.argv[1]}', format='newline_delimited', columns={{jsonResponse: '{response}'}})
    WHERE len(list_filter(flatten(list_transform(
        jsonResponse.OBJECT_DETECTION_JOB.annotations, lambda a: list_transform(a.categories, lambda c: c.name)
    )), lambda name: name = 'CAT_3')) > 2
''').fetchall()[0][0])
"""

DUCKDB_PATHS = """
import duckdb, sys
print(duckdb.sql(f'''
    SELECT count(*) FROM read_json_objects('{sys.argv[1]}', format='newline_delimited')
    WHERE len(list_filter(json_extract_string(
        json, '$.jsonResponse.OBJECT_DETECTION_JOB.annotations[*].categories[*].name'
    ), lambda name: name = 'CAT_3')) > 2
''').fetchall()[0][0])
"""

OURS = """
import sys
sys.argv[1:] = ["filter", sys.argv[1], {query!r}, "--count", "--quiet", *{options!r}]
from kili_query.__main__ import main
main()
"""


def ours(workers: int | None) -> str:
    """Our command with so many workers; None: the default."""
    return OURS.format(query=QUERY, options=["--workers", str(workers)] if workers else [])


def once(code: str, path: Path) -> tuple[int, float, float]:
    """Matches, seconds of the whole process with start and imports, peak MB over all of its processes."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    output = process.communicate()[0]
    seconds = time.perf_counter() - start
    watcher.join()
    if process.returncode:
        raise SystemExit(f"a peer failed:\n{code}")
    return int(output.split()[-1]), seconds, peak[0]  # DuckDB may draw a bar before


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
    """Filtering, against loops over decoded labels and against DuckDB at its best."""
    one, default = Run("kili_query, 1 process", ours(1)), Run("kili_query, default workers", ours(None))
    loop = Run("orjson.loads + loop", ORJSON, "orjson")
    ducks = [
        Run("DuckDB read_json, typed struct", DUCKDB_TYPED, "duckdb"),
        Run("DuckDB, JSON paths", DUCKDB_PATHS, "duckdb"),
    ]
    path, small = folder / f"image-{megabytes:g}.ndjson", folder / "image-150.ndjson"
    _make_lines(path, "image", megabytes)
    best = compare("image labels, NDJSON", path, [loop, *ducks, one, default], rounds)
    size = _content(path) / 1e6
    _beside(f"{size:,.0f} MB NDJSON: one process / orjson loop", best, [loop], one, 2.5)
    _beside(f"{size:,.0f} MB NDJSON: default workers / DuckDB's best", best, ducks, default, 1.8)
    asked(f"{size:,.0f} MB NDJSON: default workers, GB/s", size / 1e3 / best[default.name], 0.8)
    _make_lines(small, "image", 150)
    _beside(
        "150 MB NDJSON: default workers / DuckDB's best",
        compare("fewer of them", small, [*ducks, default], rounds),
        ducks,
        default,
        1,
    )
    part = folder / "part.ndjson"
    _make_lines(part, "image", min(megabytes, 60))
    frames = Run("pandas read_json + apply", PANDAS, "pandas")
    _beside(
        "one process / pandas", compare("a part of them", part, [frames, one], max(1, rounds // 2)), [frames], one, 10
    )
    rate = size / best[one.name], size / best[default.name]
    for title, indent in (("as Kili exports them, indented", 4), ("not indented: the bytes of the NDJSON", None)):
        archive = folder / f"image-{indent}.zip"
        _make_export(archive, part if indent else small, indent)
        zipped = compare(f"export archive, {title}", archive, [one, default], rounds)
        for run, lines in zip((one, default), rate, strict=True):
            asked(
                f"zip ({title.split(',')[0].split(':')[0]}) / NDJSON, {run.name}",
                _content(archive) / 1e6 / zipped[run.name] / lines,
                0.5,
            )
    for kind in ("video", "nested"):
        other = folder / f"{kind}.ndjson"
        _make_lines(other, kind, 60)
        general = Run("json.loads + count_categories", GENERAL)
        found = compare(f"{kind} labels, NDJSON", other, [general, one, default], max(1, rounds // 2))
        if kind == "nested":
            asked("nested classification, default workers, MB/s", _content(other) / 1e6 / found[default.name], 100)


def _beside(what: str, best: dict[str, float], peers: list[Run], mine: Run, target: float) -> None:
    """How many times faster than the best of some peers."""
    there = [best[peer.name] for peer in peers if peer.name in best]
    if there:
        asked(what, min(there) / best[mine.name], target)
    else:
        left_out(what, f"{peers[0].needs} is not installed")


GENERAL = f"""
import json, sys
from kili_query import parse
query, found = parse({QUERY!r}), 0
for line in open(sys.argv[1], "rb"):
    found += query.matches(json.loads(line)["jsonResponse"])
print(found)
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
        told = f"{best['theirs'] * 1e3:.2f} ms" if oracle else "is not installed"
        print(f"  {name:34} kili_query {best['ours'] * 1e3:.2f} ms, kili {told}")
        what = f"parsing {name}: kili / kili_query"
        if oracle:
            asked(what, best["theirs"] / best["ours"], target)
        else:
            left_out(what, "kili is not installed")


def cpu(arguments: list[str]) -> float:
    """Processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench_start(folder: Path, rounds: int) -> None:
    """What it costs to start."""
    python = sys.executable
    command = str(Path(python).with_name("kili-query"))
    export, source = folder / "three.ndjson", folder / "source.py"
    three = (
        {"id": f"l{n}", "labelOf": {"id": f"a{n}"}, "jsonResponse": {"J": {"categories": [{"name": "A"}]}}}
        for n in range(3)
    )
    export.write_text("".join(json.dumps(label) + "\n" for label in three))
    source.write_text(f"from kili_query import parse\n\nquery = parse({EXAMPLES[1]!r})\n")
    commands = {
        "python -c pass": ([python, "-c", "pass"], 1.0),
        "import kili_query": ([python, "-c", "import kili_query"], 1.2),
        "kili-query check": ([command, "check", EXAMPLES[1]], 5.0),
        "kili-query filter, three labels": ([command, "filter", str(export), "J.A.count > 0", "--ids"], 6.0),
        "kili-query lint, one file": ([command, "lint", str(source)], 6.0),
    }
    best: dict[str, float] = {}
    for _ in range(rounds * 8):
        for name, (arguments, _) in commands.items():
            best[name] = min(cpu(arguments), best.get(name, 9e9))
    print("\nstarting; processor milliseconds")
    for name, seconds in best.items():
        print(f"  {name:34}{seconds * 1e3:8.1f}")
    for name, (_, target) in list(commands.items())[1:]:
        asked(f"{name} / python -c pass, CPU", best[name] / best["python -c pass"], target, most=True)


OTHERS = ("listing", "changes", "exports", "media", "parsing_labels")
"""Benches of their own that are asked for figures."""


def bench_others(oracle: Path | None) -> None:
    """Those beside the real `kili`, each in a process of its own."""
    for name in OTHERS:
        if oracle is None:
            left_out(f"tests.bench.{name}", "kili is not installed")
            continue
        print(f"\n{name}", flush=True)
        options = ["--oracle", str(oracle)] if name == "parsing_labels" else []
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *options], check=False).returncode:
            left_out(f"tests.bench.{name}", "it failed")


def _kili() -> Path | None:
    """The Python that has the real `kili`; None where it cannot be installed."""
    from tests.installing import python_with_kili

    try:
        return python_with_kili()
    except pytest.skip.Exception as reason:
        print(f"no figures beside kili: {reason}")
        return None


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--megabytes", type=float, default=1000, help="NDJSON to filter")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help="keep the generated files here")
    options.add_argument(
        "--oracle", type=Path, help="python of a virtual environment with kili 26.2.4; default: one that is made once"
    )
    options.add_argument("--only", choices=["labels", "parsing", "start", "others"])
    chosen = options.parse_args()
    if chosen.oracle is None and chosen.only in (None, "parsing", "others"):
        chosen.oracle = _kili()
    benches: dict[str, Callable[[], None]] = {
        "parsing": lambda: bench_parsing(chosen.oracle, chosen.rounds),
        "others": lambda: bench_others(chosen.oracle),
    }
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = Path(scratch) / "rows"
        rows.touch()
        os.environ[ROWS] = str(rows)
        benches = {
            "start": lambda: bench_start(Path(scratch), chosen.rounds),
            "labels": lambda: bench_labels(folder, chosen.megabytes, chosen.rounds),
            **benches,
        }
        for name, bench in benches.items():
            if chosen.only in (None, name):
                bench()
        print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
