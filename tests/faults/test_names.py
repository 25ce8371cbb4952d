"""A name that no label holds counted 0 in each label, and that looked like an answer: `person` for `PERSON`.

Right is: after reading, whatever else matched, each operand that was met nowhere is told, with what is there and near,
and records that were passed over undecoded do not make that wrong. An ontology that lies near is used, as `lint` uses it.
Names that differ in their Unicode form only are told apart, and the right one is offered.
"""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kili_query import DataError, Ontology, check, count, parse, read_labels
from kili_query.cli import app
from kili_query.editor.lint.linting import lint_file
from kili_query.editor.lsp.counts import LabelCounts, Question
from kili_query.editor.notebooks.matches import Matches
from kili_query.editor.ontologies import Ontologies, find_ontology
from kili_query.engines import lookout
from kili_query.engines.scan import Scanner, Verdict
from kili_query.model.lint import lint
from kili_query.offline.select import Summary, select

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
JOBS = {"J": {"mlTask": "OBJECT_DETECTION", "content": {"categories": {"PERSON": {"name": "p"}, "DOG": {"name": "d"}}}}}


def record(name: str, *names: tuple[str, str], pad: int = 0) -> dict[str, Any]:
    """An asset with one label that holds the names; `pad`: bytes that make it a large one."""
    response: dict[str, Any] = {}
    for job, category in names:
        annotations = response.setdefault(job, {"annotations": []})["annotations"]
        annotations.append({"mid": str(len(annotations)), "categories": [{"name": category}]})
    return {"externalId": name, "labels": [{"jsonResponse": response, "labelType": "DEFAULT"}], "padding": "x" * pad}


