"""How much is shown of types that lie in each other, or that hold each other by their names."""

MAX_FIELDS, MAX_DEPTH = 5000, 32
# What a text of this many characters counts for is one field more: it stands wherever its type is used.
LONG_TEXT = 1000


def fields_for(*texts: str | None) -> int:
    """How many fields one with these texts counts for beside itself."""
    return sum(len(text) for text in texts if text) // LONG_TEXT
