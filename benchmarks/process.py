"""What the system knows of a process of the service."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

CONNECTIONS = """
    select count(*) from pg_stat_activity where datname = current_database()
    and backend_type = 'client backend' and pid <> pg_backend_pid()"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a process holds; `megabytes` are resident, `connections` those that its databases know of."""

    threads: int
    files: int
    sockets: int
    connections: int
    megabytes: float

    @classmethod
    def of(cls, pid: int, *databases: str) -> "Holdings":
        """At this moment; nobody else may be connected to these databases."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        targets = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        sockets = sum(target.startswith("socket:") for target in targets)
        connections, megabytes = sum(map(_connections, databases)), int(status["VmRSS"].split()[0]) / 1024
        return cls(int(status["Threads"]), len(targets), sockets, connections, megabytes)


def _connections(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(CONNECTIONS).fetchone()
    return 0 if row is None else int(row[0])


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def process_of(api: httpx.Client) -> int:
    """The pid of the service, as its own metrics tell nothing of it: whoever listens on its port."""
    port = f"{api.base_url.port:04X}"
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(fields[9] for fields in listening if fields[1].endswith(f":{port}") and fields[3] == "0A")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    message = "the service's process was not found"
    raise SystemExit(message)


def process_cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, without its Postgres."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def peak_megabytes(pid: int) -> float:
    """The most memory that a process had resident so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
