"""Chats of LLM projects: a list of messages becomes prompts with their completions (asset-import.md 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from kili_query.errors import ArgumentError, ImportValidationError

_KEYS = ("role", "content", "id", "chat_id", "model")
_OPENING = ("user", "system")


class Chat(NamedTuple):
    """What is uploaded for a chat, and what its metadata gain."""

    body: dict[str, Any]
    metadata: dict[str, str]


def is_chat(content: object) -> TypeGuard[list[Mapping[str, Any]]]:
    """True for a list of messages."""
    return isinstance(content, list) and bool(content) and all(isinstance(item, Mapping) for item in content)


def read_chat(items: list[Mapping[str, Any]], name: str) -> Chat:
    """The prompts of a list of messages: one of `user` or `system` opens a prompt, the others complete it.

    Raises
    ------
    ImportValidationError: a message lacks a key, its role or its content, or nothing opens a prompt.
    """
    prompts: list[dict[str, Any]] = []
    models: list[str] = []
    for number, item in enumerate(items):
        if missing := [key for key in _KEYS if key not in item]:
            raise ImportValidationError(f"{name}: message {number} of the chat lacks {', '.join(missing)}")
        role, content = item["role"], item["content"]
        if role is None or content is None:
            raise ImportValidationError(
                f"{name}: message {number} of the chat has no {'role' if role is None else 'content'}"
            )
        if role in _OPENING:
            prompts.append({"completions": [], "prompt": content})
            models = []
        elif not prompts:
            raise ImportValidationError(
                f"{name}: the chat begins with a message of `{role}`; `user` or `system` opens it"
            )
        else:
            prompts[-1]["completions"].append({"content": content, "title": role})
            models.append(str(item["model"]))
    if not prompts:
        raise ImportValidationError(f"{name}: the chat has no message of `user` or `system`")
    chat_id = str(items[0]["chat_id"])
    ids = "___".join(str(item["id"]) for item in items)
    metadata = {
        "chat_id": chat_id,
        "models": "___".join(models),
        "chat_item_ids": ids,
        "text": f"Chat_id: {chat_id}\n\nChat_item_ids: {ids}",
    }
    return Chat({"prompts": prompts, "type": "markdown", "version": "0.1"}, metadata)


def body_text(body: object, argument: str) -> bytes:
    """A value of an argument as JSON that is uploaded.

    Raises
    ------
    ArgumentError: a value in it is no JSON, a number that JSON does not have among them.
    """
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(argument, f"holds what cannot be written as JSON: {error}") from None
