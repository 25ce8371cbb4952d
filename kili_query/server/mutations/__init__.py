"""Mutations of local Kili: projects and their members, assets, labels."""
