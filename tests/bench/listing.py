"""Listing labels and assets beside the real `kili`, both asking the same local server in the same run.

    python -m tests.bench.listing              # 20,000 labels of about 2 kB, on as many assets
    python -m tests.bench.listing --number 2000

The server runs in a process of its own. Each way runs in a fresh process; in turn, best of `--rounds`. Memory is the
largest resident size of the client's process. The real package is installed into an environment of its own, as for
the tests that ask it. Both keep to 500 calls a minute; no way makes as many.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.asked import asked
from tests.bench.generate import CATEGORIES, nested
from tests.installing import KILI, python_with_kili

INTERFACE = {
    "jobs": {
        "OBJECT_DETECTION_JOB": {
            "mlTask": "CLASSIFICATION",
            "content": {"categories": {name: {"name": name, "children": ["COLOR_JOB"]} for name in CATEGORIES}, "input": "checkbox"},
        },
        "COLOR_JOB": {
            "mlTask": "CLASSIFICATION",
            "isChild": True,
            "content": {"categories": {name: {"name": name} for name in ("RED", "BLUE", "GREEN")}, "input": "radio"},
        },
        "NOTES": {"mlTask": "TRANSCRIPTION", "content": {"input": "textField"}},
    }
}  # fmt: skip

WAYS = {
    "labels with jsonResponse": "list(kili.labels(project_id=project, disable_tqdm=True))",
    "assets with labels": "list(kili.assets(project_id=project, disable_tqdm=True))",
    "labels, a generator's first": "[next(kili.labels(project_id=project, disable_tqdm=True, as_generator=True))]",
    "assets, a generator's first": "[next(kili.assets(project_id=project, disable_tqdm=True, as_generator=True))]",
}

CLIENT = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
package, endpoint, key, project, way = sys.argv[1:]
if package == "kili":
    from kili.client import Kili
else:
    from kili_query import Kili
kili = Kili(api_key=key, api_endpoint=endpoint)
started = time.perf_counter()
rows = eval(way)
seconds = time.perf_counter() - started
rows = rows if isinstance(rows, list) else list(rows)
print(json.dumps([len(rows), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""

SERVER = """
import sys
from kili_query.server import LocalKili
with LocalKili() as server:
    project = server.load(sys.argv[1], interface=sys.argv[2], input_type="IMAGE")
    print(server.endpoint, server.api_key, project, flush=True)
    sys.stdin.read()
"""


def _export(path: Path, number: int, text: int) -> None:
    chance = random.Random(7)
    with path.open("w") as file:
        for n in range(number):
            response = {**nested(chance), "NOTES": {"text": "x" * chance.randrange(text)}}
            label = {"id": f"l{n}", "labelType": "DEFAULT", "createdAt": "2026-01-01T00:00:00.000Z", "secondsToLabel": 3,
                     "author": {"id": "u", "email": "ada@example.com"}, "jsonResponse": response}  # fmt: skip
            asset = {"id": f"a{n}", "externalId": f"{n}.jpg", "content": "", "jsonMetadata": {}, "labels": [label]}
            file.write(json.dumps(asset) + "\n")


def _run(python: str, arguments: list[str]) -> tuple[int, float, float]:
    # a home of its own, because the real package keeps the schema there
    done = subprocess.run([python, "-c", CLIENT, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    number, seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return number, seconds, megabytes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--number", type=int, default=20_000)
    parser.add_argument(
        "--text", type=int, default=4_000, help="bytes of free text in a label at most, half of it on average"
    )
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    pythons = {"kili": str(python_with_kili()), "kili_query": sys.executable}
    with tempfile.TemporaryDirectory() as folder:
        export, interface = Path(folder, "export.ndjson"), Path(folder, "interface.json")
        _export(export, options.number, options.text)
        interface.write_text(json.dumps(INTERFACE))
        print(f"{options.number} labels, {export.stat().st_size / 1e6:.0f} MB; kili {KILI}; best of {options.rounds}")
        os.environ["HOME"] = folder
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, str(export), str(interface)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout
            endpoint, key, project = server.stdout.readline().split()
            best: dict[tuple[str, str], list[Any]] = {}
            for _ in range(options.rounds):
                for way, code in WAYS.items():
                    for package, python in pythons.items():
                        number, seconds, megabytes = _run(python, [package, endpoint, key, project, code])
                        known = best.setdefault((way, package), [number, seconds, megabytes])
                        known[1:] = min(known[1], seconds), min(known[2], megabytes)
            server.communicate("")
    print(f"{'':30} {'kili':>17} {'kili_query':>17} {'ratio':>6} {'memory':>7}")
    for way in WAYS:
        theirs, ours = best[way, "kili"], best[way, "kili_query"]
        assert theirs[0] == ours[0], way
        shown = [f"{row[1]:7.2f} s {row[2]:4.0f} MB" for row in (theirs, ours)]
        print(f"{way:30} {shown[0]:>17} {shown[1]:>17} {theirs[1] / ours[1]:6.1f} {ours[2] / theirs[2]:7.2f}")
        asked(f"{way}, kili / kili_query", theirs[1] / ours[1], 1 if "generator" in way else 4)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"in {time.perf_counter() - started:.0f} s")
