"""Contact sheets of 100 images of 2 megapixels, as PNG and as HTML: `python -m tests.bench.pictures`.

Each way is a process of its own, from the start of Python to the last file. The images are photographs made by
chance: noise that is smooth, so that JPEG and PNG have as much to do as with those of a camera. `of CPU` is user and
system time, which a busy machine changes least.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.pictures.making import archive, many

_DRAW = "from kili_query.cli import main; main()"


def photograph(number: int, format: str, width: int = 1632, height: int = 1224) -> bytes:
    """An image of 2 megapixels, about as hard to decode as one of a camera."""
    import numpy
    from PIL import Image

    chance = numpy.random.default_rng(number)
    small = Image.fromarray(chance.integers(0, 255, (height // 16, width // 16, 3), dtype=numpy.uint8))
    smooth = numpy.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(numpy.int16)
    grainy = (smooth + chance.integers(-6, 7, smooth.shape)).clip(0, 255).astype(numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(grainy).save(file, format, **({"quality": 90} if format == "JPEG" else {"compress_level": 3}))
    return file.getvalue()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{options.number} images of 1632 x 1224 pixels, {os.cpu_count()} cores")
        print(f"{'images':8}{'sheet':8}{'seconds':>9}{'of CPU':>9}{'memory':>9}{'written':>10}")
        for format in ("JPEG", "PNG"):
            different = [photograph(n, format) for n in range(10)]
            suffix = format.lower()
            assets = [
                {**asset, "externalId": f"{n}.{suffix}", "content": f"assets/{n}.{suffix}"}
                for n, asset in enumerate(many(options.number, 12))
            ]
            media = {f"{n}.{suffix}": different[n % 10] for n in range(options.number)}
            source = archive(Path(folder, f"{suffix}.zip"), assets, media)
            for output in ("sheet.png", "sheet.html"):
                _measure(format, source, Path(folder, output), options.rounds)


def _measure(format: str, source: str, output: Path, rounds: int) -> None:
    best: list[float] = []
    for _ in range(rounds):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [
            sys.executable,
            "-c",
            _DRAW,
            "preview",
            source,
        ]
        subprocess.run([*command, "-o", str(output), "-q", "--no-ontology"], check=True)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if not best or worked < best[1]:
            best = [seconds, worked, after.ru_maxrss / 1024]
    written = sum(path.stat().st_size for path in output.parent.glob(f"{output.stem}*{output.suffix}")) / 1e6
    print(f"{format:8}{output.suffix:8}{best[0]:9.2f}{best[1]:9.2f}{best[2]:6.0f} MB{written:7.1f} MB")


if __name__ == "__main__":
    main()
