"""What a caller may do."""

from enum import StrEnum


class Role(StrEnum):
    """Each may what those before it may: read; run, pause and check; define, and manage secrets and keys."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs the other."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = tuple(Role)
