"""What the server answered, and what it meant."""

import re
from http import HTTPStatus
from typing import Any, TypeVar, cast

import msgspec

from connectors.decoding import decoder_of

T = TypeVar("T")
LONGEST_MESSAGE = 500


class UnreadableAnswer(Exception):
    """The body is not what the API promises."""


class Answer(msgspec.Struct, frozen=True):
    """One HTTP answer, read to its end.

    `secrets` are those of the request: some servers quote what they refuse, and no message may pass them on.
    """

    status: int
    body: bytes
    content_type: str = ""
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.body!r}, {self.content_type!r})"

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def redirect(self) -> bool:
        """Whether the server wants to be asked elsewhere."""
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    @property
    def html(self) -> bool:
        """Whether a web page came back instead of an API's answer."""
        return "html" in self.content_type

    def decoded(self, kind: type[T]) -> T:
        """The body as `kind`.

        Raises:
            UnreadableAnswer: It is something else.
        """
        try:
            return decoder_of(kind, strict=False).decode(self.body)
        except (msgspec.MsgspecError, RecursionError) as error:
            msg = f"HTTP {self.status} with a body that cannot be read ({error})"
            raise UnreadableAnswer(msg) from error

    def message(self) -> str:
        """The server's own words, on one line and without secrets."""
        text = self.hiding(self._words())
        if text:
            return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
        try:
            return f"HTTP {self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"HTTP {self.status}"

    def hiding(self, text: str) -> str:
        """Some of the body's text without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "**********")
        return text

    def _words(self) -> str:
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, RecursionError):
            return " ".join(re.sub(r"<[^>]*>", " ", self.body.decode(errors="replace")).split())
        if isinstance(found, dict):
            fields = cast("dict[str, Any]", found)
            for key in ("message", "detail", "responseMessage", "errorMessage", "errors", "error"):
                if fields.get(key):
                    return " ".join(str(_reason(fields[key])).split())
        return ""


def _reason(told: object) -> object:
    """Some servers tell of an error with everything that led to it, and why as its `reason` or `message`."""
    if not isinstance(told, dict):
        return told
    fields = cast("dict[str, object]", told)
    return fields.get("reason") or fields.get("message") or fields
