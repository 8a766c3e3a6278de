"""What the readers of all schema languages share."""

from collections.abc import Sequence

from connectors.errors import ConnectorError
from connectors.models.messaging import FieldType, SchemaField
from connectors.models.names import encode_name

LONGEST_NAME = 128
DEEPEST = 32
MOST_FIELDS = 10_000


class Unreadable(ConnectorError):
    """A schema's text is none in its language, or speaks of a type that nobody defines."""


class Budget:
    """Ends schemas that would unfold into more fields than anybody reads: types may use each other many times."""

    def __init__(self) -> None:
        self._left = MOST_FIELDS

    def take(self) -> None:
        """Count one field.

        Raises:
            Unreadable: There were too many.
        """
        self._left -= 1
        if self._left < 0:
            msg = f"the schema unfolds into more than {MOST_FIELDS} fields"
            raise Unreadable(msg, "let its types use each other less often")


def made(
    name: str,
    kind: FieldType,
    display: str | None = None,
    description: str | None = None,
    children: Sequence[SchemaField] = (),
) -> SchemaField:
    """A field, its name as the API stores it."""
    return SchemaField(
        name=encode_name(name)[:LONGEST_NAME] or "_",
        data_type=kind,
        data_type_display=display,
        description=description or None,
        children=tuple(children) or None,
    )
