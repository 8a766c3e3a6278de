"""`connectionOptions` and `connectionArguments` of a connector that has none."""

from typing import Annotated, Any

from pydantic import AfterValidator


def _nothing_is_taken(value: dict[str, Any]) -> dict[str, Any]:
    if value:
        msg = f"{next(iter(value))} is not supported; remove it"
        raise ValueError(msg)
    return value


NoArguments = Annotated[dict[str, Any], AfterValidator(_nothing_is_taken)]
