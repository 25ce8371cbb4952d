"""The engine in Spark: queries over columns of labels, and over a count index, on as many machines as Spark has.

Columns of `jsonResponse` texts are scanned by Python beside each of Spark's processes, a batch at a time
(`engines/arrow.py`). What runs there is found by name, so that the package is all that they need; one that lacks it says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kili_query.errors import ArgumentError, DataError, KiliQueryError
from kili_query.lang.ast import Node
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import to_text
from kili_query.model.labels import DEFAULT_LABEL_TYPES, AllBut, LabelTypes, chosen_types
from kili_query.model.ontology import Ontology, as_ontology

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MIN_SPARK, MIN_JAVA = 4, 17

COUNTS_TYPE = "array<struct<job: string, category: string, n: int>>"
PROBLEM = "problem"
"""The column that says why a label cannot be read; null in all others."""


class ClusterError(KiliQueryError, RuntimeError):
    """Spark cannot do the work: it is missing or too old, or its processes lack what they need. The message says what."""


class HasTree(Protocol):
    """What holds the tree of a query, as `Query` does."""

    @property
    def tree(self) -> Node:
        """The tree."""


AnyQuery = HasTree | Node | str
"""A query, its tree, or its text."""


# -- columns -----------------------------------------------------------------------------------------------------------


def count_categories(
    frame: DataFrame,
    column: str = "jsonResponse",
    *,
    ontology: Ontology | None = None,
    into: str = "counts",
    totals: bool = False,
    text: bool = False,
    balanced: bool = False,
) -> DataFrame:
    """The frame with the counts of each label: those of `kili_query.count_categories`, a list of (job, category, n).

    Lazy, as all that Spark does. The column `problem` says why a label cannot be read; its counts are null then.

    Parameters
    ----------
    frame: any DataFrame, of Spark itself or of Spark Connect.
    column: the one that holds a `jsonResponse` as JSON text in each row.
    ontology: tells frames of a video from jobs whose keys are digits.
    into: the name of the new column.
    totals: True: rows of totals too, as a count index has them: job null for all jobs, category null for all categories.
    text: whether the column of the texts stays. It would travel to Python and back.
    balanced: deal the rows anew, in partitions of about as many bytes (`spark.sql.adaptive.advisoryPartitionSizeInBytes`):
        where some partitions hold much more than others, that is worth what it costs to move the texts.

    Raises
    ------
    ArgumentError: there is no such column, it holds no text, or a name is taken.
    ClusterError: Spark is older than 4.
    """
    fields = [f"{_quoted(into)} {COUNTS_TYPE}"]
    return _scanned(frame, column, [into], fields, text, balanced, "count_batches", as_ontology(ontology), totals)


def matches(
    frame: DataFrame,
    query: AnyQuery | Mapping[str, AnyQuery],
    column: str = "jsonResponse",
    *,
    ontology: Ontology | None = None,
    validate: bool = False,
    text: bool = False,
    balanced: bool = False,
) -> DataFrame:
    """The frame with a column `matches`: whether the label satisfies the query, null if it cannot be read (`problem` says why).

    Lazy. Several queries are asked in one go: `{"busy": "CARS.BUS.count > 2", "empty": "*.*.count == 0"}` gives the columns
    `busy` and `empty`. Parameters and errors are those of `count_categories`, and

    Parameters
    ----------
    query: a `Query` or its text, or several by the name of their column.
    validate: decode also what cannot match, so that no broken text above 4 kB is missed.

    Raises
    ------
    QuerySyntaxError: a text is not a query.
    """
    queries = dict(query) if isinstance(query, Mapping) else {"matches": query}
    if not queries:
        raise ArgumentError("query", "is an empty dict, and must name a query at least")
    texts = [to_text(tree_of(one)) for one in queries.values()]
    fields = [f"{_quoted(name)} boolean" for name in queries]
    return _scanned(
        frame, column, list(queries), fields, text, balanced, "match_batches", texts, as_ontology(ontology), validate
    )


def problems(frame: DataFrame) -> DataFrame:
    """The rows of a frame of this module whose label cannot be read, with the reason in `problem`."""
    return frame.where(f"{PROBLEM} IS NOT NULL").select(PROBLEM, *(name for name in frame.columns if name != PROBLEM))


def _scanned(
    frame: DataFrame,
    column: str,
    names: Sequence[str],
    fields: Sequence[str],
    text: bool,
    balanced: bool,
    work: str,
    *arguments: object,
) -> DataFrame:
    require_spark(frame.sparkSession)
    kinds = {field.name: field.dataType.typeName() for field in frame.schema.fields}
    if column not in kinds:
        raise ArgumentError("column", f"is {column!r}, and the frame has {', '.join(kinds) or 'none'}")
    if kinds[column] not in ("string", "varchar", "char", "binary"):
        advice = "; to_json() makes text of it" if kinds[column] in ("struct", "map", "variant") else ""
        raise ArgumentError("column", f"{column!r} is of type {kinds[column]}, and must hold JSON text{advice}")
    kept = [name for name in kinds if text or name != column]
    taken = [name for name in (*names, PROBLEM) if [*kept, *names].count(name) > (name in names)]
    if taken:
        raise ArgumentError("frame", f"has a column {taken[0]!r} already: rename or drop it")
    if len(set(kinds)) < len(frame.columns):
        raise ArgumentError("frame", "has two columns of one name")
    if balanced:
        frame = frame.hint("rebalance")
    result = _schema(frame, kept, [*fields, f"{PROBLEM} string"])
    return frame.mapInArrow(sent(work, column, kept, *arguments), result)


def _schema(frame: DataFrame, kept: Sequence[str], fields: Sequence[str]) -> Any:
    """The type of the rows that come back: the fields of the frame that are kept, and new ones."""
    from pyspark.sql.types import StructType

    return StructType([*(frame.schema[name] for name in kept), *StructType.fromDDL(", ".join(fields)).fields])


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def tree_of(query: AnyQuery) -> Node:
    """The tree of a query, however it is given."""
    if isinstance(query, str):
        return parse_tree(query)
    return query if isinstance(query, Node) else query.tree


# -- a count index -----------------------------------------------------------------------------------------------------

_COUNTS = {"job": "string", "category": "string", "label": "long", "n": "integer"}


class Index(NamedTuple):
    """The tables of a count index (docs/scale.md)."""

    counts: DataFrame
    labels: DataFrame


def read_index(session: SparkSession, folder: str) -> Index:
    """The tables of a count index: what `kili-query index` writes, in a place that Spark reads (`s3a://`, `gs://`, a folder).

    Raises
    ------
    DataError: it is not there, or is no count index (KQ503).
    ClusterError: Spark is older than 4.
    """
    require_spark(session)
    tables = []
    for name, wanted in (("counts", _COUNTS), ("labels", {"label": "long"})):
        try:
            frame = session.read.parquet(f"{folder.rstrip('/')}/{name}")
            found = {field.name: field.dataType.typeName() for field in frame.schema.fields}
        except Exception as error:  # which one depends on Spark and on where the folder is
            reason = str(error).strip().partition("\n")[0]
            raise DataError(
                f"Spark cannot read `{name}` of a count index there: {reason}", code="KQ503", where=folder
            ) from error
        lacking = [f"{column} {kind}" for column, kind in wanted.items() if found.get(column) != kind]
        if lacking:
            has = ", ".join(f"{column} {kind}" for column, kind in found.items())
            raise DataError(
                f"`{name}` is no table of a count index: it lacks {', '.join(lacking)}, and has {has}",
                code="KQ503",
                where=folder,
            )
        tables.append(frame)
    return Index(*tables)


def select(query: AnyQuery, index: Index, types: LabelTypes | None = DEFAULT_LABEL_TYPES) -> DataFrame:
    """The rows of `labels` of an index whose label satisfies the query: SQL over `counts`. Lazy.

    `types`: the label types that take part; None: all. By default all but AUTOSAVE, as everywhere. A label without a type
    takes part, and so do all where the table does not tell types.

    Raises
    ------
    QuerySyntaxError: the text is not a query.
    UnsupportedQueryError: Spark cannot hold a name (KQ401), or the query is too large to plan (KQ402).
    """
    from kili_query.engines.dialects import compile_select

    text, names = compile_select(tree_of(query), "spark", parameters=True, counts="{counts}", labels="{labels}")
    # a label is never null; told so, Spark looks labels up that are not to be there as it joins tables of any size
    never_null = "coalesce(label, -1L) AS label"
    counts = index.counts.selectExpr("job", "category", "n", never_null)
    chosen = index.labels if types is None else index.labels.where(_of_types(index.labels, types))
    labels = chosen.selectExpr(never_null, *(_quoted(name) for name in index.labels.columns if name != "label"))
    return index.labels.sparkSession.sql(text, names, counts=counts, labels=labels)


def _of_types(labels: DataFrame, types: LabelTypes) -> str:
    """The condition that a row of `labels` is of one of the types."""
    chosen = chosen_types(types)
    if "label_type" not in labels.columns:
        return "TRUE"
    names = sorted(chosen.left_out if isinstance(chosen, AllBut) else chosen or ())
    listed = ", ".join("'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'" for name in names)
    if not names:
        return "TRUE" if isinstance(chosen, AllBut) else "label_type IS NULL"
    return f"label_type IS NULL OR label_type {'NOT IN' if isinstance(chosen, AllBut) else 'IN'} ({listed})"


# -- what runs beside Spark's processes --------------------------------------------------------------------------------

Batches = Iterator["pa.RecordBatch"]


def sent(name: str, *arguments: object, module: str = __name__) -> Callable[[Batches], Batches]:
    """A function of batches, to be sent to Python beside Spark's processes: finds by name, there, what does the work.

    The arguments are unpacked there, too; so where the package is missing, that is what is told.
    """
    import pickle

    packed = pickle.dumps(arguments)
    missing = MISSING

    def work(batches: Batches) -> Batches:
        import pickle
        from importlib import import_module

        try:
            function = getattr(import_module(module), name)
            unpacked = pickle.loads(packed)
        except ImportError as error:
            raise RuntimeError(missing.format(error)) from None
        yield from function(batches, *unpacked)

    return work


MISSING = (
    "a Python process of Spark cannot load kili_query ({}): install `kili_query` where Spark's processes run, or send it, "
    "`session.addArtifacts(package(), pyfile=True)`, where `msgspec` and `pyarrow` are installed"
)


def count_batches(batches: Batches, column: str, kept: list[str], ontology: Ontology | None, totals: bool) -> Batches:
    """What `count_categories` does with the batches of a partition."""
    from kili_query.engines.arrow import count_texts

    for batch in batches:
        yield _with(batch, kept, count_texts(batch.column(column), ontology, totals=totals))


def match_batches(
    batches: Batches, column: str, kept: list[str], texts: list[str], ontology: Ontology | None, validate: bool
) -> Batches:
    """What `matches` does with the batches of a partition."""
    from kili_query.engines.arrow import Questions, match_texts

    questions = Questions([parse_tree(text, limited=False) for text in texts], ontology, validate=validate)
    for batch in batches:
        yield _with(batch, kept, match_texts(batch.column(column), questions))


def _with(batch: pa.RecordBatch, kept: list[str], columns: list[pa.Array]) -> pa.RecordBatch:
    """The columns of a batch that are kept, and new ones; Spark takes them by their position."""
    import pyarrow as pa

    columns = [*(batch.column(name) for name in kept), *columns]
    return pa.RecordBatch.from_arrays(columns, [str(i) for i in range(len(columns))])


# -- the session and its processes -------------------------------------------------------------------------------------


def session(
    name: str = "kili_query", *, master: str | None = None, config: Mapping[str, str] | None = None
) -> SparkSession:
    """The Spark session of this program: the one it has, the one that `spark-submit` or `SPARK_REMOTE` asks for, else a new
    one on this machine.

    Parameters
    ----------
    name: how Spark shows the program.
    master: where Spark runs, such as `local[2]`; None: where the surroundings say, else here on all cores.
    config: settings of Spark, for a session that is made here.

    Raises
    ------
    ClusterError: Spark is not installed or older than 4; or it is to run here, and there is no Java 17.
    """
    try:
        import pyspark
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ClusterError(f'Spark needs the extra `spark`: pip install "kili_query[spark]" ({error})') from None
    _require_version(pyspark.__version__)
    active = SparkSession.getActiveSession()
    if active is None and master is None and "SPARK_REMOTE" in os.environ:
        return require_spark(SparkSession.builder.getOrCreate())
    if active is None:
        require_java()
    builder = SparkSession.builder.appName(name)
    for key, value in (config or {}).items():
        builder = builder.config(key, value)
    return require_spark(active or (builder.master(master) if master else builder).getOrCreate())


def require_spark(session: SparkSession) -> SparkSession:
    """The session, if it is of Spark 4 or later.

    Raises
    ------
    ClusterError: it is older.
    """
    _require_version(session.version)
    return session


def _require_version(version: str) -> None:
    if int(version.partition(".")[0]) < MIN_SPARK:
        raise ClusterError(f'Spark is {version}, and must be {MIN_SPARK} or later: pip install "kili_query[spark]"')


def require_java() -> None:
    """See that the Java that Spark would start is there, and new enough.

    Raises
    ------
    ClusterError: it is not.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    asked = f"the folder `JAVA_HOME` ({home})" if home else "`JAVA_HOME` or `PATH`"
    advice = f"install Java {MIN_JAVA} or later (Debian: `apt-get install openjdk-{MIN_JAVA}-jre-headless`)"
    if java is None:
        raise ClusterError(f"Spark runs on Java, and there is none in {asked}: {advice}")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None:
        raise ClusterError(f"Spark runs on Java, and `{java} -version` does not tell that it is one: {advice}")
    if int(found[1]) < MIN_JAVA:
        raise ClusterError(f"Spark runs on Java {MIN_JAVA} or later, and {java} is Java {found[1]}: {advice}")


