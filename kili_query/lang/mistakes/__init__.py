"""Syntax error messages: why a text is no query, each mistake named in the language's words, with what would work."""
