"""Which OpenMetadata servers we know how to talk to."""

import re
from typing import NamedTuple

from connectors.errors import FatalError


class Version(NamedTuple):
    """A server's version; compares like the numbers it is made of."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """As the server writes it."""
        return f"{self.major}.{self.minor}.{self.patch}"


OLDEST = Version(1, 9, 0)
FIRST_UNKNOWN = Version(3, 0, 0)
FIRST_WITH_DELETE_STALE = Version(2, 0, 0)
FIRST_WITH_OVERRIDE = Version(2, 0, 0)
FIRST_WITH_STATES_OF_STEPS = Version(2, 0, 0)


def parse_version(text: str) -> Version:
    """The first `major.minor[.patch]` in `text`.

    Raises:
        ValueError: There is none.
    """
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if found is None:
        msg = f"{text!r} is not a version"
        raise ValueError(msg)
    return Version(*(int(part or 0) for part in found.groups()))


def require_known(version: Version) -> None:
    """Refuse a server whose API we have not seen.

    Raises:
        FatalError: Names the version and how to go on all the same.
    """
    if not OLDEST <= version < FIRST_UNKNOWN:
        msg = f"the OpenMetadata server is version {version}; supported are {OLDEST.major}.{OLDEST.minor} to 2.x"
        raise FatalError(msg, "to try it all the same, set openMetadataServerConfig.enableVersionValidation to false")
