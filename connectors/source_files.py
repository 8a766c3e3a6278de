"""Files of this machine that a definition may name as a source: those below the folders that the operator allows."""

from contextlib import suppress
from os import lstat, sep
from os.path import realpath
from pathlib import Path, PurePath
from stat import S_ISLNK

import msgspec
from pydantic import ValidationInfo

from connectors.errors import shortened

# Less than Linux takes (4096), as the folder is written before it.
LONGEST_PATH = 3000


class SourceFiles(msgspec.Struct, frozen=True):
    """The `folders` whose files may be read, links followed; None: every file."""

    folders: tuple[Path, ...] | None = None

    def check(self, path: str) -> None:
        """Return if `path` may be read, without following its folder. Raises ValueError as `place` does."""
        if self._plainly(path) is None:
            self.place(path)

    def place(self, path: str) -> Path:
        """Where `path` lies, without a link on the way from its folder; a relative one begins at the first folder.

        Raises:
            ValueError: It lies below none of the folders, or can be nobody's path; says what to do.
        """
        if self.folders is None:
            return _resolved(Path(path))
        if plain := self._plainly(path):
            return Path(plain).absolute()
        roots = [realpath(folder) for folder in self.folders]
        found = _resolved(Path(*roots[:1], path))
        if not any(lies_below(str(found), root) for root in roots):
            where = f"{shortened(path)!r} does not lie below {self.allowed}"
            msg = f"{where}; move it there, or have HEADWATER_SOURCE_DIRS allow its place"
            raise ValueError(msg)
        return found

    @property
    def allowed(self) -> str:
        """The folders, as an error names them."""
        return " or ".join(realpath(folder) for folder in self.folders or ()) or "no folder at all"

    def _plainly(self, path: str) -> str | None:
        """Where `path` lies, if it names a folder and stays below it; None if that takes more to tell."""
        for at, folder in enumerate(self.folders or ()):
            below = path.removeprefix(f"{folder}{sep}")
            if (below != path or at == 0) and stays_below(folder, below):
                return f"{folder}{sep}{below}"
        return None


def lies_below(path: str, folder: str) -> bool:
    """Whether a path is that folder or below it, both resolved; said of texts, as runs ask often."""
    return path == folder or path.startswith(folder.rstrip(sep) + sep)


def stays_below(folder: Path, path: str) -> bool:
    """Whether a path that begins at a folder leads nowhere else: no part of it is a link, or goes up.

    That is a fraction of the work of following it, which starts at the root of the file system; every run asks.
    """
    parts = PurePath(path).parts
    if path.startswith(sep) or ".." in parts or "\0" in path or len(path) > LONGEST_PATH:
        return False
    place = str(folder)
    try:
        for part in parts:
            place = f"{place}{sep}{part}"
            if S_ISLNK(lstat(place).st_mode):
                return False
    except (FileNotFoundError, NotADirectoryError):  # nor is there anything below
        return True
    except (OSError, ValueError):
        return False
    return True


def _resolved(path: Path) -> Path:
    """Raises ValueError where no file can be: links that go round in circles, a null byte, a name that is too long."""
    reason = f"it is longer than {LONGEST_PATH} characters"
    if len(str(path)) <= LONGEST_PATH:
        try:
            found = path.resolve()
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # told by whoever opens it
                found.stat()
        except OSError as error:
            reason = error.strerror or str(error)
        except (RuntimeError, ValueError) as error:
            reason = str(error)
        else:
            return found
    msg = f"{shortened(str(path))!r} is not a path that can be followed: {shortened(reason)}; correct it"
    raise ValueError(msg)


EVERY_FILE = SourceFiles()


def allowed_files(info: ValidationInfo) -> SourceFiles:
    """What the definition at hand may read, as whoever validates it said; see `connectors.definition.parse`."""
    return info.context if isinstance(info.context, SourceFiles) else EVERY_FILE
