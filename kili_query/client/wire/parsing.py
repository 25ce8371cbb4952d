"""Rows become parsed labels, or hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kili_query.client.operations.projects import Project
from kili_query.client.types import Row
from kili_query.errors import ArgumentError
from kili_query.formats.parsed.label import MisfitLabels, Parser
from kili_query.formats.parsed.rules import rules_of
from kili_query.model.ontology import Ontology

Parse = Callable[[Iterable[Row], Parser], list[Row]]
"""What makes rows with parsed labels of rows."""


def parser_of(project: Project, misfits: MisfitLabels = "raise") -> Parser:
    """What parses the labels of a project; no label with answers fits one that has no ontology."""
    return Parser(rules_of(project.ontology or Ontology({}, project.input_type)), misfits)


def require_responses(argument: str, fields: Iterable[str]) -> None:
    """Nothing, if labels come with their answers.

    Raises
    ------
    ArgumentError: they come without.
    """
    if "jsonResponse" not in fields:
        raise ArgumentError("fields", f'lacks `jsonResponse`, which `{argument}="parsed_label"` needs')


def parsed_labels(labels: Iterable[Row], parser: Parser) -> list[Row]:
    """The labels as parsed labels.

    Raises
    ------
    ParsedLabelError: one does not fit the interface.
    """
    return list(parser.parsed(labels, owned=True))


def with_parsed_labels(assets: Iterable[Row], parser: Parser) -> list[Row]:
    """The assets with parsed labels under `labels` and `latestLabel`, as in Kili's SDK: a latest label without answers stays a dict.

    Raises
    ------
    ParsedLabelError: a label does not fit the interface.
    """
    return [{**asset, **_parsed(asset, parser)} for asset in assets]


def _parsed(asset: Row, parser: Parser) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    if isinstance(asset.get("labels"), list):
        parsed["labels"] = parsed_labels((label for label in asset["labels"] if label), parser)
    latest = asset.get("latestLabel")
    if isinstance(latest, dict) and isinstance(latest.get("jsonResponse"), dict):
        parsed["latestLabel"] = next(iter(parsed_labels([latest], parser)), None)
    return parsed
