"""Certificates and keys as definitions write them: as PEM text, or as the path of a file that holds it."""

from base64 import b64decode
from collections.abc import Iterator
from textwrap import wrap

from pydantic import BaseModel, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.errors import ConfigurationError
from connectors.source_files import SourceFiles, allowed_files

BEGIN, END, DASHES = "-----BEGIN ", "-----END ", "-----"
LINE = 64
# The authorities of a whole operating system take 250 KB.
MOST_BYTES = 4 * 1024**2
TEXT = "write the PEM text, with its lines of BEGIN and END"


class PemTexts(BaseModel):
    """Base of what holds certificates and keys: each secret is PEM text or the path of a file that may be read.

    No message shows what is written, as it may be a key, nor whether there is a file elsewhere.
    """

    _files: SourceFiles = PrivateAttr(default_factory=SourceFiles)

    @field_validator("*")
    @classmethod
    def _lies_where_it_may(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, SecretStr):
            files, given = allowed_files(info), value.get_secret_value().strip()
            try:
                if BEGIN in given:
                    _blocks(given)
                else:
                    files.check(given)
            except ValueError:
                raise ValueError(_neither(files)) from None
        return value

    @model_validator(mode="after")
    def _knows_its_files(self, info: ValidationInfo) -> "PemTexts":
        self._files = allowed_files(info)
        return self

    @property
    def files(self) -> SourceFiles:
        """What may be read."""
        return self._files

    def pem(self, secret: SecretStr | None, key: str) -> str | None:
        """The PEM text that one of the secrets is or leads to, in ASCII; None for none. `key` is what users call it.

        Raises:
            ConfigurationError: It is neither PEM text nor the path of a file with such a text that may be read.
        """
        given = secret.get_secret_value().strip() if secret else ""
        if not given:
            return None
        try:
            return _blocks(given if BEGIN in given else _read(self._files, given))
        except OSError as error:
            raise ConfigurationError.at(key, _neither(self._files, error.strerror or type(error).__name__)) from None
        except ValueError:
            raise ConfigurationError.at(key, _neither(self._files)) from None


def _read(files: SourceFiles, path: str) -> str:
    """Raises OSError, ValueError."""
    place = files.place(path)
    if not place.is_file():
        msg = "no file"
        raise ValueError(msg)
    with place.open("rb") as opened:
        raw = opened.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        msg = "too long"
        raise ValueError(msg)
    return raw.decode(errors="replace")


def _blocks(text: str) -> str:
    """What stands between BEGIN and END, without the names of authorities around it, in lines of 64 characters.

    Line ends may be written as two characters or be spaces, as they come from forms. Raises ValueError without a block.
    """
    found = "".join(_each_block(text))
    if not found.isascii() or not found:
        msg = "no PEM"
        raise ValueError(msg)
    return found


def _each_block(text: str) -> Iterator[str]:
    for part in text.replace("\\r", "\n").replace("\\n", "\n").split(BEGIN)[1:]:
        label, begun, more = part.partition(DASHES)
        body, end, rest = more.partition(END)
        if not begun or not end or not rest.startswith(f"{label}{DASHES}"):
            msg = "a block without an end"
            raise ValueError(msg)
        yield f"{BEGIN}{label}{DASHES}\n{_in_lines(body)}\n{END}{label}{DASHES}\n"


def _in_lines(body: str) -> str:
    if ":" in body:  # of a key that is encrypted in the old way, with what it takes to decrypt it
        return "\n".join(line.strip() for line in body.strip().splitlines())
    joined = "".join(body.split())
    b64decode(joined, validate=True)
    return "\n".join(wrap(joined, LINE))


def _neither(files: SourceFiles, reason: str = "") -> str:
    said = f": {reason}" if reason else ""
    if files.folders is None:
        return (
            f"is neither the text nor the path of a PEM file that can be read here{said}; {TEXT}, or correct the path"
        )
    below = f"is neither the text nor the path of a PEM file below {files.allowed}{said}"
    return f"{below}; {TEXT}, or put the file below one of HEADWATER_SOURCE_DIRS"
