"""Addresses of web servers as users write them."""

import re

import httpx

from connectors.ports import check_host_and_port, shown

ADDRESS = re.compile(r"https?://[^/@\s]+(/[^\s?#]*)?")


def web_address(text: str, system: str, example: str) -> str:
    """The same without a slash at its end.

    Raises:
        ValueError: It is no address, or holds a user; says what to write.
    """
    trimmed = text.rstrip("/")
    if not ADDRESS.fullmatch(trimmed):
        msg = f"{shown(text)} is not the address of {system}; write it like {example}, without a user"
        raise ValueError(msg)
    require_possible(trimmed)
    return trimmed


def require_possible(address: str) -> None:
    """Raises ValueError where no request can be sent to an http address; says what to write."""
    check_host_and_port(address)
    try:
        httpx.URL(address)
    except httpx.InvalidURL as error:
        msg = f"is no address that can be asked: {error}; correct it"
        raise ValueError(msg) from None
