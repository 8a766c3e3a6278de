"""SQLite: the catalogue that one file has of itself."""
