"""Exports beside the real `kili`, both asking the same local server in the same run; and conversion on disk.

    python -m tests.bench.exports                  # 5,000 assets with 10 polygons each, and 10,000 and 100,000 on disk
    python -m tests.bench.exports --number 500 --disk 1000,10000

The server runs in a process of its own, each export in a fresh one; in turn, best of `--rounds`. Memory is the largest
resident size of the client's process, and what it has beyond a process that only imports the package.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.asked import asked
from tests.bench.listing import SERVER
from tests.installing import KILI, python_with_kili

CATEGORIES = ("CAR", "BUS", "TREE")
INTERFACE = {
    "jobs": {
        "SHAPES": {
            "mlTask": "OBJECT_DETECTION", "tools": ["rectangle", "polygon", "semantic"], "required": 0, "isChild": False,
            "instruction": "draw",
            "content": {"categories": {name: {"name": name, "children": []} for name in CATEGORIES}, "input": "radio"},
        }
    }
}  # fmt: skip

WAYS = {
    "coco": {"fmt": "coco", "layout": "merged"},
    "yolo_v8 merged": {"fmt": "yolo_v8", "layout": "merged"},
    "pascal_voc": {"fmt": "pascal_voc", "layout": "merged"},
    "kili": {"fmt": "kili"},
}

CLIENT = """
import json, logging, resource, sys, time, warnings
warnings.simplefilter("ignore")
package, endpoint, key, project, arguments, target = sys.argv[1:]
if package == "kili":
    from kili.client import Kili
else:
    from kili_query import Kili
logging.disable(logging.CRITICAL)
kili = Kili(api_key=key, api_endpoint=endpoint)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
started, used = time.perf_counter(), time.process_time()
kili.export_labels(project, target, disable_tqdm=True, with_assets=False, **json.loads(arguments))
seconds, used = time.perf_counter() - started, time.process_time() - used
print(json.dumps([seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before]))
"""

CONVERT = """
import resource, sys, time
from kili_query.cli import app
started = time.perf_counter()
app(sys.argv[1:], standalone_mode=False)
print(time.perf_counter() - started, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _polygon(chance: random.Random, corners: int) -> list[dict[str, float]]:
    x, y, radius = chance.uniform(0.2, 0.8), chance.uniform(0.2, 0.8), chance.uniform(0.05, 0.2)
    angles = [2 * math.pi * n / corners for n in range(corners)]
    radii = [radius * chance.uniform(0.6, 1) for _ in angles]
    return [{"x": x + r * math.cos(a), "y": y + r * math.sin(a)} for a, r in zip(angles, radii, strict=True)]


def export(path: Path, number: int, tool: str = "polygon") -> None:
    """An export of so many assets, each with 10 objects."""
    chance = random.Random(7)
    with path.open("w") as file:
        for n in range(number):
            objects = [
                {"children": {}, "mid": f"{n}-{k}", "type": "rectangle" if k % 2 else tool,
                 "categories": [{"name": chance.choice(CATEGORIES)}],
                 "boundingPoly": [{"normalizedVertices": _polygon(chance, 4 if k % 2 else 12)}]}
                for k in range(10)
            ]  # fmt: skip
            label = {"id": f"l{n}", "labelType": "DEFAULT", "createdAt": "2026-01-01T00:00:00.000Z",
                     "author": {"id": "u", "email": "ada@example.com", "firstname": "Ada", "lastname": "King"},
                     "jsonResponse": {"SHAPES": {"annotations": objects}}}  # fmt: skip
            asset = {"id": f"a{n}", "externalId": f"img_{n}.jpg", "content": f"https://example.com/{n}.jpg", "jsonMetadata": {},
                     "resolution": {"width": 1920, "height": 1080}, "labels": [label]}  # fmt: skip
            file.write(json.dumps(asset) + "\n")


def _exported(python: str, arguments: list[str]) -> list[float]:
    done = subprocess.run([python, "-c", CLIENT, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, used, peak, before = json.loads(done.stdout.splitlines()[-1])
    return [seconds, used, peak, peak - before]


def _beside_kili(folder: Path, number: int, rounds: int) -> None:
    pythons = {"kili": str(python_with_kili()), "kili_query": sys.executable}
    source, interface = folder / "export.ndjson", folder / "interface.json"
    export(source, number)
    interface.write_text(json.dumps(INTERFACE))
    print(f"{number:,} assets, {source.stat().st_size / 1e6:.0f} MB; kili {KILI}; best of {rounds}")
    os.environ["HOME"] = str(folder)  # the real package keeps the schema there
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(source), str(interface)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:  # fmt: skip
        assert server.stdout
        endpoint, key, project = server.stdout.readline().split()
        print(f"{'kili / ours':16}{'seconds':>24}{'CPU seconds':>24}{'peak MB':>24}{'MB beyond import':>24}")
        for way, arguments in WAYS.items():
            best: dict[str, list[float]] = {}
            for _ in range(rounds):
                for package, python in pythons.items():
                    target = str(folder / f"{package}.zip")
                    found = _exported(python, [package, endpoint, key, project, json.dumps(arguments), target])
                    best[package] = list(map(min, found, best.get(package, found)))
            pairs = zip(best["kili"], best["kili_query"], strict=True)
            told = "".join(f"{f'{theirs:.1f} / {ours:.1f}':>16} {theirs / ours:5.1f} x" for theirs, ours in pairs)
            print(f"{way:16}{told}", flush=True)
            asked(f"export {way}, kili / kili_query", best["kili"][0] / best["kili_query"][0], 3)
            asked(f"export {way}, memory: kili / kili_query", best["kili"][2] / best["kili_query"][2], 2)
        assert server.stdin
        server.stdin.close()


def _on_disk(folder: Path, numbers: list[int]) -> None:
    interface = folder / "interface.json"
    interface.write_text(json.dumps(INTERFACE))
    print("convert on disk, one process")
    for number in numbers:
        source = folder / f"{number}.ndjson"
        export(source, number)
        for target in ("coco", "yolo_v8", "pascal_voc", "kili") if number == numbers[0] else ("coco",):
            arguments = [
                "convert",
                str(source),
                "--to",
                target,
                "--ontology",
                str(interface),
                "-q",
                "-o",
                str(folder / "out.zip"),
            ]
            done = subprocess.run(
                [sys.executable, "-c", CONVERT, *arguments], capture_output=True, text=True, check=True
            )
            seconds, used, peak = map(float, done.stdout.split())
            size = source.stat().st_size / 1e6
            print(
                f"{number:>9,} labels to {target:10} {size / seconds:6.1f} MB/s, {seconds:6.1f} s, {used:6.1f} s of CPU, peak {peak:.0f} MB",
                flush=True,
            )
        source.unlink()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--number", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--disk", default="10000,100000", help="numbers of labels to convert on disk; empty: none")
    options: Any = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.number:
            _beside_kili(Path(folder), options.number, options.rounds)
        if options.disk:
            _on_disk(Path(folder), [int(number) for number in options.disk.split(",")])


if __name__ == "__main__":
    main()
