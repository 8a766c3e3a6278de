"""A data model, put on a table that the server has: what is new of it is patched, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import msgspec

from connectors.decoding import decode
from connectors.http.answers import Answer, UnreadableAnswer
from connectors.models.base import EntityReference, TagLabel
from connectors.models.data_model import AddDataModelRequest, DataModel, ModelColumn
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.paths import by_name
from connectors.sinks.entries import Entry
from connectors.sinks.references import References
from connectors.sinks.verdicts import Refusal, Verdict

FIELDS = {"fields": "columns,tags,owners,dataModel"}
TAG_KINDS = {"Classification": "tag", "Glossary": "glossaryTerm"}
# What the server keeps of a column that its data model has, too.
TYPE_KEYS = ("dataType", "arrayDataType", "dataLength", "dataTypeDisplay")
TOLD = frozenset({"columns", *(field.encode_name for field in msgspec.structs.fields(DataModel))})
TEAM_PREFIX = "team:"
UNCHANGED = Verdict(unchanged=1)
Json = dict[str, Any]
Patch = list[Json]


class StoredTable(msgspec.Struct, frozen=True, rename="camel"):
    """A table as the server has it; columns as it tells of them."""

    id: str
    description: str | None = None
    tags: list[Json] | None = None
    owners: list[Json] | None = None
    columns: list[Json] | None = None
    data_model: Json | None = None


class StoredOwner(msgspec.Struct, frozen=True):
    """One owner of a table."""

    id: str
    type: str


def put_data_model(client: OpenMetadataClient, references: References, entry: Entry) -> Verdict:
    """Send what the table lacks of it; nothing, where it lacks nothing.

    Raises:
        SinkUnavailable, FatalError, RunCancelled: Nothing can be sent.
        MsgspecError: The request, which is of a file, cannot be read.
    """
    wanted = decode(entry.body, AddDataModelRequest)
    answer = client.request("get tables", "GET", by_name("tables", wanted.table), FIELDS)
    if not answer.ok:
        return _refused(answer, absent=answer.status == HTTPStatus.NOT_FOUND)
    try:
        table = answer.decoded(StoredTable)
    except UnreadableAnswer as error:
        return Verdict({0: Refusal(HTTPStatus.BAD_GATEWAY, f"the table cannot be read: {error}")})
    columns = dict(_paired(wanted.columns, table.columns or (), "/columns"))
    patch = [*_of_table(wanted, table, references), *_of_columns(wanted, columns, references)]
    if patch:
        answer = client.request("patch tables", "PATCH", f"/tables/{table.id}", body=msgspec.json.encode(patch))
        if not answer.ok:
            return _refused(answer)
    model = _model(wanted, columns)
    if _holds(table.data_model, model) and not _outdated(table.data_model or {}, model):
        return Verdict() if patch else UNCHANGED
    path = f"/tables/{table.id}/dataModel"
    answer = client.request("put tables", "PUT", path, body=msgspec.json.encode(model))
    return Verdict() if answer.ok else _refused(answer)


def _refused(answer: Answer, *, absent: bool = False) -> Verdict:
    """Only a table that is not there makes for a 404: what is left out is no failure."""
    status = HTTPStatus.BAD_REQUEST if answer.status == HTTPStatus.NOT_FOUND and not absent else answer.status
    return Verdict({0: Refusal(status, answer.message())})


def _paired(
    wanted: Sequence[ModelColumn], stored: Sequence[Json], path: str, above: str = ""
) -> Iterator[tuple[str, tuple[ModelColumn, Json]]]:
    """The columns that both have, in the server's order, by their places; warehouses fold the case of names."""
    by_name = {column.name.casefold(): column for column in wanted}
    for number, column in enumerate(stored):
        name = f"{above}{column.get('name', '')}"
        place = f"{path}/{number}"
        if (found := by_name.get(name.casefold())) is not None:
            yield place, (found, column)
        children = cast("list[Json]", column.get("children") or [])
        yield from _paired(wanted, children, f"{place}/children", f"{name}.")


