"""`kili-query ontology`: the ontology of a project, from Kili to a file."""

from __future__ import annotations

import os

import click

from kili_query.cli.terminal import echo


@click.group("ontology")
def command() -> None:
    """Fetch ontologies for `check`, `filter`, `lint` and editors.

    \b
    kili-query ontology pull clx1 -o kili-ontology.json
    """


@command.command("pull")
@click.argument("project_id", metavar="PROJECT_ID")
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write it there. Default: standard output.")
@click.option("--api-key", metavar="KEY", help="Default: KILI_API_KEY, then kili-sdk-config.json.")
@click.option("--api-endpoint", metavar="URL", help="Default: KILI_API_ENDPOINT, then the file, then Kili's cloud.")
def pull(project_id: str, output: str | None, api_key: str | None, api_endpoint: str | None) -> None:
    """Fetch the ontology of a project, with its id, title and input type.

    \b
    kili-query ontology pull clx1 -o kili-ontology.json
    """
    import json

    from kili_query.client import Kili
    from kili_query.errors import NotFoundError
    from kili_query.model.ontology import Ontology
    from kili_query.offline.files import whole_file

    with Kili(api_key, api_endpoint, disable_tqdm=True) as kili:
        rows = list(kili.projects(project_id, fields=["id", "title", "inputType", "jsonInterface"]))
    if not rows:
        raise NotFoundError(f"there is no project `{project_id}` that this API key may see")
    jobs = len(Ontology.from_json_interface(rows[0]).jobs)
    text = json.dumps(rows[0], indent=2, ensure_ascii=False) + "\n"
    if output is None:
        echo(text, nl=False)
        return
    older = os.path.isfile(output)
    with whole_file(output) as file:
        file.write(text.encode())
    echo(f"{output}: {jobs} jobs of {rows[0]['title']}" + ", in place of an older file" * older, err=True)