def lines(*records: dict[str, Any], ascii: bool = True) -> bytes:
    return b"".join(json.dumps(item, ensure_ascii=ascii).encode() + b"\n" for item in records)


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ended]:
    """Runs `kili-query` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, input: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input)))
        try:
            code = app([str(argument) for argument in arguments], "kili-query", standalone_mode=False) or 0
        except Exception as error:
            return Ended(1, "", f"{capfd.readouterr().err}{error}")
        return Ended(code, *capfd.readouterr())

    return run


# -- what is told ------------------------------------------------------------------------------------------------------

THERE = [record("a", ("OBJECTS", "PERSON"), ("OBJECTS", COMPOSED)), record("b", ("SKY", "SUN"), ("OBJECTS", "BUS"))]
WRONG = {
    "OBJECTS.person.count == 0": "`person` occurs in no label; `PERSON` does",
    f'OBJECTS."{DECOMPOSED}".count == 0': "occurs in no label; the same in another Unicode form is there",
    f'OBJECTS."{DECOMPOSED.upper()}".count == 0': f"occurs in no label; `{COMPOSED}` does",
    "OBJECTS.PERSN.count == 0": "`PERSN` occurs in no label as a category of job `OBJECTS`",
    "SKY.BUS.count == 0": "`BUS` occurs in no label as a category of job `SKY`, but of `OBJECTS`",
    "sky.SUN.count == 0": "no label holds a category of job `sky`; job `SKY` is there",
    "OBJECT.BUS.count == 0": "no label holds a category of job `OBJECT`",
    "OBJECTS.BUS.count == 9 OR NOT OBJECTS.bus.count > 0": "`bus` occurs in no label; `BUS` does",
}
HINTS = {
    f'OBJECTS."{DECOMPOSED}".count == 0': f'write `"{COMPOSED}"`, with U+00E9 in place of U+0065 U+0301',
    "OBJECTS.PERSN.count == 0": "did you mean `PERSON`?",
    "SKY.BUS.count == 0": "write `OBJECTS.BUS.count`",
    "OBJECT.BUS.count == 0": "did you mean `OBJECTS`?",
}


def by_filter(command: Callable[..., Ended], query: str) -> str:
    ended = command("filter", "labels.ndjson", query, "--count")
    assert (ended.code, ended.out) == (0, "2\n"), "what matched is answered all the same"
    return ended.err


def by_filter_of_a_stream(command: Callable[..., Ended], query: str) -> str:
    ended = command("filter", "-", query, "--ids", "-q", input=lines(*THERE))
    assert (ended.code, ended.out) == (0, "a\nb\n")
    return ended.err


def by_filter_of_an_archive(command: Callable[..., Ended], query: str) -> str:
    with zipfile.ZipFile("export.zip", "w") as archive:
        for item in THERE:
            archive.writestr(f"labels/{item['externalId']}.json", json.dumps(item))
    ended = command("filter", "export.zip", query, "-o", "out.json")
    assert (ended.code, ended.out, len(json.loads(Path("out.json").read_bytes()))) == (0, "", 2)
    return ended.err


def by_explain(command: Callable[..., Ended], query: str) -> str:
    ended = command("explain", query, "labels.ndjson", "--limit", "1")
    assert ended.code == 0
    return ended.err


def by_explain_in_json(command: Callable[..., Ended], query: str) -> str:
    ended = command("explain", query, "labels.ndjson", "--json")
    *explained, last = map(json.loads, ended.out.splitlines())
    assert [row["label"] for row in explained] == ["a, labels[0]", "b, labels[0]"]
    return "\n".join(f"{found['message']}\n{found['hint']}" for found in last["unmet"])


def by_notebook(_: Callable[..., Ended], query: str) -> str:
    return "\n".join(f"{d.message}\n{d.hint}" for d in Matches(parse(query)).from_export("labels.ndjson").unmet())


def by_notebook_of_labels(_: Callable[..., Ended], query: str) -> str:
    found = Matches(parse(query)).from_labels(read_labels("labels.ndjson"))
    return "\n".join(f"{d.message}\n{d.hint}" for d in found.unmet())


def by_editor(_: Callable[..., Ended], query: str) -> str:
    counts, question = LabelCounts(lambda: None), Question("labels.ndjson", query)
    counts._waiting[question] = None
    counted = counts._count(question, None)
    return f"{counted}\n{HINTS.get(query, '')}"  # above a query stands what is wrong, and its fixes are elsewhere


@pytest.mark.parametrize("query", WRONG)
@pytest.mark.parametrize(
    "way",
    [
        by_filter, by_filter_of_a_stream, by_filter_of_an_archive, by_explain, by_explain_in_json, by_notebook,
        by_notebook_of_labels, by_editor,
    ],
)  # fmt: skip
def test_a_name_that_no_label_holds_is_told_with_what_is_near(
    command: Callable[..., Ended], way: Callable[[Callable[..., Ended], str], str], query: str
) -> None:
    Path("labels.ndjson").write_bytes(lines(*THERE))
    told = way(command, query)
    assert WRONG[query] in told
    assert HINTS.get(query, "") in told


def test_nothing_is_told_of_names_that_labels_hold(command: Callable[..., Ended]) -> None:
    Path("labels.ndjson").write_bytes(lines(*THERE))
    query = f'OBJECTS.PERSON.count > 0 AND OBJECTS."{COMPOSED}".count > 0 AND SKY.SUN.count > 7'
    assert command("filter", "labels.ndjson", query, "-q", "--count") == (0, "0\n", "")
    assert command("explain", query, "labels.ndjson", "--json").err == ""
    assert "unmet" not in command("explain", query, "labels.ndjson", "--json").out


def test_labels_of_other_types_do_not_count(command: Callable[..., Ended]) -> None:
    item = record("a", ("J", "CAR"))
    other = {"jsonResponse": {"J": {"categories": [{"name": "BUS"}]}}, "labelType": "AUTOSAVE"}
    Path("labels.ndjson").write_bytes(lines({**item, "labels": [*item["labels"], other]}))
    assert "`BUS` occurs in no label" in command("filter", "labels.ndjson", "J.BUS.count > 0", "--count").err
    assert "KQ507" not in command("filter", "labels.ndjson", "J.BUS.count > 0", "--count", "--all-types").err


STOPPED = "stopped after 1 label; --limit N explains more\n"


def test_explain_reads_on_to_know_and_says_how_far(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("labels.ndjson").write_bytes(
        lines(*[record(str(i), ("J", "CAR")) for i in range(30)], record("z", ("J", "BUS")))
    )
    assert command("explain", "J.BUS.count > 0", "labels.ndjson", "--limit", "1").err == STOPPED
    monkeypatch.setattr("kili_query.cli.explain_command.FURTHER", 9)
    told = command("explain", "J.BUS.count > 0", "labels.ndjson", "--limit", "1").err
    assert "`BUS` occurs in no label of the first 10" in told
    stream = command("explain", "J.bus.count > 0", "-", "--limit", "2", input=lines(*THERE, record("c", ("J", "BUS"))))
    assert "no label of the first 2 holds a category of job `J`" in stream.err, "nobody waits for more of a stream"


def test_a_query_that_was_built_is_told_of_in_its_own_text() -> None:
    query = (count("J", "A") > 0) & (count("J", COMPOSED) > 1)
    (found,) = query.unmet([("J", "A"), ("J", DECOMPOSED)])
    assert found.fix is not None
    assert found.fix.apply(query.source) == f'J.A.count > 0 AND J."{DECOMPOSED}".count > 1'


def test_a_thousand_wrong_names_take_no_time() -> None:
    query = parse(" OR ".join(f"J.wrong_{i}.count > 0" for i in range(900)))
    found = query.unmet([("J", f"right_{i}") for i in range(5_000)])
    assert len(found) == 900


# -- records that are not decoded --------------------------------------------------------------------------------------

NAMES = ["CAR", "bus", COMPOSED, DECOMPOSED, 'a "b"', "c/d", "e\\f", "\u00df"]


def whole(query: str, data: bytes, **options: Any) -> Summary:
    summary = Summary()
    Path("labels.ndjson").write_bytes(data)
    for part in select(parse(query), "labels.ndjson", **options):
        summary.add(part.summary)
    return summary


def test_what_undecoded_records_hold_is_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    query = "A.x.count > 0 AND B.y.count > 0 AND C.z.count > 0"
    data = lines(*(record(job, (job, name), pad=5_000) for job, name in [("A", "x"), ("B", "y"), ("C", "q")]))
    for first in (lookout.FIRST, 0):
        monkeypatch.setattr(lookout, "FIRST", first)
        summary = whole(query, data)
        assert (summary.undecoded, summary.matched_records) == (3, 0)
        assert [d.message for d in parse(query).unmet(summary.names)] == [
            "`z` occurs in no label as a category of job `C`"
        ]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ascii", [True, False])
def test_met_and_unmet_are_those_of_reading_everything(
    seed: int, ascii: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lookout, "FIRST", 0)
    monkeypatch.setattr(lookout, "LATER", 0)
    rnd = random.Random(seed)
    keys = [(job, name) for job in "AB\u00e9" for name in NAMES]
    held = rnd.sample(keys, 5)
    records = [record(str(i), *rnd.sample(held, 2), pad=rnd.choice([0, 5_000, 5_000])) for i in range(12)]
    asked = [count(*key) > rnd.randrange(3) for key in rnd.sample(keys, 4)]
    query = asked[0] & asked[1] & (asked[2] | asked[3]) if seed % 2 else asked[0] & asked[1] & ~asked[2]
    truth = {key for label in records for key in keys if _holds(label, key)}
    summary = whole(str(query), lines(*records, ascii=ascii))
    assert summary.names & set(query.operands) == truth & set(query.operands)
    jobs = {job for job, _ in query.operands}
    assert {job for job, _ in summary.names} & jobs == {job for job, _ in truth} & jobs


def _holds(item: dict[str, Any], key: tuple[str, str]) -> bool:
    return parse(str(count(*key) > 0)).matches(item["labels"][0]["jsonResponse"])


@pytest.mark.parametrize("there", ["PERSON", "Person", COMPOSED.upper(), DECOMPOSED])
def test_a_name_in_other_letters_is_found_in_any_undecoded_record(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lookout, "FIRST", 0)
    monkeypatch.setattr(lookout, "LATER", 0)
    asked = "person" if there.isascii() else COMPOSED
    query = parse(f'J."{asked}".count > 0')
    summary = whole(
        str(query),
        lines(
            record("a", ("J", "CAR"), pad=5_000),
            record("b", ("J", there), pad=5_000),
            record("c", ("K", "X"), pad=5_000),
        ),
    )
    (found,) = query.unmet(summary.names, sampled=summary.sampled)
    assert summary.sampled == there.isascii(), "a name with accents is looked for in every record"
    assert found.fix is not None
    assert parse(found.fix.apply(query.source)).operands == (("J", there),)


def test_the_search_for_names_is_bounded_and_ends_with_the_last_that_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    decoded: list[int] = []
    real = Scanner._scan_decoded

    def noted(self: Scanner, data: bytes) -> Verdict:
        decoded.append(len(data))
        return real(self, data)

    monkeypatch.setattr(Scanner, "_scan_decoded", noted)
    monkeypatch.setattr(lookout, "FIRST", 60_000)
    others = [record(str(i), ("J", "CAR"), pad=5_000) for i in range(100)]
    assert whole("J.NONE.count > 0", lines(*others)).undecoded == 100
    assert 60_000 <= sum(decoded) < 70_000
    decoded.clear()
    assert whole("J.BUS.count > 0", lines(record("a", ("J", "BUS")), *others)).undecoded == 100
    assert len(decoded) == 1


def test_workers_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    query = "J.A.count > 0 AND J.B.count > 0 AND J.c.count > 0"
    records = [
        record("a", ("J", "A")),
        *[record(str(i), ("J", "X"), pad=50_000) for i in range(300)],
        record("b", ("J", "B")),
    ]
    told = [parse(query).unmet(whole(query, lines(*records), workers=n).names) for n in (1, 2)]
    assert [[d.message for d in found] for found in told] == [["`c` occurs in no label as a category of job `J`"]] * 2


# -- ontologies that are found -----------------------------------------------------------------------------------------


@pytest.fixture(params=["kili-ontology.json", "pyproject.toml"])
def found(request: pytest.FixtureRequest, command: Callable[..., Ended]) -> str:
    """An ontology above the working folder: the name of its file."""
    name = "kili-ontology.json" if request.param == "kili-ontology.json" else "names.json"
    if request.param == "pyproject.toml":
        Path("pyproject.toml").write_text('[tool.kili-query]\nontology = "names.json"\n')
    Path(name).write_text(json.dumps({"jobs": JOBS}))
    Path("labels.ndjson").write_bytes(lines(record("a", ("J", "PERSON")), record("b", ("J", "person"))))
    return name


COMMANDS = {
    "check": ["check", "J.DOG.count > 0"],
    "filter": ["filter", "labels.ndjson", "J.DOG.count > 0", "--count"],
    "explain": ["explain", "J.DOG.count > 0", "labels.ndjson"],
    "explain without sources": ["explain", "J.DOG.count > 0"],
    "stats": ["stats", "labels.ndjson", "--json"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_use_the_ontology_that_lint_would_and_say_so(
    command: Callable[..., Ended], found: str, name: str
) -> None:
    ended = command(*COMMANDS[name])
    assert ended.code == 0
    assert f"using {found}\n" in ended.err
    assert "using" not in command(*COMMANDS[name], "--no-ontology").err
    Path("given.json").write_text(json.dumps({"jobs": JOBS}))
    assert "using" not in command(*COMMANDS[name], "--ontology", "given.json").err
    assert "exclude each other" in command(*COMMANDS[name], "--ontology", "given.json", "--no-ontology").err
    Path(found).write_text('{"jobs": 5}')
    broken = command(*COMMANDS[name])
    assert broken.code != 0
    assert f"{found}: $.jobs: must be an object" in broken.err


@pytest.mark.parametrize("name", ["check", "filter", "explain"])
def test_names_that_a_found_ontology_lacks_are_errors_and_the_way_out_is_told(
    command: Callable[..., Ended], found: str, name: str
) -> None:
    arguments = [argument.replace("DOG", "person") for argument in COMMANDS[name]]
    ended = command(*arguments)
    assert ended.code == 1
    assert "KQ206" in ended.out + ended.err
    assert name == "check" or f"against {found}, which was found; --no-ontology checks none" in ended.err
    assert command(*arguments, "--no-ontology").code == 0


def test_stats_tell_what_the_found_ontology_lacks_and_labels_lack(command: Callable[..., Ended], found: str) -> None:
    data = json.loads(command("stats", "labels.ndjson", "--json", "-q").out)
    assert data["unused"] == [{"job": "J", "category": "DOG"}]
    assert data["unknown"] == [{"job": "J", "category": "person"}]


def test_a_name_of_the_ontology_that_no_label_holds_is_one_calm_line(command: Callable[..., Ended], found: str) -> None:
    told = command("filter", "labels.ndjson", "J.DOG.count > 0 OR J.PERSON.count > 0", "--count")
    assert (told.code, told.out) == (0, "1\n")
    assert "hint[KQ508]: no label holds `J.DOG`, which the ontology has\nread 2 labels" in told.err
    assert command("filter", "labels.ndjson", "J.DOG.count > 0", "--count", "-q").err == ""


def test_labels_that_write_a_name_of_the_ontology_otherwise_are_told_of(
    command: Callable[..., Ended], found: str
) -> None:
    Path("labels.ndjson").write_bytes(lines(record("b", ("J", "person"))))
    told = command("filter", "labels.ndjson", "J.PERSON.count > 0", "--count")
    assert "warning[KQ507]: `PERSON` occurs in no label; `person` does" in told.err


def test_a_query_file_has_the_ontology_that_lies_near_it_as_for_lint(command: Callable[..., Ended]) -> None:
    for folder, category in (("one", "A"), ("two", "B")):
        Path(folder).mkdir()
        Path(folder, "query.kq").write_text("J.A.count > 0")
        jobs = {"J": {"mlTask": "OBJECT_DETECTION", "content": {"categories": {category: {"name": category}}}}}
        Path(folder, "kili-ontology.json").write_text(json.dumps({"jobs": jobs}))
    ended = command("check", "one/query.kq", "two/query.kq", "J.A.count > 0")
    assert ended.code == 1
    assert [line for line in ended.out.splitlines() if line.endswith("ok")] == ["one/query.kq: ok", "<query>: ok"]
    assert ended.err == "using one/kili-ontology.json\nusing two/kili-ontology.json\n"
    assert [bool(lint_file(f"{at}/query.kq", Ontologies()).findings) for at in ("one", "two")] == [False, True]


def test_the_input_type_of_the_project_can_be_given_for_a_found_ontology(
    command: Callable[..., Ended], found: str
) -> None:
    ontology = find_ontology("query.kq", "VIDEO")
    assert ontology is not None
    assert (ontology.ontology.input_type, ontology.path) == ("VIDEO", found)
    assert command("check", "J.DOG.count > 0", "--input-type", "VIDEO").code == 0
    Path(found).unlink()
    Path("pyproject.toml").unlink(missing_ok=True)
    assert "--input-type goes with" in command("check", "J.DOG.count > 0", "--input-type", "VIDEO").err


def test_broken_configuration_is_an_error_that_names_it(command: Callable[..., Ended]) -> None:
    Path("pyproject.toml").write_text('[tool.kili-query]\nontologi = "x.json"\n')
    ended = command("check", "J.A.count > 0")
    assert ended.code != 0
    assert "pyproject.toml: [tool.kili-query]: there is no key `ontologi`" in ended.err
    with pytest.raises(DataError):
        find_ontology("query.kq")
    assert command("check", "J.A.count > 0", "--no-ontology").code == 0


# -- Unicode forms -----------------------------------------------------------------------------------------------------


def ontology_of(**jobs: list[str]) -> Ontology:
    return Ontology.from_json_interface(
        {"jobs": {job: {"mlTask": "OBJECT_DETECTION", "content": {"categories": names}} for job, names in jobs.items()}}
    )


@pytest.mark.parametrize(("written", "key"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), ("\uff21", "A")])
@pytest.mark.parametrize("part", ["job", "category"])
def test_a_name_in_another_unicode_form_is_told_and_the_right_one_offered(part: str, written: str, key: str) -> None:
    text = f'"{written}".B.count > 0' if part == "job" else f'B."{written}".count > 0'
    ontology = ontology_of(**{key: ["B"]} if part == "job" else {"B": [key.upper(), key]})
    (found,) = check(text, ontology)
    assert found.code == "KQ209"
    assert found.fix is not None
    assert "only in its Unicode form" in found.message
    assert found.hint is not None
    assert "in place of U+" in found.hint
    assert check(found.fix.apply(text), ontology) == []


def test_keys_that_differ_only_in_their_unicode_form_are_questionable() -> None:
    told = [str(found) for found in lint(ontology_of(J=[COMPOSED, DECOMPOSED, "A", "a"]))]
    assert any("differ only by their Unicode form" in line for line in told)
    assert any("`A` and `a` differ only by letter case" in line for line in told)
    jobs = lint(ontology_of(A=["X"], a=["X"]))
    assert [(found.path, found.message) for found in jobs] == [("$.jobs", "`A` and `a` differ only by letter case")]