def _of_table(wanted: AddDataModelRequest, table: StoredTable, references: References) -> Patch:
    patch = _description("", wanted.description, table.description, replace=wanted.update_descriptions)
    patch += _labels("", wanted.tags, table.tags, references)
    owned = {owner["id"] for owner in table.owners or ()}
    if wanted.owner_names and (wanted.update_owners or not owned):
        owners = _owners(wanted.owner_names, references)
        if owners and {owner.id for owner in owners} != owned:
            value = [StoredOwner(owner.id or "", owner.type) for owner in owners]
            patch.append(_added("/owners", value))
    return patch


def _of_columns(
    wanted: AddDataModelRequest, columns: Mapping[str, tuple[ModelColumn, Json]], references: References
) -> Iterator[Json]:
    for place, (column, stored) in columns.items():
        given = column.description
        yield from _description(place, given, stored.get("description"), replace=wanted.update_descriptions)
        yield from _labels(place, column.tags, stored.get("tags"), references)


def _description(place: str, wanted: str | None, stored: str | None, *, replace: bool) -> Patch:
    put = wanted and wanted != stored and (replace or not stored)
    return [_added(f"{place}/description", wanted)] if put else []


def _labels(place: str, wanted: Sequence[TagLabel], stored: list[Json] | None, references: References) -> Patch:
    """All tags that are there, and those that are not; none that the server does not know."""
    there = {label.get("tagFQN") for label in stored or ()}
    new = [label for label in wanted if label.tag_fqn not in there and _is_known(label, references)]
    return [_added(f"{place}/tags", [*(stored or ()), *new])] if new else []


def _is_known(label: TagLabel, references: References) -> bool:
    kind = TAG_KINDS[label.source]
    return references.known(EntityReference(type=kind, fully_qualified_name=label.tag_fqn)) is not None


def _owners(names: Sequence[str], references: References) -> list[EntityReference]:
    """Each by its id, without those that the server does not know."""
    found = (references.known(*_candidates(name)) for name in names)
    return [owner for owner in found if owner is not None]


def _candidates(name: str) -> Iterator[EntityReference]:
    """What a name may mean: users are called by the part of their address that stands before the @."""
    if name.startswith(TEAM_PREFIX):
        yield EntityReference(type="team", name=name.removeprefix(TEAM_PREFIX))
        return
    for each in dict.fromkeys((name.partition("@")[0], name)):
        yield EntityReference(type="user", name=each)
    yield EntityReference(type="team", name=name)


def _added(path: str, value: object) -> Json:
    """What puts a value in the place of any other."""
    return {"op": "add", "path": path, "value": value}


def _model(wanted: AddDataModelRequest, columns: Mapping[str, tuple[ModelColumn, Json]]) -> Json:
    """The data model as the server takes it."""
    model: Json = msgspec.to_builtins(wanted.data_model)
    described = [
        {
            "name": stored["name"],
            **{key: stored[key] for key in TYPE_KEYS if stored.get(key) is not None},
            **({"description": column.description} if column.description else {}),
        }
        for column, stored in columns.values()
    ]
    return {**model, "columns": described} if described else model


def _outdated(stored: Json, model: Json) -> bool:
    """Whether the server keeps something that was told once, and is not any more."""
    given = zip(stored.get("columns") or (), model.get("columns", ()), strict=False)
    columns = any(theirs.get("description") and "description" not in ours for theirs, ours in given)
    return columns or any(stored.get(key) for key in TOLD - model.keys())


def _holds(stored: object, wanted: object) -> bool:
    """Whether all that is wanted is there; the server may have more to say of each part."""
    if isinstance(wanted, dict):
        there = cast("Json", stored if isinstance(stored, dict) else {})
        return all(_holds(there.get(key), value) for key, value in cast("Json", wanted).items())
    if isinstance(wanted, list | tuple):
        given = cast("list[object]", stored if isinstance(stored, list) else [])
        items = cast("list[object]", wanted)
        return len(given) == len(items) and all(map(_holds, given, items))
    return stored == wanted
