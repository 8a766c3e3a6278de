"""Forgets what is old: ended runs with all that is theirs, changes, workers that are gone, dead letters, half files."""

import logging
import threading
from datetime import timedelta
from pathlib import Path

from service import clock
from service.access.repository import prune_audit
from service.database.engine import Database
from service.errors import Unavailable
from service.runs.repository import forget_workers, prune
from service.settings import Settings

INTERVAL_SECONDS = 600.0
BATCH = 500
PAUSE_SECONDS = 0.1
JOIN_SECONDS = 3.0
WORKERS_KEPT = timedelta(days=1)

logger = logging.getLogger(__name__)


class Housekeeper:
    """One thread that tidies up now and then; any number of replicas may do so at once."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._age = timedelta(days=settings.retention_runs_days)
        self._audit_age = timedelta(days=settings.retention_audit_days)
        self._keep = settings.retention_runs_per_workflow
        self._data_dir = settings.data_dir
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headwater-housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch at hand."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)

    def tidy(self) -> int:
        """Forget all that is too old, in small batches; how many runs that were."""
        forgotten = 0
        while True:
            with self._database.session() as session:
                batch = prune(session, self._age, self._keep, BATCH)
            forgotten += batch
            if batch == 0 or self._closing.wait(PAUSE_SECONDS):
                break
        self._tidy_audit()
        with self._database.session() as session:
            forget_workers(session, WORKERS_KEPT)
        for pattern in ("dead-letters/*.jsonl", "files/**/*.partial"):
            for file in self._data_dir.glob(pattern):
                _forget_file(file, self._age)
        return forgotten

    def _tidy_audit(self) -> None:
        while True:
            with self._database.session() as session:
                batch = prune_audit(session, self._audit_age, BATCH)
            if batch == 0 or self._closing.wait(PAUSE_SECONDS):
                return

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_SECONDS):
            try:
                forgotten = self.tidy()
            except Unavailable as error:
                logger.warning("Could not tidy up, next try in %g s: %s", INTERVAL_SECONDS, error)
            except Exception:  # the store must not grow for ever because of one bad moment
                logger.exception("Could not tidy up, next try in %g s", INTERVAL_SECONDS)
            else:
                if forgotten:
                    logger.info("Forgot %d ended runs", forgotten)


def _forget_file(file: Path, age: timedelta) -> None:
    try:
        if clock.now().timestamp() - file.stat().st_mtime > age.total_seconds():
            file.unlink(missing_ok=True)
    except FileNotFoundError:
        return  # another replica was quicker
    except OSError as error:
        logger.warning("%s is old and cannot be removed: %s", file, error)
