"""Local Kili: a server in one process that speaks the protocol of Kili, on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kili_query.server.local import LocalKili as LocalKili

__all__ = ["LocalKili"]


def __getattr__(name: str) -> Any:
    if name != "LocalKili":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from kili_query.server.local import LocalKili
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _EXTRA:
            message = f'local Kili needs the extra `server`: pip install "kili_query[server]" (missing: {error.name})'
            raise ModuleNotFoundError(message, name=error.name) from None
        raise
    globals()[name] = LocalKili
    return LocalKili


_EXTRA = ("ariadne", "graphql", "sqlalchemy", "starlette", "uvicorn")
