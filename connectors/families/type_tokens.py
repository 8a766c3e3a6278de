"""The words and marks of a type as a database spells it, read from left to right."""

import re


class NotATypeError(ValueError):
    """A text that is no type in any of the spellings."""


class TypeTokens:
    """The tokens of one text; the named groups of the pattern are their kinds, the last one is of the kind `end`.

    `kind` and `value` are of the token at hand.
    """

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._text = text.rstrip()
        self._pattern = pattern
        self._end = 0
        self.kind = self.value = ""
        self._advance()

    def wrong(self) -> NotATypeError:
        """What to raise about the token at hand."""
        return NotATypeError(f"{self._text!r} is not a type: {self.value or 'its end'!r} is out of place")

    def _at(self, mark: str) -> bool:
        return self.kind == "mark" and self.value == mark

    def _expect(self, mark: str) -> None:
        if not self._at(mark):
            raise self.wrong()
        self._advance()

    def _take(self) -> str:
        value = self.value
        self._advance()
        return value

    def _kind_after(self) -> str | None:
        """The kind of the token after the one at hand; None at the end, or where there is none."""
        after = self._pattern.match(self._text, self._end)
        return after.lastgroup if after is not None else None

    def _match_after(self, pattern: re.Pattern[str]) -> str | None:
        """What a pattern finds in the text right after the token at hand."""
        found = pattern.match(self._text, self._end)
        return found[0] if found is not None else None

    def _advance(self) -> None:
        if self._end >= len(self._text):
            self.kind, self.value = "end", ""
            return
        found = self._pattern.match(self._text, self._end)
        if found is None:
            self.value = self._text[self._end :]
            raise self.wrong()
        self.kind = str(found.lastgroup)
        self.value = found[self.kind]
        self._end = found.end()
