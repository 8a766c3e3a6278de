"""Which user the server runs as: Postgres refuses to be root."""

import os
import pwd
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from service.errors import Invalid, Problem, Unavailable

_LAUNCHER = Path(__file__).with_name("launch.py")
_FREE_UIDS = range(64_999, 61_000, -1)
_KNOWN_USERS = ("nobody", "daemon", "bin")


class Account(msgspec.Struct, frozen=True):
    """A user and group by number; -1 and -1 mean the ones we have."""

    uid: int = -1
    gid: int = -1

    @property
    def is_other(self) -> bool:
        """Whether it differs from who we are."""
        return self.uid >= 0

    def command(self, program: Path, *arguments: str) -> list[str]:
        """The command that runs `program` as this user, in a process that does not outlive ours."""
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(self.uid), str(self.gid)]
        return [*launcher, str(program), *arguments]

    def own(self, *paths: Path) -> None:
        """Give the files to this user."""
        if self.is_other:
            for path in paths:
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, root: Path) -> None:
        """Give a folder and all that is in it to this user."""
        self.own(root, *root.rglob("*"))

    def blocked_by(self, path: Path) -> Path | None:
        """The first folder on the way to `path`, itself included, that this user may not enter."""
        real = path.resolve()
        return next((step for step in reversed([real, *real.parents]) if not self._may_enter(step)), None)

    def _may_enter(self, path: Path) -> bool:
        if not self.is_other:
            return os.access(path, os.X_OK)
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH))


def server_account(data: Path) -> Account:
    """Who runs the server of the data folder: its owner, or for a new one an unused user id if we are root.

    Raises Invalid when the folder belongs to somebody that we cannot become.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            message = f"{data} belongs to user {owner.st_uid}; run as that user or as root, or choose another folder"
            raise Invalid([Problem("HEADWATER_DATA_DIR", message)])
        return Account()
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    free = next(uid for uid in _FREE_UIDS if not _is_known(uid))
    return Account(free, free)


def founding_account(server: Account) -> Account:
    """Who makes the data folder: initdb insists on a user with a name, which `server` need not have."""
    if not server.is_other:
        if not _is_known(os.geteuid()):
            message = (
                f"user {os.geteuid()} has no entry in /etc/passwd, which Postgres' initdb insists on; "
                "run as a user that has one, or name a server in HEADWATER_DATABASE_URL"
            )
            raise Unavailable(message)
        return server
    if _is_known(server.uid):
        return server
    named = next((_find(name) for name in _KNOWN_USERS if _find(name)), None) or _first_user(pwd.getpwall())
    return Account(named.pw_uid, named.pw_gid)


def _first_user(users: Iterable[pwd.struct_passwd]) -> pwd.struct_passwd:
    for user in users:
        if user.pw_uid != 0:
            return user
    message = (
        "no user but root in /etc/passwd, and Postgres refuses to be root; name a server in HEADWATER_DATABASE_URL"
    )
    raise Unavailable(message)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
