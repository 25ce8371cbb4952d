"""Imports of local files through the SDK, of every input type; and what was acknowledged survives `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kili_query import Kili
from kili_query.errors import ApiError, BatchImportError
from kili_query.server import LocalKili
from tests.client.pictures import png
from tests.server.asking import INTERFACE, Asking
from tests.server.files import LATER, Uploading, mp4, pdf, wav, write_files

FIELDS = ["id", "externalId", "content", "jsonContent", "jsonMetadata", "resolution.width", "resolution.height", "pageResolutions.pageNumber", "duration", "status"]  # fmt: skip
CHAT = [
    {"role": "user", "content": "Hi", "id": "i1", "chat_id": "c1", "model": None},
    {"role": "assistant", "content": "Yo", "id": "i2", "chat_id": "c1", "model": "m1"},
]


@pytest.fixture
def kili(server: LocalKili, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kili:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    return Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True)


def make(kili: Kili, input_type: Any) -> str:
    return str(kili.create_project("t", input_type=input_type, json_interface=INTERFACE)["id"])


PICTURE = {"resolution": {"width": 20, "height": 10}}
CASES: dict[str, tuple[str, dict[str, Any], bytes, str, dict[str, Any]]] = {
    "a picture": ("IMAGE", {"content_array": ["a.png"]}, png(20, 10), "image/png", PICTURE),
    "a tiff": ("IMAGE", {"content_array": ["sat.tif"]}, b"", "image/tiff", PICTURE),
    "a map": ("GEOSPATIAL", {"content_array": ["sat.tif"]}, b"", "image/tiff", PICTURE),
    "a text": ("TEXT", {"content_array": ["t.txt"]}, b"", "text/plain; charset=utf-8", {}),
    "a raw text": ("TEXT", {"content_array": ["Caf\u00e9 \N{PILE OF POO}"]}, "Caf\u00e9 \N{PILE OF POO}".encode(), "text/plain; charset=utf-8", {}),
    "a document": ("PDF", {"content_array": ["d.pdf"]}, b"", "application/pdf", {"pageResolutions": [{"pageNumber": 1}, {"pageNumber": 2}]}),
    "a film": ("VIDEO", {"content_array": ["v.mp4"]}, mp4(2.5), "video/mp4", {"duration": 2.5}),
    "a film to be cut": ("VIDEO", {"content_array": ["v.mp4"], "json_metadata_array": [{"processingParameters": {"shouldUseNativeVideo": False}}]}, mp4(2.5), "video/mp4", {"duration": 2.5}),
    "a sound": ("AUDIO", {"content_array": ["s.wav"]}, wav(1.5), "audio/x-wav", {"duration": 1.5}),
    "an object": ("LLM_RLHF", {"content_array": [{"prompts": []}]}, b'{"prompts": []}', "application/json", {}),
    "a file of an object": ("LLM_RLHF", {"content_array": ["l.json"]}, b'{"prompts": []}', "application/json", {}),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_local_files_of_every_type_are_imported(server: LocalKili, kili: Kili, what: str) -> None:
    input_type, arguments, body, kind, facts = CASES[what]
    project = make(kili, input_type)
    kili.append_many_to_dataset(project, external_id_array=["one"], **arguments)
    [asset] = kili.assets(project, fields=FIELDS)
    answer = Uploading(server).get(asset["content"])
    assert answer.content == (body or Path(arguments["content_array"][0]).read_bytes())
    assert answer.headers["content-type"] == kind
    expected = {
        "resolution": None,
        "pageResolutions": None,
        "duration": None,
        "externalId": "one",
        "status": "TODO",
    } | facts
    assert {name: asset[name] for name in expected} == expected
    with pytest.raises(ValueError, match="already"):
        kili.append_many_to_dataset(project, external_id_array=["one"], **arguments)


def test_frames_layers_rich_texts_and_chats_are_imported(server: LocalKili, kili: Kili) -> None:
    client = Uploading(server)
    films, pictures, texts, chats = (make(kili, kind) for kind in ("VIDEO", "IMAGE", "TEXT", "LLM_RLHF"))
    kili.append_many_to_dataset(films, json_content_array=[["a.png", "b.png"]])
    [film] = kili.assets(films, fields=FIELDS)
    frames = client.get(film["jsonContent"]).json()
    assert {number: client.get(url).content for number, url in frames.items()} == {"0": png(20, 10), "1": png(4, 6)}
    layers = [{"path": "sat.tif", "name": "l", "isBaseLayer": True}]
    kili.append_many_to_dataset(pictures, multi_layer_content_array=[layers], json_content_array=[[{"name": "tiles"}]])
    [picture] = kili.assets(pictures, fields=FIELDS)
    layer, tiles = json.loads(picture["jsonContent"])
    assert client.get(layer.pop("url")).content == Path("sat.tif").read_bytes()
    assert (layer, tiles) == ({"name": "l", "isBaseLayer": True}, {"name": "tiles"})
    rich = [{"children": [{"text": "rich"}]}]
    kili.append_many_to_dataset(texts, json_content_array=[rich])
    [text] = kili.assets(texts, fields=FIELDS)
    assert (client.get(text["jsonContent"]).json(), text["content"]) == (rich, "")
    kili.append_many_to_dataset(chats, content_array=[CHAT])
    [chat] = kili.assets(chats, fields=FIELDS)
    assert client.get(chat["content"]).json()["prompts"][0]["prompt"] == "Hi"
    assert chat["jsonMetadata"]["models"] == "m1"


def test_what_cannot_be_made_later_is_told_by_the_notification(server: LocalKili, kili: Kili) -> None:
    project, client = make(kili, "IMAGE"), Uploading(server)
    with pytest.raises(
        BatchImportError,
        match="could not make `fake`: 1 assets were imported; 1 were not: `fake`: the file is no picture",
    ):
        kili.append_many_to_dataset(project, ["fake.png", "sat.tif"], external_id_array=["fake", "map"])
    assert [asset["externalId"] for asset in kili.assets(project, fields=["externalId"])] == ["map"]
    [told] = client.ask("{ notifications(where: {}, first: 9, skip: 0) { status message } }")
    assert told == {
        "status": "FAILURE",
        "message": "1 assets were imported; 1 were not: `fake`: the file is no picture",
    }
    [missing] = client.sign(f"projects/{project}/assets/x/content")
    made = client.add(project, LATER, contentArray=[missing], externalIDArray=["gone"], uploadType="TILED_IMAGE")
    assert made["status"] == "FAILURE"
    assert "`gone`" in made["message"]
    assert client.ask("{ countNotifications(where: {}) }") == 2
    eve = Asking(server, server.add_user(email="eve@x.invalid", organization="others"))
    assert eve.ask("{ countNotifications(where: {}) }") == 0


@pytest.mark.parametrize(("data", "words"), [
    ({"uploadType": "NATIVE_VIDEO", "contentArray": ["https://x.invalid"]}, "does not go with the assets of the project, which are IMAGE"),
    ({"uploadType": "TILED_IMAGE", "contentArray": ["https://x.invalid"], "idArray": []}, "entries, and other lists have"),
    ({"uploadType": "TILED_IMAGE", "contentArray": ["https://x.invalid"], "jsonMetadataArray": ["["]}, "not the text of a JSON object"),
    ({"uploadType": "TILED_IMAGE", "contentArray": ["https://x.invalid"] * 2, "idArray": ["a", "a"]}, "there is an asset `a` already"),
    ({"uploadType": "TILED_IMAGE", "multiLayerContentArray": [["x"]]}, "layer 0 is no object with its address as `url`"),
    ({"uploadType": "TILED_IMAGE", "multiLayerContentArray": [[{"url": "https://x.invalid"}]], "jsonContentArray": ["{}"]}, "no JSON list of layers"),
])  # fmt: skip
def test_requests_that_make_no_sense_are_refused_at_once(kili: Kili, server: LocalKili, data: Any, words: str) -> None:
    error = Asking(server).error(LATER, data=data, where={"id": make(kili, "IMAGE")})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert words in error["message"]
    assert Asking(server).count("Asset", {}) == 0


def test_a_server_that_refuses_uploads_is_told_with_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.txt").write_text("x")
    (tmp_path / "large.txt").write_text("x" * 200)
    with LocalKili(socket=False, max_upload=100) as server:
        kili = Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True)
        project = make(kili, "TEXT")
        with pytest.raises(ApiError, match="413") as caught:
            kili.append_many_to_dataset(project, ["small.txt", "large.txt"], external_id_array=["s", "l"])
        assert kili.count_assets(project) == 0
        assert caught.value.remaining is not None
        assert caught.value.remaining["external_id_array"] == ["s", "l"]


def test_answers_may_be_local_files(server: LocalKili, kili: Kili) -> None:
    project = make(kili, "TEXT")
    kili.append_many_to_dataset(project, ["text"], external_id_array=["a"])
    kili = Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True, check_queries="off")
    kili.append_labels(project_id=project, asset_external_id_array=["a"], json_response_array=[{"FILE": "note.txt"}])
    [label] = kili.labels(project, fields=["jsonResponse", "assetId"])
    answer = label["jsonResponse"]["FILE"]
    assert answer["fileName"] == "note.txt"
    client = Uploading(server)
    where = "query ($p: ID!, $a: ID!, $f: String!) { annotationFileUrl(projectId: $p, assetId: $a, fileId: $f) }"
    url = client.ask(where, p=project, a=label["assetId"], f=answer["fileId"])
    assert client.get(url).content == b"the answer"


IMPORTER = """
import sys
from kili_query import Kili
from kili_query.server import LocalKili
from tests.server.asking import INTERFACE

