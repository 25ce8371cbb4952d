"""Local Kili with a million labels: loading, counting by two comparisons, pages at any offset.

    python -m tests.bench.serving                    # 1,000,000 labels, 50 categories
    python -m tests.bench.serving --number 100000

Loading is timed as `LocalKili.load` does it, from NDJSON. Counts and pages are asked over a port, by our SDK, each
question once: medians of 100 different ones, and the slowest. Between the two rows of counts a label is added before
each question, so that what the server remembers has to stay true.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kili_query import Kili
from kili_query.server import LocalKili

CATEGORIES = [f"CAT_{n}" for n in range(50)]
INTERFACE = {
    "jobs": {
        "OBJECTS": {
            "mlTask": "OBJECT_DETECTION",
            "content": {"categories": {name: {"name": name} for name in CATEGORIES}},
        }
    }
}
WANTED = 0.050
"""Seconds that a question may take."""


def _response(chance: random.Random) -> dict[str, Any]:
    names = chance.choices(CATEGORIES, k=chance.randint(1, 8))
    return {
        "OBJECTS": {"annotations": [{"mid": str(n), "categories": [{"name": name}]} for n, name in enumerate(names)]}
    }


def _write(path: Path, number: int) -> None:
    chance = random.Random(7)
    with path.open("w") as file:
        for n in range(number):
            at = f"2026-{1 + n % 12:02d}-{1 + n % 28:02d}T00:00:{n % 60:02d}.000Z"
            label = {"id": f"l{n}", "labelType": "DEFAULT" if n % 3 else "REVIEW", "createdAt": at, "secondsToLabel": 3,
                     "author": {"id": f"u{n % 7}", "email": f"person{n % 7}@example.com"}, "jsonResponse": _response(chance)}  # fmt: skip
            asset = {"id": f"a{n}", "externalId": f"{n}.jpg", "content": "", "labels": [label]}
            file.write(json.dumps(asset) + "\n")


def _query(chance: random.Random) -> str:
    def one() -> str:
        return f"OBJECTS.{chance.choice(CATEGORIES)}.count {chance.choice(['>', '>=', '<', '<=', '=='])} {chance.randint(1, 3)}"

    return f"{one()} {chance.choice(['AND', 'OR'])} {one()}"


def _timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _show(what: str, seconds: list[float]) -> None:
    median = statistics.median(seconds)
    print(
        f"{what:44} {median * 1000:8.1f} ms {max(seconds) * 1000:8.1f} ms  {'ok' if median < WANTED else 'missed'}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--number", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args()
    chance = random.Random(11)
    with tempfile.TemporaryDirectory() as folder, LocalKili() as server:
        path = Path(folder, "labels.ndjson")
        _write(path, options.number)
        started, worked = time.perf_counter(), time.process_time()
        project = server.load(path, interface=INTERFACE, input_type="IMAGE")
        took, work = time.perf_counter() - started, time.process_time() - worked
        print(f"{options.number:,} labels, {path.stat().st_size / 1e6:.0f} MB")
        print(
            f"loading: {options.number / took:,.0f} labels a second, {options.number / work:,.0f} of CPU  "
            f"{'ok' if options.number / took >= 20_000 else 'missed'}",
            flush=True,
        )
        print(f"{'':44} {'median':>11} {'slowest':>11}")
        with Kili(server.api_key, server.endpoint, disable_tqdm=True) as kili:
            kili._transport._limit = None  # the questions are more than 500 a minute
            filters: dict[str, dict[str, Any]] = {
                "counts of two comparisons": {},
                "  of a type": {"type_in": ["DEFAULT"]},
                "  of a type and a time": {"type_in": ["DEFAULT"], "created_at_gte": "2026-05-01"},
                "  of authors": {"author_in": ["person3@example.com"]},
            }
            for what, given in filters.items():
                queries = [_query(chance) for _ in range(options.questions)]
                _show(what, [_timed(lambda q=query, g=given: kili.count_labels(project, category_search=q, **g)) for query in queries])  # type: ignore[misc]  # fmt: skip
            seconds = []
            for n in range(options.questions):
                kili.append_labels(asset_id_array=[f"a{n}"], json_response_array=[_response(chance)], disable_tqdm=True)
                query = _query(chance)
                seconds.append(_timed(lambda q=query: kili.count_labels(project, category_search=q)))  # type: ignore[misc]
            _show("counts, a label added before each", seconds)
            skips = [chance.randrange(options.number - 100) for _ in range(options.questions)]
            for what, method in (("labels", kili.labels), ("assets", kili.assets)):
                ask = [lambda s=skip, m=method: m(project, first=100, skip=s, fields=["id"]) for skip in skips]
                _show(f"pages of 100 {what} at any offset", [_timed(one) for one in ask])


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"in {time.perf_counter() - started:.0f} s")
