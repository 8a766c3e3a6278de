"""The catalogue of PostgreSQL 12 and newer, for every system that has it."""
