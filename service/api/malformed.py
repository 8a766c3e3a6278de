"""How texts that cannot be read are refused, whatever their format."""

from service.errors import Invalid, ServiceError
from service.workflows.documents import MAX_DEPTH

WHOLE = ""
TOO_LONG_A_NUMBER = "the body has a number of too many digits"


class Malformed(ServiceError):
    """A text that breaks the rules of its format; the message says where."""


def too_deep() -> Invalid:
    """For a document that nobody could store."""
    return Invalid.at(WHOLE, f"is nested deeper than {MAX_DEPTH} levels")
