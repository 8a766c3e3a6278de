"""How a key is written: `hw_<prefix>_<secret><checksum>`. The prefix names it, the checksum tells a slip from a guess.

The secret has 190 bits of chance, so a plain SHA-256 of the key is as safe to keep as a slow hash of a password.
"""

import hashlib
import re
import secrets
import string
import zlib

import msgspec

ALPHABET = string.digits + string.ascii_letters
PREFIX_LENGTH = 8
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
PREFIX_PATTERN = rf"hw_[0-9A-Za-z]{{{PREFIX_LENGTH}}}"
KEY = re.compile(rf"({PREFIX_PATTERN})_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})")


class NewKey(msgspec.Struct, frozen=True):
    """A key as its owner gets it, once, and what is kept of it."""

    prefix: str
    text: str
    digest: bytes

    def __repr__(self) -> str:
        return f"NewKey({self.prefix!r})"


def make_key() -> NewKey:
    """A key that nobody can guess."""
    prefix = f"hw_{_random(PREFIX_LENGTH)}"
    body = f"{prefix}_{_random(SECRET_LENGTH)}"
    text = body + _checksum(body)
    return NewKey(prefix, text, digest_of(text))


def prefix_of(text: str) -> str | None:
    """The prefix of what is written as a key, None for anything else."""
    found = KEY.fullmatch(text)
    if found is None or _checksum(text[:-CHECKSUM_LENGTH]) != found[3]:
        return None
    return found[1]


def digest_of(text: str) -> bytes:
    """What is kept of a key: 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def hide_keys(text: str) -> str:
    """`text` with each key in it cut down to its prefix."""
    return KEY.sub(r"\1_***", text)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
