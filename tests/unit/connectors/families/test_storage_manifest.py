"""Manifests: what they may say, and how a wrong one is told."""

import json
from typing import Any

import pytest

from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError
from connectors.families.storage import manifest
from connectors.families.storage.manifest import BucketManifest, WholeManifest, parsed
from connectors.families.storage.options import StorageMetadata


def entry(**fields: Any) -> dict[str, Any]:
    return {"dataPath": "sales", **fields}


def test_what_an_entry_may_say() -> None:
    columns: list[dict[str, Any]] = [{"name": "a.b", "dataType": "INT", "dataTypeDisplay": "year", "description": "d"}]
    written = entry(structureFormat="Parquet", isPartitioned=True, partitionColumns=columns, depth=2, separator=None)
    [found] = parsed(BucketManifest, json.dumps({"entries": [written]}), "it").entries
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
    [found] = parsed(BucketManifest, json.dumps({"entries": [entry(**excluded)]}), "it").entries
    assert found.leaves_out(key) is wanted


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{", "is no manifest"),
        ("{}", "entries: is required"),
        ('{"entries": [{}]}', "entries.0.dataPath: is required"),
        ({"entries": [entry(dataPath="/")]}, "entries.0.dataPath: '/' is no path below the bucket"),
        ({"entries": [entry(dataPath="a//b")]}, "write it like sales/orders"),
        ({"entries": [entry(dataPath="a/**")]}, "use * for each folder, or depth"),
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
    with pytest.raises(ConnectorError) as caught:
        parsed(BucketManifest, text, "openmetadata.json of the bucket b")
    assert told in caught.value.message
    assert caught.value.message.startswith("openmetadata.json of the bucket b")
    assert caught.value.advice


def test_one_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MOST_BYTES", 10)
    with pytest.raises(ConnectorError, match="larger than 10 bytes"):
        parsed(BucketManifest, '{"entries": []}', "it")


def test_one_of_several_buckets_says_which() -> None:
    names = ("a", "b", "a")
    text = json.dumps({"entries": [entry(containerName=name, dataPath=f"p{n}") for n, name in enumerate(names)]})
    found = parsed(WholeManifest, text, "it").by_bucket()
    assert {name: [each.data_path for each in entries] for name, entries in found.items()} == {
        "a": ["p0", "p2"],
        "b": ["p1"],
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
