"""`kili-query serve`, in a process of its own: what it prints, that it answers, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.test_cli import ENTRY, Ended, Run, environment
from tests.cli.test_cli import run as run

DATA = Path(__file__).parents[1] / "data"
LOADING = ("--load", DATA / "coco.zip", "--interface", DATA / "coco.interface.json", "--input-type", "IMAGE")


@contextmanager
def serving(*args: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command under way, and what it has printed when it is ready."""
    command = [*ENTRY, "serve", "--port", "0", *map(str, args)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stdout is not None
    shown = ""
    try:
        for line in process.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        yield process, shown
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], number: int) -> Ended:
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return Ended(process.returncode, out, err)


def found(pattern: str, shown: str) -> str:
    match = re.search(pattern, shown)
    assert match is not None, shown
    return match[1]


def test_it_prints_what_programs_need_and_answers(tmp_path: Path) -> None:
    with serving("--data", tmp_path / "kili", *LOADING, "--title", "Boats [red]") as (process, shown):
        endpoint, key = found(r"endpoint\s+(\S+)", shown), found(r"key\s+(\S+)", shown)
        project = found(r"project\s+(\S+)  Boats \[red\] \(3 labels\)", shown)
        code = shown[shown.index("from kili_query") :].splitlines()[:2]
        assert code == ["from kili_query import Kili", f"kili = Kili(api_key={key!r}, api_endpoint={endpoint!r})"]
        body = {"query": "query ($p: ID!) { countLabels(where: {project: {id: $p}}) }", "variables": {"p": project}}
        answer = httpx.post(endpoint, json=body, headers={"Authorization": f"X-API-Key: {key}"})
        assert answer.json() == {"data": {"countLabels": 3}}
        end = ended(process, signal.SIGINT)
    assert (end.code, end.err.splitlines()[-1]) == (130, "interrupted")
    assert "loaded 3 assets with 3 labels" in end.err
    assert "Traceback" not in end.err


def test_an_export_is_loaded_once_and_the_key_stays(tmp_path: Path) -> None:
    keys = set()
    for times in range(2):
        with serving("--data", tmp_path, *LOADING) as (process, shown):
            assert shown.count("project ") == 1
            keys.add(found(r"key\s+(\S+)", shown))
            end = ended(process, signal.SIGINT)
        assert ("is loaded already" in end.err) == bool(times)
    assert len(keys) == 1


def test_it_ends_in_order_when_it_is_terminated(tmp_path: Path) -> None:
    with serving("--data", tmp_path) as (process, _):
        assert ended(process, signal.SIGTERM).code == 128 + signal.SIGTERM
    assert not (tmp_path / "kili.db-wal").exists()


def test_unreadable_labels_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"externalId": "x", "labels": [{"jsonResponse": "no"}, {"jsonResponse": {}}]}]')
    with serving("--load", path, "--interface", DATA / "coco.interface.json") as (process, _):
        end = ended(process, signal.SIGINT)
    assert "unreadable[KQ501]" in end.err
    assert "loaded 1 asset with 1 label" in end.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--load", "x.zip"), "--interface"),
        (("--interface", "x.json"), "--load"),
        (("--title", "x"), "--load"),
        (("--port", "70000"), "70000"),
        (("--load", "nowhere.zip", "--interface", DATA / "coco.interface.json"), "nowhere.zip"),
        (("--load", DATA / "coco.zip", "--interface", "nowhere.json"), "nowhere.json"),
        ((*LOADING[:4], "--input-type", "PHOTO"), "IMAGE"),
        (("--data", DATA), "no data of local Kili"),
        (("--data", DATA / "coco.zip"), "is a file"),
        (("--data", os.devnull + "/x"), "data folder"),
    ],
)
def test_bad_input_is_told(run: Run, args: tuple[object, ...], words: str) -> None:
    end = run("serve", *(() if "--port" in args else ("--port", 0)), *args)
    assert end.code == 2
    assert words in end.err


def test_a_port_in_use_is_told(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        end = run("serve", "--port", taken.getsockname()[1])
    assert end.code == 2
    assert "in use" in end.err
    assert "port 0" in end.err


def test_a_folder_in_use_is_told(tmp_path: Path, run: Run) -> None:
    with serving("--data", tmp_path):
        end = run("serve", "--port", 0, "--data", tmp_path)
    assert end.code == 2
    assert "in use by another local Kili" in end.err


def test_a_missing_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['ariadne'] = None; sys.argv = ['kili-query', 'serve', '--port', '0']\n"
        "from kili_query.cli import main; main()"
    )
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert end.returncode == 2
    assert end.stderr.startswith("error: ")
    assert 'pip install "kili_query[server]"' in end.stderr


def test_the_sample_comes_along(run: Run) -> None:
    with serving("--sample") as (_, shown):
        assert "coco (3 labels)" in shown
    done = run("serve", "--sample", "--load", "x.zip", "--interface", "x.json")
    assert done.code == 2
    assert "--sample is an export of its own" in done.err
