"""Addresses of web servers as users write them."""

import re

ADDRESS = re.compile(r"https?://[^/@\s]+(/[^\s?#]*)?")


def web_address(text: str, system: str, example: str) -> str:
    """The same without a slash at its end.

    Raises:
        ValueError: It is no address, or holds a user; says what to write.
    """
    trimmed = text.rstrip("/")
    if not ADDRESS.fullmatch(trimmed):
        shown = "it" if "@" in text else repr(text)
        msg = f"{shown} is not the address of {system}; write it like {example}, without a user"
        raise ValueError(msg)
    return trimmed
