"""What a system that stores objects has to answer, and how paths of manifests are found in it."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from connectors.families.storage.manifest import ManifestEntry

WILDCARDS = frozenset("*?[")


class Bucket(msgspec.Struct, frozen=True):
    """A bucket; `size` in bytes, None where nobody counts."""

    name: str
    size: int | None = None
    number_of_objects: int | None = None


class StoredObject(msgspec.Struct, frozen=True):
    """An object, or, with a key that ends with a slash, what lies below that one."""

    key: str
    size: int = 0

    @property
    def is_folder(self) -> bool:
        """Whether it is no object but the beginning of the keys of several."""
        return self.key.endswith("/")

    @property
    def is_data(self) -> bool:
        """Whether it is more than a mark that somebody left."""
        return not self.is_folder and self.size > 0


class ObjectStore(Protocol):
    """One run's view; asked by several threads.

    What is raised: ConnectorError for one bucket or object, SourceUnavailable and FatalError for the run.
    """

    def buckets(self) -> Iterable[Bucket]:
        """The buckets to read."""
        ...

    def level(self, bucket: str, prefix: str, /) -> Iterable[StoredObject]:
        """The folders and objects whose keys begin with `prefix` and have no slash, or one at their end, after it."""
        ...

    def objects(self, bucket: str, prefix: str, /) -> Iterable[StoredObject]:
        """All objects whose keys begin with `prefix`, in the order of their keys."""
        ...

    def read(self, bucket: str, key: str, start: int, length: int, /) -> bytes | None:
        """At most so many bytes of an object from a place in it; None when there is no such object."""
        ...

    def tags(self, bucket: str, key: str = "", /) -> Mapping[str, str]:
        """The tags of a bucket, or of an object; none where there is no such object."""
        ...

    def page(self, bucket: str, prefix: str = "", /) -> str | None:
        """The address of a page that shows what lies there."""
        ...

    def full_path(self, bucket: str, path: str = "", /) -> str:
        """The address that other systems know it by."""
        ...


def paths(store: ObjectStore, bucket: str, entry: ManifestEntry) -> Iterator[str]:
    """The paths, without a slash at their end, that an entry of a manifest stands for; a plain one may not be there."""
    found = _matching(store, bucket, entry, "", entry.data_path.split("/"))
    for _ in range(entry.depth):
        found = _below(store, bucket, entry, found)
    return found


def _matching(store: ObjectStore, bucket: str, entry: ManifestEntry, prefix: str, parts: list[str]) -> Iterator[str]:
    """What the last of `parts` stands for, below what those before it stand for."""
    plain = next((place for place, part in enumerate(parts) if WILDCARDS.intersection(part)), len(parts))
    prefix += "".join(f"{part}/" for part in parts[:plain])
    if plain == len(parts):
        yield prefix.removesuffix("/")
        return
    pattern, rest = parts[plain], parts[plain + 1 :]
    for each in store.level(bucket, prefix):
        name = each.key.removeprefix(prefix).removesuffix("/")
        if not name or not fnmatchcase(name, pattern) or entry.leaves_out(each.key):
            continue
        if rest and each.is_folder:
            yield from _matching(store, bucket, entry, f"{prefix}{name}/", rest)
        elif not rest and (each.is_folder or each.is_data):
            yield prefix + name


def _below(store: ObjectStore, bucket: str, entry: ManifestEntry, found: Iterable[str]) -> Iterator[str]:
    for path in found:
        for each in store.level(bucket, f"{path}/"):
            if each.is_folder and not entry.leaves_out(each.key):
                yield each.key.removesuffix("/")
