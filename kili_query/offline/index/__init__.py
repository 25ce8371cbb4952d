"""Count indexes: what the labels of an export hold, as Parquet beside it, so that a query need not read them again."""
