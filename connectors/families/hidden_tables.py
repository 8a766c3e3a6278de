"""Tables that a system lists without a single column: sent as they are, they would empty those of the catalogue."""

from collections.abc import Sequence

from connectors.errors import ConnectorError

MOST_NAMED = 5


def refuse_hidden(schema: str, names: Sequence[str], grant: str) -> None:
    """Fail a listing once all its other tables are through, so that none of these counts as gone.

    Raises:
        ConnectorError: There are such tables.
    """
    if names:
        named = ", ".join(names[:MOST_NAMED]) + (" and more" if len(names) > MOST_NAMED else "")
        message = f"{len(names)} tables of {schema} show no column: {named}"
        raise ConnectorError(message, f"{grant}; of one that was made or dropped during the run, the next run tells")
