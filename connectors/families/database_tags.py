"""The tags that a system has by key and value: each classification and each tag once in a run."""

import threading
from collections.abc import Iterable, Iterator, Mapping

from connectors.families.database_source import Tag
from connectors.models.names import encode_name, fqn
from connectors.models.records import Record
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest


def label_of(tag: Tag) -> str:
    """The name by which an entity carries the tag."""
    return fqn(tag.classification, encode_name(tag.name))


def tags_of(values: Mapping[str, str], about: str) -> tuple[Tag, ...]:
    """Tags of these keys, which are their classifications; one without a value is named like its key."""
    return tuple(
        Tag(encode_name(key), about, value or key, f"{key} is {value}" if value else key)
        for key, value in sorted(values.items())
    )


class NewTags:
    """One run's tags, used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[tuple[str, ...]] = set()

    def new(self, tags: Iterable[Tag]) -> Iterator[Record]:
        """The records of those that nothing had before."""
        with self._lock:  # no other thread may use a tag before its record is out
            for tag in tags:
                if self._is_new(tag.classification):
                    yield CreateClassificationRequest(
                        name=tag.classification, description=tag.classification_description
                    )
                if self._is_new(tag.classification, tag.name):
                    yield CreateTagRequest(
                        name=encode_name(tag.name), classification=fqn(tag.classification), description=tag.description
                    )

    def _is_new(self, *names: str) -> bool:
        if names in self._known:
            return False
        self._known.add(names)
        return True
