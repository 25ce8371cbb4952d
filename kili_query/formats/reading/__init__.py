"""Datasets of other formats, read: what they hold becomes assets with labels as Kili has them, and their classes an ontology."""
