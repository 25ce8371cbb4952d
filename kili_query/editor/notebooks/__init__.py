"""Queries in notebooks: magics, and what they show."""
