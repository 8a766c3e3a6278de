"""A Postgres server of our own, for whoever names no other."""

from service.database.embedded.folder import InUse
from service.database.embedded.running import is_made, running_url
from service.database.embedded.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "InUse", "is_made", "running_url"]
