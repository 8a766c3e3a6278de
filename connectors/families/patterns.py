"""The filters of any family: patterns of the connection and of the source options."""

import msgspec

from connectors.definition import FilterPattern
from connectors.filters import Filter, compile_filter


class EntityFilter(msgspec.Struct, frozen=True):
    """The patterns of the connection, always on bare names, and those of the source options; both have to keep."""

    connection: Filter
    options: Filter
    by_fqn: bool

    @classmethod
    def of(cls, connection: FilterPattern, options: FilterPattern, *, by_fqn: bool = False) -> "EntityFilter":
        """The filter that two patterns make; `by_fqn` tests the options' one on fully qualified names."""
        return cls(
            compile_filter(connection.includes, connection.excludes),
            compile_filter(options.includes, options.excludes),
            by_fqn,
        )

    def keeps(self, name: str, fqn: str) -> bool:
        """Whether an entity is to be ingested."""
        return self.connection.keeps(name) and self.options.keeps(fqn if self.by_fqn else name)
