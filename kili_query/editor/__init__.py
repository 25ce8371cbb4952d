"""Category queries where people write them: Python sources, notebooks, query files, editors."""
