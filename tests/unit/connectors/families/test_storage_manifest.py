"""Manifests: what they may say, and how a wrong one is told."""

import json
from typing import Any

import pytest

from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError
from connectors.families.storage import manifest
from connectors.families.storage.manifest import ManifestEntry, NamedEntry, WrongEntry, by_bucket, entries_of
from connectors.families.storage.options import StorageMetadata


def entry(**fields: Any) -> dict[str, Any]:
    return {"dataPath": "sales", **fields}


def only(text: str) -> ManifestEntry | WrongEntry:
    [found] = entries_of(ManifestEntry, text, "openmetadata.json of the bucket b")
    return found


def right(**fields: Any) -> ManifestEntry:
    found = only(json.dumps({"entries": [entry(**fields)]}))
    assert isinstance(found, ManifestEntry)
    return found


def test_what_an_entry_may_say() -> None:
    columns: list[dict[str, Any]] = [{"name": "a.b", "dataType": "INT", "dataTypeDisplay": "year", "description": "d"}]
    found = right(structureFormat="Parquet", isPartitioned=True, partitionColumns=columns, depth=2, separator=None)
    assert (found.structure_format, found.depth, found.is_partitioned) == ("parquet", 2, True)
    column = found.partition_columns[0].column()
    assert (column.name, column.data_type, column.data_type_display, column.description) == ("a.b", "INT", "year", "d")


@pytest.mark.parametrize(("excluded", "key", "wanted"), [
    ({}, "sales/_delta_log/0.json", True),
    ({}, "sales/x_delta_log/0.json", False),
    ({"excludePaths": []}, "sales/_delta_log/0.json", False),
    ({"excludePaths": ["old"]}, "sales/old/", True),
    ({"excludePaths": ["old/2020"]}, "sales/old/2021/a", False),
    ({"excludePatterns": ["sales/*"]}, "sales/a.csv", True),
    ({"excludePatterns": ["sales/*"]}, "sales/old/a.csv", False),
    ({"excludePatterns": ["sales/**"]}, "sales/old/a.csv", True),
    ({"excludePatterns": ["**/a.?sv"]}, "sales/old/a.tsv", True),
    ({"excludePatterns": ["**/a.?sv"]}, "a.csv", True),
    ({"excludePatterns": ["a+(b)"]}, "aa(b)", False),
])  # fmt: skip
def test_what_is_excluded(excluded: dict[str, list[str]], key: str, wanted: bool) -> None:
    assert right(**excluded).leaves_out(key) is wanted


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{"entries": [{}]}', "an entry is left out: entries.0.dataPath: is required"),
        ('{"entries": [7]}', "an entry is left out: entries.0: must be an object of keys and values"),
        ({"entries": [entry(dataPath="/")]}, "entries.0.dataPath: '/' is no path below the bucket"),
        ({"entries": [entry(dataPath="a//b")]}, "write it like sales/orders"),
        ({"entries": [entry(dataPath="a/**")]}, "use * for each folder, or depth"),
        (
            {"entries": [entry(structureFormat="orc")]},
            "the entry of dataPath 'sales' is left out: entries.0.structureFormat",
        ),
        ({"entries": [entry(structureFormat="orc")]}, "'orc' is not read; use csv, tsv, json, parquet, avro"),
        ({"entries": [entry(depth=-1)]}, "entries.0.depth"),
        ({"entries": [entry(separator="||")]}, "entries.0.separator"),
        ({"entries": [entry(excludePaths=[""])]}, "entries.0.excludePaths.0"),
        ({"entries": [entry(autoPartitionDetection=True)]}, "entries.0.autoPartitionDetection: is not a known key"),
        ({"entries": [entry(partitionColumns=[{"name": "a", "dataType": "Day"}])]}, "'Day' is no data type"),
        ({"entries": [entry(containerName="b")]}, "entries.0.containerName: is not a known key"),
    ],
)
def test_a_wrong_one_is_told_with_the_field(written: object, told: str) -> None:
    text = written if isinstance(written, str) else json.dumps(written)
    found = only(text)
    assert isinstance(found, WrongEntry)
    assert told in found.problem.message
    assert found.problem.message.startswith("openmetadata.json of the bucket b: ")
    assert found.problem.advice


@pytest.mark.parametrize(("text", "told"), [("{", "it is no manifest"), ("{}", "entries: is required")])
def test_what_is_no_manifest_at_all_is_told(text: str, told: str) -> None:
    with pytest.raises(ConnectorError, match=told) as caught:
        list(entries_of(ManifestEntry, text, "it"))
    assert caught.value.advice


def test_a_wrong_entry_hides_no_other() -> None:
    formats = ("csv", "zip", "parquet")
    text = json.dumps({"entries": [entry(dataPath=f"/p{n}/", structureFormat=each) for n, each in enumerate(formats)]})
    found = list(entries_of(ManifestEntry, text, "it"))
    assert [each.data_path for each in found] == ["p0", "p1", "p2"]
    assert [isinstance(each, WrongEntry) for each in found] == [False, True, False]


def test_one_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MOST_BYTES", 10)
    with pytest.raises(ConnectorError, match="larger than 10 bytes"):
        list(entries_of(ManifestEntry, '{"entries": []}', "it"))


def test_one_of_several_buckets_says_which() -> None:
    given = [entry(containerName=name, dataPath=f"p{n}") for n, name in enumerate(("a", "b", "a"))]
    given += [entry(containerName="b", depth=-1), entry()]
    found = by_bucket(entries_of(NamedEntry, json.dumps({"entries": given}), "it"))
    assert {name: [each.data_path for each in entries] for name, entries in found.items()} == {
        "a": ["p0", "p2"],
        "b": ["p1", "sales"],
        "": ["sales"],
    }


@pytest.mark.parametrize(
    ("options", "path", "told"),
    [
        ({"defaultManifest": "no"}, "defaultManifest", "is no manifest"),
        ({"defaultManifest": json.dumps({"entries": [entry()]})}, "defaultManifest", "containerName: is required"),
        ({"containerFilterPattern": {"includes": ["("]}}, "containerFilterPattern.includes", ""),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, Any], path: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(StorageMetadata, options)
    [problem] = caught.value.problems
    assert problem.path == path
    assert told in problem.message
