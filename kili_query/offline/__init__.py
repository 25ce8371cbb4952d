"""Queries and statistics over files of labels: in order, in parallel, with what could not be read named."""
