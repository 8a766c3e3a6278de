"""What index templates give to new indexes, their components put together."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

from connectors.families.elasticsearch.answers import Field, Index, IndexTemplate, LegacyTemplate
from connectors.families.elasticsearch.answers import Mapping as IndexMapping
from connectors.families.elasticsearch.api import Cluster, hidden
from connectors.families.elasticsearch.fields import fields_of
from connectors.families.search import Details, SearchIndex


def templates(cluster: Cluster) -> Iterator[SearchIndex]:
    """All templates of a cluster, by name, but for the system's own; of the older kind only those of other names."""
    found = {each.name: each.index_template for each in cluster.templates()}
    parts = {each.name: each.component_template.template for each in cluster.components()} if found else {}
    older = cluster.legacy_templates()
    for name in sorted({*found, *older}):
        if hidden(name):
            continue
        if name in found:
            yield SearchIndex(name, partial(_composed, found[name], parts), template=True)
        else:
            yield SearchIndex(name, partial(_older, older[name]), template=True)


def _composed(template: IndexTemplate, parts: Mapping[str, Index]) -> Details:
    whole = Index()
    for part in (*(parts[name] for name in template.composed_of if name in parts), template.template):
        whole = put_over(whole, part)
    own = {
        "index_patterns": template.index_patterns,
        "composed_of": template.composed_of,
        "priority": template.priority,
        "data_stream": template.data_stream,
    }
    return _details(whole, own, template.meta)


def _older(template: LegacyTemplate) -> Details:
    return _details(template, {"index_patterns": template.index_patterns, "order": template.order}, {})


def _details(given: Index, own: Mapping[str, Any], meta: Mapping[str, Any]) -> Details:
    settings = {**{key: value for key, value in own.items() if value is not None and value != []}, **given.settings}
    if given.aliases:
        settings["aliases"] = sorted(given.aliases)
    description = meta.get("description") or given.mappings.meta.get("description")
    return Details(fields_of(given.mappings), description if isinstance(description, str) else None, settings)


def put_over(below: Index, above: Index) -> Index:
    """What two parts give together: what both have is the latter's."""
    return Index(
        mappings=IndexMapping(
            properties=_fields(below.mappings.properties, above.mappings.properties),
            runtime={**below.mappings.runtime, **above.mappings.runtime},
            derived={**below.mappings.derived, **above.mappings.derived},
            meta={**below.mappings.meta, **above.mappings.meta},
        ),
        settings=_settings(below.settings, above.settings),
        aliases={**below.aliases, **above.aliases},
    )


def _fields(below: Mapping[str, Field], above: Mapping[str, Field]) -> dict[str, Field]:
    """Objects are put together, any other field is replaced."""
    together = dict(below)
    for name, field in above.items():
        known = below.get(name)
        if known is not None and known.properties and field.properties:
            together[name] = Field(field.type or known.type, _fields(known.properties, field.properties))
        else:
            together[name] = field
    return together


def _settings(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    together = dict(below)
    for key, value in above.items():
        known = below.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            together[key] = _settings(cast("dict[str, Any]", known), cast("dict[str, Any]", value))
        else:
            together[key] = value
    return together
