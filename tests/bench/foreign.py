"""Datasets of other formats beside datumaro, each in a fresh process of an environment of its own, in the same run.

    python -m tests.bench.foreign                      # 100,000 images with 3 objects each
    python -m tests.bench.foreign --number 10000 --rounds 1

From COCO: into Kili's own format here, into datumaro's own there. To COCO: from these. Half of the objects are boxes, the
others outlines of about 20 corners. Time is that of the whole process, start and end included: seconds on the clock, and
of the processor; memory is the largest resident size of the process (`wait4`).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.installing import python_with

NAMES = ("person", "car", "traffic light", "dog", "bus", "tree", "bench", "kite")

PEER = """
import logging, sys
logging.disable(logging.WARNING)
from datumaro.components.dataset import Dataset
source, kind, target, to = sys.argv[1:]
Dataset.import_from(source, kind).export(target, to, save_media=False)
"""


class Used(NamedTuple):
    """What a process took."""

    seconds: float
    cpu: float
    megabytes: float


def write_coco(path: Path, number: int, seed: int = 7) -> None:
    """A file of COCO, written image by image."""
    chance = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = [{"id": n * 3 + 1, "name": name, "supercategory": ""} for n, name in enumerate(NAMES)]
    with path.open("w") as file:
        file.write('{"info": {}, "licenses": [], "categories": ' + json.dumps(categories) + ', "images": [')
        for n in range(number):
            file.write(
                ", " * (n > 0) + json.dumps({"id": n + 1, "file_name": f"{n:08}.jpg", "width": 1280, "height": 720})
            )
        file.write('], "annotations": [')
        for n in range(number * 3):
            x, y, size = chance.uniform(60, 1200), chance.uniform(60, 650), chance.uniform(5, 50)
            ring = [
                round(at, 2) for turn in range(20)
                for at in (x + size * math.cos(turn / 20 * math.tau), y + size * math.sin(turn / 20 * math.tau))
            ] if n % 2 else []  # fmt: skip
            box = [round(at, 2) for at in (x - size, y - size, 2 * size, 2 * size)]
            one = {"id": n + 1, "image_id": n // 3 + 1, "category_id": chance.randrange(len(NAMES)) * 3 + 1, "bbox": box,
                   "segmentation": [ring] if ring else [], "area": round(4 * size * size, 2), "iscrowd": 0}  # fmt: skip
            file.write(", " * (n > 0) + json.dumps(one))
        file.write("]}")


def run(*command: str | Path) -> Used:
    """Run a process to its end."""
    started = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(told.decode()[-2000:])
    return Used(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="without datumaro")
    chosen = parser.parse_args(arguments)
    ours = [sys.executable, "-m", "kili_query"]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "coco/images/default").mkdir(parents=True)
        write_coco(place / "coco/annotations/instances_default.json", chosen.number)
        peer = None if chosen.alone else python_with("datumaro", "datumaro")
        print(f"{chosen.number:,} images, {chosen.number * 3:,} objects, {(place / 'coco/annotations/instances_default.json').stat().st_size >> 20} MB")  # fmt: skip
        rows: dict[str, list[Used]] = {}
        for _ in range(chosen.rounds):
            for mine, theirs in (("from COCO", "datumaro, from COCO"), ("to COCO", "datumaro, to COCO")):
                if mine == "from COCO":
                    used = run(*ours, "convert", place / "coco", "--from", "coco", "--to", "kili", "--single-file", "-q", "-o", place / "kili.zip")  # fmt: skip
                else:
                    used = run(*ours, "convert", place / "kili.zip", "--ontology", place / "kili-ontology.json", "--to", "coco", "-q", "-o", place / "out.zip")  # fmt: skip
                rows.setdefault(mine, []).append(used)
                if mine == "from COCO":
                    shutil.unpack_archive(place / "kili.zip", place / "kili")
                    shutil.copy(place / "kili/kili-ontology.json", place)
                if peer is None:
                    continue
                target = place / ("datumaro" if mine == "from COCO" else "again")
                shutil.rmtree(target, ignore_errors=True)
                source, kind, to = ("coco", "coco_instances", "datumaro") if mine == "from COCO" else ("datumaro", "datumaro", "coco_instances")  # fmt: skip
                rows.setdefault(theirs, []).append(run(peer, "-c", PEER, place / source, kind, target, to))
                for file in place.glob("datumaro/annotations/*.json"):  # it does not read the paths that it writes
                    file.write_bytes(file.read_bytes().replace(f"{place}/coco/images/default/".encode(), b""))
        print(f"{'':24}{'seconds':>10}{'cpu':>10}{'MB':>10}")
        for title, found in rows.items():
            best = Used(*(min(column) for column in zip(*found, strict=True)))
            print(f"{title:24}{best.seconds:10.2f}{best.cpu:10.2f}{best.megabytes:10.1f}")


if __name__ == "__main__":
    main()
