"""What a caller may do."""

from enum import StrEnum


class Role(StrEnum):
    """Each may do what those before it may, and more: read; run, pause, check; define, manage secrets and keys."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do what needs the other."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = tuple(Role)
