"""`kili-query explain`: what a query means, and why labels satisfy it or not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from kili_query.cli import FINE, QUERY_ERROR
from kili_query.cli.options import (
    chosen_types,
    counted,
    exit_code,
    found_ontology_options,
    known_names,
    latest_option,
    ready_query,
    tell_index,
    tell_latest,
    tell_problems,
    tell_unmet,
    type_options,
)
from kili_query.cli.queries import divided, given_queries, lacking
from kili_query.cli.terminal import echo
from kili_query.model.labels import id_text, takes_part

if TYPE_CHECKING:
    from kili_query.engines.explain import Explanation
    from kili_query.errors import DataError
    from kili_query.model.labels import Label

FURTHER = 1_000
"""Labels that are read behind those that are explained, as long as a name of the query was not met."""

MOST_IDS = 100_000
"""Ids that are kept, to name the near ones of an id that is not there."""


@click.command("explain")
@click.argument("arguments", metavar="QUERY [SOURCE]...", nargs=-1)
@found_ontology_options
@type_options()
@latest_option
@click.option(
    "--asset", "assets", metavar="ID", multiple=True, help="Only the asset with this external id; may be repeated."
)
@click.option(
    "--label", "labels", metavar="ID", multiple=True,
    help="Only the label with this id, or with this name as it is printed; may be repeated.",
)  # fmt: skip
@click.option("--failing", is_flag=True, help="Only labels that do not satisfy the query.")
@click.option("--matching", is_flag=True, help="Only labels that satisfy it.")
@click.option("--limit", default=10, show_default=True, metavar="N", type=click.IntRange(1), help="Labels to explain.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one line for each label; and one for names met nowhere."
)
def command(
    arguments: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    assets: tuple[str, ...],
    labels: tuple[str, ...],
    failing: bool,
    matching: bool,
    limit: int,
    as_json: bool,
) -> int:
    """Say what a query means in words; with SOURCEs, why each label satisfies it or not.

    A SOURCE is what `filter` reads: an export archive, a folder, a file of labels, or - for standard input. QUERY and
    SOURCE come in either order.

    \b
    kili-query explain "JOB.CATEGORY.count > 2" --ontology interface.json
    kili-query explain export.zip "JOB.CATEGORY.count > 2" --asset car_1.jpg
    kili-query explain export.zip "JOB.CATEGORY.count > 2" --failing --limit 50
    """
    import json

    from kili_query.engines.lookout import Lookout
    from kili_query.errors import DataError
    from kili_query.model.counts import count_label
    from kili_query.offline.index.opening import all_indexes
    from kili_query.offline.labels import read_labels

    sources, query = divided(arguments, first=True)
    if query is None and sources:
        raise click.UsageError(f"give a QUERY; {lacking(sources, query)}")
    if failing and matching:
        raise click.UsageError("--failing and --matching exclude each other; without them both kinds are explained")
    if not sources and (assets or labels or failing or matching):
        raise click.UsageError("--asset, --label, --failing and --matching choose among the labels of a SOURCE")
    given = given_queries(() if query is None else (query,))[0]
    names = known_names(ontology_file, input_type, no_ontology, file=given.path)
    asked, ontology = ready_query(given.text, names, sources), names.ontology
    if not sources:
        from kili_query.lang.assist.words import in_words

        echo(json.dumps({"text": in_words(asked.tree, ontology)}) if as_json else in_words(asked.tree, ontology))
        return FINE
    tell_latest(latest, sources)
    types, wanted = chosen_types(label_types, all_types, latest=latest), _Wanted(assets, labels)
    problems: list[DataError] = []
    skipped: list[DataError] = []
    shown = read = 0
    stopped = False
    further = 0 if "-" in sources else FURTHER  # who writes into a pipe may take their time
    lookout, first = Lookout(asked.operands), None
    chosen = asked if matching else ~asked if failing else None
    indexes = all_indexes(sources, ontology) if chosen is not None and not wanted.ids and not latest else []
    for index in indexes:
        tell_index(False)(index)
        lookout.note(index.names(types))
    found = read_labels(
        *sources, types=None if wanted.ids and not latest else types, latest=latest, on_skip=skipped.append,
        query=chosen if indexes else None, ontology=ontology,
        on_problem=lambda problem: problems.append(problem) if shown < limit else None,
    )  # fmt: skip
    for label in found:
        if wanted.ids:
            is_wanted = wanted.sees(label)
            if not takes_part(label.label_type, types):
                wanted.left_out += is_wanted
                continue
        read += 1
        if lookout.unmet and not indexes:
            with suppress(DataError):
                lookout.note(count_label(label, ontology))
        if shown == limit:
            stopped, further = True, further - 1
        elif not wanted.ids or is_wanted:
            try:
                explanation = asked.explain_label(label, ontology)
            except DataError as error:
                problems.append(error)
                continue
            if explanation.truth if failing else matching and not explanation.truth:
                continue
            echo(_as_json(label, explanation) if as_json else f"{label.name}\n{explanation}\n")
            shown += 1
        if shown == limit and (further <= 0 or (stopped and not lookout.unmet)):
            first, stopped = read, True
            break
    if indexes:
        read, first = sum(index.count_all(types) for index in indexes), None
    unmet = asked.unmet(lookout.new, ontology, first=first, sampled=lookout.sampled) if read else []
    if as_json and unmet:
        echo(json.dumps({"unmet": [diagnostic.to_dict(asked.source) for diagnostic in unmet]}))
    tell_problems(problems, skipped, len(problems))
    tell_unmet(unmet, asked.source)
    if stopped:
        echo(f"stopped after {counted(shown, 'label')}; --limit N explains more", err=True)
    unknown = not stopped and wanted.tell_unknown()
    if not shown and read and not unknown and (failing or matching):
        echo(f"no label {'fails' if failing else 'matches'}", err=True)
    code = exit_code(read, problems)
    return QUERY_ERROR if unknown and code == FINE else code


class _Wanted:
    """The assets and labels that are asked for by their ids, and which ids there are."""

    def __init__(self, assets: tuple[str, ...], labels: tuple[str, ...]) -> None:
        self.ids = bool(assets or labels)
        self._assets, self._labels = set(assets), set(labels)
        self._unseen = {
            **dict.fromkeys(("asset", name) for name in assets),
            **dict.fromkeys(("label", name) for name in labels),
        }
        self._near: dict[str, dict[str, None]] = {"asset": {}, "label": {}}
        self.left_out = 0
        """Labels that are asked for and whose type takes no part."""

    def sees(self, label: Label) -> bool:
        """True if it is one of them; it is noted that it is there."""
        record = label.record if isinstance(label.record, Mapping) else {}
        names = {
            "asset": {label.external_id, label.asset_id} - {None},
            "label": {
                label.name,
                label.name.partition(", ")[2],
                id_text(record.get("id")) if label.key != "label" else None,
            }
            - {None, ""},
        }
        for kind, there in names.items():
            for name in there:
                self._unseen.pop((kind, str(name)), None)
            if any(of == kind for of, _ in self._unseen) and len(self._near[kind]) < MOST_IDS:
                self._near[kind].update(dict.fromkeys(map(str, there)))
        return (not self._assets or bool(self._assets & names["asset"])) and (
            not self._labels or bool(self._labels & names["label"])
        )

    def tell_unknown(self) -> bool:
        """Name the ids that nothing has, each with those that are near; True if there are any."""
        for kind, name in self._unseen:
            from kili_query.lang.wording import nearest

            near = nearest(name, self._near[kind])
            hint = f"; near it: {', '.join(near)}" if near else ""
            echo(f"there is no {'label' if kind == 'label' else 'label of asset'} `{name}`{hint}", err=True)
        if self.left_out and not self._unseen:
            echo(f"left out by their type: {counted(self.left_out, 'label')}; --all-types takes them", err=True)
        return bool(self._unseen)


def _as_json(label: Label, explanation: Explanation) -> str:
    import json

    from kili_query.errors import DataError

    try:
        return json.dumps({"label": label.name, **explanation.to_dict()})
    except RecursionError:
        raise DataError("the query is nested too deep for JSON; leave out --json", code="KQ503") from None
