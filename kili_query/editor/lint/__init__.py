"""Queries in files, checked and repaired; and the reports of what was found."""
