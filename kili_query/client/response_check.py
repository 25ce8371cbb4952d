"""Labels that are to be sent, checked against the ontology: the same look as that of `kili-query check-labels`."""

from __future__ import annotations

from collections.abc import Iterable

from kili_query.client.messages import warn
from kili_query.client.types import CheckQueries
from kili_query.errors import ArgumentError, QueryWarning
from kili_query.model.ontology import Ontology
from kili_query.offline.label_check import check_response

MOST_TOLD = 10
"""Findings that a message lists."""


def check_responses(responses: Iterable[object], ontology: Ontology, check: CheckQueries, argument: str) -> None:
    """Raise, or warn, if a `jsonResponse` does not fit the ontology.

    Raises
    ------
    ArgumentError: with `check` "error", naming each offending label and place.
    """
    found = [
        f"[{number}]{problem.where.removeprefix('$')}: {problem.message}"
        for number, response in enumerate(responses)
        for problem in check_response(_plain(response), ontology)
    ]
    if not found:
        return
    listed = "\n  ".join(found[:MOST_TOLD])
    more = f"\n  and {len(found) - MOST_TOLD:,} more" if len(found) > MOST_TOLD else ""
    message = f"does not fit the ontology of the project:\n  {listed}{more}"
    if check == "error":
        raise ArgumentError(argument, f'{message}\n`Kili(check_queries="warn")` sends it all the same')
    warn(f"`{argument}` {message}", QueryWarning)


def _plain(response: object) -> object:
    """The response without answers that are names of files, which are uploaded first."""
    if not isinstance(response, dict):
        return response
    return {job: answer for job, answer in response.items() if not isinstance(answer, str)}
