"""What local Kili keeps: the tables, the folder with the database, rows on their way in."""
