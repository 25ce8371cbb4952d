"""kili_query."""
