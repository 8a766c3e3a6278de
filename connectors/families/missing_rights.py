"""Rights without which a system does not list everything: what it leaves out must not be taken for gone."""

import logging
from collections.abc import Iterable, Iterator

from connectors.models.records import DeletionScope

MOST_NAMED = 5
logger = logging.getLogger(__name__)


class MissingRights:
    """Those that one run met; threads share it."""

    def __init__(self) -> None:
        self._grants: dict[str, None] = {}

    def unless(self, grant: str | None, scope: DeletionScope) -> Iterator[DeletionScope]:
        """The scope, where the listing needed no `grant` to be whole."""
        if grant is None:
            yield scope
        else:
            self._grants[grant] = None

    def tell(self) -> None:
        """Warn of all of them at once."""
        if self._grants:
            logger.warning(
                "nothing is deleted where the user may not see everything; give the missing rights, or set the "
                "markDeleted options to false: %s",
                in_words(self._grants),
            )


def in_words(grants: Iterable[str]) -> str:
    """The first few statements, and how many more there are."""
    named = sorted(grants)
    more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return "; ".join(named[:MOST_NAMED]) + more
