"""The data that queries are about: ontologies, labels, and how many objects of a category a label holds."""
