"""What `kili-query stats --by` prints: groups of labels as a table, as JSON, as CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence

from kili_query.cli.options import counted
from kili_query.cli.terminal import echo
from kili_query.errors import shown
from kili_query.offline.groups import Grouping, Groups

UNKNOWN = "(not known)"


def print_groups(
    total: Groups, by: Sequence[Grouping], *, as_json: bool = False, as_csv: bool = False, csv_safe: bool = False
) -> None:
    """Print the groups, those with most objects first."""
    rows = total.ordered(by)
    if as_json:
        found = [
            {**dict(zip(by, group, strict=True)), "labels": row.labels, "empty": row.empty, "objects": row.objects}
            for group, row in rows
        ]
        read = {name: getattr(total, name) for name in ("records", "labels", "empty", "unreadable")}
        echo(json.dumps({**read, "groups": found}, indent=2))
        return
    if as_csv:
        from kili_query.offline.write import csv_row

        lines = [csv_row([*by, "labels", "empty", "objects"])]
        lines += (csv_row([*group, row.labels, row.empty, row.objects], safe=csv_safe) for group, row in rows)
        echo("".join(lines), nl=False)
        return
    from kili_query.cli.tables import Table

    table = Table(*by, ">labels", ">empty", ">objects", ">per label")
    for group, row in rows:
        names = (UNKNOWN if name is None else shown(name) for name in group)
        per_label = f"{row.objects / row.labels:,.1f}" if row.labels else ""
        table.add(*names, f"{row.labels:,}", f"{row.empty:,}", f"{row.objects:,}", per_label)
    table.print()
    told = f"{counted(total.labels, 'label')} of {counted(total.records, 'record')}"
    echo(f"{told}, {total.empty:,} empty, {total.unreadable:,} unreadable")
