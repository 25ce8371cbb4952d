"""Asks a category query of a count index, or of exports, on Spark: here, or unchanged on a cluster.

python docs/on_a_cluster.py labels.kqindex "BOATS.FERRY.count > 2"
python docs/on_a_cluster.py --exports exports/ "BOATS.FERRY.count > 2"
spark-submit --py-files kili_query.zip on_a_cluster.py s3a://bucket/labels.kqindex "BOATS.FERRY.count > 2" --to s3a://bucket/found
"""

from __future__ import annotations

import argparse
import sys

from kili_query import KiliQueryError, parse
from kili_query.engines.spark import package, read_index, require_workers, select, session
from kili_query.offline.spark import select as select_in_exports


def main(arguments: list[str] | None = None) -> int:
    """Ask, and print how many labels match; 1 if something keeps it from that."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("source", help="the folder of a count index; with --exports, of archives, NDJSON or JSON")
    options.add_argument("query")
    options.add_argument("--exports", action="store_true", help="read exports, in place of an index")
    options.add_argument("--to", metavar="FOLDER", help="write the rows of what matches, as Parquet")
    options.add_argument("--send", action="store_true", help="send the package to Spark's processes, for this session")
    chosen = options.parse_args(arguments)
    try:
        query = parse(chosen.query)
        spark = session("a category query")
        if chosen.send:
            spark.addArtifacts(package(), pyfile=True)
        if chosen.exports:
            require_workers(spark)
            rows = select_in_exports(spark, query, chosen.source).persist()  # read once for all that is asked of it
            for row in rows.where("problem IS NOT NULL").limit(20).collect():
                print(f"cannot be read: {row['source']}: {row['place']}: {row['problem']}", file=sys.stderr)
            rows = rows.where("problem IS NULL")
        else:
            index = read_index(spark, chosen.source)
            names = index.counts.where("job IS NOT NULL AND category IS NOT NULL").select("job", "category").distinct()
            for finding in query.unmet(map(tuple, names.collect())):
                print(finding.render(query.source), file=sys.stderr)
            rows = select(query, index)
        if chosen.to:
            rows.write.parquet(chosen.to)
        print(f"{rows.count()} labels match")
    except KiliQueryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
