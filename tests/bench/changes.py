"""Changes of labels and assets beside the real `kili`, both on the same local server in the same run.

    python -m tests.bench.changes              # 10,000 labels and assets, 5,000 texts, 500 images of 200 kB
    python -m tests.bench.changes --share 0.01

Each way runs in a fresh process, on a server of its own, in turn. Memory is the largest resident size of the client's
process; behind it stand the seconds that the processors worked for the client, and for the server: where the latter alone are
most of the time, no client can be faster. Both keep to 500 calls a minute; no way makes as many. A way that the
local server does not serve yet is told, and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.asked import asked
from tests.installing import KILI, python_with_kili

INTERFACE = {"jobs": {"NOTES": {"mlTask": "TRANSCRIPTION", "content": {"input": "textField"}}}}

WAYS = {
    "append_labels": (10_000, "IMAGE"),
    "append_many_to_dataset, texts": (5_000, "TEXT"),
    "append_many_to_dataset, images": (500, "IMAGE"),
    "update_properties_in_assets": (10_000, "IMAGE"),
}
"""How many items each changes, and the input type of the project."""

CLIENT = """
import json, os, resource, sys, time, warnings
warnings.simplefilter("ignore")
package, endpoint, key, way, number, input_type, folder, server = sys.argv[1:]
number = int(number)
def work_of_server():
    "Seconds of both processors that the server has worked so far; where the system does not tell it, none."
    try:
        fields = open(f"/proc/{server}/stat").read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
if package == "kili":
    from kili.client import Kili
else:
    from kili_query import Kili
kili = Kili(api_key=key, api_endpoint=endpoint)
project = kili.create_project(title=way, input_type=input_type, json_interface=json.loads(os.environ["INTERFACE"]))["id"]
if way.startswith("append_many"):
    contents = [f"Text number {n}. " * 20 for n in range(number)] if input_type == "TEXT" else [
        os.path.join(folder, f"{n}.png") for n in range(number)]
    call = lambda: kili.append_many_to_dataset(project_id=project, content_array=contents, disable_tqdm=True,
                                               external_id_array=[str(n) for n in range(number)])
else:
    urls = [f"https://example.com/{n}.png" for n in range(number)]
    ids = kili.append_many_to_dataset(project_id=project, content_array=urls, disable_tqdm=True)["asset_ids"]
    responses = [{"NOTES": {"text": f"note {n} " * 60}} for n in range(number)]
    if way == "append_labels":
        call = lambda: kili.append_labels(asset_id_array=ids, json_response_array=responses, disable_tqdm=True)
    else:
        metadata = [{"text": f"asset {n}"} for n in range(number)]
        call = lambda: kili.update_properties_in_assets(asset_ids=ids, json_metadatas=metadata)
before, worked, started = work_of_server(), time.process_time(), time.perf_counter()
try:
    call()
except Exception as error:
    print(json.dumps(str(error)))
    sys.exit()
seconds = time.perf_counter() - started
client, server_work = time.process_time() - worked, work_of_server() - before
done = kili.count_labels(project_id=project) if way == "append_labels" else kili.count_assets(project_id=project)
assert done == number, done
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, client, server_work]))
"""

SERVER = """
import sys
from kili_query.server import LocalKili
with LocalKili() as server:
    print(server.endpoint, server.api_key, flush=True)
    sys.stdin.read()
"""


def _pictures(folder: Path, number: int) -> None:
    """Images of 200 kB: the header of one, and noise that no reader of headers looks at."""
    from tests.client.pictures import png

    for n in range(number):
        (folder / f"{n}.png").write_bytes(png(200, 200) + os.urandom(200_000))


def _run(python: str, arguments: list[str]) -> list[float] | str:
    # a home of its own, because the real package keeps the schema there
    done = subprocess.run([python, "-c", CLIENT, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    measured: list[float] | str = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--share", type=float, default=1.0, help="of the number of items")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="ways whose names hold this")
    options = parser.parse_args()
    pythons = {"kili": str(python_with_kili()), "kili_query": sys.executable}
    print(f"kili {KILI}; best of {options.rounds}")
    print(f"{'':32} {'number':>7} {'kili':>32} {'kili_query':>32} {'ratio':>6} {'memory':>7}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HOME=folder, INTERFACE=json.dumps(INTERFACE))
        for way, (whole, input_type) in WAYS.items():
            number = max(1, round(whole * options.share))
            if options.only not in way:
                continue
            if way.endswith("images"):
                _pictures(Path(folder), number)
            best: dict[str, Any] = {}
            for _ in range(options.rounds):
                for package, python in pythons.items():
                    # a server of its own for each, so that none works in what another has left
                    with subprocess.Popen(
                        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                    ) as server:
                        assert server.stdout
                        endpoint, key = server.stdout.readline().split()
                        given = [package, endpoint, key, way, str(number), input_type, folder, str(server.pid)]
                        measured = _run(python, given)
                        server.communicate("")
                    known = best.get(package)
                    best[package] = (
                        measured if known is None or isinstance(measured, str) else list(map(min, known, measured))
                    )
            _show(way, number, best["kili"], best["kili_query"])


def _show(way: str, number: int, theirs: Any, ours: Any) -> None:
    if isinstance(theirs, str) or isinstance(ours, str):
        print(f"{way:32} {number:7} not served yet: {ours if isinstance(ours, str) else theirs}"[:160])
        return
    shown = [
        f"{seconds:7.2f} s {megabytes:4.0f} MB {client:6.2f}+{server:.2f}"
        for seconds, megabytes, client, server in (theirs, ours)
    ]
    print(f"{way:32} {number:7} {shown[0]:>32} {shown[1]:>32} {theirs[0] / ours[0]:6.1f} {ours[1] / theirs[1]:7.2f}")
    asked(f"{way}, kili / kili_query", theirs[0] / ours[0], 2 if "image" in way else 3)
    asked(f"{way}, memory of kili's", ours[1] / theirs[1], 1, most=True)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"in {time.perf_counter() - started:.0f} s")
