"""What the readers of all schema languages share."""

from collections.abc import Sequence

from connectors.errors import ConnectorError
from connectors.families.bounds import LONG_TEXT, fields_for
from connectors.models.messaging import FieldType, SchemaField
from connectors.models.names import encode_name

LONGEST_NAME = 128
DEEPEST = 32
MOST_FIELDS = 10_000


class Unreadable(ConnectorError):
    """A schema's text is none in its language, or speaks of a type that nobody defines."""


class Budget:
    """Ends schemas that would unfold into more than anybody reads: types, and their texts, may be used many times."""

    def __init__(self) -> None:
        self._left = MOST_FIELDS

    def take(self, count: int = 1) -> None:
        """Count one field or more.

        Raises:
            Unreadable: There were too many.
        """
        self._left -= count
        if self._left < 0:
            msg = f"the schema unfolds into more than {MOST_FIELDS} fields, each {LONG_TEXT} characters counted as one"
            raise Unreadable(msg, "let its types use each other less often, or say less of each")

    def made(
        self,
        name: str,
        kind: FieldType,
        display: str | None = None,
        description: str | None = None,
        children: Sequence[SchemaField] = (),
    ) -> SchemaField:
        """A field, which was counted, its name as the API stores it; its texts are counted here.

        Raises:
            Unreadable: There was too much.
        """
        self.take(fields_for(display, description))
        return SchemaField(
            name=encode_name(name)[:LONGEST_NAME] or "_",
            data_type=kind,
            data_type_display=display,
            description=description or None,
            children=tuple(children) or None,
        )
