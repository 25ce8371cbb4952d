"""Downloads of media beside the real `kili`, on one local server: `python -m tests.bench.media`.

`assets(download_media=True)` of a project of 500 images of 200 kB, into an empty folder, and once more into the full
one. Each way is a process of its own; peak memory is the largest resident size of that process. `of CPU` is what the
client works itself, which a busy machine changes least.
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

from kili_query import Kili
from tests.bench.asked import asked
from tests.bench.changes import SERVER
from tests.client.pictures import png
from tests.installing import KILI, python_with_kili

CLIENT = """
import asyncio, json, resource, sys, time, warnings
warnings.simplefilter("ignore")
way, endpoint, key, project, folder = sys.argv[1:]
if way == "kili":
    from kili.client import Kili
else:
    from kili_query import AsyncKili, Kili
asked = dict(project_id=project, fields=["content", "externalId"], download_media=True, local_media_dir=folder,
             disable_tqdm=True)
async def tasks():
    async with AsyncKili(api_key=key, api_endpoint=endpoint) as kili:
        return await kili.assets(**asked)
if way == "kili_query, tasks":
    call = lambda: asyncio.run(tasks())
else:
    kili = Kili(api_key=key, api_endpoint=endpoint)
    call = lambda: kili.assets(**asked)
measured = []
for _ in range(2):
    started, worked = time.perf_counter(), time.process_time()
    rows = call()
    measured += [time.perf_counter() - started, time.process_time() - worked]
print(json.dumps([len(rows), *measured, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--bytes", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    pythons = {"kili": str(python_with_kili()), "kili_query": sys.executable, "kili_query, tasks": sys.executable}
    best: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        pictures = [Path(folder, f"{n}.png") for n in range(options.number)]
        for picture in pictures:
            picture.write_bytes(png(200, 200) + os.urandom(options.bytes))
        with subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout
            endpoint, key = server.stdout.readline().split()
            with Kili(key, endpoint, disable_tqdm=True) as kili:
                project = kili.create_project("Media", input_type="IMAGE", json_interface={"jobs": {}})["id"]
                names = [f"image {n}" for n in range(options.number)]
                kili.append_many_to_dataset(project, [str(path) for path in pictures], external_id_array=names)
            for number in range(options.rounds):
                for way, python in pythons.items():
                    given = [way, endpoint, key, project, os.path.join(folder, f"{way} {number}")]
                    done = subprocess.run([python, "-c", CLIENT, *given], capture_output=True, text=True, check=False)
                    if done.returncode:
                        sys.exit(done.stderr)
                    rows, *measured = json.loads(done.stdout.splitlines()[-1])
                    assert rows == options.number
                    best[way] = list(map(min, best.get(way, measured), measured))
            server.communicate("")
    print(f"kili {KILI}; {options.number} images of {options.bytes:,} bytes; best of {options.rounds}")
    print(f"{'':18} {'first':>9} {'of CPU':>9} {'again':>9} {'memory':>8} {'ratios':>24}")
    first, work, again, _, memory = best["kili"]
    for way, (seconds, cpu, twice, _, megabytes) in best.items():
        ratios = f"{first / seconds:5.1f} {work / cpu:5.1f} {again / twice:6.1f} {megabytes / memory:5.2f}"
        if way != "kili":
            asked(f"download of {options.number} images, kili / {way}", first / seconds, 2)
        print(f"{way:18} {seconds:7.2f} s {cpu:7.2f} s {twice:7.2f} s {megabytes:5.0f} MB {ratios}")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"in {time.perf_counter() - started:.0f} s")
