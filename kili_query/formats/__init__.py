"""Reading and writing labels on disk."""
