"""Literals in all the ways in which Python writes them. Each comment says what mypy reports, and in which column."""

import kili_query
import kili_query as kq
from kili_query import parse
from kili_query import parse as query_of

parse("A.B.count > 1")
kili_query.parse("A.B.cuont > 1")  # error 23: KQ108: `.count` is missing: `cuont` stands in its place
# hint -1:23: `count` is all that a query can ask for
kq.parse(text="A.B.count = 1")  # error 26: KQ105: `=` is not an operator
# hint -1:26: `=` is written `==`
query_of('A.B.count >> 1')  # error 21: KQ105: `>>` is not an operator  # fmt: skip
# hint -1:21: the operators are `==`, `!=`, `>=`, `<=`, `<`, `>` and `IN`

parse(
    "A.B.count > 1 AND "  # two literals, which Python joins
    r"C.D.count = 2"  # error 17: KQ105: `=` is not an operator
)
# hint -2:17: `=` is written `==`
parse("""
    A.B.count > 1
    AND C.D.count = 2
""")
# error -2:19: KQ105: `=` is not an operator
# hint -3:19: `=` is written `==`
parse(
    "A.B.count > 1 \
 AND C.D.count = 2"
)
# error -2:16: KQ105: `=` is not an operator
# hint -3:16: `=` is written `==`
parse('"\x41\N{BULLET}".B.count = 1')  # error 33: KQ105: `=` is not an operator
# hint -1:33: `=` is written `==`
print("é𝐱é", parse('"é𝐱".B.count = 1'))  # error 34: KQ105: `=` is not an operator
# hint -1:34: `=` is written `==`
print(parse("A.B.count > 1"), parse("A.B.count = 1"))  # error 48: KQ105: `=` is not an operator
# hint -1:48: `=` is written `==`
parse("A.B.count > ")  # error 20: KQ102: the text ends where a whole number is expected
parse("")  # error 8: KQ103: the query is empty
# hint -1:8: a query is a comparison such as `JOB.CATEGORY.count > 0`
parse("A.B.count >= 0")  # note 8: KQ301: `A.B.count >= 0` is always true
# hint -1:8: a count is never below 0; `> 0` asks for at least one
parse("A.B.count > 1 AND C.D.count > 1 OR E.F.count > 1")
parse("A.B.count = 1")  # type: ignore[kili-query,unused-ignore]
parse("""
    A.B.count = 2
""")  # type: ignore[kili-query,unused-ignore]
number = 3
parse(f"A.B.count = {number}")
