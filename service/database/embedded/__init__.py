"""A Postgres server of our own, for whoever names no other."""

from service.database.embedded.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
