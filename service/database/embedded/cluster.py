"""The files of the embedded server: made once, checked before every start."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from sqlalchemy.engine import URL

from service.database.embedded.account import Account, founding_account
from service.database.embedded.binaries import Binaries
from service.errors import Invalid, Problem, Unavailable

USER = "headwater"
DATABASE = "headwater"

# The socket's name ends in `/.s.PGSQL.65535`, and the system takes 107 bytes in all.
_LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.65535")
_INITDB_SECONDS = 300
_BUILTIN_LOCALES_SINCE = 17
_PARAMETERS = {
    "cluster_name": "headwater",
    "listen_addresses": "",
    "log_checkpoints": "off",
    "log_min_messages": "log",
    "log_timezone": "UTC",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "port": "5432",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
}


class Cluster(msgspec.Struct, frozen=True):
    """One data folder with its password, and how to run and reach its server."""

    home: Path
    binaries: Binaries
    account: Account
    socket_dir: Path
    password: str
    parameters: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Cluster({self.home!r})"

    @property
    def data(self) -> Path:
        """The folder that Postgres calls PGDATA."""
        return data_of(self.home)

    def url(self, database: str = DATABASE) -> str:
        """Where the server answers, password included."""
        return url_at(str(self.socket_dir), self.parameters["port"], self.password, database)

    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""
        parameters = {**self.parameters, "unix_socket_directories": str(self.socket_dir)}
        arguments = [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
        return self.account.command(self.binaries.bindir / "postgres", "-D", str(self.data), *arguments)

    def release(self) -> None:
        """Remove what is of no use without a running server."""
        if self.socket_dir.parent != self.home:
            shutil.rmtree(self.socket_dir, ignore_errors=True)


def url_at(socket_dir: str, port: str, password: str, database: str = DATABASE) -> str:
    """The address of a database behind a socket, password included."""
    query = {"host": socket_dir, "port": port}
    parsed = URL.create("postgresql", username=USER, password=password, database=database, query=query)
    return parsed.render_as_string(hide_password=False)


def home_of(data_dir: Path) -> Path:
    """The embedded server's own folder below that of the service."""
    return data_dir.absolute() / "postgres"


def data_of(home: Path) -> Path:
    """The data folder below the embedded server's own folder."""
    return home / "data"


def password_of(home: Path) -> Path:
    """The file with the server's password."""
    return home / "password"


def open_cluster(home: Path, binaries: Binaries, account: Account, parameters: Mapping[str, str]) -> Cluster:
    """The cluster below `home`, made if there is none.

    Raises Invalid when the folder cannot be used, Unavailable when initdb fails.
    """
    data = data_of(home)
    merged = _PARAMETERS | dict(parameters)
    if not data.exists():
        _create(home, binaries, account, durable=merged.get("fsync") != "off")
    _check_version(data, binaries)
    # Kubernetes widens the mode of mounted folders (fsGroup), which Postgres refuses.
    data.chmod(0o700)
    password = password_of(home).read_text(encoding="utf-8").strip()
    return Cluster(home, binaries, account, _socket_dir(home, account), password, merged)


def clean_environment() -> dict[str, str]:
    """What the server's programs may inherit: no PG* variable and no locale of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _create(home: Path, binaries: Binaries, account: Account, *, durable: bool) -> None:
    founder = founding_account(account)
    staging = home / "data.unfinished"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    password = secrets.token_urlsafe(32)
    _write_private(password_of(home), password)
    _write_private(staging / "password", password)
    founder.own(staging, staging / "password")
    arguments = ["-D", str(staging / "data"), "-U", USER, "--auth=scram-sha-256", f"--pwfile={staging / 'password'}"]
    arguments += ["--encoding=UTF8", "--locale=C", "--no-instructions", *([] if durable else ["--no-sync"])]
    if binaries.major >= _BUILTIN_LOCALES_SINCE:
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run_initdb(founder.command(binaries.bindir / "initdb", *arguments), staging)
    account.own_tree(staging / "data")
    (staging / "data").rename(data_of(home))
    shutil.rmtree(staging)


def _run_initdb(command: list[str], staging: Path) -> None:
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=staging.anchor,
            env=clean_environment(),
            text=True,
            check=False,
            timeout=_INITDB_SECONDS,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        message = f"initdb took longer than {_INITDB_SECONDS} s to make {staging}"
        raise Unavailable(message) from None
    if answer.returncode != 0:
        message = f"initdb could not make {staging}: {answer.stderr.strip() or answer.stdout.strip()}"
        raise Unavailable(message)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _check_version(data: Path, binaries: Binaries) -> None:
    try:
        made_by = int((data / "PG_VERSION").read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        message = f"{data} is not the data folder of a Postgres server: {error}"
        raise Invalid([Problem("HEADWATER_DATA_DIR", message)]) from error
    if made_by != binaries.major:
        message = (
            f"{data} was made by Postgres {made_by}, the programs in {binaries.bindir} are {binaries.version}; name "
            f"those of Postgres {made_by} here, or move the data with pg_dump and pg_restore into a new folder"
        )
        raise Invalid([Problem("HEADWATER_PG_BINDIR", message)])


def _socket_dir(home: Path, account: Account) -> Path:
    path = home / "run"
    if len(os.fsencode(path)) > _LONGEST_SOCKET_DIR:
        path = Path(tempfile.mkdtemp(prefix="headwater-"))
    path.mkdir(mode=0o700, exist_ok=True)
    account.own(path)
    return path
