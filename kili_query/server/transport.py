"""LocalTransport: clients of httpx, of both kinds, reach an application without a port."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx


class LocalTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands requests to an ASGI application; for `httpx.Client` from a thread with a loop of its own.

    Closing a client leaves it open: other clients may use it. `stop` ends it.
    """

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, for `httpx.AsyncClient`."""
        return await self._inner.handle_async_request(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, for `httpx.Client`."""
        body = request.read()
        return asyncio.run_coroutine_threadsafe(self._answer(request, body), self._running()).result()

    def stop(self) -> None:
        """End the thread."""
        with self._starting:
            loop, self._loop = self._loop, None
        if loop:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()

    async def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        again = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        answer = await self._inner.handle_async_request(again)
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content, request=request)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="local-kili-transport", daemon=True)
                self._thread.start()
            return self._loop
