"""Moments as APIs write them."""

from datetime import datetime

from connectors.errors import ConnectorError


def milliseconds(text: str | None, system: str) -> int | None:
    """A moment in milliseconds since 1970; None for none.

    Raises:
        ConnectorError: It is none, which `system` should not write.
    """
    try:
        return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError as error:
        msg = f"{system} gives {text!r} as a time"
        raise ConnectorError(msg, "look at what its API answers about the runs") from error
