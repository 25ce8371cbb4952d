"""Faults that were found by trying: one file for each area, and what is right."""
