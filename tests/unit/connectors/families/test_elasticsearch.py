"""Mappings, templates and connections of search clusters, without one."""

from typing import Any

import msgspec
import pytest

from connectors.definition import parse
from connectors.errors import ConfigurationError
from connectors.families.elasticsearch.answers import Index, Mapping
from connectors.families.elasticsearch.fields import TYPES, fields_of
from connectors.families.elasticsearch.templates import put_over
from connectors.models.names import MAX_NAME_LENGTH
from connectors.models.search import SearchIndexField
from connectors.sources.elasticsearch import ElasticsearchConfig
from connectors.sources.opensearch import OpenSearchConfig

URL = "https://search:9200"


def fields(**properties: Any) -> list[SearchIndexField]:
    return list(fields_of(msgspec.convert({"properties": properties}, Mapping)))


def test_a_field_that_is_made_when_searched_hides_the_one_of_its_name() -> None:
    mapping = {"properties": {"a": {"type": "text"}, "b": {"type": "ip"}}, "runtime": {"a": {"type": "long"}}}
    found = [(field.name, field.data_type) for field in fields_of(msgspec.convert(mapping, Mapping))]
    assert found == [("b", "IP"), ("a", "LONG")]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text", "TEXT"), ("match_only_text", "TEXT"), ("semantic_text", "TEXT"), ("long", "LONG"), ("date", "DATE"),
        ("date_nanos", "DATE"), ("ip_range", "RANGE"), ("date_range", "RANGE"), ("flattened", "FLATTENED"),
        ("flat_object", "FLATTENED"), ("knn_vector", "DENSE_VECTOR"), ("annotated_text", "ANNOTATED-TEXT"),
        ("xy_point", "POINT"), ("token_count", "INTEGER"), ("passthrough", "OBJECT"), ("sparse_vector", "UNKNOWN"),
    ],
)  # fmt: skip
def test_types(kind: str, expected: str) -> None:
    [field] = fields(x={"type": kind})
    assert (field.data_type, field.data_type_display) == (expected, kind)


def test_every_type_is_told_by_its_own_name() -> None:
    assert {name for name in TYPES if name != name.lower()} == set()


def test_what_has_no_type_is_an_object_and_children_come_before_other_ways() -> None:
    [field] = fields(x={"properties": {"b": {"type": "long"}}, "fields": {"a": {"type": "keyword"}}})
    assert field.data_type == "OBJECT"
    assert [child.name for child in field.children or ()] == ["b", "a"]


@pytest.mark.parametrize("path", ["nowhere", "x.y.z", 3, None])
def test_an_alias_of_nothing_is_unknown(path: object) -> None:
    assert fields(x={"type": "alias", "path": path})[0].data_type == "UNKNOWN"


def test_an_alias_may_stand_for_another_way_of_a_field() -> None:
    note = {"type": "text", "fields": {"raw": {"type": "keyword"}}}
    assert fields(a={"type": "alias", "path": "note.raw"}, note=note)[0].data_type == "KEYWORD"


def test_long_names_are_cut() -> None:
    [field] = fields(**{"n" * 300: {"type": "long"}})
    assert field.name == "n" * MAX_NAME_LENGTH


def part(properties: dict[str, Any], settings: dict[str, Any]) -> Index:
    return msgspec.convert({"mappings": {"properties": properties}, "settings": settings}, Index)


def test_of_two_parts_the_latter_wins_and_objects_are_put_together() -> None:
    below = part(
        {"o": {"properties": {"a": {"type": "long"}, "b": {"type": "long"}}}, "x": {"type": "text"}},
        {"i": {"n": 1, "m": 2}},
    )
    above = part({"o": {"properties": {"b": {"type": "date"}}}, "x": {"type": "keyword"}}, {"i": {"n": 3}})
    whole = put_over(below, above)
    shown = {name: field.type for name, field in whole.mappings.properties["o"].properties.items()}
    assert shown == {"a": "long", "b": "date"}
    assert whole.mappings.properties["x"].type == "keyword"
    assert whole.settings == {"i": {"n": 3, "m": 2}}
    assert below.settings == {"i": {"n": 1, "m": 2}}


PROBLEMS: list[tuple[type[Any], dict[str, Any], str, str]] = [
    (ElasticsearchConfig, {}, "hostPort", "is required"),
    (ElasticsearchConfig, {"hostPort": "search:9200"}, "hostPort", "write it like https://elasticsearch:9200"),
    (OpenSearchConfig, {"hostPort": "https://u:p@search"}, "hostPort", "without a user"),
    (
        OpenSearchConfig,
        {"hostPort": "https://x.eu-west-1.aoss.amazonaws.com"},
        "hostPort",
        "give the address of a cluster or a domain",
    ),
    (ElasticsearchConfig, {"hostPort": "http://search:99999"}, "hostPort", "has no possible port"),
    (OpenSearchConfig, {"hostPort": "http://é..é:9200"}, "hostPort", "is no address that can be asked"),
    (OpenSearchConfig, {"hostPort": "http://[::1"}, "hostPort", "has no possible host"),
    (ElasticsearchConfig, {"authType": {"username": "u"}}, "authType", "give both or neither"),
    (ElasticsearchConfig, {"authType": {"apiKeyId": "i"}}, "authType", "apiKeyId needs apiKey"),
    (
        ElasticsearchConfig,
        {"authType": {"username": "u", "password": "p", "apiKey": "k"}},
        "authType",
        "give username and password, or apiKey, not both",
    ),
    (
        OpenSearchConfig,
        {"authType": {"awsAccessKeyId": "a", "awsSecretAccessKey": "b"}},
        "authType",
        "awsRegion is required",
    ),
    (OpenSearchConfig, {"authType": {"awsRegion": "x", "awsAccessKeyId": "a"}}, "authType", "belong together"),
    (
        OpenSearchConfig,
        {"authType": {"awsRegion": "x", "username": "u", "password": "p"}},
        "authType",
        "give username and password, or awsRegion",
    ),
    (OpenSearchConfig, {"authType": {"apiKey": "k"}}, "authType.apiKey", "is not a known key"),
    (ElasticsearchConfig, {"connectionTimeoutSecs": 0}, "connectionTimeoutSecs", "must be at least 1"),
    (ElasticsearchConfig, {"connectionArguments": {"http_compress": True}}, "connectionArguments", "remove them"),
    (
        ElasticsearchConfig,
        {"sslConfig": {"certificates": {"caCertPath": "/ca", "caCertValue": "x"}}},
        "sslConfig.certificates",
        "give paths of files or their texts, not both",
    ),
    (
        ElasticsearchConfig,
        {"sslConfig": {"certificates": {"privateKeyPath": "/key"}}},
        "sslConfig.certificates",
        "privateKeyPath needs clientCertPath",
    ),
]


@pytest.mark.parametrize(("model", "given", "path", "mend"), PROBLEMS)
def test_what_is_wrong_is_named_with_its_path(model: type[Any], given: dict[str, Any], path: str, mend: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(model, {**({"hostPort": URL} if given else {}), **given})
    [problem] = caught.value.problems
    assert (problem.path, mend in problem.message) == (path, True), problem
