"""The speed of `kili-query lint`: files a second over a thousand Python files, and one file of 5,000 lines.

python -m tests.bench.linting
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kili_query.editor.finding import find_queries
from kili_query.editor.finding.tolerant import find_by_tokens

_FUNCTION = '''
def step_{n}(rows, size={n}):
    """Take the rows of step {n}, and count what is left."""
    kept = [row for row in rows if row["size"] > size and row.get("name", "x{n}") != "y"]
    print(f"step {n}: {{len(kept)}} of {{len(rows)}}")  # for the log
    return {{"step": {n}, "kept": kept, "labels": {labels}}}
'''
_QUERY = 'kili.labels(project_id="p", category_search="BOATS.FERRY.count > {n} AND A.B.count >= 1")'


def source(functions: int, queries: int, first: int = 0) -> str:
    """A Python file of seven lines for each function; the first ones hold a query, of numbers from `first` on."""
    parts = (
        _FUNCTION.format(n=n, labels=_QUERY.format(n=first + n) if n < queries else "kept[:2]")
        for n in range(functions)
    )
    return "import kili\n" + "\n".join(parts)


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=int, default=1000)
    files = arguments.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        for share in (0.1, 1.0):
            for n in range(files):
                text = source(30, 3 if n < files * share else 0, first=3 * n)
                (Path(folder) / f"m{n}.py").write_text(text, encoding="utf-8")
            for workers in ("1", None):
                seconds, cpu, told = _linted(folder, workers)
                print(
                    f"{share:4.0%} of {files:,} files hold queries, {'one process' if workers else 'as it comes'}: "
                    f"{seconds:.2f} s, {cpu:.2f} s of CPU, {files / seconds:,.0f} files/s; {told}"
                )
    text = source(715, 20)
    print(f"one file of {text.count(chr(10)):,} lines:")
    for name, find in (("tree", lambda: find_queries("a.py", text)), ("tokens", lambda: find_by_tokens(text))):
        best = min(_seconds(find) for _ in range(7))
        print(f"  queries found by its {name}: {best * 1000:.1f} ms")


def _linted(folder: str, workers: str | None) -> tuple[float, float, str]:
    """Seconds, seconds of CPU in all processes, and what the command says."""
    command = [sys.executable, "-m", "kili_query", "lint", folder, *(("--workers", workers) if workers else ())]
    before, start = _used(), time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return time.perf_counter() - start, _used() - before, ended.stderr.strip()


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
