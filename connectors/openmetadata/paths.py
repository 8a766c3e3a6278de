"""Where things are on an OpenMetadata server."""

from urllib.parse import quote


def by_name(collection: str, name: str) -> str:
    """The path of the entity that `name`, fully qualified, names."""
    return f"/{collection}/name/{quote(name, safe='')}"
