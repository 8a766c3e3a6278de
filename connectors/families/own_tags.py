"""The tags that a system's entities have: a classification of the system's own, and each tag once in a run."""

import threading
from collections.abc import Iterable, Iterator

from connectors.models.base import TagLabel
from connectors.models.names import encode_name, fqn
from connectors.models.records import Record
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest


class OwnTags:
    """One run's tags, used by several threads; `of` says in descriptions whose they are."""

    def __init__(self, classification: str, of: str) -> None:
        self._classification = classification
        self._of = of
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def new(self, tags: Iterable[str]) -> Iterator[Record]:
        """The records of those that nothing had before."""
        with self._lock:  # no other thread may use a tag before its record is out
            for tag in tags:
                if not self._known:
                    yield CreateClassificationRequest(name=self._classification, description=f"Tags of {self._of}")
                if tag not in self._known:
                    self._known.add(tag)
                    yield CreateTagRequest(
                        name=encode_name(tag),
                        classification=fqn(self._classification),
                        description=f"{tag}, a tag of {self._of}",
                    )

    def labels(self, tags: Iterable[str]) -> tuple[TagLabel, ...]:
        """The same as an entity carries them."""
        return tuple(TagLabel(tag_fqn=fqn(self._classification, encode_name(tag))) for tag in tags)
