"""What people write for a driver: `connectionOptions` and `connectionArguments`."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from connectors.definition import Model


def _nothing_is_taken(value: dict[str, Any]) -> dict[str, Any]:
    if value:
        msg = f"{next(iter(value))} is not supported; remove it"
        raise ValueError(msg)
    return value


NoArguments = Annotated[dict[str, Any], AfterValidator(_nothing_is_taken)]


class NoDriverOptions(Model):
    """A connection that takes none."""

    connection_options: NoArguments = Field(default_factory=dict[str, Any])
    connection_arguments: NoArguments = Field(default_factory=dict[str, Any])


class DriverOptions(Model):
    """A connection that takes some; which keys, and what of, each says itself."""

    connection_options: dict[str, int | str] = Field(default_factory=dict[str, int | str])
    connection_arguments: dict[str, int | str] = Field(default_factory=dict[str, int | str])

    @property
    def driver_options(self) -> dict[str, int | str]:
        """Both; what is given twice is as the arguments say."""
        return {**self.connection_options, **self.connection_arguments}


def require_seconds(key: str, value: object) -> None:
    """Raises ValueError, which names the key, for what is no time limit."""
    text = f"{value}"
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        msg = f"{key} must be a whole number of seconds above 0"
        raise ValueError(msg)