def require_workers(session: SparkSession) -> None:
    """See that the Python beside Spark's processes has what the work needs, by a small job on some of them.

    Raises
    ------
    ClusterError: it lacks the package, or a library of it; or its package has another version.
    """
    from importlib import import_module

    require_spark(session)
    name = "kili_query"
    own = import_module(name).__version__

    def look(batches: Batches) -> Batches:
        import pyarrow as pa

        try:
            import_module(f"{name}.engines.arrow")
            found = import_module(name).__version__
        except ImportError as error:
            found = f"!{error}"
        for batch in batches:
            yield pa.RecordBatch.from_arrays([pa.array([found] * len(batch))], ["found"])

    rows = session.range(0, PROBED, 1, PROBED).mapInArrow(look, "found string").distinct().collect()
    for found in sorted(row[0] for row in rows):
        if found[:1] == "!":
            raise ClusterError(MISSING.format(found[1:]))
        if found != own:
            raise ClusterError(f"Spark's processes have kili_query {found}, and here it is {own}")


PROBED = 8
"""How many partitions `require_workers` looks from."""


def package(folder: str | os.PathLike[str] | None = None) -> str:
    """The path of a new zip archive of the package, for `session.addArtifacts(path, pyfile=True)` or `spark-submit --py-files`.

    `msgspec` and `pyarrow`, which are compiled, must be installed where Spark's processes run.

    Parameters
    ----------
    folder: where it is written, as `kili_query.zip`; None: a temporary one.
    """
    import tempfile
    import zipfile
    from pathlib import Path

    path = Path(folder or tempfile.mkdtemp(prefix="kili-query-")) / "kili_query.zip"
    beside = path.with_name(f"{path.name}.new")
    home = Path(__file__).parents[1]
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(home.rglob("*.py")):
            archive.write(file, file.relative_to(home.parent))
    beside.replace(path)
    return str(path)
