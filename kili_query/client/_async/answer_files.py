"""Files that answer jobs, downloaded for exports of Kili's own format (exports.md 8.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from functools import partial
from pathlib import Path

from kili_query.client._async.concurrency import in_order
from kili_query.client._async.session import DOWNLOADS_AHEAD, AsyncSession
from kili_query.client.media.part import Part
from kili_query.client.media.plan import Missing
from kili_query.client.operations.exports import ANSWER_FILE
from kili_query.client.types import Row
from kili_query.client.wire.calls import Call
from kili_query.errors import ApiError
from kili_query.formats.raw import file_answers

Found = dict[str, Path]
"""The files of an asset, by their ids."""


class AsyncAnswerFiles(AsyncSession):
    """What exports need beside media."""

    async def _answer_files(
        self, assets: Iterable[Row], project_id: str, folder: Path, missing: list[Missing], call: Call
    ) -> dict[str, Found]:
        """The files that answer jobs of some assets, by the ids of the assets; what is not there goes to `missing`."""
        wanted = {(asset["id"], answer["fileId"]): asset for asset in assets for _, answer in file_answers(asset)}
        calls = [
            partial(self._answer_file, asset, file_id, project_id, folder / str(number), call)
            for number, ((_, file_id), asset) in enumerate(wanted.items())
        ]
        found: dict[str, Found] = {}
        async with aclosing(in_order(calls, DOWNLOADS_AHEAD)) as files:
            keys = iter(wanted)
            async for file in files:
                asset_id, file_id = next(keys)
                if isinstance(file, Missing):
                    missing.append(file)
                else:
                    found.setdefault(asset_id, {})[file_id] = file
        return found

    async def _answer_file(self, asset: Row, file_id: str, project_id: str, path: Path, call: Call) -> Path | Missing:
        """Download a file; who asks for one of another asset is given none."""
        gone = partial(Missing, str(asset.get("externalId") or asset["id"]), "jsonResponse", file_id)
        asked = ANSWER_FILE.asking(projectId=project_id, assetId=asset["id"], fileId=file_id)
        url = await self._execute(asked, call)
        if url is None:
            return gone(f"the file `{file_id}` that answers a job is not there")
        try:
            return await self._transport.save(url, Part(path.with_suffix(".part"), _to(path), _made), call)
        except ApiError:  # its message would have the address, which opens the file
            return gone(f"the file `{file_id}` that answers a job cannot be downloaded")


def _to(path: Path) -> Callable[[str], Path]:
    return lambda content_type: path


def _made(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
