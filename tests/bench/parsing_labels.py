"""Parsed labels, beside those of the real `kili` 26.2.4: `python -m tests.bench.parsing_labels --oracle PYTHON`.

5,000 labels of 10 polygons with 20 vertices each become parsed labels; then all their categories and vertices are read.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.asked import asked

INTERFACE = {
    "jobs": {
        "FIELDS": {
            "mlTask": "OBJECT_DETECTION",
            "tools": ["polygon"],
            "required": 0,
            "isChild": False,
            "content": {"input": "radio", "categories": {name: {"name": name.title(), "children": []} for name in ("WHEAT", "RYE")}},
        }
    }
}  # fmt: skip

CODE = """
import json, resource, sys, time
{importing}
with open(sys.argv[1]) as file:
    interface, labels = json.load(file)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
parsed = parse_labels(labels, interface, "IMAGE")
made = time.perf_counter()
found = sum(
    len(polygon.normalized_vertices) * (annotation.category.name == "WHEAT")
    for label in parsed
    for annotation in label.jobs["FIELDS"].annotations
    for polygon in annotation.bounding_poly
)
read = time.perf_counter()
back = sum(len(label.to_dict()["jsonResponse"]["FIELDS"]["annotations"]) for label in parsed)
print(found + back, made - start, read - made, time.perf_counter() - read, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
OURS = "from kili_query import parse_labels"
THEIRS = "from kili.utils.labels.parsing import parse_labels"


def make_labels(number: int, polygons: int = 10, vertices: int = 20) -> list[dict[str, Any]]:
    """Labels of polygons, always the same."""
    chance = random.Random(5)

    def annotation(mid: str) -> dict[str, Any]:
        ring = [{"x": chance.random(), "y": chance.random()} for _ in range(vertices)]
        name = chance.choice(["WHEAT", "RYE"])
        return {"mid": mid, "type": "polygon", "categories": [{"name": name}], "children": {}, "boundingPoly": [{"normalizedVertices": ring}]}  # fmt: skip

    return [
        {"id": f"l{n}", "labelType": "DEFAULT", "jsonResponse": {"FIELDS": {"annotations": [annotation(f"{n}-{k}") for k in range(polygons)]}}}
        for n in range(number)
    ]  # fmt: skip


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--oracle", required=True, help="python of a virtual environment with kili 26.2.4")
    options.add_argument("--labels", type=int, default=5_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    best: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        path.write_text(json.dumps([INTERFACE, make_labels(chosen.labels)]), encoding="utf-8")
        for _ in range(chosen.rounds):
            answers = set()
            for who, python, importing in (
                ("kili_query", sys.executable, OURS),
                ("kili 26.2.4", chosen.oracle, THEIRS),
            ):
                code = CODE.format(importing=importing)
                done = subprocess.run(
                    [python, "-W", "ignore", "-c", code, str(path)], capture_output=True, text=True, check=True
                )
                found, *figures = map(float, done.stdout.split())
                answers.add(found)
                best[who] = [min(pair) for pair in zip(figures, best.get(who, figures), strict=True)]
            if len(answers) != 1:
                raise SystemExit(f"not the same answer: {answers}")
    print(f"{chosen.labels:,} labels of 10 polygons")
    print(f"  {'':14}{'parse, s':>10}{'read, s':>10}{'back, s':>10}{'memory, MB':>12}")
    for who, figures in best.items():
        print(f"  {who:14}" + "".join(f"{figure:10.2f}" for figure in figures[:3]) + f"{figures[3]:12.0f}")
    ratio = best["kili 26.2.4"][0] / best["kili_query"][0]
    asked("parsed labels: kili / kili_query", ratio, 3)


if __name__ == "__main__":
    main()
