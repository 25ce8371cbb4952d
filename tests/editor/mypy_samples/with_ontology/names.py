"""Queries beside a `kili-ontology.json`: names are checked, too."""

from kili_query import parse

parse("BOATS.FERRY.count > 1")
parse("BOATS.FERY.count > 1")  # error 14: KQ202: job `BOATS` has no category `FERY`
# hint -1:14: did you mean `FERRY`?
parse("WEATHER.SUN.count > 1")  # note 8: KQ303: `WEATHER.SUN.count > 1` is never true for labels that obey the ontology
