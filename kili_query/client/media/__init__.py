"""Media: the files behind the addresses in assets, and where they go in a folder."""