with LocalKili(sys.argv[1], socket=False) as server:
    kili = Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True)
    project = kili.create_project("t", input_type="TEXT", json_interface=INTERFACE)["id"]
    print(project, flush=True)
    number = 0
    while True:
        names = [str(n) for n in range(number, number + 10)]
        made = kili.append_many_to_dataset(project, [f"text {n} " * 9_000 for n in names], external_id_array=names)
        print(*made["asset_ids"], flush=True)
        number += 10
"""


@pytest.mark.parametrize("answers", [1, 4])
def test_imports_that_were_killed_leave_whole_assets_and_no_strays(tmp_path: Path, answers: int) -> None:
    folder, root = tmp_path / "kili", Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", IMPORTER, folder], stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    with process.stdout as answered:
        answered.readline()
        kept = [answered.readline().split() for _ in range(answers)]  # and it goes on importing
        process.send_signal(signal.SIGKILL)
        kept += [line.split() for line in answered if line.endswith("\n")]
        process.wait()
    (folder / "files" / "half.part").write_bytes(b"x")
    with LocalKili(folder, socket=False) as server:
        client = Uploading(server)
        assets = client.assets({}, "id externalId content")
        assert {asset for batch in kept for asset in batch} <= {asset["id"] for asset in assets}
        assert len(assets) % 10 == 0  # a batch is there as a whole or not at all
        for asset in assets:
            assert client.get(asset["content"]).text == f"text {asset['externalId']} " * 9_000
        with server._running.reading() as connection:
            rows = set(connection.exec_driver_sql("SELECT id FROM files").scalars())
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert set(os.listdir(folder / "files")) == rows  # some of them may wait for an asset, for a day


def test_pages_of_a_document_are_in_points(server: LocalKili, kili: Kili, tmp_path: Path) -> None:
    (tmp_path / "a4.pdf").write_bytes(pdf((595, 842)))
    project = make(kili, "PDF")
    kili.append_many_to_dataset(project, ["a4.pdf"])
    [asset] = kili.assets(
        project, fields=["pageResolutions.width", "pageResolutions.height", "pageResolutions.rotation"]
    )
    assert asset["pageResolutions"] == [{"width": 595.0, "height": 842.0, "rotation": 0}]
