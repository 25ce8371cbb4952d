"""The grammar, which ships inside the package as `kili_query.grammar`."""
