"""What the system knows of a process of the service."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

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


def process_cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, without its Postgres."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def forget_peak(pid: int) -> None:
    """Let the peak of a process's memory begin anew, where that is allowed."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_megabytes(pid: int) -> float:
    """The most memory that a process had resident so far, or since its peak was forgotten."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
