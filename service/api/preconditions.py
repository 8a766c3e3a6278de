"""The revision of a workflow as an entity tag (RFC 9110), and changes that are meant for certain revisions only."""

import re
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import Depends, Header, Response

from service.errors import Invalid, Outdated

IF_MATCH = "If-Match"
ETAG = "ETag"
ANY = "*"
TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
LIST = re.compile(rf"[\s,]*{TAG}(?:\s*,[\s,]*{TAG})*[\s,]*")
# A workflow that is deleted and made anew begins at 1 again, so a revision alone does not say of which it is.
ID_DIGITS: Final = 8
EXAMPLE: Final = '"2b28b4f5-3"'
FORM = f"must be * or tags in quotes, like {EXAMPLE}; the answer to GET has it as ETag"
IfMatch = Annotated[
    tuple[str, ...],
    Header(
        alias=IF_MATCH,
        description=f"Change it only if it is at this revision, as `ETag` tells it: `{EXAMPLE}`, several after commas, "
        "or `*` for any that is stored. Else the answer is 412. Weak tags never match.",
    ),
]


class Expected(msgspec.Struct, frozen=True):
    """The tags that a change is meant for; None for a change that is made in any case."""

    tags: frozenset[str] | None = None

    def check(self, name: str, tag: str | None) -> None:
        """Raises Outdated if the workflow of this name, without a tag when there is none, is not what is meant."""
        if self.tags is None:
            return
        if tag is None:
            message = f"there is no workflow {name!r}, which {IF_MATCH} expects; leave {IF_MATCH} out to create it"
            raise Outdated(message)
        if not self.tags & {ANY, tag}:
            message = (
                f"workflow {name!r} is at {tag}, which is not what {IF_MATCH} expects; read it, and send what is to be "
                f"changed of that with {IF_MATCH}: {tag}"
            )
            raise Outdated(message, tag)


def tag_of(workflow: UUID, revision: int) -> str:
    """The entity tag of a revision of the workflow of this id."""
    return f'"{workflow.hex[:ID_DIGITS]}-{revision}"'


def tagged(response: Response, workflow: UUID, revision: int) -> None:
    """Let the answer tell the revision."""
    response.headers[ETAG] = tag_of(workflow, revision)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a route that answers a workflow."""
    described = {"description": "The revision, for If-Match.", "schema": {"type": "string", "examples": [EXAMPLE]}}
    return {status: {"headers": {ETAG: described}} for status in statuses}


async def expected_of(if_match: IfMatch = ()) -> Expected:
    """What the request says of the workflow it is to change. Raises Invalid for what says nothing."""
    if not if_match:
        return Expected()
    text = ",".join(if_match).strip()
    if text == ANY:
        return Expected(frozenset({ANY}))
    if not LIST.fullmatch(text):
        raise Invalid.at(IF_MATCH, FORM)
    return Expected(frozenset(re.findall(TAG, text)))


ExpectedDep = Annotated[Expected, Depends(expected_of)]
