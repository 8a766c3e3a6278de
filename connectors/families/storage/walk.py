"""Storage: the topology service > bucket > path > file, once for every such system.

A connector lists and reads; which paths become containers, what their columns are and what is left out is decided here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, cast, get_args

import msgspec

from connectors.connector import RunContext
from connectors.definition import FilterPattern
from connectors.errors import ConnectorError
from connectors.families.database_source import Tag
from connectors.families.database_tags import NewTags, label_of, tags_of
from connectors.families.file_columns.sample import Sampled, Structure, Vanished, columns_of
from connectors.families.patterns import EntityFilter
from connectors.families.service import Item, Listing, service_topology
from connectors.families.storage.manifest import (
    ADVICE,
    ManifestEntry,
    NamedEntry,
    WholeManifest,
    WrongEntry,
    by_bucket,
    entries_of,
    parsed,
)
from connectors.families.storage.manifest import MOST_BYTES as MOST_MANIFEST_BYTES
from connectors.families.storage.objects import Bucket, ObjectStore, StoredObject, paths
from connectors.families.storage.options import ALL_BUT_MARKERS, StorageConnection, StorageMetadata
from connectors.models.base import EntityReference, TagLabel
from connectors.models.database import Column
from connectors.models.names import child_fqn, decode_name, encode_name, parent_fqn, quote_name, split_fqn
from connectors.models.records import Record
from connectors.models.storage import (
    ContainerDataModel,
    CreateContainerRequest,
    CreateStorageServiceRequest,
    FileFormat,
)
from connectors.models.tags import CreateTagRequest
from connectors.report import Failure
from connectors.topology import Filtered, Node

OWN_MANIFEST = "openmetadata.json"
FILE_FORMATS: frozenset[str] = frozenset(get_args(FileFormat))
LOOKED_THROUGH, TRIED = 1000, 3
EVERY_FORMAT = "*"
TAG_OF_S3 = "Tag of a bucket or an object"


class Path(msgspec.Struct, frozen=True):
    """A path of a bucket that a manifest names; `fqn` is that of its container."""

    service: str
    bucket: str
    fqn: str
    path: str
    entry: ManifestEntry


class Unread(msgspec.Struct, frozen=True):
    """A path that stands for an entry of a manifest which cannot be used; `problem` says why."""

    fqn: str
    problem: ConnectorError


Entries = Sequence[ManifestEntry | WrongEntry]
OptionsT = TypeVar("OptionsT", bound=StorageMetadata)


class StorageWalk(Generic[OptionsT]):
    """The stages of one run's topology; `whole` reads the manifest that goes before those in the buckets.

    `only` are the buckets that the connection names, empty for all that there are.
    """

    def __init__(
        self,
        context: RunContext[Any, OptionsT],
        store: ObjectStore,
        whole: Callable[[], Iterable[NamedEntry | WrongEntry]],
        only: Sequence[str] = (),
    ) -> None:
        connection = cast("StorageConnection", context.connection).container_filter_pattern
        options = context.options.container_filter_pattern
        self._context = context
        self._store = store
        self._read_whole = whole
        self._new_tags = NewTags()
        self._whole: Mapping[str, Entries] = {}
        self._default = _default(context.options.default_manifest)
        # What lies in a bucket that was asked for by name has other names.
        inside = (pattern.model_copy(update={"includes": ()}) for pattern in (connection, options))
        self._keeps_inside = EntityFilter.of(*inside)
        self._keeps = EntityFilter.of(connection, options)
        self._only = frozenset(map(encode_name, only))
        self._unread: set[tuple[str, ...]] = set()
        self._buckets = Listing(
            request=CreateContainerRequest,
            rows=self._rows,
            name=lambda row: row.name,
            stages=(self.bucket,),
            keeps=self._keeps,
            takes=self._takes if only or (connection, options) != (ALL_BUT_MARKERS, FilterPattern()) else None,
            marks_deleted=context.options.mark_deleted_containers,
            nested=True,
            parallel=False,
            children=(self._below_buckets(),),
        )

    def _below_buckets(self) -> Node[Item[Bucket], Path | Unread]:
        return Node(
            entity=CreateContainerRequest.entity,
            name=lambda item: item.fqn,
            produce=self._paths,
            stages=(self.path,),
            parallel=True,
        )

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        return service_topology(self._context, CreateStorageServiceRequest, (self._buckets,))

    def _rows(self) -> Iterator[Bucket]:
        """The buckets; raises at their end what is wrong with entries that tell of none."""
        self._whole = by_bucket(self._read_whole())
        yield from self._store.buckets()
        if wrong := [entry.problem.message for entry in self._whole.get("", ()) if isinstance(entry, WrongEntry)]:
            raise ConnectorError("; ".join(wrong), ADVICE)

    def _takes(self, fqn: str) -> bool:
        """Whether this run would have met a container, had it still been there.

        Not in a bucket that it does not read, which another workflow of the same service may; nor below a path that a
        filter leaves out, where it did not look.
        """
        parts = split_fqn(fqn)
        bucket = parts[1]
        is_read = (not self._only or bucket in self._only) and self._keeps.keeps(decode_name(bucket), bucket)
        return is_read and tuple(parts[:3]) not in self._unread

    def bucket(self, item: Item[Bucket]) -> Iterator[Record]:
        """The container of a bucket."""
        row = item.row
        tags = self._tags(item.fqn, row.name)
        yield from self._new_tags.new(tags)
        yield CreateContainerRequest(
            name=encode_name(row.name),
            service=item.service,
            prefix="/",
            full_path=self._store.full_path(row.name),
            source_url=self._store.page(row.name),
            size=row.size,
            number_of_objects=row.number_of_objects,
            tags=_labels(tags),
        )

    def _tags(self, fqn: str, bucket: str, key: str = "") -> tuple[Tag, ...]:
        """The tags of a bucket or an object, if they are wanted; those that cannot be read are a failure."""
        if not self._context.options.include_tags:
            return ()
        try:
            return tags_of(self._store.tags(bucket, key), TAG_OF_S3)
        except ConnectorError as error:
            if type(error) is not ConnectorError:
                raise
            self._context.report.failed(Failure(CreateTagRequest.entity, fqn, "tags", error.message, error.advice))
            return ()

    def _paths(self, item: Item[Bucket]) -> Iterator[Path | Unread | Filtered]:
        """The paths of a bucket; an entry that cannot be used is one path that fails."""
        bucket, taken = item.row.name, set[str]()
        for entry in self._entries(bucket):
            if isinstance(entry, WrongEntry):
                yield Unread(child_fqn(item.fqn, encode_name(entry.data_path)), entry.problem)
                continue
            for path in paths(self._store, bucket, entry):
                own = child_fqn(item.fqn, encode_name(path))
                if path in taken:
                    msg = f"the manifest of {bucket} names {path} more than once"
                    yield Unread(own, ConnectorError(msg, "leave one entry for it"))
                    continue
                taken.add(path)
                self._buckets.seen.append(own)
                if self._keeps_inside.keeps(path.rpartition("/")[2], own):
                    yield Path(item.service, bucket, own, path, entry)
                else:
                    self._unread.add(tuple(split_fqn(own)))
                    yield Filtered(own)

    def _entries(self, bucket: str) -> Entries:
        """What the first manifest says that tells of the bucket."""
        if bucket in self._whole:
            return self._whole[bucket]
        text = self._store.read(bucket, OWN_MANIFEST, 0, MOST_MANIFEST_BYTES + 1)
        if text is not None:
            return tuple(entries_of(ManifestEntry, text, f"{OWN_MANIFEST} of the bucket {bucket}"))
        return self._default.get(bucket, ())

    def path(self, item: Path | Unread) -> Iterator[Record]:
        """The container of a path and those of files below it; without columns, a failure, where none can be read."""
        if isinstance(item, Unread):
            raise item.problem
        made = self._container(item)
        columns, problem = self._columns(item)
        entry = item.entry
        tags = self._tags(item.fqn, item.bucket, item.path)  # which is an object's own where the path is one
        yield from self._new_tags.new(tags)
        made = msgspec.structs.replace(made, tags=_labels(tags))
        if columns is not None:
            model = ContainerDataModel(is_partitioned=entry.is_partitioned, columns=columns)
            made = msgspec.structs.replace(made, data_model=model)
        yield made
        if entry.unstructured_formats:
            yield from self._files(item)
        if problem is not None:
            raise problem

    def _container(self, item: Path) -> CreateContainerRequest:
        entry = item.entry
        return CreateContainerRequest(
            name=encode_name(item.path),
            service=item.service,
            container=EntityReference(type="container", fully_qualified_name=parent_fqn(item.fqn)),
            prefix=f"/{item.path}",
            full_path=self._store.full_path(item.bucket, item.path),
            source_url=self._store.page(item.bucket, item.path),
            file_formats=(entry.structure_format,) if entry.structure_format else (),
        )

    def _columns(self, item: Path) -> tuple[tuple[Column, ...] | None, ConnectorError | None]:
        """The columns that the files and the manifest tell of, and why the files' are not among them."""
        entry, structure = item.entry, item.entry.structure_format
        if structure is None:
            return None, None
        given = tuple(column.column() for column in entry.partition_columns)
        names = {column.name for column in given}
        try:
            found = self._sampled(item, structure)
        except Vanished as error:
            return given or None, ConnectorError(error.message, "the next run settles it")
        except ConnectorError as error:
            if type(error) is not ConnectorError:
                raise
            return given or None, error
        columns = (*given, *(column for column in found if column.name not in names))
        placed = (msgspec.structs.replace(column, ordinal_position=place) for place, column in enumerate(columns, 1))
        return tuple(placed), None

    def _sampled(self, item: Path, structure: Structure) -> tuple[Column, ...]:
        """The columns of the first file that looks like one; of the next where that is deleted meanwhile."""
        gone = Vanished(f"{item.path} was emptied since it was listed")
        for each in self._samples(item):
            try:
                return columns_of(self._file(item.bucket, each), structure, item.entry.separator)
            except Vanished as error:
                gone = error
        raise gone

    def _samples(self, item: Path) -> list[StoredObject]:
        """A few files of a path, those first whose names say what they are."""
        store, bucket, entry = self._store, item.bucket, item.entry
        below = islice(store.objects(bucket, f"{item.path}/"), LOOKED_THROUGH)
        found = [each for each in below if each.is_data and not entry.leaves_out(each.key)]
        if not found:
            own = islice(store.objects(bucket, item.path), 1)
            found = [each for each in own if each.key == item.path and each.is_data]
        if not found:
            msg = f"{store.full_path(bucket, item.path)} holds no file"
            raise ConnectorError(msg, "correct dataPath in the manifest, or remove the entry")
        named = [each for each in found if entry.structure_format in _suffixes(each.key)]
        return (named or found)[:TRIED]

    def _file(self, bucket: str, found: StoredObject) -> Sampled:
        def read(start: int, length: int) -> bytes | None:
            return self._store.read(bucket, found.key, start, length)

        return Sampled(self._store.full_path(bucket, found.key), found.size, read)

    def _files(self, item: Path) -> Iterator[Record]:
        """Containers of files, inside of those of the folders that lead to them; keys come in order, so each once."""
        wanted, prefix = frozenset(item.entry.unstructured_formats), f"{item.path}/"
        trail: list[str] = []
        for each in self._store.objects(item.bucket, prefix):
            self._context.cancellation.check()
            is_wanted = EVERY_FORMAT in wanted or wanted.intersection(_suffixes(each.key))
            if not each.is_data or not is_wanted or item.entry.leaves_out(each.key):
                continue
            *folders, name = each.key.removeprefix(prefix).split("/")
            if not self._keeps_inside.keeps(name, own := _fqn(item, [*folders, name])):
                self._buckets.seen.append(own)
                self._context.report.counted(CreateContainerRequest.entity, "filtered")
                continue
            known = next((n for n, (a, b) in enumerate(zip(trail, folders, strict=False)) if a != b), len(trail))
            for depth in range(min(known, len(folders)), len(folders)):
                yield self._inside(item, folders[: depth + 1], None)
            trail = folders
            tags = self._tags(own, item.bucket, each.key)
            yield from self._new_tags.new(tags)
            yield msgspec.structs.replace(self._inside(item, [*folders, name], each.size), tags=_labels(tags))

    def _inside(self, item: Path, below: list[str], size: int | None) -> CreateContainerRequest:
        """The container of a file, or of a folder, which has no size."""
        self._buckets.seen.append(_fqn(item, below))
        key = "/".join((item.path, *below))
        formats = () if size is None else FILE_FORMATS.intersection(_suffixes(key))
        return CreateContainerRequest(
            name=encode_name(below[-1]),
            service=item.service,
            container=EntityReference(type="container", fully_qualified_name=_fqn(item, below[:-1])),
            prefix=f"/{key}",
            full_path=self._store.full_path(item.bucket, key),
            source_url=self._store.page(item.bucket, key),
            size=size,
            file_formats=tuple(cast("FileFormat", each) for each in sorted(formats)),
        )


def _default(text: str | None) -> Mapping[str, Entries]:
    return by_bucket(parsed(WholeManifest, text, "defaultManifest").entries) if text else {}


def _labels(tags: Iterable[Tag]) -> tuple[TagLabel, ...]:
    return tuple(TagLabel(tag_fqn=label_of(tag)) for tag in tags)


def _fqn(item: Path, below: list[str]) -> str:
    """What lies below a path is called, by the names that lead there."""
    return ".".join((item.fqn, *(quote_name(encode_name(name)) for name in below)))


def _suffixes(key: str) -> list[str]:
    """The endings of a file's name, such as `csv` and `gz`."""
    return key.rpartition("/")[2].lower().split(".")[1:]
