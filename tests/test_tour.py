"""What a newcomer follows is true: the tables of jobs, the code in the pictures, the lines that install, the look of the site."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from kili_query import Kili, QueryCheckError, QuerySyntaxError
from kili_query.server import LocalKili
from tests.cli.test_cli import COCO, COCO_INTERFACE, Run
from tests.cli.test_cli import run as run
from tests.conftest import ROOT

TABLES = [ROOT / "README.md", ROOT / "docs" / "cli.md"]


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.name)
def test_the_jobs_in_the_tables_are_done(page: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = re.findall(r"^\| ([^|]*) \| `kili-query (.*)` \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    jobs = [job for job, _ in rows]
    for job in ("filter to a new export", "class balance", "per annotator", "training", "do not match", "matches", "nothing",
                "total", "two categories", "two exports"):  # fmt: skip
        assert any(job in told for told in jobs), job
    monkeypatch.chdir(tmp_path)
    for name in ("export.zip", "newer.zip"):
        shutil.copy(COCO, name)
    shutil.copy(COCO_INTERFACE, "interface.json")
    Path("src").mkdir()
    Path("coco").mkdir()
    Path("coco/instances.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], "categories": [{"id": 1, "name": "person"}],'
        ' "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}'
    )
    Path("predictions.json").write_text('[{"externalId": "a", "labels": [{"jsonResponse": {}}]}]')
    for job, command in rows:
        ended = run(*shlex.split(command))
        assert ended.code == 0, (job, ended)
    assert {"people.zip", "yolo.zip"} <= {path.name for path in tmp_path.iterdir()}


def test_what_the_tables_say_is_in_the_help(run: Run) -> None:
    top = run("--help").out
    for words in ("class balance", "Compare two exports", "datasets: COCO, YOLO", "why labels satisfy it or not"):
        assert words in " ".join(top.split())
    for command, options in {
        "filter": "-o --empty --latest",
        "stats": "--by --empty",
        "explain": "--failing --matching --label",
    }.items():
        for option in options.split():
            assert f"{option}" in run(command, "--help").out


# -- the pictures of editors -----------------------------------------------------------------------------------------------


def _scripts() -> dict[str, str]:
    """The programs that are shown in the pictures of docs/editors.md, out of what makes the pictures."""
    neovim = re.search(
        r'^SCRIPT = """\\\n(.*?)^"""', (ROOT / "docs/capture_editors.py").read_text(), re.DOTALL | re.MULTILINE
    )
    source = (ROOT / "grammar/editors/vscode/real.mjs").read_text()
    vscode = re.search(r'"script.py": `(.*?)`', source, re.DOTALL)
    typed = re.search(r"suggested\(page, '(kili\.labels.*?)'\)", source)
    assert neovim
    assert vscode
    assert typed
    return {"neovim": neovim[1], "vscode": f'{vscode[1]}{typed[1]}"\n)\n'}


@pytest.mark.parametrize("name", ["neovim", "vscode"])
def test_the_code_in_the_pictures_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = _scripts()[name]
    shown = {"neovim": ROOT / "docs/images/neovim.svg"}.get(name)
    if shown:
        drawn = re.sub(r"<[^>]*>", "", shown.read_text(encoding="utf-8")).replace("&#160;", " ")
        assert "project, label_category_search=" in drawn, "the picture is of this code"
        assert "kili.assets(" in drawn
    with LocalKili() as server:
        project = server.load(COCO, interface=COCO_INTERFACE, input_type="IMAGE")
        monkeypatch.setenv("KILI_API_KEY", server.api_key)
        monkeypatch.setenv("KILI_API_ENDPOINT", server.endpoint)
        monkeypatch.setenv("KILI_DISABLE_TQDM", "1")
        code = code.replace("clx12345", project)
        with pytest.raises(QueryCheckError, match="KQ202"):  # the mistake that the picture is about
            exec(code, {})
        code = code.replace(".carr.", ".car.")
        with pytest.raises(QuerySyntaxError):  # what is being completed
            exec(code, {})
        names: dict[str, object] = {}
        exec(re.sub(r"SEGMENTATION_JOB\.(?=\")", "SEGMENTATION_JOB.bowl.count > 0", code), names)
    assert isinstance(names["kili"], Kili)
    assert [asset["externalId"] for asset in names["crowded"]] == []  # type: ignore[attr-defined]
    assert ("lonely" if name == "neovim" else "empty") in names


# -- installing --------------------------------------------------------------------------------------------------------

PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "grammar/editors/vscode/README.md"])


def test_lines_that_install_work_from_a_clone_and_say_so() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    found = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"pip install ([^`\n&]*)", text):
            words = [word for word in shlex.split(match[1]) if not word.startswith("-")]
            if words == ["httpx[socks]"]:
                continue
            found += 1
            place = next((word for word in words if re.fullmatch(r"\.(\[[\w,]+\])?", word)), None)
            assert place, f"{page.name}: {match[0]} asks a registry that has no kili_query"
            assert set(filter(None, place.strip(".[]").split(","))) <= extras
            before = text[max(0, match.start() - 600) : match.start()].lower()
            assert "clone" in before or page.name == "README.md", f"{page.name}: {match[0]}"
    assert found >= 8


# -- the site ------------------------------------------------------------------------------------------------------------


def test_the_site_has_a_dark_mode_wraps_code_and_leads_to_the_code() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert settings.count("toggle:") == 3, "as the system says, light, dark"
    assert "scheme: slate" in settings
    assert "show_source: true" in settings
    assert "repo_url: !ENV [KILI_QUERY_REPOSITORY, null]" in settings
    assert settings.index("recipes.md") < settings.index("cli.md")
    style = (ROOT / "docs/style.css").read_text(encoding="utf-8")
    rules = {
        selector.strip(): body
        for selector, body in re.findall(r"^([^{}/\n][^{}]*)\{(.*?)\}", style, re.DOTALL | re.MULTILINE)
    }
    assert any("pre > code" in selector and "white-space: pre-wrap" in body for selector, body in rules.items())
    prompt, output = (
        next(body for s, body in rules.items() if s.endswith(f".highlight .{kind}")) for kind in ("gp", "go")
    )
    assert "color" in prompt
    assert "user-select: none" in prompt
    assert "color" in output


def test_a_page_of_commands_begins_with_tasks() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert text.index("| filter to a new export |") < 200 < text.index("--help")


def test_the_author_column_shows_e_mails_and_holds_authors() -> None:
    pandas = pytest.importorskip("pandas")
    with LocalKili() as server:
        project = server.load(COCO, interface=COCO_INTERFACE, input_type="IMAGE")
        kili = Kili(server.api_key, server.endpoint, disable_tqdm=True)
        table = kili.export_labels_as_df(project)
        bare = kili.export_labels_as_df(project, fields=["author.id"])
        assert repr(kili.ontology(project)) == "<Ontology of 3 jobs with 160 categories, IMAGE>"
        with pytest.raises(QuerySyntaxError, match=r"write `OBJECT_DETECTION_JOB\.person\.count`") as told:
            kili.labels(project, category_search="person.count >= 3")
    assert told.value.diagnostics[0].code == "KQ110", "of a project that is known the jobs are named"
    assert re.search(r"^0 +labeler@example\.com +2026", table.to_string(), re.MULTILINE)
    assert "<td>labeler@example.com</td>" in table._repr_html_()
    author = table["author"][0]
    assert isinstance(author, dict)
    assert author["email"] == "labeler@example.com"
    assert list(pandas.json_normalize(table["author"])["email"]) == ["labeler@example.com"] * 3
    assert json.loads(json.dumps(author)) == dict(author)
    assert set(bare["author"][0]) == {"id"}
