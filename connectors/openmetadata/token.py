"""The bot's token, given as text or as the file that holds it."""

import logging
import threading
from pathlib import Path

from connectors.definition import OpenMetadataConnection
from connectors.errors import ConfigurationError

PATH = "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken"
LONGEST_TOKEN = 16 * 1024
LONGEST_PATH = 4096
# No token begins so; sent as one it would be refused for a reason that nobody understands.
PATHS = ("/", "./", "../", "~/")
logger = logging.getLogger(__name__)


class Token:
    """Thread-safe; a file is read again only when the server refuses what it held.

    Only files below `folder` are read, when there is one: a definition that could name any file could send it anywhere.
    """

    def __init__(self, connection: OpenMetadataConnection, folder: Path | None = None) -> None:
        given = connection.security_config if connection.auth_provider != "no-auth" else None
        text = given.jwt_token.get_secret_value().strip() if given else ""
        self._lock = threading.Lock()
        self._file = _existing_file(text, folder)
        self._text = self._read(self._file) if self._file else text
        if not _can_be_sent(self._text):
            raise ConfigurationError.at(PATH, "is not a token: it holds characters that a header cannot carry")

    @property
    def text(self) -> str:
        """The token in use; empty when requests go without one."""
        return self._text

    @property
    def file(self) -> Path | None:
        """Where it is read from, if from a file."""
        return self._file

    def renewed(self, refused: str) -> bool:
        """Whether there is another token now than the one that was `refused`."""
        with self._lock:
            if self._text == refused and self._file is not None:
                try:
                    self._text = self._read(self._file)
                except ConfigurationError:
                    logger.warning("the token's file cannot be read again", exc_info=True)
            return self._text != refused

    @staticmethod
    def _read(file: Path) -> str:
        try:
            with file.open("rb") as stream:
                content = stream.read(LONGEST_TOKEN + 1)
        except OSError as error:
            raise ConfigurationError.at(PATH, f"the file {file} cannot be read: {error.strerror}") from error
        text = content.decode("ascii", errors="replace").strip()
        if len(content) > LONGEST_TOKEN or len(text.split()) != 1 or not _can_be_sent(text):
            raise ConfigurationError.at(PATH, f"the file {file} does not hold a token: one word is expected")
        return text


def _can_be_sent(text: str) -> bool:
    """Whether a header can carry it."""
    return text.isascii() and text.isprintable()


def _existing_file(text: str, folder: Path | None) -> Path | None:
    if not text or len(text) > LONGEST_PATH:
        return None
    try:
        path = Path(text).expanduser() if folder is None else folder / text
        if folder is not None and not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError.at(PATH, f"names a file outside of {folder}; put the token's file there")
        if path.is_file():
            return path
    except (OSError, RuntimeError, ValueError):  # links in a circle, nobody's home, a null byte
        logger.debug("not the name of a file", exc_info=True)
    if text.startswith(PATHS):
        raise ConfigurationError.at(PATH, "names a file that is not there, or that cannot be read here")
    return None
