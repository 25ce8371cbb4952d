"""The mypy plugin: mypy itself is run, on samples whose comments say what it reports, and on files that change."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SAMPLES = ROOT / "tests" / "editor" / "mypy_samples"
SAMPLE_FILES = sorted(path for path in SAMPLES.rglob("*.py") if path.name != "__init__.py")
BOATS = (SAMPLES / "with_ontology" / "kili-ontology.json").read_text(encoding="utf-8")

LINERS = BOATS.replace("FERRY", "LINER").replace("Ferry", "Liner")

_EXPECTED = re.compile(r"# (error|note|hint) (?:(-\d+):)?(\d+): ([^#\n]*[^#\n ])")
_TOLD = re.compile(r"(.+?):(\d+):(\d+): (\w+): (.*?)(?:  \[(.*)\])?")

Report = tuple[int, int, str, str]
"""Line, column, severity, message."""


class Mypy:
    """Runs of mypy with one cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cache = folder / "cache"
        (folder / "on.ini").write_text("[mypy]\nplugins = kili_query.editor.mypy_plugin\n")
        (folder / "off.ini").write_text("[mypy]\n")

    def arguments(self, *more: Path | str, config: str = "on.ini") -> list[str]:
        return ["--config-file", str(self._folder / config), "--cache-dir", str(self.cache), "--no-site-packages",
                "--ignore-missing-imports", "--show-column-numbers", "--no-error-summary", *map(str, more)]  # fmt: skip

    def run(self, *more: Path | str, config: str = "on.ini") -> subprocess.CompletedProcess[str]:
        # messages about the package itself are left to the tests of the house
        command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
        done = subprocess.run(
            [*command, *self.arguments(*more, config=config)], cwd=ROOT, capture_output=True, encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"}, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done

    def __call__(self, *paths: Path | str, config: str = "on.ini") -> str:
        return self.run(*paths, config=config).stdout


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> Mypy:
    return Mypy(tmp_path_factory.mktemp("mypy"))


@pytest.fixture(scope="module")
def told(mypy: Mypy) -> dict[Path, list[Report]]:
    """What mypy says of the samples."""
    reports: dict[Path, list[Report]] = {path: [] for path in SAMPLE_FILES}
    for line in mypy(*SAMPLE_FILES).splitlines():
        match = _TOLD.fullmatch(line)
        assert match, line
        name, number, column, severity, message, code = match.groups()
        assert code == ("kili-query" if severity == "error" else None), line
        reports[ROOT / name].append((int(number), int(column), severity, message))
    return reports


def _expected(path: Path) -> Iterator[Report]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for kind, above, column, message in _EXPECTED.findall(line):
            severity, text = ("note", f"hint: {message}") if kind == "hint" else (kind, message)
            yield number + int(above or 0), int(column), severity, text


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_mypy_says_what_the_comments_of_a_sample_say(path: Path, told: dict[Path, list[Report]]) -> None:
    hints = {line for line, _, _, message in _expected(path) if message.startswith("hint: ")}
    found = [r for r in told[path] if r[0] in hints or not r[3].startswith("hint: ")]
    assert sorted(found) == sorted(_expected(path))
    assert found


def test_nothing_is_said_unless_the_plugin_is_enabled(mypy: Mypy) -> None:
    assert mypy(SAMPLES / "places.py", SAMPLES / "with_ontology" / "names.py", config="off.ini") == ""


def _project(folder: Path, source: str, ontology: str | None = BOATS) -> Path:
    """A file of queries, and an ontology beside it."""
    if ontology is not None:
        (folder / "kili-ontology.json").write_text(ontology, encoding="utf-8")
    file = folder / f"queries_{folder.name.strip('_')}.py"
    file.write_text(f"from kili_query import parse\n\n{source}\n", encoding="utf-8")
    return file


def test_a_changed_ontology_is_seen_in_the_next_run(mypy: Mypy, tmp_path: Path) -> None:
    file = _project(tmp_path, 'parse("BOATS.FERRY.count > 1")')
    assert mypy(file) == ""
    (tmp_path / "kili-ontology.json").write_text(LINERS, encoding="utf-8")
    assert mypy(file).count(":3:14: error: KQ202: job `BOATS` has no category `FERRY`") == 1
    assert "KQ202" in mypy(file)
    (tmp_path / "kili-ontology.json").unlink()
    assert mypy(file) == ""
    (tmp_path / "kili-ontology.json").write_text(LINERS, encoding="utf-8")
    assert "KQ202" in mypy(file)


def test_only_the_content_of_an_ontology_makes_a_cache_stale(mypy: Mypy, tmp_path: Path) -> None:
    file = _project(tmp_path, 'parse("BOATS.FERRY.count > 1")')
    mypy(file)
    os.utime(tmp_path / "kili-ontology.json", (1, 1))
    fresh = re.compile(rf"fresh.* {file.stem}\b|{file.stem} is fresh|Metadata fresh for {file.stem}\b")
    assert fresh.search(mypy.run(file, "-v").stderr)
    (tmp_path / "kili-ontology.json").write_text(LINERS, encoding="utf-8")
    assert not fresh.search(mypy.run(file, "-v").stderr)


def test_the_configuration_of_the_project_says_which_ontology(mypy: Mypy, tmp_path: Path) -> None:
    source = (
        "from kili_query import Kili\n\n\n"
        "def ask(kili: Kili) -> None:\n"
        '    kili.labels("boats", category_search="BOATS.LINER.count > 1")\n'
        '    kili.labels("liners", category_search="BOATS.LINER.count > 1")\n'
        '    kili.labels(project_id="other", category_search="X.Y.count > 1")\n'
    )
    file = _project(tmp_path, source, None)
    (tmp_path / "boats.json").write_text(BOATS, encoding="utf-8")
    (tmp_path / "liners.json").write_text(LINERS, encoding="utf-8")
    rows = "".join(
        f'[[tool.kili-query.ontologies]]\nproject = "{name}"\nontology = "{name}.json"\n'
        for name in ("boats", "liners")
    )
    (tmp_path / "pyproject.toml").write_text(rows, encoding="utf-8")
    assert re.findall(r":(\d+):\d+: error: (.*)", mypy(file)) == [
        ("7", "KQ202: job `BOATS` has no category `LINER`  [kili-query]")
    ]
    shutil.copy(tmp_path / "liners.json", tmp_path / "boats.json")
    assert mypy(file) == ""


def test_the_filters_of_the_package_kili_are_checked_by_their_names(
    mypy: Mypy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kili").mkdir()
    (tmp_path / "kili" / "__init__.py").touch()
    (tmp_path / "kili" / "client.py").write_text(
        "class Kili:\n"
        "    def labels(self, project_id: str, category_search: str | None = None) -> None: ...\n"
        "    def export_labels(self, asset_filter_kwargs: dict[str, object] | None = None) -> None: ...\n"
        "class Labels:\n"
        "    def list(self, project_id: str, filter: object = None) -> None: ...\n",
        encoding="utf-8",
    )
    (tmp_path / "other.py").write_text("def labels(category_search: str) -> None: ...\n", encoding="utf-8")
    source = (
        "import other\n"
        "from kili.client import Kili, Labels\n"
        'other.labels(category_search="A.B.count = 1")\n'
        'Kili().labels("p", "A.B.count = 1")\n'
        'Kili().export_labels({"label_category_search": "A.B.count = 1", "skipped": "A.B.count = 1"})\n'
        'Labels().list("p", filter={"category_search": "A.B.count = 1", "x": {"category_search": "A.B.count = 1"}})\n'
        'Labels().list("p", **{"filter": {"label_category_search": "A.B.count = 1", "category_search": ""}})\n'
        'Kili().labels(project_id="p", **{"category_search": "A.B.count = 1"})\n'
        'opts = {"category_search": "A.B.count = 1", "project_id": "p"}\n'
        "Kili().labels(**opts)\n"
        'Labels().list("p", filter=dict(category_search="A.B.count = 1"))\n'
        "def f() -> None:\n"
        '    opts = {"category_search": "C.D.count = 1"}\n'
        "    Labels().list('p', filter=opts)\n"
        'twice = {"category_search": "A.B.count = 1"}\n'
        'twice = {"category_search": "A.B.count == 1"}\n'
        "Kili().labels(**twice)\n"
    )
    file = _project(tmp_path, source, None)
    monkeypatch.setenv("MYPYPATH", str(tmp_path))
    assert re.findall(r":(\d+:\d+): error: (.*)", mypy(file)) == [
        ("6:31", "KQ105: `=` is not an operator  [kili-query]"),
        ("7:59", "KQ105: `=` is not an operator  [kili-query]"),
        ("8:58", "KQ105: `=` is not an operator  [kili-query]"),
        ("9:70", "KQ105: `=` is not an operator  [kili-query]"),
        ("10:64", "KQ105: `=` is not an operator  [kili-query]"),
        ("11:39", "KQ105: `=` is not an operator  [kili-query]"),
        ("13:59", "KQ105: `=` is not an operator  [kili-query]"),
        ("15:43", "KQ105: `=` is not an operator  [kili-query]"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("kili-ontology.json", "{", "KQ502"),
        ("pyproject.toml", '[tool.kili-query]\nontologie = "x.json"\n', "KQ503"),
        ("pyproject.toml", '[tool.kili-query]\nontology = "x.json"\n', "KQ503"),
    ],
)
def test_what_is_wrong_with_an_ontology_is_told_once_and_queries_are_still_parsed(
    mypy: Mypy, tmp_path: Path, name: str, text: str, message: str
) -> None:
    file = _project(tmp_path, 'parse("X.Y.count > 1")\nparse("X.Y.count > 2")\nparse("X.Y.count = 2")', None)
    (tmp_path / name).write_text(text, encoding="utf-8")
    out = mypy(file)
    assert re.findall(r":(\d+):\d+: error: (KQ\d+)", out) == [("3", message), ("5", "KQ105")]
    assert name in out or "x.json" in out


def test_a_file_of_a_newer_python_or_none_at_all_has_messages_without_exact_places(mypy: Mypy, tmp_path: Path) -> None:
    file = _project(tmp_path, 'def f[T](x: T) -> T:\n    parse("X.Y.count = 1")\n    return x', None)
    out = mypy(file, "--python-version", "3.13")
    column = 21 if sys.version_info >= (3, 12) else 11
    assert f":4:{column}: error: KQ105: `=` is not an operator" in out


def test_the_daemon_sees_changed_files_and_changed_ontologies(mypy: Mypy, tmp_path: Path) -> None:
    file = _project(tmp_path, 'parse("BOATS.FERRY.count > 1")')
    daemon = [sys.executable, "-m", "mypy.dmypy", "--status-file", str(tmp_path / "status.json")]

    def run() -> str:
        """What the daemon says of the file: it refuses to be silent on the package."""
        done = subprocess.run(
            [*daemon, "run", "--", *mypy.arguments(file)], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        assert not done.stderr
        return "".join(line for line in done.stdout.splitlines(keepends=True) if file.name in line)

    def write(text: str) -> None:  # of another length each time: mypy looks at the size, and at whole seconds
        file.write_text(f'from kili_query import parse\n\nparse("{text}")\n', encoding="utf-8")

    try:
        assert "error" not in run()
        write("BOATS.LINER.count > 10")
        unknown = "error: KQ202: job `BOATS` has no category `LINER`"
        assert unknown in run()
        assert unknown in run()
        write("BOATS.FERRY.count = 100")
        assert re.findall(r":(\d+:\d+): error: (KQ\d+)", run()) == [("3:26", "KQ105")]
        write("BOATS.FERRY.count > 1000")
        assert "error" not in run()
        (tmp_path / "kili-ontology.json").write_text(LINERS, encoding="utf-8")
        assert "error: KQ202: job `BOATS` has no category `FERRY`" in run()
    finally:
        subprocess.run([*daemon, "stop"], cwd=ROOT, capture_output=True, check=False)


def test_samples_hold_an_ontology_that_is_one() -> None:
    assert "BOATS" in json.loads(BOATS)["jsonInterface"]["jobs"]
