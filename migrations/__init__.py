"""Alembic migrations of the store, one purpose each; run by `headwater migrate`."""
