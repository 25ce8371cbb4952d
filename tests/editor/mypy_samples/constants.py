"""Texts that mypy knows without seeing a literal in the call: the place is that of the argument."""

from typing import Final, Literal

from kili_query import parse

FERRIES: Final = "BOATS.FERRY.count = 1"
LINES: Final = """
  BOATS.FERRY.count > 1
  AND BOATS.FERRY.coun > 1
"""
FINE: Final = "BOATS.FERRY.count > 1"
changed = "BOATS.FERRY.count = 1"
Known = Literal["BOATS.FERRY.count > 1", "BOATS.FERRY.count >> 1"]

parse(FINE)
parse(changed)
parse(FERRIES)  # error 7: KQ105: `=` is not an operator (in the text: column 19)
# hint -1:7: `=` is written `==`
parse(LINES)  # error 7: KQ108: `.count` is missing: `coun` stands in its place (in the text: line 3, column 19)
# hint -1:7: `count` is all that a query can ask for


class Queries:
    FERRIES: Final = "BOATS.FERRY.count = 1"


def ask(known: Known) -> None:
    parse(known)  # error 11: KQ105: `>>` is not an operator (in the text: column 19)
    # hint -1:11: the operators are `==`, `!=`, `>=`, `<=`, `<`, `>` and `IN`
    parse(Queries.FERRIES)  # error 11: KQ105: `=` is not an operator (in the text: column 19)
    # hint -1:11: `=` is written `==`
